package registrar

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// Flags of save, Kamailio's.
const (
	saveNoReply = 0x02
	saveOnly    = 0x04
)

// tooMany is what save returns when the address would have too many contacts.
const tooMany = -2

func (m *Module) compileSave(args []module.Arg) (module.Call, error) {
	if err := checkTable(args[0]); err != nil {
		return nil, err
	}
	flags := 0
	if len(args) > 1 {
		n, err := strconv.ParseInt(args[1].Str, 0, 32)
		if args[1].Kind == module.Int {
			n, err = int64(args[1].Num), nil
		}
		if err != nil || n&^(saveNoReply|saveOnly) != 0 || n < 0 {
			return nil, fmt.Errorf("save's flags are 0x02 (no reply) and 0x04 (one contact for each address), not %q", args[1].Str)
		}
		flags = int(n)
	}
	return func(c *module.Ctx) int { return m.save(&c.Request, flags) }, nil
}

// save does what a REGISTER asks for and answers it: with 200, at once or when
// the change is durable, or with the refusal.
func (m *Module) save(r *relay.Request, flags int) int {
	if r.Msg.Method != sip.REGISTER || r.Replied {
		return module.False
	}
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	silent := flags&saveNoReply != 0
	if why := m.read(r, s); why != nil {
		m.refuse(r, s, why, silent)
		return module.False
	}
	s.reg.Only = flags&saveOnly != 0 && len(s.reg.Contacts) > 0
	res, err := m.table.Save(&s.reg, s.bindings[:0])
	if errors.Is(err, usrloc.ErrTooManyContacts) {
		res, err = m.saveInPlace(r, s)
	}
	if err != nil {
		return m.failed(r, s, err, silent)
	}
	s.bindings = res.Bindings
	s.othersOut()
	s.ownFirst()
	m.accepted.Add(1)
	r.Saved = true
	m.answer(r, s, res, silent)
	return code(&res)
}

// ownFirst puts the bindings of the phone that has sent the REGISTER before the others. One of
// those may have the same Contact, behind another NAT, and phones look for the life that
// they are given at the first Contact that is theirs.
func (s *scratch) ownFirst() {
	own := 0
	for i := range s.bindings {
		if b := s.bindings[i]; bytes.Equal(b.CallID(), s.reg.CallID) {
			copy(s.bindings[own+1:i+1], s.bindings[own:i])
			s.bindings[own] = b
			own++
		}
	}
}

// othersOut takes the bindings of other phones out of the answer that have the URI of a contact
// that the REGISTER ends: a phone looks for that URI to know whether it is gone. Their
// memory is kept.
func (s *scratch) othersOut() {
	left := 0
	for i := range s.bindings {
		if !s.endsAnothers(&s.bindings[i]) {
			s.bindings[left], s.bindings[i] = s.bindings[i], s.bindings[left]
			left++
		}
	}
	s.bindings = s.bindings[:left]
}

// endsAnothers reports whether the REGISTER ends a contact whose URI is that of a binding of another
// phone. What has the Call-ID or the instance, such as another flow, is the phone's own.
func (s *scratch) endsAnothers(b *usrloc.Binding) bool {
	if bytes.Equal(b.CallID(), s.reg.CallID) {
		return false
	}
	for i := range s.reg.Contacts {
		c := &s.reg.Contacts[i]
		own := len(c.Instance) > 0 && bytes.EqualFold(c.Instance, b.Instance())
		if c.Expires == 0 && !own && b.HasContact(c.URI) {
			return true
		}
	}
	return false
}

// code is Kamailio's: inserted, updated, removed, fetched.
func code(res *usrloc.Result) int {
	switch res.Change {
	case usrloc.Inserted:
		return 1
	case usrloc.Updated:
		return 2
	case usrloc.Removed:
		return 3
	}
	return 4
}

