package user_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/webui/internal/user"
)

func TestEventsStream(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.add(alice, "Erin", "Rao", "erin@iptel.org", "")
	s.router.see(alice, "erin@iptel.org", ctlproto.StatusNonLocal)
	b := s.signIn(alice)
	feed := b.listen()
	h := feed.response.Header
	if got := h.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := h.Get("Cache-Control"); !strings.Contains(got, "no-store") || h.Get("Content-Encoding") != "" {
		t.Errorf("Cache-Control %q, Content-Encoding %q", got, h.Get("Content-Encoding"))
	}
	feed.begins(map[string]string{"bob@example.org": "offline", "erin@iptel.org": "non-local"})

	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "bob@example.org", Status: ctlproto.StatusOnLine})
	changed := map[string]string{}
	feed.next("presence", &changed)
	if want := map[string]string{"bob@example.org": "online"}; !maps.Equal(changed, want) {
		t.Errorf("presence %v, want %v", changed, want)
	}
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "alice@example.org"})
	feed.next("contacts", nil)

	s.router.Lose(ctlproto.TopicRegistration) // events are missing: what changed meanwhile is told
	s.router.see(alice, "bob@example.org", ctlproto.StatusOffline)
	feed.next("presence", &changed)
	if changed["bob@example.org"] != "offline" {
		t.Errorf("after a gap: %v", changed)
	}
}

// begins waits for the state, past "away" while the program has not yet reached the router.
func (s *stream) begins(want map[string]string) state {
	s.t.Helper()
	for e := (event{}); ; {
		select {
		case e = <-s.events:
		case <-time.After(patience):
			s.t.Fatal("no state")
		}
		if e.name == "away" {
			continue
		}
		var got state
		if e.name != "state" || json.Unmarshal([]byte(e.data), &got) != nil || !maps.Equal(got.Presence, want) {
			s.t.Fatalf("the stream begins with %q %s, want the state %v", e.name, e.data, want)
		}
		return got
	}
}

// TestEventsPrivacy: each one hears only what the router lets them see, and nothing of others' calls.
func TestEventsPrivacy(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Dan", "", "dan", "")
	s.add(bob, "Dan", "", "dan", "")
	s.router.see(alice, "dan@example.org", ctlproto.StatusUnknown)
	ofAlice, ofBob := s.signIn(alice).listen(), s.signIn(bob).listen()
	ofAlice.begins(map[string]string{"dan@example.org": "unknown"})
	ofBob.begins(map[string]string{"dan@example.org": "offline"})

	s.router.see(bob, "dan@example.org", ctlproto.StatusOnLine)
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "dan@example.org", Status: ctlproto.StatusOnLine})
	ofBob.next("presence", nil)
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "zora@example.org", Status: ctlproto.StatusOnLine})
	s.router.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "x", Caller: "bob@example.org", Callee: "sip:dan@example.org", State: ctlproto.CtdRingingYou})
	ofBob.next("card", nil)
	// The last event proves that none came before it.
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "alice@example.org"})
	ofAlice.next("contacts", nil)
}

func TestEventsCard(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "<b>Keller</b>", "bob", "")
	b := s.signIn(alice)
	feed := b.listen()
	feed.begins(map[string]string{"bob@example.org": "offline"})
	b.get("/user/phone-book")
	b.post("/user/dial", "to", "bob")
	s.router.step("call-1", ctlproto.CtdAnswered, "", 0, "")
	var got card
	for !strings.Contains(got.HTML, "You answered") {
		feed.next("card", &got)
	}
	if got.ID != "call-1" || !strings.Contains(got.HTML, "Calling Bob &lt;b&gt;Keller&lt;/b&gt;") || strings.Contains(got.HTML, "<b>") {
		t.Errorf("card %q: %s", got.ID, got.HTML)
	}
	if !strings.Contains(got.HTML, `name="csrf" value="`+b.csrf+`"`) {
		t.Errorf("the card's forms do not carry the session's token: %s", got.HTML)
	}
	again := b.listen() // another page
	if got := again.begins(map[string]string{"bob@example.org": "offline"}); got.Card.ID != "call-1" {
		t.Errorf("a new page's card is %q", got.Card.ID)
	}
	b.post("/user/dial/call-1/close")
	for strings.Contains(got.HTML, "data-call") { // what was on its way before
		feed.next("card", &got)
	}
	if !strings.Contains(got.HTML, `href="/user/dial/call-1"`) {
		t.Errorf("closing the card of a running attempt leaves no link: %+v", got)
	}
	s.router.step("call-1", ctlproto.CtdFailed, ctlproto.OutcomeCalleeBusy, 486, "Busy Here")
	for got.HTML != "" {
		feed.next("card", &got)
	}
	if got.ID != "call-1" {
		t.Errorf("the attempt's own page is not told of its end: %+v", got)
	}
}

