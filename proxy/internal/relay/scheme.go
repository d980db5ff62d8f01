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

// secured lets a flow pass unless the target is a sips URI and the flow has no TLS: then
// the request must not go out at all (RFC 3261 §26.2.2, RFC 5630 §3.1.3).
func secured(t *Target, f transport.Flow) (transport.Flow, error) {
	if !f.Proto.Secure() && isSIPS(t.URI) {
		return transport.Flow{}, ErrInsecure
	}
	return f, nil
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
