package ctlproto

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Waits of a Redialer.
const (
	// redialPause is how long after a failed connect every call fails at once,
	// so that a page with many calls does not wait for each of them.
	redialPause = 250 * time.Millisecond
	// followPauseMax is the longest wait of Follow between two connects.
	followPauseMax = 2 * time.Second
)

// Redialer is a client for a program that outlives the proxy: it connects when
// it is first needed, and again after the connection broke. While the proxy is
// away its calls fail at once with ErrUnreachable. It never repeats a call: one
// that broke midway may have been carried out. For many goroutines.
type Redialer struct {
	Methods
	path string
	opts Dialer

	mu      sync.Mutex
	current *attempt
	closed  bool
}

// attempt is one connect: running, successful or failed. Its fields are set
// before done is closed and not changed after.
type attempt struct {
	done   chan struct{}
	client *Client
	err    error
	failed time.Time
}

// NewRedialer makes a Redialer for the socket at path. It does not connect.
func NewRedialer(path string, opts Dialer) *Redialer {
	r := &Redialer{path: path, opts: opts}
	r.Methods = NewMethods(r)
	return r
}

// Call is Client.Call on the connection of the moment.
func (r *Redialer) Call(ctx context.Context, method string, params, result any) error {
	c, err := r.client(ctx)
	if err != nil {
		return notSent(err)
	}
	return c.Call(ctx, method, params, result)
}

// Hello connects if need be and returns what the server said of itself.
func (r *Redialer) Hello(ctx context.Context) (Hello, error) {
	c, err := r.client(ctx)
	if err != nil {
		return Hello{}, err
	}
	return c.Hello(), nil
}

// Subscribe opens a feed on a connection of its own. It ends with the
// connection; Follow is for a feed that comes back.
func (r *Redialer) Subscribe(ctx context.Context, topics ...string) (*Subscription, error) {
	return r.opts.Subscribe(ctx, r.path, topics...)
}

// Close ends the connection; later calls fail with ErrClosed. Subscriptions
// and Follow are their contexts' matter.
func (r *Redialer) Close() error {
	r.mu.Lock()
	r.closed = true
	a := r.current
	r.mu.Unlock()
	if a == nil {
		return nil
	}
	<-a.done
	if a.client != nil {
		return a.client.Close()
	}
	return nil
}

// client returns the living connection, or waits for one connect that all
// callers share.
func (r *Redialer) client(ctx context.Context) (*Client, error) {
	a, err := r.attempt()
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.client, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attempt returns the current attempt, or starts a new one if that has failed
// long enough ago or its connection has ended.
func (r *Redialer) attempt() (*attempt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.current != nil && r.current.usable() {
		return r.current, nil
	}
	a := &attempt{done: make(chan struct{})}
	r.current = a
	go func() {
		// Not the caller's context: others wait for this connect too. It is
		// bounded by the dial timeout.
		a.client, a.err = r.opts.Dial(context.Background(), r.path)
		a.failed = time.Now()
		close(a.done)
	}()
	return a, nil
}

func (a *attempt) usable() bool {
	select {
	case <-a.done:
	default:
		return true // still connecting
	}
	if a.err != nil {
		return time.Since(a.failed) < redialPause
	}
	return a.client.Err() == nil
}

// Follow calls handle for every event of topics, one at a time, until ctx ends,
// and returns the context's error; it connects again whenever the feed breaks.
// Each time a feed begins, handle first gets an event of TopicLost: read the
// state then. When the proxy goes away (or is not there at first) it gets one
// of TopicAway; an incompatible release is away too, until it is replaced. A
// refusal (an unknown topic) is returned, since it would not pass by itself.
func (r *Redialer) Follow(ctx context.Context, handle func(Event), topics ...string) error {
	pause := redialPause
	told := false // that it is away
	for {
		s, err := r.Subscribe(ctx, topics...)
		if err == nil {
			pause, told = redialPause, false
			handle(Event{Topic: TopicLost})
			err = drain(ctx, s, handle)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case CodeOf(err) != 0 && !errors.Is(err, ErrUnreachable):
			return err
		case !told:
			told = true
			handle(Event{Topic: TopicAway})
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, followPauseMax)
	}
}

// drain hands on events until the feed ends, and closes it.
func drain(ctx context.Context, s *Subscription, handle func(Event)) error {
	defer s.Close()
	for {
		event, err := s.Next(ctx)
		if err != nil {
			return err
		}
		handle(event)
	}
}
