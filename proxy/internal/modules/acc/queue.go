package acc

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"seraph/proxy/internal/sip"
)

// kind says what a packed row is for.
type kind byte

const (
	kindAcc          kind = iota + 1
	kindMissed            // a row in missed_calls and one in call_log
	kindAnswered          // the row in call_log was no missed call after all
	kindTalk              // a row in call_log of a call that was answered
	kindHungUp            // the end of that
	kindFailed            // a row in call_log of a call to somebody who is none of ours
	kindTried             // kindMissed of a caller who has shown that From is his; if the callee is none of ours, kindFailed
	kindProven            // the row in call_log of a kindMissed is his who has shown it since
	kindProvenAnswer      // kindAnswered of a caller who has shown that From is his
)

// maxText bounds a text in a packed row, in bytes; the longest column has 255
// characters.
const maxText = 1024

// queue holds packed rows until they are written. A row is its kind, status and two
// times, and then its texts, each with its length before it.
type queue struct {
	ready chan struct{} // a token when there is something

	mu     sync.Mutex
	most   int // rows
	rows   int // in packed
	taken  int // that the writer has and has not written
	packed []byte
	spare  []byte // the memory of the last batch
}

// put has a row packed; false if there is no room. Missed calls, which a stranger can
// make, may use half of it only.
func (q *queue) put(k kind, pack func(dst []byte) []byte) bool {
	q.mu.Lock()
	most := q.most
	switch k {
	case kindMissed, kindAnswered, kindFailed, kindTried, kindProven, kindProvenAnswer:
		most /= 2
	}
	if q.rows+q.taken >= most {
		q.mu.Unlock()
		return false
	}
	q.rows++
	q.grow()
	q.packed = pack(q.packed)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

const (
	// rowNumbers is the size of a packed row's numbers in bytes, and rowTexts how many texts
	// follow them.
	rowNumbers = 19
	rowTexts   = 10
	// rowToTag and so on are the places among the texts of what an answer says.
	rowToTag, rowCallee, rowReason = 3, 7, 8
	// maxRow is the largest size of a packed row in bytes.
	maxRow = rowNumbers + rowTexts*(2+maxText)
)

// grow makes room for a row, twice as much as there is: append would do it in many
// small steps.
func (q *queue) grow() {
	if cap(q.packed)-len(q.packed) >= maxRow {
		return
	}
	bigger := make([]byte, len(q.packed), 2*cap(q.packed)+4*maxRow)
	copy(bigger, q.packed)
	q.packed = bigger
}

// take gives all packed rows to the writer, which calls done for those it has
// finished with. The memory is good until give.
func (q *queue) take() (packed []byte, rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	packed, rows = q.packed, q.rows
	q.packed, q.spare, q.rows = q.spare[:0], nil, 0
	q.taken = rows
	return packed, rows
}

// give takes the memory of a batch back, unless it has grown out of proportion while
// the database was away.
func (q *queue) give(packed []byte) {
	const keep = 4 << 20
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
	if cap(packed) <= keep {
		q.spare = packed
	}
}

// restore puts n taken rows back in front of those that came since.
func (q *queue) restore(packed []byte, n int) {
	q.mu.Lock()
	q.packed = append(append([]byte(nil), packed...), q.packed...)
	q.rows += n
	q.taken = 0
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// done says that n of the taken rows are written.
func (q *queue) done(n int) {
	q.mu.Lock()
	q.taken -= n
	q.mu.Unlock()
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows + q.taken
}

// names is the message whose To tag a row has: the answer to an INVITE, which begins a dialog, and the
// BYE itself, which says what dialog it ends.
func (e *ending) names() *sip.Message {
	if e.request.Method == sip.BYE {
		return e.request
	}
	return e.reply
}

// appendRow packs a row.
func appendRow(dst []byte, k kind, e *ending) []byte {
	dst = append(dst, byte(k))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(e.status))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.began.UnixNano()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.now.UnixNano()))
	dst = appendText(dst, e.request.MethodText())
	dst = appendText(dst, e.request.CallID())
	var from, to sip.NameAddr
	if a, err := e.request.From(); err == nil {
		from = *a
	}
	if a, err := e.names().To(); err == nil {
		to = *a
	}
	dst = appendText(dst, from.Tag)
	dst = appendText(dst, to.Tag)
	target := e.request.RequestURI()
	if e.target != nil {
		from.URI, target = e.from, e.target
	}
	dst = appendText(dst, from.URI)
	dst = appendText(dst, from.Display)
	dst = appendText(dst, target)
	dst = appendText(dst, e.callee)
	dst = appendText(dst, e.reply.Reason())
	return appendAddr(dst, e.source)
}

func appendText(dst, text []byte) []byte {
	if len(text) > maxText {
		text = text[:maxText]
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	return append(dst, text...)
}

// appendAddr packs an address as its text.
func appendAddr(dst []byte, a netip.Addr) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	if a.IsValid() {
		dst = a.WithZone("").AppendTo(dst)
	}
	binary.LittleEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}
