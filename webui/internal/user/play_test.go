package user

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

var (
	alice = aor.AOR{User: "alice", Domain: "example.org"}
	bob   = aor.AOR{User: "bob", Domain: "example.org"}
	carol = aor.AOR{User: "carol", Domain: "example.org"}
)

// playRouter is a Router whose events the test plays.
type playRouter struct {
	begun   chan func(ctlproto.Event) // Follow hands its handle over
	refuses chan error                // what Follow ends with at once

	mu       sync.Mutex
	presence map[string]ctlproto.PresenceStatus // "viewer address"
	asked    [][]string
	fail     error
	hangs    bool
	calls    map[string]ctlproto.CtdStatus
}

func newPlayRouter() *playRouter {
	return &playRouter{
		begun: make(chan func(ctlproto.Event), 1), refuses: make(chan error, 1), presence: map[string]ctlproto.PresenceStatus{},
		calls: map[string]ctlproto.CtdStatus{},
	}
}

func (r *playRouter) Follow(ctx context.Context, handle func(ctlproto.Event), _ ...string) error {
	select {
	case err := <-r.refuses:
		return err
	default:
	}
	r.begun <- handle
	<-ctx.Done()
	return ctx.Err()
}

func (r *playRouter) PresenceGet(_ context.Context, viewer string, addresses []string) (map[string]ctlproto.PresenceStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, addresses)
	if r.fail != nil {
		return nil, r.fail
	}
	got := map[string]ctlproto.PresenceStatus{}
	for _, address := range addresses {
		got[address] = r.presence[viewer+" "+address]
	}
	return got, nil
}

// CoreVersion answers unless the router hangs.
func (r *playRouter) CoreVersion(ctx context.Context) (string, error) {
	r.mu.Lock()
	hangs := r.hangs
	r.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return "play 1", nil
}

// hanging makes the router hang, or wakes it.
func (r *playRouter) hanging(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hangs = on
}

func (r *playRouter) CtdDial(context.Context, ctlproto.CtdDialParams) (string, error) {
	return "", errors.ErrUnsupported
}

func (r *playRouter) CtdStatus(_ context.Context, id string) (ctlproto.CtdStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	status, ok := r.calls[id]
	if !ok {
		return status, ctlproto.Errorf(ctlproto.CodeNotFound, "no attempt")
	}
	return status, nil
}

func (r *playRouter) CtdCancel(context.Context, string, string) error { return errors.ErrUnsupported }

// set says what viewer may see of address from now on.
func (r *playRouter) set(viewer aor.AOR, address string, status ctlproto.PresenceStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence[viewer.String()+" "+address] = status
}

// failing makes presence fail, nil makes it work again.
func (r *playRouter) failing(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// questions are the addresses of each question so far, which are then forgotten.
func (r *playRouter) questions() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

// play is a Live in a synctest bubble.
type play struct {
	*testing.T
	*Live
	router *playRouter
	db     *store.DB
	event  func(ctlproto.Event)
	end    func() // ends Run, which must be over then
}

// playLive runs a test in a bubble, with a Live that has begun to follow.
func playLive(t *testing.T, opts LiveOptions, run func(p *play)) {
	t.Helper()
	url := "sqlite://" + filepath.Join(t.TempDir(), "seraph.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			_, err = db.Migrate(t.Context())
		}
		for _, who := range []aor.AOR{alice, bob} {
			if err == nil {
				err = db.Subscribers.Create(t.Context(), who, "password")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		router := newPlayRouter()
		p := &play{T: t, router: router, db: db, Live: NewLive(router, db, opts, slog.New(slog.NewTextHandler(io.Discard, nil)))}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- p.Live.Run(ctx) }()
		p.event = <-router.begun
		p.end = sync.OnceFunc(func() {
			stop()
			if err := <-ran; !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		})
		run(p)
		p.end()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		// The bubble fails the test if a goroutine is left.
	})
}

func (p *play) add(owner aor.AOR, address string) {
	p.Helper()
	if _, err := p.db.Phonebook.Add(p.Context(), owner, store.Entry{Address: address}); err != nil {
		p.Fatal(err)
	}
}

func (p *play) join(who aor.AOR) *stream {
	p.Helper()
	s, err := p.Live.join(who, asks{})
	if err != nil {
		p.Fatal(err)
	}
	return s
}

func (p *play) registered(address string) {
	p.publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: address})
}

func (p *play) publish(topic string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		p.Fatal(err)
	}
	p.event(ctlproto.Event{Topic: topic, Data: raw})
}

// hears waits for the next news of a stream, which must be of the kind.
func (p *play) hears(s *stream, kind newsKind) news {
	p.Helper()
	select {
	case n := <-s.queue:
		if n = s.take(n); n.kind != kind {
			p.Fatalf("news of kind %d, want %d", n.kind, kind)
		}
		return n
	case <-time.After(time.Minute / 2):
		p.Fatalf("no news of kind %d", kind)
	}
	return news{}
}

// quiet fails the test if the stream has news within d.
func (p *play) quiet(s *stream, d time.Duration) {
	p.Helper()
	select {
	case n := <-s.queue:
		p.Fatalf("unexpected news of kind %d: %v", n.kind, n.presence)
	case <-time.After(d):
	}
}

// began lets the feed begin and the first state arrive.
func (p *play) began(streams ...*stream) {
	p.Helper()
	p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
	for _, s := range streams {
		p.hears(s, newsState)
	}
}

func (p *play) hearsWithin(s *stream, d time.Duration) news {
	p.Helper()
	select {
	case n := <-s.queue:
		return s.take(n)
	case <-time.After(d):
		p.Fatalf("no news within %v", d)
	}
	return news{}
}

// attemptAt is an attempt that went through states; ids order their beginnings.
func attemptAt(id string, caller aor.AOR, states ...ctlproto.CtdState) ctlproto.CtdStatus {
	begin := time.Date(2026, 1, 1, 0, 0, int(id[0]), 0, time.UTC)
	s := ctlproto.CtdStatus{ID: id, Caller: caller.String(), Callee: "sip:bob@example.org", CalleeName: "Bob Keller", Cancellable: true}
	for i, state := range states {
		s.State = state
		s.Steps = append(s.Steps, ctlproto.CtdStep{State: state, At: begin.Add(time.Duration(i) * time.Second), ElapsedMS: int64(i) * 1000})
	}
	switch s.State {
	case ctlproto.CtdConnected, ctlproto.CtdFailed, ctlproto.CtdCancelled:
		s.Ended, s.Cancellable = true, false
	}
	return s
}
