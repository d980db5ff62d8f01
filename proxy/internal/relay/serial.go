package relay

import (
	"errors"
	"slices"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// ErrNoContacts says that LoadContacts has put nothing aside, or that all of it is tried.
var ErrNoContacts = errors.New("no contacts are left")

// contacts are targets that wait for their turn, the best first, with memory of their
// own for the texts.
type contacts struct {
	list []Target
	text []byte
}

func (x *contacts) clear() { x.list, x.text = x.list[:0], x.text[:0] }

// set makes x hold copies of the targets of list.
func (x *contacts) set(list []Target) {
	size := 0
	for i := range list {
		for _, text := range list[i].texts() {
			size += len(*text)
		}
	}
	x.text = slices.Grow(x.text[:0], size)
	x.list = append(x.list[:0], list...)
	for i := range x.list {
		for _, text := range x.list[i].texts() {
			*text = x.keep(*text)
		}
	}
}

func (x *contacts) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	start := len(x.text)
	x.text = append(x.text, b...)
	return x.text[start:len(x.text):len(x.text)]
}

// LoadContacts puts the targets of the request aside, sorted by q, so that NextContacts
// brings them back one preference after the other (Kamailio's t_load_contacts). Without
// NextContacts after it they are all sent to at once, as before.
func (r *Request) LoadContacts() error {
	if r.route == inReply {
		return ErrNoTransaction
	}
	list := make([]Target, 0, len(r.More)+1)
	for i := r.firstTarget(); i <= len(r.More); i++ {
		list = append(list, *r.target(i))
	}
	slices.SortStableFunc(list, func(a, b Target) int { return int(b.Q) - int(a.Q) })
	r.later.set(list)
	return nil
}

// NextContacts makes the best targets that were put aside the request's, all of one q
// (Kamailio's t_next_contacts): the first becomes the Request-URI, the others branches.
// In a failure route they are new branches. ErrNoContacts if none are left.
func (r *Request) NextContacts() error {
	list := r.later.list
	if len(list) == 0 {
		return ErrNoContacts
	}
	n := 1
	for n < len(list) && list[n].Q == list[0].Q {
		n++
	}
	r.More = r.More[:0]
	more := list[:n]
	if r.route != inFailure {
		r.SetTarget(list[0])
		more = list[1:n]
	}
	for _, t := range more {
		if err := r.AddTarget(t); err != nil {
			return err
		}
	}
	r.later.list = list[n:]
	if c := r.Call; c != nil && r.route == inFailure {
		c.Lock()
		c.later.set(r.later.list)
		c.Unlock()
	}
	return nil
}

// SetTimers makes the time without any reply, and the time that an INVITE may ring,
// those of this transaction from its next branch on (Kamailio's t_set_fr). 0 leaves one
// as it is.
func (r *Request) SetTimers(ring, silence time.Duration) {
	if ring > 0 {
		r.frInv = ring
	}
	if silence > 0 {
		r.fr = silence
	}
}

// Timers are what SetTimers has set; 0 is the general one.
func (r *Request) Timers() (ring, silence time.Duration) { return r.frInv, r.fr }

// ResetTimers makes them the general ones again (t_reset_fr).
func (r *Request) ResetTimers() { r.fr, r.frInv = 0, 0 }

// Cancelled reports whether the caller has given the request up (t_is_canceled).
func (r *Request) Cancelled() bool { return r.ofCall(func(c *Call) bool { return c.cancelled }) }

// ofCall asks something of the request's call; false if it has none.
func (r *Request) ofCall(ask func(c *Call) bool) bool {
	c := r.Call
	if c == nil {
		return false
	}
	if r.route != inReply { // there it is locked already
		c.Lock()
		defer c.Unlock()
	}
	return ask(c)
}

// Which says which branches CancelBranches means.
type Which uint8

// The branches of a reply: all, all but its own, its own.
const (
	AllBranches Which = iota
	OtherBranches
	ThisBranch
)

// CancelBranches cancels branches of an INVITE that are open (t_cancel_branches). It is
// for reply routes, and, without a reply, for failure routes.
func (r *Request) CancelBranches(which Which) error {
	c := r.Call
	if c == nil || c.method != sip.INVITE {
		return ErrNoTransaction
	}
	if r.route != inReply {
		if which != AllBranches {
			return ErrNoReply
		}
		c.Lock()
		defer c.Unlock()
	}
	for _, b := range c.branches {
		if which == OtherBranches && b == r.branch || which == ThisBranch && b != r.branch {
			continue
		}
		b.giveUp(r.out(), nil)
	}
	return nil
}

// giveUp sends CANCEL on the branch if it is still open: at once where a provisional
// response has come, else as soon as it comes (RFC 3261 §9.1).
func (b *Branch) giveUp(out txn.Out, reason []byte) {
	if !b.client.Pending() || b.cancelling {
		return
	}
	b.cancelling = true
	b.reason = append(b.reason[:0], reason...)
	if b.client.Provisional() {
		b.sendCancel(out)
	}
	b.timerC.Arm(b.cancelWait())
}
