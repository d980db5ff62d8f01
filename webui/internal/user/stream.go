package user

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"seraph/sql/aor"
)

// Errors of Live.join.
var (
	errTooManyStreams = errors.New("too many open streams")
	errShuttingDown   = errors.New("shutting down")
)

// queueLength is how many pieces of news wait for one browser.
const queueLength = 32

// newsKind is what a piece of news tells.
type newsKind int

const (
	newsState    newsKind = iota // the whole state is there to be sent
	newsPresence                 // statuses changed
	newsContacts                 // the user's own contacts changed
	newsCall                     // the user's attempt went on
	newsAway                     // the router cannot be reached
	newsBadges                   // calls were looked at or messages read
	newsCalls                    // the list of calls changed
	newsMissed                   // the list of missed calls changed
	newsMessages                 // the stored messages changed
)

// changed names the list that a page reads again.
func (k newsKind) changed() string {
	switch k {
	case newsMissed:
		return tabMissed
	case newsMessages:
		return tabMessages
	}
	return ""
}

// news is one piece of news on its way to one page. Its map is shared between
// streams and not changed any more.
type news struct {
	kind     newsKind
	at       time.Time // when the stream got it
	presence map[string]string
}

// stream is one open page. It never makes anybody wait: a page too slow for
// its queue loses what is in it and is sent the whole state in its place.
type stream struct {
	viewer *viewer
	queue  chan news
	lost   atomic.Bool
	check  chan struct{} // holds one token: look at the session now
	asks   asks
}

// asks is what a page says when it opens its stream.
type asks struct {
	session int64 // whose stream it is, among the user's sessions
	// also are addresses that the browser's pages show beside those of the user's
	// own lists: people found by name. At most maxAlso.
	also []string
}

// put queues news. The caller holds Live.mu.
func (s *stream) put(n news) {
	n.at = time.Now()
	select {
	case s.queue <- n:
	default:
		s.lost.Store(true)
	}
}

func (s *stream) checkNow() {
	select {
	case s.check <- struct{}{}:
	default:
	}
}

// take returns what to send after n was read: n itself or, when the queue had
// overflowed, the state, with the queue emptied.
func (s *stream) take(n news) news {
	if !s.lost.Swap(false) {
		return n
	}
	for {
		select {
		case <-s.queue:
		default:
			return news{kind: newsState, at: time.Now()}
		}
	}
}

// join opens a stream for a user. The first news is the state, or that the
// router is away.
func (l *Live) join(who aor.AOR, a asks) (*stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.viewers[who]
	switch {
	case l.closed:
		return nil, errShuttingDown
	case l.open >= l.opts.Streams, v != nil && (len(v.streams) >= l.opts.StreamsPerUser || v.streamsOf(a.session) >= l.opts.StreamsPerSession):
		return nil, errTooManyStreams
	}
	if v == nil {
		v = l.newViewer(who)
	}
	s := &stream{viewer: v, queue: make(chan news, queueLength), check: make(chan struct{}, 1), asks: a}
	v.streams[s] = struct{}{}
	l.open++
	if v.misses(a.also) {
		v.recall()
	}
	switch {
	case l.away:
		s.put(news{kind: newsAway})
	case v.synced:
		s.put(news{kind: newsState})
	}
	return s, nil
}

// newViewer starts the worker of a user. The caller holds Live.mu.
func (l *Live) newViewer(who aor.AOR) *viewer {
	ctx, cancel := context.WithCancel(context.Background()) // ends with the last stream, or with Run
	v := &viewer{
		who: who, wake: make(chan struct{}, 1), cancel: cancel,
		streams: make(map[*stream]struct{}), suspects: make(map[string]struct{}),
	}
	l.viewers[who] = v
	v.recall()
	l.workers.Add(1)
	go l.serveViewer(ctx, v)
	return v
}

// leave closes a stream.
func (l *Live) leave(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := s.viewer
	delete(v.streams, s)
	l.open--
	if len(v.streams) == 0 {
		v.cancel()
		l.unwatch(v)
		delete(l.viewers, v.who)
	}
}

// presence is a copy of the statuses of the viewer's phone book, and whether
// they can be believed.
func (l *Live) presence(v *viewer) (statuses map[string]string, synced bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(v.statuses), v.synced
}
