package relay

import "slices"

// round is what has become of the branches since the request was last sent on by a failure
// route, or at all: what failure routes go by. What an earlier round has come to, an earlier
// failure route has dealt with; as an answer to the caller it counts still (Call.best).
type round struct {
	first  uint16 // its first branch in Call.branches
	by     uint16 // whose final reply or silence is the best so far, counted from 1; 0: no branch's
	status uint16 // of that; 0 while there is none
	lost   bool   // see best.lost
}

// begin begins a round of the branches from the first one on.
func (x *round) begin(first int) { *x = round{first: uint16(first)} }

// note takes the end of a branch, or of a target that got none (nil), into account.
func (c *Call) note(b *Branch, status int, lost bool) {
	if c.local != nil {
		c.local.Said.Add(status)
	}
	x := &c.round
	if got, before := compared(status, lost), compared(int(x.status), x.lost); !better(got, before) &&
		(got != before || lost || !x.lost) { // a phone that rang out says more than one that is gone
		return
	}
	x.status, x.lost, x.by = uint16(status), lost, 0
	if b != nil {
		x.by = uint16(slices.Index(c.branches, b) + 1)
	}
}

// chosen is the branch whose end is the best of the round; nil if it is no branch's.
func (c *Call) chosen() *Branch {
	if c.round.by == 0 {
		return nil
	}
	return c.branches[c.round.by-1]
}

// TimedOut reports whether the branch that led to the failure route got no answer in time
// (t_branch_timeout).
func (r *Request) TimedOut() bool {
	return r.ofCall(func(c *Call) bool {
		b := c.chosen()
		return b != nil && b.timedOut
	})
}

// AnyTimedOut reports whether any branch of the round got no answer in time (t_any_timeout): it
// rang for as long as it might, or, unless rang says that only such ones count, nothing was heard
// of it.
func (r *Request) AnyTimedOut(rang bool) bool {
	return r.ofCall(func(c *Call) bool {
		return slices.ContainsFunc(c.branches[c.round.first:], func(b *Branch) bool { return b.timedOut && (b.rang || !rang) })
	})
}

// BranchReplied reports whether the branch that led to the failure route had sent a reply before that
// which led there (t_branch_replied).
func (r *Request) BranchReplied() bool {
	return r.ofCall(func(c *Call) bool {
		b := c.chosen()
		return b != nil && b.heard
	})
}

// AnyReplied reports whether any branch of the round has sent a reply, but for that which led to a
// failure route (t_any_replied).
func (r *Request) AnyReplied() bool {
	return r.ofCall(func(c *Call) bool {
		return slices.ContainsFunc(c.branches[c.round.first:], func(b *Branch) bool { return b.heard || b.status != 0 && b != c.chosen() })
	})
}

// AnyAnswered reports whether any branch of the round was answered with a final status other
// than a 2xx (t_grep_status).
func (r *Request) AnyAnswered(status int) bool {
	return r.ofCall(func(c *Call) bool {
		return slices.ContainsFunc(c.branches[c.round.first:], func(b *Branch) bool { return int(b.status) == status })
	})
}
