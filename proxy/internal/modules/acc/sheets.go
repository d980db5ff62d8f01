package acc

import (
	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// sheets are the rows of a batch, by where they go.
type sheets struct {
	acc, missed, answered []store.AccRow
	// calls are in call_log, and news to who was called; failed ones are there, and claimed ones if they are
	// already.
	calls, failed, claimed []store.Call
	ends                   []store.CallEnd
	over                   []ctlproto.CallEvent // of ends
}

// sort puts the rows of a batch where they go.
func (m *Module) sort(rows []row, owners map[string]aor.AOR) (s sheets) {
	for i := range rows {
		r := &rows[i]
		if r.kind == kindAcc {
			s.acc = append(s.acc, r.accRow())
			continue
		}
		owner, ours := owners[r.owned()]
		known := ours
		if !known {
			owner, known = r.other()
		}
		if !known {
			continue
		}
		call := m.callOf(r, owner)
		switch {
		case r.kind == kindHungUp:
			s.ends = append(s.ends, r.end(owner))
			s.over = append(s.over, newsOf(call, r.now))
			continue
		case r.kind == kindFailed && ours:
			// One of ours would see it as missed. If it was sent back to him he has.
			s.claimed = append(s.claimed, call)
			continue
		case r.kind == kindFailed, r.kind == kindProven, r.kind == kindTried && !ours:
			s.failed = append(s.failed, call)
			continue
		case r.kind == kindMissed, r.kind == kindTried:
			s.missed = append(s.missed, r.accRow())
		default:
			s.answered = append(s.answered, r.accRow())
		}
		s.calls = append(s.calls, call)
	}
	return s
}
