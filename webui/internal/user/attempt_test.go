package user_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/webui/internal/user"
)

// TestAttemptOutcomes: each outcome has words of its own and says what to do.
func TestAttemptOutcomes(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	seen := map[string]ctlproto.CtdOutcome{}
	for _, c := range []struct {
		outcome       ctlproto.CtdOutcome
		state         ctlproto.CtdState
		code          int
		reason        string
		verdict, todo string
	}{
		{ctlproto.OutcomeCallerOffline, ctlproto.CtdFailed, 480, "Temporarily Unavailable", "None of your phones is on line.", "Switch your phone on"},
		{ctlproto.OutcomeCallerNoAnswer, ctlproto.CtdFailed, 408, "Request Timeout", "You did not answer your phone.", "pick up when your phone rings"},
		{ctlproto.OutcomeCallerBusy, ctlproto.CtdFailed, 486, "Busy Here", "Your own phone is busy.", "Hang up the other call"},
		{ctlproto.OutcomeCallerRefused, ctlproto.CtdFailed, 603, "Decline", "Your phone refused the call.", "It was declined there"},
		{ctlproto.OutcomeReferRefused, ctlproto.CtdFailed, 405, "Method Not Allowed", "Your phone cannot connect calls from here.", "Dial bob@example.org on the phone itself"},
		{ctlproto.OutcomeCalleeOffline, ctlproto.CtdFailed, 480, "Not on line", "Bob's phone is not on line.", "Try again later."},
		{ctlproto.OutcomeCalleeNoAnswer, ctlproto.CtdFailed, 408, "Request Timeout", "Bob's phone did not answer.", "Try again later."},
		{ctlproto.OutcomeCalleeBusy, ctlproto.CtdFailed, 486, "Busy Here", "Bob's phone is busy.", "Try again in a few minutes."},
		{ctlproto.OutcomeCalleeRefused, ctlproto.CtdFailed, 603, "Decline", "Bob's phone refused the call.", "Try again later."},
		{ctlproto.OutcomeNoOutcome, ctlproto.CtdFailed, 0, "", "Your phone did not say how the call went.", "If you hear Bob, all is well."},
		{ctlproto.OutcomeTimeout, ctlproto.CtdFailed, 408, "Request Timeout", "It took too long, and the call was given up.", "Hang up your phone"},
		{ctlproto.OutcomeCancelled, ctlproto.CtdCancelled, 487, "Request Terminated", "The call was cancelled.", "Nobody is being called any more."},
		{ctlproto.OutcomeInternal, ctlproto.CtdFailed, 500, "Server Internal Error", "Something went wrong on our side.", "Try again in a moment."},
		{"from-the-future", ctlproto.CtdFailed, 499, "<b>Odd</b>", "Something went wrong on our side.", "Try again in a moment."},
	} {
		t.Run(string(c.outcome), func(t *testing.T) {
			b.get("/user/dial")
			path := b.post("/user/dial", "to", "bob").path
			id := path[strings.LastIndexByte(path, '/')+1:]
			s.router.step(id, c.state, c.outcome, c.code, c.reason)
			page := b.get(path)
			page.shows(t, http.StatusOK, "Call to Bob Keller", c.verdict, c.todo, "Try again")
			page.hides(t, "Cancel the call", "http-equiv", "<b>Odd")
			if c.code != 0 {
				page.shows(t, http.StatusOK, "Technical reason", c.reason)
			}
			if other, twice := seen[c.verdict]; twice && c.outcome != "from-the-future" {
				t.Errorf("%s and %s have the same words", c.outcome, other)
			}
			seen[c.verdict] = c.outcome
		})
	}
}

// TestAttemptByScript: forms that htmx sends are answered with the card alone.
func TestAttemptByScript(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	b.get("/user/phone-book")
	card := b.htmx("/user/dial", "to", "sip:bob@example.org")
	card.shows(t, http.StatusOK, "Calling Bob Keller", "Your phone rings", `data-call="call-1"`, `data-say="Your phone rings"`, "Cancel the call", "Details")
	card.hides(t, "<html", "<main")
	b.get("/user/account").shows(t, http.StatusOK, "Calling Bob Keller", `data-call="call-1"`) // on every page
	card = b.htmx("/user/dial/call-1/cancel")
	card.shows(t, http.StatusOK, "The call was cancelled.", `data-say="The call was cancelled."`, `href="/user/dial/call-1"`)
	card.hides(t, "<html", "Cancel the call")
	if got := b.htmx("/user/dial/call-1/close"); got.status != http.StatusOK || got.body != "" {
		t.Errorf("closing: status %d, body %q", got.status, got.body)
	}
	b.get("/user/account").hides(t, "data-call=")
	if got := b.post("/user/dial/call-1/close"); got.path != "/user/phone-book" || got.status != http.StatusOK {
		t.Errorf("closing once more led to %s, status %d", got.path, got.status)
	}
	cancels := called[map[string]string](t, s.router, ctlproto.MethodCtdCancel)
	if len(cancels) != 1 || cancels[0]["actor"] != "alice@example.org" {
		t.Errorf("ctd.cancel: %v", cancels)
	}
}

