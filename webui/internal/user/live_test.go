package user

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
	s, err := p.Live.join(who)
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

func TestLivePresence(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.add(alice, "bob")
		p.add(alice, "carol")
		p.add(carol, "bob")
		p.router.set(alice, "bob@example.org", ctlproto.StatusOffline)
		p.router.set(alice, "carol@example.org", ctlproto.StatusOffline)
		p.router.set(carol, "bob@example.org", ctlproto.StatusUnknown)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		first, second, other := p.join(alice), p.join(alice), p.join(carol)
		for _, s := range []*stream{first, second, other} {
			p.hears(s, newsState)
		}
		statuses, synced := p.presence(first.viewer)
		if want := map[string]string{"bob@example.org": "offline", "carol@example.org": "offline"}; !synced || !maps.Equal(statuses, want) {
			p.Errorf("state %v (synced %v), want %v", statuses, synced, want)
		}

		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		p.registered("bob@example.org")
		want := map[string]string{"bob@example.org": "online"}
		for _, s := range []*stream{first, second} {
			if got := p.hears(s, newsPresence).presence; !maps.Equal(got, want) {
				p.Errorf("presence %v, want %v", got, want)
			}
		}
		p.quiet(other, time.Second) // bob hides from carol: she learns nothing, not even that something happened
		p.registered("stranger@example.org")
		p.registered("bob@example.org") // nothing new for alice
		p.quiet(first, time.Second)
		for _, s := range []*stream{first, second, other} {
			p.leave(s)
		}
	})
}

// TestLiveCoalesces: what comes while a question is out, or shortly after, is asked for together.
func TestLiveCoalesces(t *testing.T) {
	playLive(t, LiveOptions{Gap: time.Second}, func(p *play) {
		var addresses []string
		for i := range 40 {
			address := fmt.Sprintf("u%02d@example.org", i)
			addresses = append(addresses, address)
			p.add(alice, address)
		}
		s := p.join(alice)
		p.hears(s, newsAway)
		p.began(s)
		if got := p.router.questions(); len(got) != 1 || !slices.Equal(got[0], addresses) {
			p.Errorf("the state was asked for so: %q", got)
		}
		for range 5 {
			for _, address := range addresses {
				p.router.set(alice, address, ctlproto.StatusOnLine)
				p.registered(address)
			}
		}
		if got := p.hears(s, newsPresence).presence; len(got) != 40 {
			p.Errorf("news of %d addresses, want 40", len(got))
		}
		if got := p.router.questions(); len(got) != 1 || len(got[0]) != 40 {
			p.Errorf("200 events were asked for so: %q", got)
		}
		p.leave(s)
	})
}

func TestLiveAway(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.add(alice, "bob")
		s := p.join(alice)
		p.hears(s, newsAway) // nobody knows yet whether there is a router
		p.began(s)
		p.event(ctlproto.Event{Topic: ctlproto.TopicAway})
		p.hears(s, newsAway)
		if _, synced := p.presence(s.viewer); synced || !p.Away() {
			p.Error("the statuses are still believed")
		}
		p.router.questions()
		p.BookChanged(alice)
		p.quiet(s, 2*time.Minute)
		if asked := p.router.questions(); len(asked) != 0 {
			p.Errorf("asked a router that is away: %q", asked)
		}
		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		p.hears(s, newsState)
		if statuses, _ := p.presence(s.viewer); statuses["bob@example.org"] != "online" {
			p.Errorf("state after the return: %v", statuses)
		}
		p.leave(s)
	})
}

// TestLiveAsksAgain: a question that failed is repeated, and what no event tells is seen within a minute.
func TestLiveAsksAgain(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.add(alice, "bob")
		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		p.router.failing(ctlproto.Errorf(ctlproto.CodeUnavailable, "the database is away"))
		s := p.join(alice)
		p.hears(s, newsAway)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		p.quiet(s, 10*time.Second)
		p.router.failing(nil)
		p.hears(s, newsState)
		p.router.set(alice, "bob@example.org", ctlproto.StatusUnknown) // bob hid
		if got := p.hearsWithin(s, 61*time.Second).presence["bob@example.org"]; got != "unknown" {
			p.Errorf("bob is %q, want unknown", got)
		}
		p.leave(s)
	})
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

