package transport

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// accept takes the connections of one listener.
func (l *Layer) accept(ln *net.TCPListener, socket uint16) {
	const pause = 50 * time.Millisecond
	for {
		nc, err := ln.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, say: they come back when connections end.
			l.log.Error("accepting a connection", "socket", l.sockets[socket].Name, "error", err)
			select {
			case <-time.After(pause):
			case <-l.ctx.Done():
				return
			}
			continue
		}
		l.admit(nc, socket)
	}
}

// admit enters an accepted connection and begins to read it, or refuses it.
func (l *Layer) admit(nc *net.TCPConn, socket uint16) {
	c := newConn(l, Flow{
		Proto:  l.sockets[socket].Proto,
		Socket: socket,
		Local:  addrPort(nc.LocalAddr()),
		Remote: addrPort(nc.RemoteAddr()),
	}, true)
	if err := l.enterInbound(c); err != nil {
		l.stats.connsRefused.Add(1)
		l.log.Debug("connection refused", "remote", c.flow.Remote, "error", err)
		// A reset leaves no TIME_WAIT behind for each refusal.
		_ = nc.SetLinger(0)
		_ = nc.Close()
		return
	}
	l.stats.connsAccepted.Add(1)
	serve := c.serve
	if c.shaking {
		serve = c.greet
	}
	if !c.open(nc) || !l.spawn(serve) {
		c.terminate(ErrClosed)
	}
}

// connect opens the connection, sends what has queued meanwhile, and goes on to read.
func (c *conn) connect() {
	if c.overdue {
		if err := c.l.makeRoom(c); err != nil {
			c.terminate(err)
			return
		}
	}
	local := c.flow.Local.Addr()
	d := net.Dialer{Timeout: c.l.cfg.ConnectTimeout, KeepAlive: keepAlive}
	if !local.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	nc, err := d.DialContext(c.l.ctx, "tcp", c.flow.Remote.String())
	if err != nil {
		c.terminate(err)
		return
	}
	c.l.stats.connsOpened.Add(1)
	if !c.open(nc.(*net.TCPConn)) {
		c.terminate(ErrClosed)
		return
	}
	if c.flow.Proto == TLS {
		if err := c.secure(); err != nil {
			c.terminate(err)
			return
		}
	}
	c.flush()
	c.serve()
}

// addrPort is the address of a TCP socket, never in IPv4-mapped form.
func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