// TestAttemptTooLateToCancel shows how the call stands.
func TestAttemptTooLateToCancel(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/dial")
	b.post("/user/dial", "to", "bob")
	s.router.step("call-1", ctlproto.CtdConnected, "", 200, "OK")
	b.post("/user/dial/call-1/cancel").shows(t, http.StatusOK, "Connected with bob@example.org")
	b.htmx("/user/dial/call-1/cancel").shows(t, http.StatusOK, "Connected with bob@example.org")
}

// TestAttemptAlone: where the phone calls past the router there is nothing to cancel, and the page says so.
func TestAttemptAlone(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/dial")
	b.post("/user/dial", "to", "bob@elsewhere.example")
	s.router.step("call-1", ctlproto.CtdAnswered, "", 0, "")
	s.router.step("call-1", ctlproto.CtdReferring, "", 0, "")
	s.router.mu.Lock()
	status := s.router.attempts["call-1"]
	status.Cancellable = false
	s.router.attempts["call-1"] = status
	s.router.mu.Unlock()
	page := b.get("/user/dial/call-1")
	page.shows(t, http.StatusOK, "Your phone is calling bob@elsewhere.example", "refresh")
	page.hides(t, "Cancel the call")
}

// TestAttemptOthers: another user's attempt is not there, by whatever name.
func TestAttemptOthers(t *testing.T) {
	s := newSite(t)
	theirs := s.signIn(bob)
	theirs.get("/user/dial")
	theirs.post("/user/dial", "to", "secret-friend")
	b := s.signIn(alice)
	b.get("/user/dial")
	for _, id := range []string{"call-1", "call%2D1", "%63all-1", "call-1%00", "call-1%20", "CALL-1", "call-9", strings.Repeat("x", 129), "..", "%2e%2e%2fdial%2fcall-1", "%"} {
		for _, page := range []answer{b.try(http.MethodGet, "/user/dial/"+id), b.try(http.MethodPost, "/user/dial/"+id+"/cancel")} {
			if page.status != http.StatusNotFound && page.status != http.StatusBadRequest && page.status != http.StatusMethodNotAllowed {
				t.Errorf("%s: status %d, want 404", id, page.status)
			}
			page.hides(t, "secret-friend")
		}
	}
	b.post("/user/dial/call-1/close")
	theirs.get("/user/account").shows(t, http.StatusOK, `data-call="call-1"`)
	if cancels := called[map[string]string](t, s.router, ctlproto.MethodCtdCancel); len(cancels) != 0 {
		t.Errorf("ctd.cancel was called: %v", cancels)
	}
	b.get("/user/phone-book").hides(t, "secret-friend", "data-call=")
	theirs.get("/user/dial/call-1").shows(t, http.StatusOK, "secret-friend")
}

// try sends a request whose path may be none.
func (b *browser) try(method, path string) answer {
	b.t.Helper()
	r := b.request("/", "to", "x")
	r.Method = method
	r.URL.Opaque = "//" + r.URL.Host + path
	return b.do(r)
}

func TestAttemptRouterAway(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	feed := b.listen()
	feed.begins(map[string]string{"bob@example.org": "offline"})
	b.get("/user/dial")
	b.post("/user/dial", "to", "bob")
	s.router.step("call-1", ctlproto.CtdAnswered, "", 0, "")
	var got card
	for !strings.Contains(got.HTML, "You answered") {
		feed.next("card", &got)
	}
	s.router.Close()
	feed.after("card", "away")
	page := b.get("/user/dial/call-1")
	page.shows(t, http.StatusServiceUnavailable, "The router cannot be reached at the moment", "Calling Bob Keller", "You answered", `content="5"`)
	page.hides(t, "Cancel the call")
	b.post("/user/dial/call-1/cancel").shows(t, http.StatusServiceUnavailable, "The router cannot be reached at the moment")
	b.get("/user/dial/other").shows(t, http.StatusServiceUnavailable, "The router cannot be reached at the moment", "Look again")
	b.get("/user/dial").shows(t, http.StatusOK, "nobody's status is known")
}