func TestLiveBookChanged(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		s := p.join(alice)
		p.hears(s, newsAway)
		p.began(s)
		p.registered("bob@example.org")
		p.quiet(s, time.Second)
		p.add(alice, "bob")
		p.BookChanged(alice)
		p.hears(s, newsState)
		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		p.registered("bob@example.org")
		p.hears(s, newsPresence)
		if err := p.db.Dials.Add(p.Context(), alice, "dora"); err != nil {
			p.Fatal(err)
		}
		p.BookChanged(alice)
		p.hears(s, newsState)
		p.router.set(alice, "dora@example.org", ctlproto.StatusOnLine)
		p.PrivacyChanged(aor.AOR{User: "dora", Domain: "example.org"})
		p.hears(s, newsPresence)
		p.leave(s)
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.watched) != 0 || len(p.viewers) != 0 || p.open != 0 {
			p.Errorf("left behind: %d addresses, %d viewers, %d streams", len(p.watched), len(p.viewers), p.open)
		}
	})
}

func TestLiveContactsAndCalls(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		mine, other := p.join(alice), p.join(bob)
		p.hears(mine, newsState)
		p.hears(other, newsState)
		p.registered("alice@example.org")
		p.hears(mine, newsContacts)
		p.publish(ctlproto.TopicCtd, attemptAt("1", alice, ctlproto.CtdRingingYou))
		p.hears(mine, newsCall)
		p.publish(ctlproto.TopicCtd, attemptAt("1", alice, ctlproto.CtdRingingYou)) // told already
		p.event(ctlproto.Event{Topic: ctlproto.TopicCtd, Data: json.RawMessage(`"nonsense"`)})
		p.event(ctlproto.Event{Topic: ctlproto.TopicRegistration, Data: json.RawMessage(`{"aor":"@"}`)})
		p.quiet(mine, time.Second)
		p.quiet(other, time.Second)

		// Events were lost, and the attempt ended meanwhile.
		p.router.calls["1"] = attemptAt("1", alice, ctlproto.CtdRingingYou, ctlproto.CtdFailed)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		p.hears(mine, newsCall)
		if status, _ := p.calls.current(alice); !status.Ended {
			p.Errorf("the attempt is not known to have ended: %+v", status)
		}

		// The router was restarted and knows nothing of it.
		p.publish(ctlproto.TopicCtd, attemptAt("2", alice, ctlproto.CtdRingingYou))
		p.hears(mine, newsCall)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		p.hears(mine, newsCall)
		if status, ok := p.calls.current(alice); ok {
			p.Errorf("an attempt that nobody knows is still shown: %+v", status)
		}
		p.leave(mine)
		p.leave(other)
	})
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

// TestLiveSlowPage: a page that does not read makes nobody wait and gets the
// state in place of what it missed; its neighbours get everything.
func TestLiveSlowPage(t *testing.T) {
	playLive(t, LiveOptions{Gap: time.Millisecond}, func(p *play) {
		p.add(alice, "bob")
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		slow, quick := p.join(alice), p.join(alice)
		p.hears(slow, newsState)
		p.hears(quick, newsState)
		const changes = 3 * queueLength
		for i := range changes {
			status := ctlproto.StatusOnLine
			if i%2 == 1 {
				status = ctlproto.StatusOffline
			}
			p.router.set(alice, "bob@example.org", status)
			p.registered("bob@example.org")
			p.hears(quick, newsPresence)
		}
		if len(slow.queue) != queueLength {
			p.Errorf("%d pieces of news wait for the slow page, want %d", len(slow.queue), queueLength)
		}
		p.hears(slow, newsState)
		p.quiet(slow, time.Second)
		if statuses, _ := p.presence(slow.viewer); statuses["bob@example.org"] != "offline" {
			p.Errorf("the slow page's state: %v", statuses)
		}
		p.leave(slow)
		p.leave(quick)
	})
}

