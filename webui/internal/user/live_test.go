package user

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

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
		if status, ok := p.calls.current(alice); !ok || !status.Ended || status.Message != outcomeLost {
			p.Errorf("an attempt that nobody knows is shown as %+v", status)
		}

		// The same of one whose card was closed: its link goes, too.
		p.publish(ctlproto.TopicCtd, attemptAt("3", alice, ctlproto.CtdRingingYou))
		p.hears(mine, newsCall)
		p.closeCard(alice, "3")
		p.hears(mine, newsCall)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		p.hears(mine, newsCall)
		if status, _, ok := p.calls.last(alice); !ok || !status.Ended {
			p.Errorf("an attempt that nobody knows, with its card closed, is %+v", status)
		}
		p.leave(mine)
		p.leave(other)
	})
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
		if _, err := p.Live.join(alice, asks{}); !errors.Is(err, errTooManyStreams) {
			p.Errorf("third stream of one user: %v", err)
		}
		streams = append(streams, p.join(bob))
		if _, err := p.Live.join(carol, asks{}); !errors.Is(err, errTooManyStreams) {
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
		if _, err := p.Live.join(alice, asks{}); !errors.Is(err, errShuttingDown) {
			p.Errorf("join after the end: %v", err)
		}
	})
}

// TestLiveAlso: a page that shows more than the user's lists is told of that, too,
// as long as it is open.
func TestLiveAlso(t *testing.T) {
	playLive(t, LiveOptions{Gap: time.Millisecond, Reask: 10 * time.Second}, func(p *play) {
		p.add(alice, "bob")
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		book := p.join(alice)
		p.hears(book, newsState)
		found, err := p.Live.join(alice, asks{also: []string{"zoe@example.org", "bob@example.org"}})
		if err != nil {
			p.Fatal(err)
		}
		p.hears(found, newsState) // what is known at once, then all of it
		p.hears(found, newsState)
		p.hears(book, newsState)
		statuses, _ := p.presence(found.viewer)
		if _, told := statuses["zoe@example.org"]; !told || len(statuses) != 2 {
			p.Errorf("the state: %v", statuses)
		}
		p.router.set(alice, "zoe@example.org", ctlproto.StatusOnLine)
		p.registered("zoe@example.org")
		if n := p.hears(found, newsPresence); n.presence["zoe@example.org"] != "online" {
			p.Errorf("zoe's coming: %v", n.presence)
		}
		p.hears(book, newsPresence) // another tab of the browser may show her
		p.leave(found)
		p.hears(book, newsState) // read again, without her
		p.router.set(alice, "zoe@example.org", ctlproto.StatusOffline)
		p.registered("zoe@example.org")
		p.quiet(book, time.Second)
		p.leave(book)
	})
}

func TestLiveSessionLimit(t *testing.T) {
	playLive(t, LiveOptions{StreamsPerSession: 1, StreamsPerUser: 3}, func(p *play) {
		var streams []*stream
		for session := range int64(2) {
			s, err := p.Live.join(alice, asks{session: session})
			if err != nil {
				p.Fatal(err)
			}
			streams = append(streams, s)
			if _, err := p.Live.join(alice, asks{session: session}); !errors.Is(err, errTooManyStreams) {
				p.Errorf("second stream of session %d: %v", session, err)
			}
		}
		for _, s := range streams {
			p.leave(s)
		}
	})
}

// TestLiveAsksOnceWhoseAttempt: an attempt that is nobody's here, or of which the database did not say whose it is,
// makes no event after its first one wait for the database, until strangerTime has passed; nor does one that the user's
// last attempt came after.
func TestLiveAsksOnceWhoseAttempt(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		var log bytes.Buffer
		p.log = slog.New(slog.NewTextHandler(&log, nil))
		tells := func(id string, caller aor.AOR) bool {
			attempt := attemptAt(id, caller, ctlproto.CtdRingingYou)
			attempt.Steps = nil // of any time
			p.publish(ctlproto.TopicCtd, attempt)
			last, _, ok := p.calls.last(caller)
			return ok && last.ID == id
		}
		if tells("1", carol) {
			p.Error("an attempt of nobody is kept")
		}
		if err := p.db.Subscribers.Create(p.Context(), carol, "password"); err != nil {
			p.Fatal(err)
		}
		if tells("1", carol) || !tells("2", carol) {
			p.Error("it was asked once more whose it is, or another one was taken for it")
		}
		time.Sleep(strangerTime)
		if !tells("1", carol) {
			p.Error("it is never asked again whose it is")
		}
		now := attemptAt("2", bob, ctlproto.CtdRingingYou)
		now.Steps[0].At = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		p.publish(ctlproto.TopicCtd, now)
		if err := p.db.Close(); err != nil {
			p.Fatal(err)
		}
		for range 3 {
			p.publish(ctlproto.TopicCtd, attemptAt("3", bob, ctlproto.CtdRingingYou)) // an older one
			p.publish(ctlproto.TopicCtd, now)
			tells("4", alice)
		}
		if n := strings.Count(log.String(), "whose attempt is not known"); n != 1 {
			p.Errorf("a database that fails was asked %d times:\n%s", n, log.String())
		}
		time.Sleep(strangerTime)
		tells("4", alice)
		if n := strings.Count(log.String(), "whose attempt is not known"); n != 2 {
			p.Errorf("later it was asked %d times", n)
		}
	})
}

// TestStrangersAreBounded: however many attempts are nobody's, few are remembered.
func TestStrangersAreBounded(t *testing.T) {
	s, now := strangers{}, time.Now()
	for i := range 3 * maxStrangers {
		s.add(fmt.Sprint(i), now.Add(time.Second))
		if len(s) > maxStrangers || !s.has(fmt.Sprint(i), now) || s.has(fmt.Sprint(i), now.Add(time.Second)) {
			t.Fatalf("after %d there are %d", i+1, len(s))
		}
	}
}
