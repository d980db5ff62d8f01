package sanity

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// find runs the checks that the parser and the relay have not done already: version, required
// headers, CSeq, the form of the topmost Via, Content-Length and Proxy-Require are in order
// when a script sees a request.
func find(c *module.Ctx, checks, uris int) fault {
	msg := c.Msg
	switch {
	case checks&rURIScheme != 0 && !routable(msg):
		return fault{416, "Unsupported URI Scheme"}
	case checks&viaProtocol != 0 && !knownTransport(msg):
		return fault{400, "Unknown Transport in Via"}
	case checks&via1 != 0 && emptyParameter(msg):
		return fault{400, "Empty Parameter in Via"}
	case checks&expiresValue != 0 && !numbers(msg, sip.HdrExpires):
		return fault{400, "Bad Expires"}
	case checks&digestCredentials != 0 && !digests(msg, false):
		return fault{400, "Bad Digest Credentials"}
	case checks&authorization != 0 && !digests(msg, true):
		return fault{400, "Bad Authorization"}
	case checks&parseURIs != 0:
		return badURI(msg, uris)
	}
	return fault{}
}

// routable reports whether the Request-URI is of a scheme that a router can send to. One that
// cannot be read at all is not this check's matter.
func routable(msg *sip.Message) bool {
	u, err := msg.URI()
	return err != nil || u.Scheme != sip.SchemeOther
}

// transports are those of RFC 3261 §20.42, RFC 4168 and RFC 7118.
var transports = [...]string{"UDP", "TCP", "TLS", "WS", "WSS", "SCTP", "TLS-SCTP"}

func knownTransport(msg *sip.Message) bool {
	v, err := msg.Via()
	if err != nil {
		return false
	}
	for _, t := range transports {
		if sip.EqualFold(v.Transport, t) {
			return true
		}
	}
	return false
}

// emptyParameter reports whether the topmost Via has separators with nothing between them
// (RFC 4475 §3.1.2.1).
func emptyParameter(msg *sip.Message) bool {
	v, err := msg.Via()
	if err != nil {
		return true
	}
	for rest := v.Params; len(rest) > 0; {
		var name []byte
		if name, _, rest = sip.NextParam(rest); len(name) == 0 {
			return true
		}
	}
	return false
}

// numbers reports whether all lines of a field are whole numbers of 32 bits.
func numbers(msg *sip.Message, id sip.HeaderID) bool {
	for h := msg.Header(id); h != nil; h = msg.Next(h) {
		if _, ok := sip.ParseUint(msg.Value(h), 1<<32-1); !ok {
			return false
		}
	}
	return true
}

// digests reports whether all credentials are digests with what a digest must have; with others,
// whether those that are digests are.
func digests(msg *sip.Message, others bool) bool {
	var cr sip.Credentials
	for _, id := range [...]sip.HeaderID{sip.HdrAuthorization, sip.HdrProxyAuthorization} {
		for h := msg.Header(id); h != nil; h = msg.Next(h) {
			value := msg.Value(h)
			if others && !isDigest(value) {
				continue
			}
			if sip.ParseCredentials(value, &cr) != nil {
				return false
			}
		}
	}
	return true
}

func isDigest(value []byte) bool {
	const scheme = "Digest"
	return len(value) >= len(scheme) && sip.EqualFold(value[:len(scheme)], scheme) &&
		(len(value) == len(scheme) || value[len(scheme)] == ' ' || value[len(scheme)] == '\t')
}

// badURI looks at the URIs that are asked for. A URI of another scheme has no form that could be
// wrong. That of a request's From can be read, or the message would not have got here.
func badURI(msg *sip.Message, uris int) fault {
	switch {
	case uris&requestURI != 0 && !plain(msg.URI()): // RFC 3261 §19.1.1
		return fault{400, "Bad Request-URI"}
	case uris&fromURI != 0 && !readable(msg.FromURI()):
		return fault{400, "Bad URI in From"}
	case uris&toURI != 0 && !readable(msg.ToURI()):
		return fault{400, "Bad URI in To"}
	case uris&contactURI != 0 && !contacts(msg):
		return fault{400, "Bad URI in Contact"}
	}
	return fault{}
}

func readable(_ *sip.URI, err error) bool { return err == nil }

// plain reports whether a URI can be read and has no headers.
func plain(u *sip.URI, err error) bool { return err == nil && len(u.Headers) == 0 }

func hasURI(value []byte) bool {
	var a sip.NameAddr
	var u sip.URI
	return sip.ParseNameAddr(value, &a) == nil && sip.ParseURI(a.URI, &u) == nil
}

// contacts reports whether each Contact has a URI; "*" is for a REGISTER (RFC 3261 §10.2.2).
func contacts(msg *sip.Message) bool {
	values := msg.Values(sip.HdrContact)
	for v := values.Next(); v != nil; v = values.Next() {
		if !hasURI(v) && !(string(v) == "*" && msg.Method == sip.REGISTER) {
			return false
		}
	}
	return true
}
