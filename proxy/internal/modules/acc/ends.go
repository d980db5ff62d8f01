package acc

import (
	"bytes"
	"sync"
)

// maxEnds is how many calls are remembered that the table of dialogs has told the end of. The BYE that
// has ended one gets its row in the same moment.
const maxEnds = 1024

// ends remembers between whom calls went that are over. A BYE has the tags of its call, or it would not
// have passed; what else its From and its Request-URI say is for its sender to choose, and must name
// nobody in the row. The memory is fixed: a call has the place that its key gives, and takes it from
// another one.
type ends struct {
	mu     sync.Mutex
	places [maxEnds]endPlace
}

// endPlace is one call; texts are what Talk has: From tag, From, Request-URI, caller and callee.
type endPlace struct {
	key   uint64
	texts [5][]byte
}

// keep takes a call that is over.
func (x *ends) keep(key uint64, t *Talk) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &x.places[key%maxEnds]
	p.key = key
	for i, text := range [...][]byte{t.FromTag, t.FromURI, t.TargetURI, t.Caller, t.Callee} {
		p.texts[i] = append(p.texts[i][:0], text[:min(len(text), maxText)]...)
	}
}

// name has a BYE go between the two ends of its call, if that is remembered: from who has sent it, by the
// From tag, to the other one. The texts lie in room, which is returned.
func (x *ends) name(e *ending, key uint64, fromTag, room []byte) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &x.places[key%maxEnds]
	if p.key != key {
		return room
	}
	from, target, callee := p.texts[1], p.texts[2], p.texts[4]
	if !bytes.Equal(fromTag, p.texts[0]) {
		from, target, callee = target, from, p.texts[3]
	}
	room = append(append(append(room[:0], from...), target...), callee...)
	n, m := len(from), len(from)+len(target)
	e.from, e.target, e.callee = room[:n:n], room[n:m:m], room[m:]
	return room
}
