package registrar

import (
	"bytes"
	"errors"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// Values of path_mode, Kamailio's.
const (
	pathOff    = 0 // kept, and not told
	pathLazy   = 1 // kept, and told to phones that know Path
	pathStrict = 2 // kept of phones that know Path; others are refused
)

// readPath makes s.reg.Path the Path of the request (RFC 3327 §5.3). Where it leads to is
// where calls go, so its first hop has to be the proxy that the request came from. A
// phone that came by none has no Path.
func (m *Module) readPath(r *relay.Request, s *scratch) *refusal {
	s.path, s.tellPath = s.path[:0], false
	msg := r.Msg
	if !m.usePath || oneHop(msg) {
		return nil
	}
	values := msg.Values(sip.HdrPath)
	for v := values.Next(); v != nil; v = values.Next() {
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(v, &a) != nil || sip.ParseURI(a.URI, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
			return badPath
		}
		if len(s.path) == 0 && !sameHost(a.URI, r.From.Remote.Addr()) {
			return foreignPath
		}
		if len(s.path) > 0 {
			s.path = append(s.path, ", "...)
		}
		s.path = appendLine(s.path, v)
		if len(s.path) > 4*usrloc.MaxPath {
			return longPath
		}
	}
	if len(s.path) == 0 {
		return nil
	}
	knows := supports(msg, "path")
	if m.pathMode == pathStrict && !knows {
		s.extra = append(s.extra, "Unsupported: path\r\nPath: "...)
		s.extra = append(append(s.extra, s.path...), "\r\n"...)
		return badExtension
	}
	s.tellPath = knows && m.pathMode != pathOff
	s.reg.Path = s.path
	return nil
}

// setReceived takes the source of the phone from the parameter received of the first
// Path (path_use_received).
func (m *Module) setReceived(s *scratch) {
	if !m.pathUseReceived || len(s.path) == 0 {
		return
	}
	var u sip.URI
	if sip.ParseURI(firstHop(s.path), &u) != nil {
		return
	}
	value, ok := u.Param("received")
	if !ok || len(value) > usrloc.MaxReceived {
		return
	}
	if cap(s.received) < len(value) {
		s.received = make([]byte, 0, usrloc.MaxReceived)
	}
	source := unescape(s.received[:0], value)
	if source == nil || sip.ParseURI(source, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return
	}
	s.received = source
	for i := range s.reg.Contacts {
		s.reg.Contacts[i].Received = source
	}
}

// setServiceRoute takes the value of Service-Route (RFC 3608).
func (m *Module) setServiceRoute(text string, _ int) error {
	for rest := []byte(text); len(rest) > 0; {
		n := sip.NextValue(rest)
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(rest[:n], &a) != nil || sip.ParseURI(a.URI, &u) != nil ||
			u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || rest[0] != '<' && rest[0] != ' ' {
			return errors.New(`service_route is a list of addresses like "<sip:proxy.example.org;lr>"`)
		}
		if _, loose := u.Param("lr"); !loose {
			return errors.New("each URI of service_route needs ;lr: phones follow it as a loose route")
		}
		if n < len(rest) && len(bytes.TrimSpace(rest[n+1:])) == 0 {
			return errors.New("service_route ends with a comma")
		}
		rest = rest[min(n+1, len(rest)):]
	}
	m.serviceRoute = text
	return nil
}
