package user_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// hearsBadges fails the test unless the next event has these numbers.
func (s *stream) hearsBadges(want badges) {
	s.t.Helper()
	var got badges
	s.next("badges", &got)
	if got != want {
		s.t.Fatalf("badges %+v, want %+v", got, want)
	}
}

// TestBadgesLive: the tabs of every open page count along, of the user's own matters only.
func TestBadgesLive(t *testing.T) {
	s := newSite(t)
	s.missed(alice, "sip:bob@example.org", "", time.Now(), 480, "")
	id := s.stores(alice, store.SiloMessage{From: "sip:carol@example.org"})
	b := s.signIn(alice)
	feed, ofBob := b.listen(), s.signIn(bob).listen()
	ofBob.begins(map[string]string{})
	first := feed.begins(map[string]string{"bob@example.org": "offline", "carol@example.org": "offline"})
	if first.Badges == nil || *first.Badges != (badges{1, 1, ""}) {
		t.Errorf("the state's badges are %+v", first.Badges)
	}

	s.missed(alice, "sip:dan@example.org", "", time.Now(), 486, "Busy Here")
	s.router.Publish(ctlproto.TopicMissedCall, ctlproto.MissedCallEvent{Owner: "alice@example.org", Caller: "sip:dan@example.org", MissedUnseen: 2})
	feed.hearsBadges(badges{2, 1, "missed"})
	feed.begins(map[string]string{"bob@example.org": "offline", "carol@example.org": "offline", "dan@example.org": "offline"}) // whom the list now shows

	s.stores(alice, store.SiloMessage{})
	s.router.Publish(ctlproto.TopicMessage, ctlproto.MessageEvent{Owner: "alice@example.org", Total: 2, Unread: 2})
	feed.hearsBadges(badges{2, 2, "messages"})

	b.get("/user/missed") // a look at the list
	feed.hearsBadges(badges{0, 2, ""})
	b.get("/user/missed") // nothing new: no event
	b.post("/user/messages/read", "ids", fmt.Sprint(id))
	feed.hearsBadges(badges{0, 1, "messages"})
	b.post("/user/messages/delete", "ids", fmt.Sprint(id))
	feed.hearsBadges(badges{0, 1, "messages"})

	// The last event proves that bob heard of none of this.
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "bob@example.org"})
	ofBob.next("contacts", nil)
}

// TestMissedStatusLive: whoever stands in a list is followed, though in no phone book.
func TestMissedStatusLive(t *testing.T) {
	s := newSite(t)
	s.missed(alice, "sip:dan@example.org", "Dan", time.Now(), 480, "")
	b := s.signIn(alice)
	feed := b.listen()
	feed.begins(map[string]string{"dan@example.org": "offline"})
	s.router.see(alice, "dan@example.org", ctlproto.StatusOnLine)
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "dan@example.org", Status: ctlproto.StatusOnLine})
	changed := map[string]string{}
	feed.next("presence", &changed)
	if changed["dan@example.org"] != "online" {
		t.Errorf("presence %v", changed)
	}
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, "on line")
	if got := page.rowStatus(t, "dan@example.org"); got != "online" {
		t.Errorf("the row is %q", got)
	}
}