func TestEventsRouterAway(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	b := s.signIn(alice)
	feed := b.listen()
	feed.begins(map[string]string{"bob@example.org": "online"})
	s.router.Close()
	feed.next("away", nil)
	page := b.get("/user/phone-book")
	page.shows(t, http.StatusOK, "Bob Keller", "nobody's status is known")
	if got := page.rowStatus(t, "bob@example.org"); got != "unknown" {
		t.Errorf("bob is %q while the router is away", got)
	}
	s.router.see(alice, "bob@example.org", ctlproto.StatusOffline)
	s.router.listen(t)
	var back state
	feed.next("state", &back)
	if back.Presence["bob@example.org"] != "offline" {
		t.Errorf("state after the return: %v", back.Presence)
	}
}

func TestEventsEnd(t *testing.T) {
	revoke := func(s *site, b *browser) {
		_, err := s.db.Sessions.RevokeAll(context.Background(), alice, 0)
		check(t, err)
	}
	for _, c := range []struct {
		name string
		end  func(s *site, b *browser)
		told bool // that the session has ended
	}{
		{"signed out on another page", func(s *site, b *browser) { b.post("/user/sign-out") }, true},
		{"revoked by another program", revoke, true},
		{"all others ended on another page", func(s *site, b *browser) { s.signIn(alice).post("/user/account/security/sessions") }, true},
		{"account deleted", func(s *site, b *browser) { s.signIn(alice).post("/user/account/delete", "password", password) }, true},
		{"account closed", func(s *site, b *browser) { check(t, s.db.Profiles.SetDisabled(context.Background(), alice, true)) }, true},
		{"program stops", func(s *site, b *browser) { s.stop() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSiteWith(t, user.LiveOptions{Alive: 10 * time.Millisecond})
			b := s.signIn(alice)
			feed := b.listen()
			feed.begins(map[string]string{})
			c.end(s, b)
			if c.told {
				feed.next("end", nil)
			}
			feed.ends()
			if c.told {
				b.hearsNothing()
			}
		})
	}
}

// hearsNothing fails the test if a stream opens.
func (b *browser) hearsNothing() {
	b.t.Helper()
	if got := b.get("/user/events"); got.status != http.StatusUnauthorized {
		b.t.Errorf("a stream without a session: status %d", got.status)
	}
}

func TestEventsWithoutSession(t *testing.T) {
	s := newSite(t)
	b := &browser{t: t, site: s, client: &http.Client{}}
	b.hearsNothing()
}

// TestEventsComment: a stream without news shows that it lives, and that does not keep the session alive.
func TestEventsComment(t *testing.T) {
	s := newSiteWith(t, user.LiveOptions{Comment: 5 * time.Millisecond, Alive: 5 * time.Millisecond})
	b := s.signIn(alice)
	before, err := s.db.Sessions.List(context.Background(), alice)
	check(t, err)
	feed := b.listen()
	for range 5 {
		select {
		case <-feed.comments:
		case <-time.After(patience):
			t.Fatal("no comment")
		}
	}
	after, err := s.db.Sessions.List(context.Background(), alice)
	check(t, err)
	if len(before) != 1 || len(after) != 1 || !before[0].LastSeen.Equal(after[0].LastSeen) {
		t.Errorf("the stream counts as use: %+v, then %+v", before, after)
	}
}