// failed answers a REGISTER that the table does not take.
func (m *Module) failed(r *relay.Request, s *scratch, err error, silent bool) int {
	var field *usrloc.FieldError
	switch {
	case errors.Is(err, usrloc.ErrParked):
		r.Replied = !silent // it will be
		return module.True
	case errors.Is(err, usrloc.ErrOutOfOrder):
		m.refuse(r, s, outOfOrder, silent)
	case errors.Is(err, usrloc.ErrTooManyContacts):
		m.refuse(r, s, tooManyInAll, silent)
		return tooMany
	case errors.As(err, &field):
		m.refuse(r, s, fieldRefusal(field), silent)
	default:
		m.refuse(r, s, databaseBehind, silent)
	}
	return module.False
}

func fieldRefusal(e *usrloc.FieldError) *refusal {
	switch {
	case !e.TooLong:
		return badText
	case e.Field == "Call-ID":
		return longCallID
	case e.Field == "Path":
		return longPath
	}
	return longContact
}

// answer sends the 200, or parks it until the change is durable.
func (m *Module) answer(r *relay.Request, s *scratch, res usrloc.Result, silent bool) {
	if silent {
		if res.Ticket != nil {
			res.Ticket.Deliver(nil)
		} else if res.Change != usrloc.Fetched {
			m.table.Announce(string(s.reg.AoR))
		}
		return
	}
	m.appendAccepted(s)
	s.reply = sip.Reply{Status: 200, Extra: s.extra}
	if res.Ticket != nil {
		p := m.park(r, s)
		r.Replied = true
		res.Ticket.Deliver(p)
		return
	}
	if err := r.Reply(&s.reply); err != nil {
		m.cfg.Log.Debug("registrar: the answer could not be sent", "status", 200, "error", err, "call_id", string(r.Msg.CallID()))
	}
	r.Replied = true
	if res.Change != usrloc.Fetched {
		m.table.Announce(string(s.reg.AoR))
	}
}

// appendAccepted makes s.extra the headers of the 200 (RFC 3261 §10.3 step 8).
func (m *Module) appendAccepted(s *scratch) {
	now := m.cfg.Now()
	s.extra = s.extra[:0]
	for i := range s.bindings {
		b := &s.bindings[i]
		s.extra = append(s.extra, "Contact: <"...)
		s.extra = append(s.extra, b.Contact()...)
		s.extra = append(s.extra, '>')
		if b.Q != usrloc.NoQ {
			s.extra = appendQ(append(s.extra, ";q="...), b.Q)
		}
		s.extra = append(s.extra, ";expires="...)
		seconds := uint64(b.Remaining(now).Seconds())
		if b.Permanent() {
			seconds = maxSeconds
		}
		s.extra = sip.AppendUint(s.extra, seconds)
		if instance := b.Instance(); len(instance) > 0 {
			s.extra = append(s.extra, `;+sip.instance="`...)
			s.extra = append(append(s.extra, instance...), '"')
			if b.RegID > 0 {
				s.extra = sip.AppendUint(append(s.extra, ";reg-id="...), uint64(b.RegID))
			}
			if s.tellGRUUs {
				s.extra = m.appendGRUUs(s.extra, s, b)
			}
		}
		if received := b.Received(); len(received) > 0 && m.receivedParam != "" {
			s.extra = append(append(s.extra, ';'), m.receivedParam...)
			s.extra = append(append(append(s.extra, `="`...), received...), '"')
		}
		s.extra = append(s.extra, "\r\n"...)
	}
	if s.tellPath {
		s.extra = append(append(append(s.extra, "Path: "...), s.path...), "\r\n"...)
	}
	if m.serviceRoute != "" {
		s.extra = append(append(append(s.extra, "Service-Route: "...), m.serviceRoute...), "\r\n"...)
	}
	m.appendOutbound(s)
	s.extra = append(s.extra, "Date: "...)
	s.extra = now.UTC().AppendFormat(s.extra, "Mon, 02 Jan 2006 15:04:05 GMT")
	s.extra = append(s.extra, "\r\n"...)
}

// appendQ appends a q of thousandths.
func appendQ(dst []byte, q int16) []byte {
	if q >= 1000 {
		return append(dst, '1')
	}
	dst = append(dst, '0')
	if q <= 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+q/100), byte('0'+q/10%10), byte('0'+q%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
