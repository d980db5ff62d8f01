package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Certificates chooses the settings of TLS connections. What it answers may change at any
// time: a connection keeps what it was opened with. nil means that there is none.
type Certificates interface {
	// Server is for a connection accepted at our address local.
	Server(local netip.AddrPort) *tls.Config
	// Client is for a connection to remote, which speaks for domain: the host of the URI
	// that led there (RFC 5922 §4), empty where that was an address.
	Client(remote netip.AddrPort, domain string) *tls.Config
	// Proven are the domains for which a connection that Client had to verify could lead to
	// remote, by what the peer of an accepted connection has shown in its handshake; the empty
	// one is the address itself. The bare certificate of anybody proves nothing.
	Proven(remote netip.AddrPort, state tls.ConnectionState) []string
}

// wire is what TLS, or the upgrade to a WebSocket, reads and writes: the socket itself during the handshake, which
// waits on the connection's own goroutine; after it, what TLS writes goes into the
// connection's queue, so that nobody who sends ever waits.
type wire struct {
	*net.TCPConn
	c *conn
}

// Read sends what TLS itself has written (an answer to a key update, say) and waits for
// bytes.
func (w wire) Read(b []byte) (int, error) {
	w.c.flush()
	return w.c.shake.read(w.TCPConn.Read, b)
}

// sealSlack is what TLS may queue beyond Config.MaxQueue: record overhead, alerts, key
// updates. A peer that asks for more without reading loses its connection.
const sealSlack = 64 << 10

func (w wire) Write(b []byte) (int, error) {
	if w.c.shaking {
		return w.c.shake.write(w.TCPConn.Write, b)
	}
	if err := w.c.queue(b, w.c.l.cfg.MaxQueue+sealSlack); err != nil {
		return 0, err
	}
	return len(b), nil
}

// The deadlines are the connection's, not those that TLS sets when it closes.

func (w wire) SetDeadline(time.Time) error      { return nil }
func (w wire) SetWriteDeadline(time.Time) error { return nil }

// greet does what stands before the first message of an accepted connection, the TLS
// handshake and the upgrade to WebSocket, and serves it.
func (c *conn) greet() {
	if err := c.establish(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ErrSlowHandshake
		}
		c.l.stats.handshakesFailed.Add(1)
		c.terminate(err)
		return
	}
	c.l.stats.handshakes.Add(1)
	c.serve()
}

