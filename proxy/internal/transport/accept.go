package transport

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// acceptor is a listening socket.
type acceptor interface {
	AcceptTCP() (*net.TCPConn, error)
}

// leastPause and mostPause bound how long a listener rests that could not accept.
const (
	leastPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// accept takes the connections of one listener.
func (l *Layer) accept(ln acceptor, socket uint16) {
	pause := leastPause
	for {
		nc, err := ln.AcceptTCP()
		if err == nil {
			pause = leastPause
			l.admit(nc, socket)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if l.notAccepted(err, socket) {
			pause = leastPause // the descriptor is about to be closed
		}
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
			return
		}
		pause = min(2*pause, mostPause)
	}
}

// notAccepted does what can be done where no connection could be accepted: without descriptors
// the table counts as full. It reports whether a connection has gone for another one.
func (l *Layer) notAccepted(err error, socket uint16) (gone bool) {
	scarce := scarce(err)
	if scarce {
		gone = l.Yield()
	}
	if !l.acceptLog.Pass(time.Now(), time.Minute, 1) {
		return gone
	}
	if scarce {
		l.log.Error("no connection can be accepted for want of file descriptors or memory: idle ones of strangers give way", "socket", l.sockets[socket].Name, "error", err,
			"connections", l.Stats().Conns, "limit", l.cfg.MaxConns, "setting", "LimitNOFILE of the service, or a lower tcp_max_connections")
	} else {
		l.log.Error("accepting a connection", "socket", l.sockets[socket].Name, "error", err)
	}
	return gone
}

// scarce reports whether an error says that the process or the system has no file descriptor or
// memory for one more connection.
func scarce(err error) bool {
	for _, e := range [...]error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
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
		l.log.Debug("connection refused", "source", c.flow.Remote, "error", err)
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
		if scarce(err) {
			c.l.Yield() // for the next one
		}
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
	c.busy()
	c.l.conns.opened(c)
	c.flush()
	c.serve()
}

// addrPort is the address of a TCP socket, never in IPv4-mapped form.
func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
