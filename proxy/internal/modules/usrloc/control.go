package usrloc

import (
	"context"
	"errors"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

// Control is the table as the control socket's ul.* methods use it.
type Control struct{ t *Table }

// controlCallID stands for a Call-ID in bindings that an operator made.
var controlCallID = []byte("ul.add@control-socket")

// contact describes a version; the shard's lock is held.
func (t *Table) contact(v *version, now time.Time) ctlproto.Contact {
	c := ctlproto.Contact{
		Address: string(v.Contact()), Expires: v.Remaining(now), Permanent: v.Permanent(), Q: quality(v.Q),
		CallID: string(v.CallID()), CSeq: int64(v.CSeq), UserAgent: string(v.UserAgent()),
		Received: string(v.Received()), Path: string(v.Path()), Socket: string(v.Socket()),
		Flags: v.Flags, CFlags: v.CFlags, Methods: v.Methods, RUID: v.ruid(),
		Instance: string(v.Instance()), RegID: int64(v.RegID), ServerID: int64(v.ServerID),
		TCPConnID: -1, LastModified: v.Modified(),
	}
	switch {
	case !v.pending && t.durable:
		c.State = ctlproto.StateSync
	case v.before != nil:
		c.State = ctlproto.StateDirty
	default:
		c.State = ctlproto.StateNew
	}
	if v.Flow.Conn != 0 {
		c.TCPConnID = int64(v.Flow.Conn)
	}
	return c
}

// quality is a q as a number, -1 for none.
func quality(q int16) float64 {
	if q == NoQ {
		return -1
	}
	return float64(q) / 1000
}

// Dump implements control.Usrloc.
func (c *Control) Dump(yield func(address string, contacts []ctlproto.Contact) bool) {
	c.AoRs(func(address string) bool {
		contacts := c.Lookup(address)
		return len(contacts) == 0 || yield(address, contacts)
	})
}

// AoRs implements control.Usrloc.
func (c *Control) AoRs(yield func(address string) bool) {
	var names []string
	for i := range c.t.shards {
		names = c.t.shards[i].names(names[:0], c.t.now())
		for _, name := range names {
			if !yield(name) {
				return
			}
		}
	}
}

// names appends the addresses that have a binding.
func (sh *shard) names(dst []string, now int64) []string {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for name, e := range sh.entries {
		for _, v := range e.heads {
			if v.counts(now) {
				dst = append(dst, name)
				break
			}
		}
	}
	return dst
}

// Slots implements control.Usrloc.
func (c *Control) Slots() (count, fullest int) {
	for i := range c.t.shards {
		sh := &c.t.shards[i]
		sh.mu.Lock()
		fullest = max(fullest, sh.users)
		sh.mu.Unlock()
	}
	return numShards, fullest
}

// Lookup implements control.Usrloc.
func (c *Control) Lookup(address string) []ctlproto.Contact {
	now := c.t.cfg.Now()
	sh := c.t.shardOf(address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var contacts []ctlproto.Contact
	if e := sh.entries[address]; e != nil {
		for _, v := range e.heads {
			if v.counts(now.UnixMilli()) {
				contacts = append(contacts, c.t.contact(v, now))
			}
		}
	}
	return contacts
}

// Add implements control.Usrloc. A contact that leads to no phone (Module.Bar) is
// CodeInvalidParams. More contacts than a phone could register, or than
// max_added, are CodeBusy: whoever writes or calls reaches them all at once. One that a
// phone has registered is CodeExists: it would lose the way on which it is reached.
func (c *Control) Add(ctx context.Context, address string, contact ctlproto.Contact) error {
	var uri sip.URI
	if err := sip.ParseURI([]byte(contact.Address), &uri); err != nil {
		return ctlproto.InvalidParam("contact", err.Error())
	}
	one := Contact{
		URI: []byte(contact.Address), Received: []byte(contact.Received), Q: thousandths(contact.Q),
		Methods: contact.Methods, CFlags: contact.CFlags, Expires: uint32(contact.Expires / time.Second),
		Instance: []byte(contact.Instance), RegID: int32(contact.RegID),
	}
	for _, at := range []string{contact.Address, contact.Received} {
		if nowhere([]byte(at)) {
			return ctlproto.InvalidParam("contact", "leads to an address of no host, or of many, and not to a phone")
		}
		if at != "" && c.t.barred != nil && c.t.barred(ctx, []byte(at)) {
			return ctlproto.InvalidParam("contact", "leads to a gateway, to the router or into a domain of ours, and not to a phone")
		}
	}
	if contact.Permanent {
		one.Expires = Forever
	}
	if contact.Path == "" {
		one.Flow = c.t.flowOf(contact.Socket, contact.Received, contact.Address)
	}
	_, err := c.save(ctx, &Registration{
		AoR: []byte(address), Path: []byte(contact.Path), Socket: contact.Socket, Flags: contact.Flags,
		UserAgent: []byte(contact.UserAgent), Contacts: []Contact{one},
		MaxContacts: c.t.maxContacts, MaxAdded: c.t.maxAdded, ByHand: true,
	})
	return err
}

// thousandths is a q as Contact has it; a negative one is none.
func thousandths(q float64) int16 {
	if q < 0 {
		return NoQ
	}
	return int16(min(q, 1)*1000 + 0.5)
}

// Remove implements control.Usrloc.
func (c *Control) Remove(ctx context.Context, address string) (bool, error) {
	return c.save(ctx, &Registration{AoR: []byte(address), RemoveAll: true})
}

// RemoveContact implements control.Usrloc.
func (c *Control) RemoveContact(ctx context.Context, address, contact string) (bool, error) {
	return c.save(ctx, &Registration{AoR: []byte(address), Contacts: []Contact{{URI: []byte(contact)}}})
}

// RemoveBinding implements control.Usrloc.
func (c *Control) RemoveBinding(ctx context.Context, address, contact, ruid string) (bool, error) {
	return c.save(ctx, &Registration{AoR: []byte(address), Contacts: []Contact{{URI: []byte(contact)}}, RUID: ruid})
}

// Flush implements control.Usrloc.
func (c *Control) Flush(ctx context.Context) error {
	if !c.t.stored() {
		return nil
	}
	return unavailable(c.t.writer.flush(ctx))
}

// save carries an operator's change out and waits until it is durable; false if
// there was nothing to change.
func (c *Control) save(ctx context.Context, reg *Registration) (bool, error) {
	reg.CallID, reg.CSeq, reg.Unordered = controlCallID, 1, true
	res, err := c.t.Save(reg, nil)
	switch {
	case errors.Is(err, ErrTooManyContacts):
		return false, ctlproto.Errorf(ctlproto.CodeBusy, "%s has as many contacts as the router allows", reg.AoR)
	case errors.Is(err, ErrRegistered):
		return false, ctlproto.Errorf(ctlproto.CodeExists, "a phone of %s has registered this contact: it stays as it is", reg.AoR)
	case err != nil:
		return false, ctlproto.Errorf(ctlproto.CodeBusy, "%v", err)
	case res.Change == Fetched:
		return false, nil
	case res.Ticket == nil:
		c.t.Announce(string(reg.AoR))
		return true, nil
	}
	done := make(chanReceipt, 1)
	res.Ticket.Deliver(done)
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err == nil, unavailable(err)
}

// unavailable is what the caller of a control method learns.
func unavailable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRefused):
		return ctlproto.Errorf(ctlproto.CodeRefused, "%v", err)
	}
	return ctlproto.Errorf(ctlproto.CodeUnavailable, "%v", err)
}

// chanReceipt hands the end of a change to a goroutine that waits for it.
type chanReceipt chan error

// Settled implements Receipt.
func (c chanReceipt) Settled(err error) { c <- err }
