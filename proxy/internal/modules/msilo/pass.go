package msilo

import "seraph/sql/store"

const (
	// maxStepped bounds the messages that one pass steps over or tries again.
	maxStepped = chunk
	// enough failures in a row say that a phone takes nothing.
	enough = 2
)

// turn says whose messages are delivered now.
type turn uint8

const (
	turnAll   turn = iota // everybody's, in their order
	turnKnown             // those of senders who are known, behind whom the strangers' wait
	turnLast              // everybody's, strangers' being what is left
	turnOver              // nobody's any more
)

// pass is how a delivery goes on. Anybody may have sent strangers' messages, just so that
// they fail: when enough of them have, in a row or not, or one says that nothing is taken
// now, they wait behind the known senders' and cost these nothing more. Known senders go on writing: so
// after each failure in the last turn it is theirs again, and a pass does not end behind a stranger's
// failure without that, or the next one would begin with strangers' once more. A phone that takes nothing
// at all is so asked four times at most.
type pass struct {
	turn      turn
	failed    []int64 // what was stepped over
	strangers []int64 // strangers' messages that failed, be they in failed or to be repeated
	repeated  int     // what is tried once more
	inRow     int     // failures at the phone since it last took something
	known     int     // of those, messages of known senders
	foreign   int     // failures of strangers' messages
}

// over reports whether the pass is at its end.
func (p *pass) over() bool { return p.turn == turnOver || p.stepped() >= maxStepped }

// stepped counts what was stepped over or tried again.
func (p *pass) stepped() int { return len(p.failed) + p.repeated }

// half says that what is left of maxStepped is for known senders alone: a stranger's failure is so never the last step.
func (p *pass) half() bool { return p.stepped() >= maxStepped/2 }

// empty says that nothing is left of whose turn it is.
func (p *pass) empty() {
	if p.turn == turnKnown && p.inRow < enough && !p.half() {
		p.turn = turnLast
		return
	}
	p.turn = turnOver
}

// note takes what became of a message into account; false: what comes next must be
// read anew, if anything does.
func (p *pass) note(s *store.SiloMessage, f fate) bool {
	switch f {
	case gone:
		p.inRow, p.known = 0, 0
		return true
	case unasked: // which says nothing of the phone
		return true
	case again:
		p.again(s)
		return false
	case stop:
		p.turn = turnOver
		return false
	case later, takesNone:
		if !s.Foreign {
			p.turn = turnOver
			return false
		}
		p.inRow = enough
	case stepOver:
		p.inRow++
		if !s.Foreign {
			p.known++
		}
	}
	p.failed = append(p.failed, s.ID)
	p.count(s)
	switch {
	case p.known >= enough:
		p.turn = turnOver
	case p.turn == turnLast, p.turn == turnAll && (p.inRow >= enough || p.foreign >= enough || p.half()):
		p.turn = turnKnown
	default:
		return true
	}
	return false
}

// count takes into account that a stranger's message has failed.
func (p *pass) count(s *store.SiloMessage) {
	if s.Foreign {
		p.foreign++
		p.strangers = append(p.strangers, s.ID)
	}
}

// again begins anew with a message that failed while a phone registered, and with those before it that the phone did not
// take either. That may have been the same phone at the same contact: it may have been switched off and on, or out of its
// network, and is there now. Most often it has only refreshed its registration, which it may do as often as it likes. So a
// stranger's repeat counts as his failure, and when there are enough of these, his wait for the next pass.
func (p *pass) again(s *store.SiloMessage) {
	p.count(s)
	before := len(p.failed)
	p.failed, p.inRow, p.known, p.turn = p.failed[:0], 0, 0, turnAll
	if p.foreign >= enough || p.half() {
		p.failed, p.turn = append(p.failed, p.strangers...), turnKnown
	}
	p.repeated += max(1, 1+before-len(p.failed))
}
