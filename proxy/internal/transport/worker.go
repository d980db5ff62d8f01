package transport

import "time"

// Worker is what a handler runs on: memory of its own, an outgoing batch, a clock. Its
// methods are for the goroutine that runs Receive.
type Worker struct {
	l       *Layer
	scratch any
	now     time.Time
	mono    int64
	lane    int
	parked  bool // it may block: Park has succeeded, or it belongs to no socket
	src     source
	held    []byte // after Park: the buffer that the message lies in
	out     *outbox
	dirty   []*conn // connections with messages of this batch
	fake    func(Flow, []byte) error
}

// source is what a worker reads, a UDP socket or a connection. It can pass from one
// goroutine to another in the middle of its unread messages.
type source interface {
	serve()
	// handOver gives up the buffer that holds the message being handled.
	handOver() []byte
}

const maxDirty = 32

// Scratch is the memory that Handler.NewScratch made for this worker.
func (w *Worker) Scratch() any { return w.scratch }

// Send copies msg and sends it on f: on UDP with the batch, in one system call when the
// batch ends or the outgoing memory is full; on a connection at the batch's end or
// earlier. After Park it sends at once. The order of messages to one destination is
// kept.
//
// The error says that msg will not go out: ErrFlowGone, ErrQueueFull, ErrNoSocket,
// ErrTooLarge, ErrClosed. nil promises nothing more than that it was tried.
func (w *Worker) Send(f Flow, msg []byte) error {
	switch {
	case w.fake != nil:
		return w.fake(f, msg)
	case w.parked:
		return w.l.Send(f, msg)
	case f.Proto == UDP:
		s, err := w.l.udpSocket(f, w.lane, msg)
		if err != nil {
			return err
		}
		w.out.add(s, f.Local.Addr(), f.Remote, msg)
		return nil
	case f.Proto.Stream():
		c := w.l.conns.byFlow(f)
		if c == nil {
			return ErrFlowGone
		}
		c.busy()
		if err := c.enqueue(msg); err != nil {
			return err
		}
		w.mark(c)
		return nil
	}
	return ErrNoSocket
}

// mark remembers that c has something to write.
func (w *Worker) mark(c *conn) {
	for _, d := range w.dirty {
		if d == c {
			return
		}
	}
	if len(w.dirty) == maxDirty {
		w.flush()
	}
	w.dirty = append(w.dirty, c)
}

// flush sends everything that this worker has gathered.
func (w *Worker) flush() {
	if w.out.n > 0 {
		w.out.flush()
	}
	for i, c := range w.dirty {
		c.flush()
		w.dirty[i] = nil
	}
	w.dirty = w.dirty[:0]
}

// tick reads the clock, once a batch.
func (w *Worker) tick() {
	w.now = time.Now()
	w.mono = w.l.since(w.now)
}

// Now is the time, with its monotonic part, read once a batch; after Park, now.
func (w *Worker) Now() time.Time {
	if w.parked {
		return time.Now()
	}
	return w.now
}

// Mono is the time since the layer was made in nanoseconds, monotonic, read once a
// batch; after Park, now. Layer.Mono is the same clock.
func (w *Worker) Mono() int64 {
	if w.parked && w.l != nil {
		return w.l.Mono()
	}
	return w.mono
}

// Park makes the worker an ordinary goroutine that may block until Receive returns: what
// was gathered is sent, and another worker takes over the socket or connection with the
// unread rest of its messages. The message keeps its buffer.
//
// False means that Config.MaxWaiters wait already and nothing has changed: answer 503.
// Bounding one source's share of the waiters is the caller's task. A second call
// returns true.
func (w *Worker) Park() bool {
	if w.parked {
		return true
	}
	if w.l.waiters.Add(1) > int64(w.l.cfg.MaxWaiters) {
		w.l.waiters.Add(-1)
		return false
	}
	w.flush()
	src := w.src
	w.src = nil
	w.held = src.handOver()
	w.parked = true
	w.l.wg.Go(src.serve) // we are counted ourselves, so Close still waits
	return true
}

// NewDetached makes a worker that belongs to no layer and no socket: it counts as parked
// and hands its messages to send. Tests drive a Handler with it.
func NewDetached(scratch any, send func(Flow, []byte) error) *Worker {
	return &Worker{scratch: scratch, parked: true, fake: send}
}

// Detached is a worker for a goroutine of the caller's own, such as a request that the
// proxy itself originates: with scratch memory, parked, sending at once. It counts as no
// waiter. Give it back with Release.
func (l *Layer) Detached() *Worker {
	w := l.borrow()
	w.parked = true
	return w
}

// Release gives a worker of Detached back; its scratch memory serves another then.
func (l *Layer) Release(w *Worker) {
	w.parked = false
	l.give(w)
}

// borrow takes an idle worker or makes one.
func (l *Layer) borrow() *Worker {
	l.idleMu.Lock()
	if last := len(l.idle) - 1; last >= 0 {
		w := l.idle[last]
		l.idle[last] = nil
		l.idle = l.idle[:last]
		l.idleMu.Unlock()
		return w
	}
	l.idleMu.Unlock()
	return &Worker{
		l:       l,
		scratch: l.handler.NewScratch(),
		out:     newOutbox(),
		dirty:   make([]*conn, 0, maxDirty),
	}
}

// give takes a worker back, unless enough are idle.
func (l *Layer) give(w *Worker) {
	w.flush()
	w.src, w.lane = nil, 0
	l.idleMu.Lock()
	if len(l.idle) < l.cfg.MaxSpares {
		l.idle = append(l.idle, w)
	}
	l.idleMu.Unlock()
}

// unpark ends the wait of a worker whose Receive has returned.
func (l *Layer) unpark(w *Worker) {
	l.bufs.give(w.held)
	w.held = nil
	w.parked = false
	l.waiters.Add(-1)
	l.give(w)
}