func TestLiveLimits(t *testing.T) {
	playLive(t, LiveOptions{StreamsPerUser: 2, Streams: 3}, func(p *play) {
		streams := []*stream{p.join(alice), p.join(alice)}
		if _, err := p.Live.join(alice); !errors.Is(err, errTooManyStreams) {
			p.Errorf("third stream of one user: %v", err)
		}
		streams = append(streams, p.join(bob))
		if _, err := p.Live.join(carol); !errors.Is(err, errTooManyStreams) {
			p.Errorf("fourth stream in all: %v", err)
		}
		for _, s := range streams {
			p.leave(s)
		}
		p.leave(p.join(carol))
	})
}

// TestLiveRefused: a router that refuses its feed is asked again later.
func TestLiveRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := newPlayRouter()
		router.refuses <- ctlproto.Errorf(ctlproto.CodeInvalidParams, "unknown topic")
		l := NewLive(router, &store.DB{}, LiveOptions{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- l.Run(ctx) }()
		handle := <-router.begun
		handle(ctlproto.Event{Topic: ctlproto.TopicLost})
		if l.Away() {
			t.Error("the router is still thought to be away")
		}
		stop()
		if err := <-ran; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestLiveEnds(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.join(alice) // still open when Run ends
		p.end()
		select {
		case <-p.ended:
		default:
			p.Error("the streams were not told")
		}
		if _, err := p.Live.join(alice); !errors.Is(err, errShuttingDown) {
			p.Errorf("join after the end: %v", err)
		}
	})
}

func TestCalls(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := newCalls(func() time.Time { return now })
	ringing := attemptAt("1", alice, ctlproto.CtdRingingYou)
	answered := attemptAt("1", alice, ctlproto.CtdRingingYou, ctlproto.CtdAnswered)
	next := attemptAt("2", alice, ctlproto.CtdRingingYou)
	for i, step := range []struct {
		put  ctlproto.CtdStatus
		news bool
	}{{ringing, true}, {ringing, false}, {answered, true}, {ringing, false}, {next, true}, {answered, false}} {
		if got := c.put(alice, step.put); got != step.news {
			t.Errorf("put %d: news %v, want %v", i, got, step.news)
		}
	}
	if got, _ := c.current(alice); !cmp.Equal(got, next) {
		t.Errorf("current: %+v", got)
	}
	if _, ok := c.current(bob); ok {
		t.Error("bob sees an attempt of alice's")
	}
	if c.hide(bob, "2") || c.hide(alice, "1") || !c.hide(alice, "2") || c.hide(alice, "2") {
		t.Error("hide hides what it should not, or not what it should")
	}
	if _, ok := c.current(alice); ok {
		t.Error("a hidden card is shown")
	}
	if c.put(alice, attemptAt("2", alice, ctlproto.CtdRingingYou, ctlproto.CtdFailed)) {
		t.Error("news of a hidden card")
	}

	c.put(bob, attemptAt("1", bob, ctlproto.CtdRingingYou, ctlproto.CtdConnected))
	c.put(carol, attemptAt("1", carol, ctlproto.CtdRingingYou))
	for _, step := range []struct {
		after       time.Duration
		bob, others bool
	}{{showEnded - time.Second, true, true}, {showEnded, false, true}, {staleCall, false, false}} {
		now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(step.after)
		_, ended := c.current(bob)
		_, running := c.current(carol)
		if ended != step.bob || running != step.others {
			t.Errorf("after %v: ended one shown %v, running one %v", step.after, ended, running)
		}
	}
	for i := range maxCalls + 10 {
		c.put(aor.AOR{User: fmt.Sprint(i), Domain: "example.org"}, ringing)
	}
	if len(c.byOwner) > maxCalls {
		t.Errorf("%d attempts are remembered, want at most %d", len(c.byOwner), maxCalls)
	}
}
