package transport

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conn is one connection. Its reading half belongs to the goroutine that runs serve, its
// writing half (connqueue.go) to whoever holds mu.
type conn struct {
	l       *Layer
	flow    Flow
	inbound bool
	domain  string // whom the peer of our own TLS connection speaks for
	shows   bool   // we have opened it, and have a certificate to show
	overdue bool   // it is our own and has to make room in the table

	stranger atomic.Bool  // its peer has proven nothing yet
	held     atomic.Int64 // until when, in Layer.Mono, a stranger's request is under way at most, or busyTime

	afar    atomic.Bool  // a registrar behind us knows its bindings
	heard   atomic.Int64 // when something came last, in Layer.Mono
	reached atomic.Bool  // it is found by the very address of its peer

	// Guarded by the table.
	names       []peer        // as which it is found
	ready       bool          // its handshakes are done, or it is our own
	crowd       *crowd        // where it is counted; nil while it is not in the table, or our own to a trusted host
	place, seat *list.Element // a stranger's, in the queue of all and of its crowd
	holder      *holder       // who has proven himself over it; nil for nobody
	rank        *list.Element // … in his connections
	doubt       *list.Element // in the doubted of its crowd; nil if it is not in doubt
	doubted     int64         // since when, in Layer.Mono

	// Reading.
	buf        []byte // nil while nothing is unread: an idle connection holds no buffer
	start, end int    // the unread bytes within buf
	framer     framer
	crlf       int       // how much of CR LF CR LF has been seen between messages
	opened     time.Time // when accepted or connected
	active     time.Time // when something came last
	begun      time.Time // when the unfinished message began; zero if none
	proven     bool      // a message has been completed
	stirred    time.Time // when a stranger was moved in the queues last
	spared     time.Time // when a silent stranger was found to be needed
	armed      time.Time // the read deadline that is set
	readErr    error
	fill       func(fd uintptr) bool
	first      [1]byte // what TLS waits with
	ws         *webSocket
	shake      *handshake // while an accepted connection has a place for one

	// TLS and WebSocket, which stand between the message and the queue. seal keeps the
	// order; it is taken before mu.
	seal  sync.Mutex
	sec   *tls.Conn
	shown atomic.Pointer[tls.ConnectionState] // what the peer has shown in the handshake; nil before its end
	proof atomic.Pointer[proof]               // what that proves for the port that was asked for last

	// Writing, and what ends the connection.
	mu       sync.Mutex
	shaking  bool         // the handshakes are not done
	nc       *net.TCPConn // nil while connecting
	raw      syscall.RawConn
	out      []byte
	inFlight int   // bytes that drain is writing
	draining bool  // drain runs
	last     bool  // nothing more is taken: close when all is written
	underway int   // a stranger's requests that have no final answer; see Hold
	inDialog int64 // until when a dialog that has begun over it may not be told of yet; see Unhold
	closed   bool
	cause    error // why it was closed, the first reason
	wrote    int
	writeErr error
	write    func(fd uintptr) bool
}

func newConn(l *Layer, flow Flow, inbound bool) *conn {
	c := &conn{l: l, flow: flow, inbound: inbound, shaking: flow.Proto != TCP}
	c.fill, c.write = c.receive, c.writeOnce
	return c
}

// open attaches the socket. False if the connection has been closed meanwhile.
func (c *conn) open(nc *net.TCPConn) bool {
	raw, err := nc.SyscallConn()
	c.opened = time.Now()
	c.active = c.opened
	c.heard.Store(c.l.since(c.opened))
	c.mu.Lock()
	if err != nil || c.closed {
		c.mu.Unlock()
		_ = nc.Close()
		return false
	}
	c.nc, c.raw = nc, raw
	c.mu.Unlock()
	return true
}

// serve reads until the connection ends or the worker parks.
func (c *conn) serve() {
	for {
		if !c.handleAll() {
			return // another goroutine serves c now, or it has ended
		}
		if err := c.read(); err != nil {
			c.farewell()
			c.terminate(err)
			return
		}
	}
}

