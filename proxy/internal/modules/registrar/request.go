package registrar

import (
	"bytes"
	"math"
	"net/netip"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// maxInRequest bounds the contacts of one REGISTER.
const maxInRequest = 64

// scratch is the memory of one call of a function.
type scratch struct {
	reg      usrloc.Registration
	bindings []usrloc.Binding
	extra    []byte
	reply    sip.Reply
	path     []byte
	received []byte
	domain   []byte // of a GRUU
	gruu     gruu

	tellPath    bool // the 200 has the Path
	tellGRUUs   bool // … and the GRUUs
	outbound    bool // RFC 5626 applies
	flows       bool // … to a contact
	refuseRegID bool // the first hop does not keep flows
}

// read makes s.reg what the REGISTER asks for (RFC 3261 §10.3 steps 1, 2 and 5
// to 7). On a refusal s.extra holds the header lines that go with it.
func (m *Module) read(r *relay.Request, s *scratch) *refusal {
	msg := r.Msg
	s.extra = s.extra[:0]
	s.reg = usrloc.Registration{
		AoR: s.reg.AoR, CallID: msg.CallID(), UserAgent: msg.HeaderValue(sip.HdrUserAgent), MaxContacts: m.maxContacts,
		Contacts: s.reg.Contacts[:0], Proxied: !oneHop(msg) || msg.Header(sip.HdrPath) != nil,
	}
	if why := s.readAoR(r); why != nil {
		return why
	}
	if why := m.readRequire(msg, s); why != nil {
		return why
	}
	if cseq, err := msg.CSeq(); err == nil { // without one, the message would not be here
		s.reg.CSeq = cseq.Number
	}
	if i := int(r.From.Socket); i < len(r.Engine.Sockets()) && r.From.Proto != transport.Local {
		s.reg.Socket = r.Engine.Sockets()[i].Name
	}
	if why := m.readPath(r, s); why != nil {
		return why
	}
	if why := m.readOutbound(msg, s); why != nil {
		return why
	}
	s.tellGRUUs = m.gruuEnabled && supports(msg, "gruu")
	if why := m.readContacts(r, s); why != nil {
		return why
	}
	if why := s.checkFlows(); why != nil {
		return why
	}
	for i := range s.reg.Contacts {
		c := &s.reg.Contacts[i]
		s.setFlow(r, c)
		if c.Expires > 0 && c.Flow.IsZero() && len(s.path) == 0 && r.Engine.Barred(c.URI) {
			return noPhone
		}
	}
	m.setReceived(s)
	return nil
}

// readAoR makes s.reg.AoR the address in To, which must be one of the domain
// that the request was sent to, or of another of ours.
func (s *scratch) readAoR(r *relay.Request) *refusal {
	u, err := r.Msg.ToURI()
	if err != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || !u.HasUser {
		return badTo
	}
	if s.reg.AoR, err = aor.AppendCanonical(s.reg.AoR[:0], u.User, u.Host); err != nil {
		return badTo
	}
	domain := s.reg.AoR[bytes.IndexByte(s.reg.AoR, '@')+1:]
	if registrar, err := r.Msg.URI(); err == nil && sip.EqualFold(registrar.Host, string(domain)) {
		return nil
	}
	if !r.Engine.Myself(domain, u.Port) {
		return notHere
	}
	return nil
}

// readRequire refuses extensions that the registrar does not know (RFC 3261
// §10.3 step 2).
func (m *Module) readRequire(msg *sip.Message, s *scratch) *refusal {
	for h := msg.Header(sip.HdrRequire); h != nil; h = msg.Next(h) {
		for list := msg.Value(h); len(list) > 0; {
			var tag []byte
			tag, list, _ = bytes.Cut(list, []byte{','})
			tag = bytes.TrimSpace(tag)
			if len(tag) > 0 && !m.knows(tag) {
				s.extra = append(s.extra, "Unsupported: "...)
				s.extra = appendLine(s.extra, tag)
				s.extra = append(s.extra, "\r\n"...)
			}
		}
	}
	if len(s.extra) > 0 {
		return badExtension
	}
	return nil
}

// knows reports whether the registrar knows an extension.
func (m *Module) knows(tag []byte) bool {
	return sip.EqualFold(tag, "path") || m.gruuEnabled && sip.EqualFold(tag, "gruu") ||
		m.outboundMode != outboundOff && sip.EqualFold(tag, "outbound")
}

// appendLine appends a header's value without the line ends of its folds.
func appendLine(dst, value []byte) []byte {
	for _, c := range value {
		if c != '\r' && c != '\n' {
			dst = append(dst, c)
		}
	}
	return dst
}

// supports reports whether the sender knows an extension.
func supports(msg *sip.Message, tag string) bool {
	for _, id := range [...]sip.HeaderID{sip.HdrSupported, sip.HdrRequire} {
		for h := msg.Header(id); h != nil; h = msg.Next(h) {
			for list := msg.Value(h); len(list) > 0; {
				var one []byte
				one, list, _ = bytes.Cut(list, []byte{','})
				if sip.EqualFold(bytes.TrimSpace(one), tag) {
					return true
				}
			}
		}
	}
	return false
}

// readContacts makes s.reg.Contacts the contacts of the request.
func (m *Module) readContacts(r *relay.Request, s *scratch) *refusal {
	msg := r.Msg
	s.received = s.received[:0]
	methods := allowed(msg)
	values := msg.Values(sip.HdrContact)
	for v := values.Next(); v != nil; v = values.Next() {
		if s.reg.RemoveAll {
			return badStar
		}
		if string(v) == "*" {
			if len(s.reg.Contacts) > 0 || !zero(msg.HeaderValue(sip.HdrExpires)) {
				return badStar
			}
			s.reg.RemoveAll = true
			continue
		}
		if len(s.reg.Contacts) == maxInRequest {
			return manyContacts
		}
		c := usrloc.Contact{Methods: methods, CFlags: r.Main.Flags}
		if why := m.parseContact(v, msg.HeaderValue(sip.HdrExpires), &c); why != nil {
			return why
		}
		s.reg.Contacts = append(s.reg.Contacts, c)
	}
	return nil
}

func zero(expires []byte) bool {
	n, ok := sip.ParseUint(expires, math.MaxUint32)
	return ok && n == 0
}

// setFlow notes how the phone is reached: over the connection of its request;
// over UDP at the source of its request, which is named where Contact says
// something else, as it does behind a NAT. Behind a Path, the source is a proxy.
func (s *scratch) setFlow(r *relay.Request, c *usrloc.Contact) {
	var u sip.URI
	if len(s.path) > 0 || r.From.Proto == transport.Local || sip.ParseURI(c.URI, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return
	}
	same := isSource(&u, r.From)
	if c.RegID > 0 {
		c.Flow = r.From // it is the flow that is registered, whatever the contact says
	} else if same && r.From.Proto == transport.UDP && protoOf(&u) != transport.UDP {
		return // the same host and port, but it wants to be called over another protocol
	}
	c.Flow = r.From
	if same {
		return
	}
	if len(s.received) == 0 {
		s.received = appendSource(s.received, r.From)
	}
	c.Received = s.received
}

// isSource reports whether a URI names the address that a request came from. One with
// maddr leads elsewhere.
func isSource(u *sip.URI, from transport.Flow) bool {
	if _, elsewhere := u.Param("maddr"); elsewhere {
		return false
	}
	addr, ok := transport.ParseHost(string(u.Host))
	port := u.Port
	if port == 0 {
		port = from.Proto.DefaultPort()
	}
	return ok && from.Remote == netip.AddrPortFrom(addr, port)
}

// protoOf is the protocol that a URI asks for.
func protoOf(u *sip.URI) transport.Proto {
	if u.Scheme == sip.SchemeSIPS {
		return transport.TLS
	}
	if p, ok := u.Param("transport"); ok {
		proto, _ := transport.ParseProto(string(p))
		return proto
	}
	return transport.UDP
}

// appendSource appends the source of a request as a URI.
func appendSource(dst []byte, from transport.Flow) []byte {
	dst = append(dst, "sip:"...)
	dst = netip.AddrPortFrom(from.Remote.Addr().WithZone(""), from.Remote.Port()).AppendTo(dst)
	if from.Proto != transport.UDP {
		dst = append(dst, ";transport="...)
		dst = append(dst, from.Proto.String()...)
	}
	return dst
}
