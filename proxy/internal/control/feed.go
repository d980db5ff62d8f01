package control

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"seraph/ctlproto"
)

// topics that can be subscribed to.
var topics = [...]string{ctlproto.TopicCall, ctlproto.TopicCtd, ctlproto.TopicDialog, ctlproto.TopicMessage, ctlproto.TopicMissedCall, ctlproto.TopicRegistration}

func knownTopic(topic string) bool { return slices.Contains(topics[:], topic) }

// feeds are all the feeds of a server.
type feeds struct {
	limits Limits
	counts [len(topics)]atomic.Int32 // feeds by topic, read without the lock

	mu   sync.Mutex
	seq  uint64
	open map[*feed]struct{}
}

// feed is the queue of one subscribed connection. Its fields are guarded by
// feeds.mu, the channels excepted.
type feed struct {
	topics []string
	queue  [][]byte // lines, LF included, shared between feeds
	bytes  int
	lost   bool          // dropped everything and takes no more
	closed bool          // no longer in feeds.open
	wake   chan struct{} // capacity 1: something changed
	done   chan struct{} // closed when its last line is written, or cannot be
}

func (f *feeds) wanted(topic string) bool {
	i := slices.Index(topics[:], topic)
	return i >= 0 && f.counts[i].Load() > 0
}

// replace opens a feed in place of old (nil = none), with no event between
// them; events with a higher seq than the result will be in it.
func (f *feeds) replace(old *feed, names []string) (*feed, uint64) {
	one := &feed{topics: names, wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(old)
	if f.open == nil {
		f.open = make(map[*feed]struct{})
	}
	f.open[one] = struct{}{}
	f.count(one, 1)
	return one, f.seq
}

// end takes a feed out; it may still send what it holds.
func (f *feeds) end(one *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(one)
}

func (f *feeds) drop(one *feed) {
	if one == nil || one.closed {
		return
	}
	delete(f.open, one)
	f.count(one, -1)
	one.closed = true
	one.signal()
}

func (f *feeds) count(one *feed, by int32) {
	for _, name := range one.topics {
		f.counts[slices.Index(topics[:], name)].Add(by)
	}
}

// publish queues an event in every feed that wants it. A feed whose queue is
// full loses all of it: what remains would be a puzzle with missing pieces.
func (f *feeds) publish(topic string, data json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	line := encodeEvent(topic, f.seq, data)
	for one := range f.open {
		if one.lost || !slices.Contains(one.topics, topic) {
			continue
		}
		if len(one.queue) >= f.limits.QueuedEvents || one.bytes+len(line) > f.limits.QueuedBytes {
			one.lost = true
			one.queue, one.bytes = [][]byte{encodeLost(f.seq)}, 0
		} else {
			one.queue = append(one.queue, line)
			one.bytes += len(line)
		}
		one.signal()
	}
}

func (one *feed) signal() {
	select {
	case one.wake <- struct{}{}:
	default:
	}
}

// take empties the queue; over says that nothing will follow.
func (f *feeds) take(one *feed) (lines [][]byte, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, over = one.queue, one.lost || one.closed
	one.queue, one.bytes = nil, 0
	return lines, over
}

// encodeEvent is written by hand: it runs under the lock that publishers share.
func encodeEvent(topic string, seq uint64, data json.RawMessage) []byte {
	line := make([]byte, 0, len(data)+96)
	line = append(line, `{"jsonrpc":"2.0","method":"event","params":{"topic":"`...)
	line = append(line, topic...)
	line = append(line, `","seq":`...)
	line = strconv.AppendUint(line, seq, 10)
	line = append(line, `,"data":`...)
	line = append(line, data...)
	return append(line, "}}\n"...)
}

func encodeLost(seq uint64) []byte {
	line := append([]byte(nil), `{"jsonrpc":"2.0","method":"lost","params":{"seq":`...)
	line = strconv.AppendUint(line, seq, 10)
	return append(line, "}}\n"...)
}
