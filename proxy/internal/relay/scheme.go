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
// sips URI, or the request was for one before, whatever became of that (RFC 3261 §26.2.2,
// RFC 5630 §3.1.3).
func (r *Request) wantsTLS(t *Target) bool { return t.Secured || isSIPS(t.URI) || r.WantsTLS() }

// WantsTLS reports whether the request must not leave TLS: it was received for a sips URI, or
// has become one for it (Secure).
func (r *Request) WantsTLS() bool {
	return r.secured || r.Msg.IsRequest && isSIPS(r.Msg.RequestURI())
}

// Secure is for whoever puts in the place of the Request-URI what that stands for: a
// binding, an alias's or a short number's address, where a user forwards his calls. If it is
// a sips URI, the request does not leave TLS any more, in failure routes neither; in a branch
// route that branch does not, nor where it is redirected to. A host that the script chooses binds
// the request only while it stands in the Request-URI.
func (r *Request) Secure() { r.secured = r.secured || isSIPS(r.Main.URI) }

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
