package transport

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enqueue copies msg behind what waits to be written. It writes nothing yet.
func (c *conn) enqueue(msg []byte) error {
	var err error
	if c.flow.Proto == TCP {
		err = c.queue(msg, c.l.cfg.MaxQueue)
	} else {
		err = c.enqueueSealed(msg)
	}
	switch {
	case err == nil:
		c.l.stats.streamSent.Add(1)
	case errors.Is(err, ErrQueueFull):
		c.l.stats.streamDropped.Add(1)
	}
	return err
}

// room reports whether the queue takes n bytes more.
func (c *conn) room(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.last:
		return ErrFlowGone
	case len(c.out)+n+c.inFlight > c.l.cfg.MaxQueue:
		return ErrQueueFull
	}
	return nil
}

// queue appends bytes to what waits to be written, up to limit bytes.
func (c *conn) queue(msg []byte, limit int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.last {
		return ErrFlowGone
	}
	need := len(c.out) + len(msg)
	if need+c.inFlight > limit {
		return ErrQueueFull
	}
	if need > cap(c.out) {
		c.growOut(need)
	}
	c.out = append(c.out, msg...)
	return nil
}

// growOut moves the queue into a larger buffer. The free lists serve up to a large one;
// beyond that a peer is slow and an allocation does not matter.
func (c *conn) growOut(need int) {
	var b []byte
	if need <= c.l.bufs.largeSize {
		b = c.l.bufs.take(need)
	} else {
		b = make([]byte, max(need, min(2*need, c.l.cfg.MaxQueue)))
	}
	n := copy(b, c.out)
	c.l.bufs.give(c.out)
	c.out = b[:n]
}

// flush writes what is queued as far as the socket takes it at once; the rest is left to
// a goroutine.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.nc == nil || c.shaking || c.draining || len(c.out) == 0 {
		return
	}
	c.wrote, c.writeErr = 0, nil
	err := c.raw.Write(c.write)
	if err == nil {
		err = c.writeErr
	}
	if err != nil {
		c.closeLocked(err)
		return
	}
	if c.wrote == len(c.out) {
		c.l.bufs.give(c.out)
		c.out = nil
		return
	}
	c.out = c.out[:copy(c.out, c.out[c.wrote:])]
	if !c.l.spawn(c.drain) {
		c.closeLocked(ErrClosed)
		return
	}
	c.draining = true
}

// writeOnce is called by the poller with the descriptor; it never waits.
func (c *conn) writeOnce(fd uintptr) bool {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&c.out[0])), uintptr(len(c.out)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			c.wrote = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			c.writeErr = e
		}
		return true
	}
}

// drain writes the queue until it is empty, each piece within Config.WriteTimeout.
func (c *conn) drain() {
	for {
		c.mu.Lock()
		if c.closed || len(c.out) == 0 {
			c.draining = false
			c.l.bufs.give(c.out)
			c.out = nil
			if !c.closed {
				_ = c.nc.SetWriteDeadline(time.Time{})
			}
			switch {
			case c.closed || !c.last:
			case c.l.closing.Load():
				c.closeLocked(ErrClosed)
			default:
				_ = c.nc.CloseWrite()
			}
			c.mu.Unlock()
			return
		}
		piece := c.out
		c.out, c.inFlight = nil, len(piece)
		c.mu.Unlock()

		_ = c.nc.SetWriteDeadline(time.Now().Add(c.l.cfg.WriteTimeout))
		_, err := c.nc.Write(piece)
		c.l.bufs.give(piece)

		c.mu.Lock()
		c.inFlight = 0
		if err != nil {
			c.closeLocked(err)
		}
		c.mu.Unlock()
	}
}

// finish takes no more messages and ends the writing half when the queue is written.
func (c *conn) finish() {
	c.farewell()
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	if !c.draining && !c.closed && c.nc != nil {
		_ = c.nc.CloseWrite()
	}
}

// close closes the connection for reason err and returns the first reason given. The
// goroutine in serve notices.
func (c *conn) close(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(err)
	return c.cause
}

func (c *conn) closeLocked(err error) {
	if c.closed {
		return
	}
	c.closed, c.cause = true, err
	if c.nc != nil {
		_ = c.nc.Close()
	}
	if !c.draining {
		c.l.bufs.give(c.out)
		c.out = nil
	}
}

// dead reports whether the connection takes no more messages.
func (c *conn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || c.last
}

// shut ends the connection because the layer closes: at once, or when drain, if it is at
// work, has written the queue.
func (c *conn) shut() {
	c.farewell()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	if !c.draining {
		c.closeLocked(ErrClosed)
	}
}
