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
		domains = c.proves(port)
	}
	return l.conns.alias(c, port, domains)
}

// maxIdentities bounds the domains that one connection is found for.
const maxIdentities = 64

// proof is what the peer of a connection has proven.
type proof struct {
	port    uint16   // where it is reached
	domains []string // whom it speaks for; the empty one is the address itself
}

// proves are the domains that the peer of an accepted TLS connection speaks for, if it is
// reached at a port. Every request may ask for its alias, and a certificate takes long to
// verify, so the answer for the last port is kept as long as the connection: settings and
// certificates that are read again count for new connections.
func (c *conn) proves(port uint16) []string {
	if p := c.proof.Load(); p != nil && p.port == port {
		return p.domains
	}
	shown := c.shown.Load()
	if shown == nil {
		return nil
	}
	domains := c.l.cfg.TLS.Proven(netip.AddrPortFrom(c.flow.Remote.Addr(), port), *shown)
	domains = domains[:min(len(domains), maxIdentities)]
	c.proof.Store(&proof{port, domains})
	return domains
}

// verified reports whether the peer has shown a certificate that was verified.
func (c *conn) verified() bool {
	shown := c.shown.Load()
	return shown != nil && len(shown.VerifiedChains) > 0
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
