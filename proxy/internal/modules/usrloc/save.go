package usrloc

import (
	"bytes"
	"slices"
	"time"
)

// maxVersions bounds how many changes of one binding may wait for the database.
const maxVersions = 1024

// Result is what a Registration led to.
type Result struct {
	Bindings []Binding // all of the address, as Lookup returns them
	Change   Change
	// Displaced is how many bindings gave way, see Registration.Yields.
	Displaced int
	// Ticket says how the change ends that waits for the database. nil: nothing
	// waits. Then, if Change is not Fetched, the caller calls Announce when it
	// has answered.
	Ticket *Ticket
}

// step is one binding's part of a registration.
type step struct {
	contact *Contact // nil: remove
	head    *version // the current version, nil if the binding is new
}

// plan is what a registration comes to, before anything is changed.
type plan struct {
	steps  []step
	room   [16]step
	adds   int // bindings that there were not
	drops  int
	yields int        // of these, what gives way to others
	repeat bool       // part of it is a retransmission …
	parked bool       // … of what waits for the database
	named  []*version // with Only: the bindings that there were of the contacts
}

// Save carries a registration out, or returns a *FieldError or one of
// ErrOutOfOrder, ErrRegistered, ErrTooManyContacts, ErrBusy and ErrParked and changes
// nothing.
// dst is memory for Result.Bindings.
func (t *Table) Save(reg *Registration, dst []Binding) (Result, error) {
	if err := reg.check(); err != nil {
		return Result{}, err
	}
	sh := t.shard(reg.AoR)
	now := t.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[string(reg.AoR)]
	var p plan
	p.steps = p.room[:0]
	if err := t.plan(&p, e, reg, now); err != nil {
		return Result{}, err
	}
	if len(p.steps) == 0 {
		if p.parked {
			return Result{}, ErrParked
		}
		return Result{Bindings: listOf(e, now, dst)}, nil
	}
	if err := t.admit(&p, e, reg, now); err != nil {
		return Result{}, err
	}
	if e == nil {
		e = sh.enter(string(reg.AoR))
	}
	res := Result{Change: p.change(), Displaced: p.yields}
	versions := t.apply(&p, sh, e, reg, now)
	sh.tidy(e)
	if t.durable {
		res.Ticket = &Ticket{table: t, aor: e.aor, versions: versions}
		t.writer.enqueue(res.Ticket)
	}
	res.Bindings = listOf(e, now, dst)
	return res, nil
}

func listOf(e *entry, now int64, dst []Binding) []Binding {
	if e == nil {
		return dst
	}
	return e.list(now, dst)
}

// plan works out the steps of a registration.
func (t *Table) plan(p *plan, e *entry, reg *Registration, now int64) error {
	if reg.RemoveAll {
		return t.planAll(p, e, reg, now)
	}
	for i := range reg.Contacts {
		c := &reg.Contacts[i]
		if laterSame(reg.Contacts[i+1:], c) {
			continue // of two spellings of one contact the last counts
		}
		if reg.ByHand && e.registered(c.URI, now) {
			return ErrRegistered
		}
		if err := t.planPhone(p, e, c, reg, now); err != nil {
			return err
		}
	}
	if reg.Only && e != nil {
		for _, v := range e.heads {
			if v.counts(now) && !slices.Contains(p.named, v) {
				p.add(step{head: v}, true)
			}
		}
	}
	return nil
}

func laterSame(rest []Contact, c *Contact) bool {
	for i := range rest {
		if sameContact(&rest[i], c) {
			return true
		}
	}
	return false
}

// registered reports whether a phone has registered a contact.
func (e *entry) registered(uri []byte, now int64) bool {
	return e != nil && slices.ContainsFunc(e.heads, func(v *version) bool {
		return v.counts(now) && !v.ByHand() && v.HasContact(uri)
	})
}

func (t *Table) planContact(p *plan, head *version, c *Contact, reg *Registration, now int64) error {
	if head != nil && !head.expired(now) {
		repeat, err := t.order(head, reg, c.Expires == 0, now)
		if err != nil {
			return err
		}
		if repeat {
			p.repeat = true
			p.parked = p.parked || head.pending
			return nil
		}
	}
	there := head != nil && head.counts(now)
	switch {
	case c.Expires > 0:
		p.add(step{c, head}, there)
	case head != nil && (there || head.pending):
		p.add(step{head: head}, there)
	}
	return nil
}

// add enters a step; there says that its binding is there already. A contact
// without instance and one with it can mean the same binding: the first counts.
func (p *plan) add(s step, there bool) {
	for i := range p.steps {
		if s.head != nil && p.steps[i].head == s.head {
			return
		}
	}
	p.steps = append(p.steps, s)
	switch {
	case s.contact != nil && !there:
		p.adds++
	case s.contact == nil && there:
		p.drops++
	}
}

