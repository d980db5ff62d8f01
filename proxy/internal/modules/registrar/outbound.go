package registrar

import (
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
)

// Values of outbound_mode.
const (
	outboundOff      = 0 // reg-id is ignored
	outboundOffered  = 1 // for phones that know it
	outboundRequired = 2 // phones that do not are refused
)

// readOutbound decides whether the request is handled by RFC 5626 §6: the phone knows
// the extension, and its first hop is we ourselves or a proxy that does.
func (m *Module) readOutbound(msg *sip.Message, s *scratch) *refusal {
	s.outbound, s.refuseRegID = false, false
	if m.outboundMode == outboundOff {
		return nil
	}
	if !supports(msg, "outbound") {
		if m.outboundMode == outboundRequired {
			s.extra = append(s.extra, "Require: outbound\r\n"...)
			return needsOutbound
		}
		return nil
	}
	if s.outbound = oneHop(msg) || s.firstHopKnows(); !s.outbound {
		s.refuseRegID = true
	}
	return nil
}

// oneHop reports whether a request came straight from its sender.
func oneHop(msg *sip.Message) bool {
	values := msg.Values(sip.HdrVia)
	values.Next()
	return values.Next() == nil
}

// firstHopKnows reports whether the proxy next to the phone, which stands last in
// Path, keeps the phone's flow.
func (s *scratch) firstHopKnows() bool {
	var last []byte
	for rest := s.path; len(rest) > 0; {
		n := sip.NextValue(rest)
		last, rest = rest[:n], rest[min(n+1, len(rest)):]
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(last, &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return false
	}
	_, ok := u.Param("ob")
	return ok
}

// checkFlows makes the contacts what outbound leaves of them.
func (s *scratch) checkFlows() *refusal {
	s.flows = false
	for i := range s.reg.Contacts {
		c := &s.reg.Contacts[i]
		switch {
		case c.RegID == 0:
			continue
		case len(c.Instance) == 0:
			c.RegID = 0 // RFC 5626 §6
		case s.refuseRegID:
			return firstHopLacks
		case !s.outbound:
			c.RegID = 0
		case len(s.reg.Contacts) > 1 && c.Expires > 0:
			return oneFlow
		default:
			s.flows = true
		}
	}
	return nil
}

// appendOutbound tells the phone that outbound was applied.
func (m *Module) appendOutbound(s *scratch) {
	if !s.flows {
		return
	}
	s.extra = append(s.extra, "Require: outbound\r\n"...)
	if m.flowTimer > 0 {
		s.extra = append(s.extra, "Flow-Timer: "...)
		s.extra = append(sip.AppendUint(s.extra, uint64(m.flowTimer)), "\r\n"...)
	}
}

// flow reports whether a binding is one of the flows of a phone (RFC 5626).
func flow(b *usrloc.Binding) bool { return b.RegID > 0 && len(b.Instance()) > 0 }