// establish does the handshakes within Config.HandshakeTimeout. Memory is spent only when
// the peer's first byte is there, and for a limited number of peers at a time.
func (c *conn) establish() error {
	if err := c.nc.SetDeadline(c.opened.Add(c.l.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	if err := c.raw.Read(readable); err != nil {
		return err
	}
	if err := c.enterHandshake(); err != nil {
		return err
	}
	defer c.leaveHandshake()
	if c.flow.Proto.Secure() {
		cfg := c.l.cfg.TLS.Server(c.flow.Local)
		if cfg == nil {
			return ErrNoCertificate
		}
		c.sec = tls.Server(wire{c.nc, c}, cfg)
		if err := c.sec.Handshake(); err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
	}
	if c.flow.Proto.WebSocket() {
		if err := c.upgrade(); err != nil {
			return fmt.Errorf("WebSocket upgrade: %w", err)
		}
	}
	if err := c.settle(); err != nil {
		return err
	}
	if c.verified() {
		c.l.prove(c, c.certificate())
	}
	var domains []string
	if c.flow.Proto == TLS {
		domains = c.proves(c.flow.Remote.Port())
	}
	c.l.conns.publish(c, domains)
	return nil
}

// enterHandshake takes a place for the handshake, that of another one where there is none.
func (c *conn) enterHandshake() error {
	a := c.flow.Remote.Addr()
	s, gone := c.l.handshaking.enter(c, c.l.trusts(a), c.l.Mono())
	c.shake = s
	if gone != nil {
		c.l.stats.connsReplaced.Add(1)
		_ = gone.close(ErrReplaced)
	}
	if s == nil {
		c.l.stats.connsRefused.Add(1)
	}
	if (s == nil || gone != nil) && c.l.shakingLog.Pass(time.Now(), time.Minute, 1) {
		end := "those that keep us waiting give way to new ones"
		if s == nil {
			end = "new connections are refused"
		}
		c.l.log.Warn("too many handshakes at a time: "+end, "source", SourceOf(a).String(),
			"limit", c.l.cfg.MaxHandshakesPerSource, "in_all", c.l.cfg.MaxHandshakes, "setting", "tls: handshakes_per_source")
	}
	if s == nil {
		return ErrTooManyConns
	}
	return nil
}

// leaveHandshake gives the place back. The connection is a stranger's like others from now on.
func (c *conn) leaveHandshake() {
	if until := c.shake.answered.Load(); until != 0 {
		c.held.CompareAndSwap(until, 0)
	}
	c.l.handshaking.leave(c.shake, c.l.Mono())
	c.shake = nil
}

// maxUnproven is how many failures to connect by TLS the log tells of, a minute.
const maxUnproven = 10

// secure does our side of the TLS handshake of a connection that we opened.
func (c *conn) secure() error {
	cfg := c.l.cfg.TLS.Client(c.flow.Remote, c.domain)
	if cfg == nil {
		return ErrNoCertificate
	}
	if err := c.nc.SetDeadline(time.Now().Add(c.l.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	c.sec = tls.Client(wire{c.nc, c}, cfg)
	if err := c.sec.Handshake(); err != nil {
		c.l.stats.handshakesFailed.Add(1)
		if c.l.unprovenLog.Pass(time.Now(), time.Minute, maxUnproven) {
			c.l.log.Warn("no TLS connection to a server: its requests fail", "remote", c.flow.Remote, "domain", c.domain, "error", err)
		}
		return fmt.Errorf("TLS handshake with %v: %w", c.flow.Remote, err)
	}
	c.l.stats.handshakes.Add(1)
	return c.settle()
}

// settle ends the handshake: what the peer has shown is kept, and what has been queued
// meanwhile is sealed, in order.
func (c *conn) settle() error {
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.armed = time.Time{}
	if c.sec != nil {
		state := c.sec.ConnectionState()
		c.shown.Store(&state)
	}
	c.seal.Lock()
	defer c.seal.Unlock()
	c.mu.Lock()
	early := c.out
	c.out, c.shaking = nil, false
	c.mu.Unlock()
	defer c.l.bufs.give(early)
	if len(early) == 0 || c.sec == nil {
		return nil
	}
	_, err := c.sec.Write(early)
	return err
}

// readable waits for the first byte without taking it.
func readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		if e != unix.EINTR {
			return e != unix.EAGAIN
		}
	}
}

// decrypt reads from TLS into buf. While nothing is unread it waits with one byte of the
// connection's own, so that an idle connection holds no buffer.
func (c *conn) decrypt() error {
	if c.buf == nil {
		n, err := c.sec.Read(c.first[:])
		if n > 0 {
			c.buf = c.l.bufs.take(smallSize)
			c.buf[0] = c.first[0]
			c.start, c.end = 0, 1
			return nil
		}
		return err
	}
	n, err := c.sec.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// enqueueSealed is enqueue for TLS and WebSockets: the message is framed and encrypted
// into the queue, in the order of the calls.
func (c *conn) enqueueSealed(msg []byte) error {
	c.seal.Lock()
	defer c.seal.Unlock()
	if c.shaking {
		if c.flow.Proto.WebSocket() {
			return ErrFlowGone // nobody knows this flow yet
		}
		return c.queue(msg, c.l.cfg.MaxQueue)
	}
	if err := c.room(len(msg)); err != nil {
		return err
	}
	if c.ws != nil {
		return c.writeMessage(msg)
	}
	return c.writeSealed(msg)
}

// writeSealed queues bytes through TLS, if there is any. seal is held.
func (c *conn) writeSealed(b []byte) error {
	if c.sec == nil {
		return c.queue(b, c.l.cfg.MaxQueue+sealSlack)
	}
	_, err := c.sec.Write(b)
	return err
}

// farewell writes the last words of a WebSocket and of TLS, as far as the socket takes
// them.
func (c *conn) farewell() {
	if c.flow.Proto == TCP {
		return
	}
	defer c.flush()
	c.seal.Lock()
	defer c.seal.Unlock()
	if c.shaking {
		return
	}
	if c.ws != nil {
		c.writeClose()
	}
	if c.sec != nil {
		_ = c.sec.CloseWrite()
	}
}

// PeerCertificate reports whether the peer of a TLS connection has shown a certificate
// that was verified: one that speaks for itself (RFC 5923 §8).
func (l *Layer) PeerCertificate(f Flow) bool {
	if !f.Proto.Secure() {
		return false
	}
	c := l.conns.byFlow(f)
	return c != nil && c.verified()
}