// TestSecondCallWhileOneRuns: the page says so, leads to the running one and
// shows its card again though it was closed.
func TestSecondCallWhileOneRuns(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	b.get("/user/dial")
	b.post("/user/dial", "to", "bob")
	s.router.step("call-1", ctlproto.CtdAnswered, "", 0, "")
	b.get("/user/dial/call-1")
	closed := b.htmx("/user/dial/call-1/close")
	closed.shows(t, http.StatusOK, `href="/user/dial/call-1"`, "Calling Bob Keller")
	closed.hides(t, "data-call=")
	for _, path := range []string{"/user/phone-book", "/user/dial"} {
		page := b.get(path)
		page.shows(t, http.StatusOK, `href="/user/dial/call-1"`)
		page.hides(t, "data-call=")
	}
	s.router.refuse[ctlproto.MethodCtdDial] = ctlproto.Errorf(ctlproto.CodeBusy, "alice has an attempt running already")
	page := b.post("/user/dial", "to", "carol")
	page.shows(t, http.StatusConflict, "You already have a call being set up.", `<a href="/user/dial/call-1">See how it stands</a>`, `data-call="call-1"`)
	page.hides(t, "Too many calls")
	s.router.step("call-1", ctlproto.CtdFailed, ctlproto.OutcomeCalleeBusy, 486, "Busy Here")
	b.post("/user/dial", "to", "carol").shows(t, http.StatusTooManyRequests, "Too many calls are being set up at the moment.")
}

// TestRouterForgetsAttempt: after a restart of the router a running attempt has ended for the
// pages, with or without a script: its page says so, nothing is offered that cannot be done,
// and no card or link of it stays. To others it is as little there as before.
func TestRouterForgetsAttempt(t *testing.T) {
	const known, lost = "Your phone rings", "It is not known how this call went."
	forget := func(s *site) {
		s.router.mu.Lock()
		defer s.router.mu.Unlock()
		clear(s.router.attempts)
	}
	begin := func(t *testing.T, live user.LiveOptions) (*site, *browser) {
		t.Helper()
		s := newSiteWith(t, live)
		b := s.signIn(alice)
		b.get("/user/dial")
		b.post("/user/dial", "to", "bob").shows(t, http.StatusOK, known)
		s.router.step("call-1", ctlproto.CtdRingingYou, "", 0, "")
		b.get("/user/dial/call-1").shows(t, http.StatusOK, known)
		return s, b
	}
	t.Run("its page", func(t *testing.T) {
		s, b := begin(t, user.LiveOptions{})
		forget(s)
		for _, page := range []answer{b.get("/user/dial/call-1"), b.get("/user/dial/call-1")} {
			page.shows(t, http.StatusOK, lost, "If your phone still rings", "Try again")
			page.hides(t, "Cancel the call", "http-equiv")
		}
		other := s.signIn(bob)
		other.get("/user/phone-book")
		for _, page := range []answer{other.get("/user/dial/call-1"), other.post("/user/dial/call-1/cancel"), b.get("/user/dial/call-2")} {
			if page.status != http.StatusNotFound {
				t.Errorf("%s: status %d", page.path, page.status)
			}
		}
	})
	t.Run("its button", func(t *testing.T) {
		s, b := begin(t, user.LiveOptions{})
		forget(s)
		b.post("/user/dial/call-1/cancel").shows(t, http.StatusOK, lost)
		b.htmx("/user/dial/call-1/cancel").shows(t, http.StatusOK, lost)
		if cancels := called[map[string]string](t, s.router, ctlproto.MethodCtdCancel); len(cancels) != 0 {
			t.Errorf("ctd.cancel was called: %v", cancels)
		}
	})
	t.Run("other pages", func(t *testing.T) {
		s, b := begin(t, user.LiveOptions{Ask: time.Nanosecond})
		forget(s)
		page := b.get("/user/account")
		page.shows(t, http.StatusOK, lost, `data-call="call-1"`, "data-ended")
		page.hides(t, "Cancel the call", known)
		b.htmx("/user/dial/call-1/close").hides(t, "call-1")
		b.get("/user/account").hides(t, "call-1")
	})
	t.Run("other pages, its card closed", func(t *testing.T) {
		s, b := begin(t, user.LiveOptions{Ask: time.Nanosecond})
		b.htmx("/user/dial/call-1/close").shows(t, http.StatusOK, "/user/dial/call-1")
		b.get("/user/account").shows(t, http.StatusOK, "/user/dial/call-1")
		forget(s)
		b.get("/user/account").hides(t, "call-1")
	})
	t.Run("an event was lost", func(t *testing.T) {
		s, b := begin(t, user.LiveOptions{Ask: time.Nanosecond})
		s.router.mu.Lock()
		status := s.router.attempts["call-1"]
		status.State, status.Ended, status.Message, status.Cancellable = ctlproto.CtdFailed, true, ctlproto.OutcomeCallerBusy, false
		s.router.attempts["call-1"] = status
		s.router.mu.Unlock()
		b.get("/user/account").shows(t, http.StatusOK, "Your own phone is busy.")
	})
}
