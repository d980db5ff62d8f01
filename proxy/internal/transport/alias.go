package transport

// Alias lets the connection of f, which its peer has opened, carry what goes to another
// port of that peer, the one its Via names (RFC 5923, the Via parameter alias; SER's
// force_tcp_alias). False if there is no such connection, or if an open one goes to that
// port already. A connection has one alias at a time; the caller decides whom to believe.
func (l *Layer) Alias(f Flow, port uint16) bool {
	if !f.Proto.Stream() || f.Proto.WebSocket() || port == 0 {
		return false
	}
	c := l.conns.byFlow(f)
	return c != nil && c.inbound && !c.dead() && l.conns.alias(c, port)
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