// handleAll gives every complete message to the handler. A worker is borrowed for that
// time only, so that idle connections hold none.
func (c *conn) handleAll() bool {
	if c.start == c.end {
		return true
	}
	var w *Worker
	for {
		msg, head, err := c.message()
		if err == nil && msg == nil {
			break
		}
		if w == nil {
			w = c.l.borrow()
			w.src = c
			w.tick()
		}
		if err != nil {
			c.malformed(w, head, err)
			return false
		}
		c.l.stats.streamReceived.Add(1)
		c.l.handler.Receive(w, msg, c.flow)
		if w.parked {
			c.l.unpark(w)
			return false
		}
		wipe(msg)
	}
	if w != nil {
		c.l.give(w)
	}
	return true
}

// message cuts the next complete message off the unread bytes; nil if there is none yet.
// An error ends the connection; head is then the header part, if its end was found.
func (c *conn) message() (msg, head []byte, err error) {
	if c.ws != nil {
		msg, err = c.nextFrame()
		return msg, nil, err
	}
	if c.framer.scan == 0 {
		c.skipCRLF()
	}
	if c.start == c.end {
		c.release()
		return nil, nil, nil
	}
	h, total, err := c.framer.next(c.buf[c.start:c.end], c.l.cfg.MaxMessage)
	if err != nil {
		return nil, c.buf[c.start : c.start+h], err
	}
	if total > 0 && c.end-c.start >= total {
		msg = c.buf[c.start : c.start+total]
		c.start += total
		c.framer, c.begun, c.proven = framer{}, time.Time{}, true
		return msg, nil, nil
	}
	if c.begun.IsZero() {
		c.begun = c.active
	}
	c.makeRoom(total)
	return nil, nil, nil
}

// skipCRLF drops line ends between messages and answers each double one, the ping of
// RFC 5626 §3.5.1, by a single one.
func (c *conn) skipCRLF() {
	const ping = "\r\n\r\n"
	pongs := 0
	for c.start < c.end {
		b := c.buf[c.start]
		if b != '\r' && b != '\n' {
			c.crlf = 0
			break
		}
		c.start++
		switch b {
		case ping[c.crlf]:
			c.crlf++
		case '\r':
			c.crlf = 1
		default:
			c.crlf = 0
		}
		if c.crlf == len(ping) {
			c.crlf = 0
			pongs++
		}
	}
	for range pongs {
		if c.enqueue([]byte("\r\n")) != nil {
			break // the peer does not read: its queue's deadline will end it
		}
	}
	if pongs > 0 {
		c.flush()
	}
}

// release gives up the buffer, of which nothing is unread.
func (c *conn) release() {
	c.start, c.end = 0, 0
	c.l.bufs.give(c.buf)
	c.buf = nil
}

// makeRoom makes room for more of a message of total bytes (total 0: not known yet). The buffer grows
// with what has come, whatever the message says of its length, twice as large at most each time.
func (c *conn) makeRoom(total int) {
	have := c.end - c.start
	need := max(total, have+1)
	switch {
	case c.start+need <= len(c.buf):
		return
	case have == len(c.buf):
		b := c.l.bufs.take(min(need, 2*have))
		copy(b, c.buf)
		c.l.bufs.give(c.buf)
		c.buf = b
	default:
		copy(c.buf, c.buf[c.start:c.end])
	}
	c.start, c.end = 0, have
}

// handOver gives up the buffer with the message being handled; the unread rest moves to
// another.
func (c *conn) handOver() []byte {
	held := c.buf
	rest := held[c.start:c.end]
	c.buf = nil
	if len(rest) > 0 {
		c.buf = c.l.bufs.take(len(rest))
		copy(c.buf, rest)
	}
	c.start, c.end = 0, len(rest)
	return held
}

// malformed lets the owner answer a message that has no known end, then closes.
func (c *conn) malformed(w *Worker, head []byte, err error) {
	if c.l.cfg.Malformed != nil && len(head) > 0 {
		w.parked = true // the connection ends here: nothing is held up by waiting
		c.l.cfg.Malformed(w, head, c.flow, err)
		w.parked = false
	}
	c.l.give(w)
	c.linger()
	c.terminate(err)
}

