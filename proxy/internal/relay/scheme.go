package relay

import (
	"strings"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// isSIPS reports whether a URI is of the scheme sips.
func isSIPS(uri []byte) bool {
	const scheme = "sips:"
	return len(uri) > len(scheme) && sip.EqualFold(uri[:len(scheme)], scheme)
}

// wantsTLS reports whether the request to a target must not leave TLS: the target is a
// sips URI, or what was received is, whatever lookup or the script made of it (RFC 3261
// §26.2.2, RFC 5630 §3.1.3).
func (r *Request) wantsTLS(t *Target) bool {
	return isSIPS(t.URI) || r.Msg.IsRequest && isSIPS(r.Msg.RequestURI())
}

// WantsTLS reports whether the request must not leave TLS: it was received for a sips URI.
func (r *Request) WantsTLS() bool { return r.wantsTLS(&Target{}) }

// secure takes the places without TLS off a way; ErrInsecure if none is left.
func (w *way) secure() error {
	n := 0
	for _, hop := range w.hops[:w.n] {
		if hop.Proto.Secure() {
			w.hops[n] = hop
			n++
		}
	}
	if w.n = n; n == 0 {
		return ErrInsecure
	}
	return nil
}

// domainOf is whom the peer of a TLS connection has to speak for: the host of the URI,
// unless that is an address (RFC 5922 §4).
func domainOf(proto transport.Proto, host []byte) string {
	if proto != transport.TLS {
		return ""
	}
	if _, numeric := parseAddr(host); numeric {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(string(host), "."))
}
