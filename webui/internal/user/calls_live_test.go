package user_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// TestCallsLive: both sides of a call hear that their lists changed, and nobody else; the
// list alone is then read again, from the address that the page has.
func TestCallsLive(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Subscribers.Create(t.Context(), named("carol"), password))
	b := s.signIn(alice)
	ofAlice, ofBob, ofCarol := b.listen(), s.signIn(bob).listen(), s.signIn(named("carol")).listen()
	for _, feed := range []*stream{ofAlice, ofBob, ofCarol} {
		feed.begins(map[string]string{})
	}
	s.add(alice, "Bob", "Keller", "bob", "")
	began := time.Now().Add(-2 * time.Minute)
	call := store.Call{Callee: bob, CallerURI: alice.URI(), TargetURI: bob.URI(), Started: began}
	s.logs(call, time.Minute, "")
	news := ctlproto.CallEvent{CallID: "call-1", State: ctlproto.CallAnswered, Caller: "alice@example.org", Callee: "bob@example.org"}
	s.router.Publish(ctlproto.TopicCall, news)
	ofAlice.next("calls", nil)
	ofBob.next("calls", nil)
	b.list("/user/calls?kind=out&q=keller").shows(t, http.StatusOK, "its end is not known yet")

	check(t, s.db.Calls.End(t.Context(), []store.CallEnd{{CallID: "call-1", FromTag: "tag", Callee: bob, Ended: began.Add(65 * time.Second), HungUpBy: store.HungUpCallee}}))
	news.State = ctlproto.CallEnded
	s.router.Publish(ctlproto.TopicCall, news)
	ofAlice.next("calls", nil)
	ofBob.next("calls", nil)
	list := b.list("/user/calls?kind=out&q=keller")
	list.shows(t, http.StatusOK, "Bob Keller hung up", "1:00", `name="csrf"`, `/user/calls/delete?kind=out&q=keller&upto=1`)
	list.hides(t, "<html", "<h1", "not known yet", `id="search"`)
	if !slices.Contains(list.header.Values("Vary"), "HX-Request") {
		t.Errorf("Vary %q", list.header.Values("Vary"))
	}
	b.list("/user/calls?kind=in").shows(t, http.StatusOK, "No call fits")
	b.list("/user/calls?from=no-day").shows(t, http.StatusOK, "Bob Keller")
	b.get("/user/calls?kind=out&q=keller").shows(t, http.StatusOK, `hx-get="/user/calls?kind=out&q=keller" hx-trigger="live:calls from:body"`)

	// A call to oneself is told once; what is no address of ours, and nonsense, to nobody.
	s.router.Publish(ctlproto.TopicCall, ctlproto.CallEvent{State: ctlproto.CallUnanswered, Caller: "bob@example.org", Callee: "bob@example.org"})
	s.router.Publish(ctlproto.TopicCall, ctlproto.CallEvent{State: ctlproto.CallUnanswered, Caller: "@", Callee: "sip:"})
	s.router.Publish(ctlproto.TopicCall, json.RawMessage(`{"caller":7}`))
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "bob@example.org"})
	ofBob.next("calls", nil)
	ofBob.next("contacts", nil)

	// What one window deletes goes off the lists in the others.
	b.post("/user/calls/delete", "ids", "1").shows(t, http.StatusOK, "The call is deleted.")
	ofAlice.next("badges", nil)
	ofAlice.next("calls", nil)

	// The last event proves that carol heard of none of this.
	s.router.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "carol@example.org"})
	ofCarol.next("contacts", nil)
}

// TestCallsListIDs: what the page keeps when the list is read again (the focus, what is
// ticked, an open menu) it knows by ids, and each one is there once.
func TestCallsListIDs(t *testing.T) {
	s := newSite(t)
	fewCalls(s)
	for i := range 60 {
		s.logs(store.Call{Callee: alice, CallerURI: fmt.Sprintf("sip:u%d@example.org", i), Started: time.Now()}, time.Second, "")
	}
	for _, path := range []string{"/user/calls", "/user/calls?page=2"} {
		list := s.signIn(alice).list(path).body
		for _, part := range strings.SplitAfter(list, "<")[1:] {
			tag, _, _ := strings.Cut(part, ">")
			name, _, _ := strings.Cut(tag, " ")
			if (name == "a" || name == "button" || name == "summary" || name == "input") && !strings.Contains(tag, `type="hidden"`) &&
				!strings.Contains(tag, ` id="`) && !strings.Contains(tag, "menu-link") {
				t.Errorf("%s: <%s> would lose the focus", path, tag)
			}
		}
		seen := map[string]bool{}
		for _, part := range strings.Split(list, ` id="`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			if seen[id] {
				t.Errorf("%s: %s is there twice", path, id)
			}
			seen[id] = true
		}
	}
}

// list gets a page as its script does: the list alone.
func (b *browser) list(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+path, nil)
	check(b.t, err)
	r.Header.Set("HX-Request", "true")
	return b.do(r)
}
