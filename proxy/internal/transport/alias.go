package transport

import "net/netip"

// Alias lets the connection of f, which its peer has opened, carry what goes to another
// port of that peer, the one its Via names (RFC 5923, the Via parameter alias; SER's
// force_tcp_alias). False if there is no such connection, or if an open one goes to that
// port already. Over TLS the alias counts for what the peer's certificate proves (RFC 5923
// §8, RFC 5922 §7), and is none where it proves nothing; over TCP the caller decides whom to
// believe. A connection has one alias at a time.
func (l *Layer) Alias(f Flow, port uint16) bool {
	if !f.Proto.Stream() || f.Proto.WebSocket() || port == 0 {
		return false
	}
	c := l.conns.byFlow(f)
	if c == nil || !c.inbound || c.dead() {
		return false
	}
	domains := []string{""}
	if f.Proto == TLS {
		domains = c.proves(netip.AddrPortFrom(f.Remote.Addr(), port))
	}
	return l.conns.alias(c, port, domains)
}

// maxIdentities bounds the domains that one connection is found for.
const maxIdentities = 64

// proves are the domains that the peer of an accepted TLS connection speaks for, if it is
// reached at remote; the empty one is the address itself.
func (c *conn) proves(remote netip.AddrPort) []string {
	c.seal.Lock()
	if c.shaking || c.sec == nil {
		c.seal.Unlock()
		return nil
	}
	state := c.sec.ConnectionState()
	c.seal.Unlock()
	domains := c.l.cfg.TLS.Proven(remote, state)
	return domains[:min(len(domains), maxIdentities)]
}

// ShowsCertificate reports whether f is a TLS connection that we have opened, or are
// opening, with a certificate of our own: its peer can prove whose requests may come to us
// over it (RFC 5923 §8.2).
func (l *Layer) ShowsCertificate(f Flow) bool {
	if f.Proto != TLS {
		return false
	}
	c := l.conns.byFlow(f)
	return c != nil && c.shows
}