func TestEventsTooMany(t *testing.T) {
	s := newSiteWith(t, user.LiveOptions{StreamsPerUser: 1})
	b := s.signIn(alice)
	feed := b.listen()
	got := b.get("/user/events")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("second stream: status %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	s.signIn(bob).listen() // others are not concerned
	feed.response.Body.Close()
	for deadline := time.After(patience); ; {
		if b.tryStream() == http.StatusOK {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the place of a closed stream is never free")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestEventsDeafBrowser: one that does not read loses its stream, and holds up nobody.
func TestEventsDeafBrowser(t *testing.T) {
	s := newSiteWith(t, user.LiveOptions{Write: 50 * time.Millisecond, Gap: time.Millisecond, StreamsPerUser: 2})
	for i := range 200 {
		s.add(alice, "", "", fmt.Sprintf("%060d@%s.example.org", i, strings.Repeat("x", 45)), "")
	}
	b := s.signIn(alice)
	quick := b.listen()
	for e := range quick.events {
		if e.name == "state" {
			break
		}
	}
	deaf := b.deaf()
	defer deaf.Close()
	for deadline, i := time.After(patience), 0; ; i++ {
		// Every change of the book is a state of some 25 kB.
		b.post("/user/phone-book/new", "address", fmt.Sprintf("new%d", i))
		for e := range quick.events {
			if e.name == "state" {
				break
			}
		}
		if third := b.tryStream(); third == http.StatusOK {
			return // its place is free: the deaf one's stream has ended
		}
		select {
		case <-deadline:
			t.Fatal("the stream of a browser that does not read never ends")
		default:
		}
	}
}

// deaf opens a stream and never reads from it.
func (b *browser) deaf() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.site.url, "http://"))
	check(b.t, err)
	check(b.t, conn.(*net.TCPConn).SetReadBuffer(4096))
	r, err := http.NewRequest(http.MethodGet, b.site.url+"/user/events", nil)
	check(b.t, err)
	for _, cookie := range b.client.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	check(b.t, r.Write(conn))
	return conn
}

// tryStream is the status of a stream that is closed at once.
func (b *browser) tryStream() int {
	b.t.Helper()
	response, err := b.client.Get(b.site.url + "/user/events")
	check(b.t, err)
	response.Body.Close()
	return response.StatusCode
}

// TestEventsEndWhenSomebodyElseSignsIn: the pages of the user who was signed in before are
// told at once, not at the next look.
func TestEventsEndWhenSomebodyElseSignsIn(t *testing.T) {
	s := newSiteWith(t, user.LiveOptions{Alive: time.Hour})
	b := s.signIn(alice)
	feed := b.listen()
	feed.begins(map[string]string{})
	b.get("/user/account") // its token is taken on the sign-in page of another tab, too
	if got := b.post("/user/sign-in", "user", bob.String(), "password", password); got.path != "/user/phone-book" {
		t.Fatalf("signing in over a session led to %s", got.path)
	}
	feed.next("end", nil)
}

// TestEventsOfAnotherUser: a page of somebody who is signed in no more, in a browser
// where somebody else is now, hears that it has ended, and nothing of the other.
func TestEventsOfAnotherUser(t *testing.T) {
	s := newSite(t)
	s.add(bob, "Dan", "", "dan", "")
	b := s.signIn(bob)
	feed := b.listenAt("/user/events?as=alice%40example.org")
	feed.next("end", nil)
	feed.ends()
	b.listenAt("/user/events?as=bob%40example.org").begins(map[string]string{"dan@example.org": "offline"})
}

// TestEventsAlso: what a page shows beside the user's lists is told as far as the
// user may see it; what is no address, is too long or too many is not asked for.
func TestEventsAlso(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.see(alice, "zoe@example.org", ctlproto.StatusOnLine)
	s.router.see(alice, "shy@example.org", ctlproto.StatusUnknown)
	ask := url.Values{"also": {"zoe@example.org", "shy@example.org", "ZOE@EXAMPLE.ORG", "", "<script>", "tel:+1", strings.Repeat("x", 250) + "@example.org"}}
	s.signIn(alice).listenAt("/user/events?" + ask.Encode()).begins(map[string]string{
		"bob@example.org": "offline", "zoe@example.org": "online", "shy@example.org": "unknown",
	})
	for i := range 500 {
		ask.Add("also", fmt.Sprintf("u%d@example.org", i))
	}
	want := map[string]string{"zoe@example.org": "offline", "shy@example.org": "offline"}
	for i := range 193 {
		want[fmt.Sprintf("u%d@example.org", i)] = "offline"
	}
	s.signIn(bob).listenAt("/user/events?" + ask.Encode()).begins(want)
}

// TestEventsOfTheNextOwner: the open stream of an account that another program deleted hears
// nothing of the account that has the address now, and ends with the first that happens to them; that of
// an account which is still there goes on.
func TestEventsOfTheNextOwner(t *testing.T) {
	for name, happens := range map[string]func(s *site){
		"contacts": func(s *site) {
			s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: alice.String(), Status: ctlproto.StatusOnLine})
		},
		"a missed call": func(s *site) {
			s.router.Publish(ctlproto.TopicMissedCall, ctlproto.MissedCallEvent{Owner: alice.String()})
		},
		"a call": func(s *site) {
			s.router.Publish(ctlproto.TopicCall, ctlproto.CallEvent{Caller: alice.String(), Callee: "zoe@example.net"})
		},
		"a message": func(s *site) {
			s.router.Publish(ctlproto.TopicMessage, ctlproto.MessageEvent{Owner: alice.String()})
		},
		"somebody of the old book": func(s *site) {
			s.router.see(alice, bob.String(), ctlproto.StatusOnLine)
			s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: bob.String(), Status: ctlproto.StatusOnLine})
		},
		"an entry": func(s *site) {
			b := s.signIn(alice)
			b.post("/user/phone-book/new", "address", "secret@example.net")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSiteWith(t, user.LiveOptions{Alive: time.Hour})
			s.add(alice, "Bob", "Keller", "bob", "")
			feed := s.signIn(alice).listen()
			feed.begins(map[string]string{bob.String(): "offline"})
			ofBob := s.signIn(bob).listen()
			ofBob.begins(map[string]string{})
			check(t, s.db.Subscribers.Delete(t.Context(), alice))
			check(t, s.db.Subscribers.Create(t.Context(), alice, password))
			happens(s)
			feed.next("end", nil)
			feed.ends()
			s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: bob.String()})
			ofBob.next("contacts", nil)
		})
	}
}