// planAll is "Contact: *" (RFC 3261 §10.3 step 6).
func (t *Table) planAll(p *plan, e *entry, reg *Registration, now int64) error {
	if e == nil {
		return nil
	}
	for _, v := range e.heads {
		repeat, err := t.order(v, reg, true, now)
		switch {
		case v.expired(now) && !v.pending:
		case err != nil:
			return err
		case repeat:
			p.repeat = true
			p.parked = p.parked || v.pending
		default:
			p.add(step{head: v}, v.counts(now))
		}
	}
	return nil
}

// order checks a request against the last one that changed the binding. With
// the same Call-ID the CSeq must rise (RFC 3261 §10.3 step 7); for a while the
// same CSeq for the same thing is a retransmission.
func (t *Table) order(head *version, reg *Registration, remove bool, now int64) (repeat bool, err error) {
	if reg.Unordered || !bytes.Equal(head.CallID(), reg.CallID) || reg.CSeq > head.CSeq {
		return false, nil
	}
	young := now-head.modified < int64(t.delay/time.Millisecond)
	if reg.CSeq == head.CSeq && head.gone == remove && young {
		return true, nil
	}
	return false, ErrOutOfOrder
}

// tooMany reports whether an address may not have so many bindings more.
func tooMany(more int, e *entry, reg *Registration, now int64) bool {
	all, added := more, more
	if e != nil {
		for _, v := range e.heads {
			if !v.counts(now) {
				continue
			}
			all++
			if v.Permanent() || v.ByHand() {
				added++
			}
		}
	}
	return reg.MaxContacts > 0 && all > reg.MaxContacts || reg.MaxAdded > 0 && added > reg.MaxAdded
}

// admit checks the limits.
func (t *Table) admit(p *plan, e *entry, reg *Registration, now int64) error {
	if p.adds > 0 && tooMany(p.adds-p.drops, e, reg, now) && !p.makeRoom(e, reg, now) {
		return ErrTooManyContacts
	}
	if t.writer.back && t.writer.behind() {
		return ErrBusy
	}
	if !t.durable {
		return nil
	}
	for _, s := range p.steps {
		n := 0
		for v := s.head; v != nil && v.pending; v = v.before {
			n++
		}
		if n >= maxVersions {
			return ErrBusy
		}
	}
	if t.writer.full() {
		return ErrBusy
	}
	return nil
}

func (p *plan) change() Change {
	switch {
	case p.adds > 0:
		return Inserted
	case p.updates():
		return Updated
	}
	return Removed
}

func (p *plan) updates() bool {
	for _, s := range p.steps {
		if s.contact != nil {
			return true
		}
	}
	return false
}

// apply makes the changes and returns the versions that the database must take.
func (t *Table) apply(p *plan, sh *shard, e *entry, reg *Registration, now int64) []*version {
	var versions []*version
	if t.durable {
		versions = make([]*version, 0, len(p.steps))
	}
	for _, s := range p.steps {
		if s.contact == nil && !t.durable {
			if t.writer.back {
				t.writer.repair(e.aor, s.head.ruid())
			}
			sh.place(e, s.head, nil)
			continue
		}
		v := &version{entry: e, slot: -1}
		if s.contact != nil {
			v.fill(s.contact, reg, t.cfg.ServerID, now)
		} else {
			v.remove(s.head, reg, now)
		}
		if s.head != nil {
			v.id = s.head.id
		} else {
			v.id = e.newID(&v.Binding)
		}
		if t.durable {
			v.pending, v.before = true, s.head
			versions = append(versions, v)
		} else if t.writer.back {
			t.writer.repair(e.aor, v.ruid())
		}
		sh.place(e, s.head, v)
	}
	return versions
}

// fill makes v the binding of a contact.
func (v *version) fill(c *Contact, reg *Registration, serverID int32, now int64) {
	v.setTexts(&[numTexts][]byte{
		textContact: c.URI, textReceived: c.Received, textPath: reg.Path, textCallID: reg.CallID,
		textUserAgent: cut(reg.UserAgent), textInstance: c.Instance, textSocket: []byte(reg.Socket),
	})
	v.Flow, v.Q, v.CSeq, v.Methods = c.Flow, c.Q, reg.CSeq, c.Methods
	v.Flags, v.CFlags, v.RegID, v.ServerID = reg.Flags, c.CFlags, c.RegID, serverID
	v.Proxied, v.modified = reg.Proxied, now
	if c.Expires != Forever {
		v.expires = now + int64(c.Expires)*1000
	}
}

// remove makes v the removal of the binding whose current version is head.
func (v *version) remove(head *version, reg *Registration, now int64) {
	v.setTexts(&[numTexts][]byte{
		textContact: head.Contact(), textReceived: head.Received(), textPath: head.Path(), textCallID: reg.CallID, textInstance: head.Instance(),
	})
	v.RegID, v.Proxied, v.CSeq, v.modified, v.gone = head.RegID, head.Proxied, reg.CSeq, now, true
}

// cut makes a User-Agent fit its column: it is for people only.
func cut(text []byte) []byte {
	if len(text) > MaxUserAgent {
		return text[:MaxUserAgent]
	}
	return text
}