// read waits for bytes and puts them into buf.
func (c *conn) read() error {
	for {
		if err := c.setDeadline(); err != nil {
			if errors.Is(err, ErrIdle) && (c.idlePing() || c.spare()) {
				continue
			}
			return err
		}
		err := c.fetch()
		if err == nil {
			c.active = time.Now()
			c.heard.Store(c.l.since(c.active))
			c.stir()
			if c.ws != nil {
				c.ws.pinged = false
			}
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// The deadline is moved on lazily, so this one may not be the true one, or wake has come.
		c.armed = time.Time{}
	}
}

// fetch puts what has come into buf, waiting for it until the deadline.
func (c *conn) fetch() error {
	if c.sec != nil {
		return c.decrypt()
	}
	if err := c.raw.Read(c.fill); err != nil {
		return err
	}
	return c.readErr
}

// receive is called by the poller when there may be something to read.
func (c *conn) receive(fd uintptr) bool {
	if c.buf == nil {
		c.buf = c.l.bufs.take(smallSize)
	}
	for {
		room := c.buf[c.end:]
		n, _, e := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)))
		switch {
		case e == unix.EINTR:
			continue
		case e == unix.EAGAIN:
			if c.end == 0 {
				c.l.bufs.give(c.buf)
				c.buf = nil
			}
			return false
		case e != 0:
			c.readErr = e
		case n == 0:
			c.readErr = io.EOF
		default:
			c.readErr = nil
			c.end += int(n)
		}
		return true
	}
}

// setDeadline sets the read deadline: that of the message that has begun, of the first
// message, or of idleness. The last moves with every byte, so it is set anew only when it
// has moved by a sixteenth, or has come. The error says which deadline has passed.
func (c *conn) setDeadline() error {
	cfg := &c.l.cfg
	idle := c.idleTimeout()
	want, cause := c.active.Add(idle), ErrIdle
	stranger := c.stranger.Load()
	if stranger {
		idle = min(idle, cfg.StrangerTimeout)
		if rest := c.restUntil(); rest.Before(want) {
			want = rest
		}
	}
	if c.inbound && !c.proven {
		want = c.opened.Add(cfg.FirstTimeout)
	}
	if !c.begun.IsZero() {
		if d := c.begun.Add(cfg.MessageTimeout); d.Before(want) {
			want, cause = d, ErrSlowMessage
		}
	}
	now := time.Now()
	if !now.Before(want) {
		return cause
	}
	if c.armed.After(now) && !c.armed.After(want) && (c.armed.Equal(want) || c.begun.IsZero() && want.Sub(c.armed) < idle/16) {
		return nil
	}
	c.armed = want
	if err := c.nc.SetReadDeadline(want); err != nil || c.stranger.Load() == stranger {
		return err
	}
	return c.setDeadline() // in place of a wake that came in between
}

// idleTimeout is how long the connection may be silent from now on.
func (c *conn) idleTimeout() time.Duration {
	cfg := &c.l.cfg
	switch {
	case c.ws == nil:
		return cfg.IdleTimeout
	case c.ws.pinged:
		return min(cfg.IdleTimeout, cfg.PingInterval+cfg.HandshakeTimeout)
	}
	return min(cfg.IdleTimeout, cfg.PingInterval)
}

// linger writes what is queued, tells the peer that this was all, and waits a moment for
// it to close, because closing with unread bytes would discard what was written.
func (c *conn) linger() {
	c.finish()
	deadline := time.Now().Add(min(c.l.cfg.WriteTimeout, 2*time.Second))
	_ = c.nc.SetReadDeadline(deadline)
	scrap := c.l.bufs.take(smallSize)
	defer c.l.bufs.give(scrap)
	for {
		if _, err := c.nc.Read(scrap); err != nil {
			return
		}
	}
}

// terminate closes the connection and tells the handler, once.
func (c *conn) terminate(err error) {
	err = c.close(err)
	c.l.bufs.give(c.buf)
	c.buf = nil
	c.l.conns.remove(c)
	if c.l.closing.Load() {
		return
	}
	c.l.log.Debug("connection ended", "proto", c.flow.Proto, "remote", c.flow.Remote, "conn", c.flow.Conn, "error", err)
	c.l.handler.FlowDown(c.flow, err)
}
