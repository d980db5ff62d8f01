package dialog

import "time"

// A dialog that has ended and owes something stays for a while for what is still on its way: the
// ACK of a 2xx that crossed the BYE (RFC 3261 §13.3.1.4), the BYE of the other end, and the NOTIFYs
// about what was asked for in it (RFC 5057 §3), as after a transfer (RFC 5359 §2.4). It is no call
// any more and counts nowhere. The record is one of those that wait for their next use, as long as there
// are not too many.

const (
	// lingering is how long a dialog stays that is over, or lost to another branch, for the
	// messages that are still to come: 64·T1.
	lingering = 32 * time.Second
	// askedRounds is how many times that long a dialog stays in which news were asked for: what
	// becomes of a transfer is known when the phone that it leads to is answered, three minutes
	// (Timer C) later at most.
	askedRounds = 6
	// maxLingering is how many dialogs that have ended a shard keeps, 4,096 in all; beyond
	// it the ones that ended first go.
	maxLingering = 64
)

// queue holds dialogs that have ended, in the order of their deadlines.
type queue struct {
	first, last *dialog
	n           int
}

// owes reports whether something may follow the end of a dialog but a BYE that is sent after the
// other, which gets 481 and is content: the answer to one that crosses it, the ACK of an INVITE that was answered, or news that
// somebody has asked for. Most calls owe nothing; to keep them all would cost 2 % of a call.
func (d *dialog) owes() bool {
	return d.state != confirmed || d.refreshed || d.byes > 0 || d.caller.hasAsked() || d.callee.hasAsked()
}

// linger keeps a dialog that has ended for a while.
func (t *table) linger(s *shard, d *dialog, now time.Time) {
	if d.lingers {
		return
	}
	if s.ended.n >= maxLingering {
		t.remove(s, s.ended.first)
	}
	t.exit(d.owner)
	d.lingers = true
	s.ended.wait(d, now)
}

// wait puts a dialog at the end of the queue.
func (q *queue) wait(d *dialog, now time.Time) {
	d.deadline, d.before, d.after = now.Add(lingering), q.last, nil
	if q.last == nil {
		q.first = d
	} else {
		q.last.after = d
	}
	q.last = d
	q.n++
}

// leave takes it out there.
func (q *queue) leave(d *dialog) {
	if d.before == nil {
		q.first = d.after
	} else {
		d.before.after = d.after
	}
	if d.after == nil {
		q.last = d.before
	} else {
		d.after.before = d.before
	}
	d.before, d.after = nil, nil
	q.n--
}

// forgetEnded removes the dialogs that have stayed long enough.
func (t *table) forgetEnded(s *shard, now time.Time) {
	q := &s.ended
	for d := q.first; d != nil && !now.Before(d.deadline); d = q.first {
		d.rounds = min(d.rounds+1, askedRounds)
		if now.Before(d.lost) || d.rounds < askedRounds && (d.caller.hasAsked() || d.callee.hasAsked()) {
			q.leave(d)
			q.wait(d, now)
			continue
		}
		t.remove(s, d)
	}
}

// hasAsked reports whether a party has asked for news.
func (p *party) hasAsked() bool { return p.events[0] != 0 }
