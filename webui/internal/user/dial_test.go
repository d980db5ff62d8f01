package user_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// TestDialWithoutScript: the button in the row leads to a page that refreshes itself until the call has ended.
func TestDialWithoutScript(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	b.get("/user/phone-book").shows(t, http.StatusOK, `aria-label="Call Bob Keller"`, `name="to" value="sip:bob@example.org"`)
	page := b.post("/user/dial", "to", "sip:bob@example.org", "from", "sip:carol@example.org", "caller", "carol@example.org")
	page.shows(t, http.StatusOK, "Calling Bob Keller", "bob@example.org", "Your phone rings", "Connected", "Cancel the call",
		`<noscript><meta http-equiv="refresh" content="2"></noscript>`)
	if page.path != "/user/dial/call-1" {
		t.Errorf("dialling led to %s", page.path)
	}
	want := []ctlproto.CtdDialParams{{Caller: "alice@example.org", Callee: "sip:bob@example.org", CalleeName: "Bob Keller", Actor: "alice@example.org"}}
	if diff := cmp.Diff(want, called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial)); diff != "" {
		t.Errorf("ctd.dial (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		state ctlproto.CtdState
		text  string
	}{{ctlproto.CtdAnswered, "You answered"}, {ctlproto.CtdReferring, "Connecting to Bob"}, {ctlproto.CtdRingingThem, "Bob's phone rings"}} {
		s.router.step("call-1", step.state, "", 0, "")
		b.get("/user/dial/call-1").shows(t, http.StatusOK, step.text, "Cancel the call", "refresh")
	}
	s.router.step("call-1", ctlproto.CtdConnected, "", 200, "OK")
	page = b.get("/user/dial/call-1")
	page.shows(t, http.StatusOK, "Connected with Bob Keller", "Your phone rang", "You answered", "Your phone called Bob", "Bob's phone rang", "4.8 s")
	page.hides(t, "http-equiv", "Cancel the call", "200 OK", "Technical reason")
}

func TestDialPage(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	check(t, s.db.Dials.Add(t.Context(), bob, "secret"))
	b := s.signIn(alice)
	page := b.get("/user/dial?to=carol")
	page.shows(t, http.StatusOK, "alice@example.org", `name="to" type="text" value="carol"`, "ready to be called again")
	page.hides(t, "secret")
	for _, to := range []string{"bob", "tel:+420-12", "carol@iptel.org", "BOB@example.org."} {
		b.get("/user/dial")
		if got := b.post("/user/dial", "to", to); !strings.HasPrefix(got.path, "/user/dial/call-") {
			t.Errorf("dialling %q led to %s, status %d", to, got.path, got.status)
		}
	}
	page = b.get("/user/dial")
	if got, want := page.rows(), []string{"bob@example.org", "carol@iptel.org", "tel:+42012"}; !slices.Equal(got, want) {
		t.Errorf("last dialled: %q, want %q", got, want)
	}
	if got := page.rowStatus(t, "bob@example.org"); got != "online" {
		t.Errorf("bob is %q on the dial page", got)
	}
	page.shows(t, http.StatusOK, `aria-label="Call Bob Keller"`, `aria-label="Call carol@iptel.org"`)
	b.get("/user/dial/clear").shows(t, http.StatusOK, "Clear the list of dialled addresses?")
	b.post("/user/dial/clear").shows(t, http.StatusOK, "The list is clear.", "ready to be called again")
	others, err := s.db.Dials.List(t.Context(), bob, store.MaxDials)
	check(t, err)
	if len(others) != 1 {
		t.Error("clearing one's own list cleared another user's")
	}
}

func TestDialWrongInput(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/dial")
	for _, c := range []struct{ to, text string }{
		{"", "This is needed."},
		{"   ", "This is needed."},
		{"http://example.org/", "Only sip, sips and tel addresses can be called."},
		{"mailto:bob@example.org", "Only sip, sips and tel addresses can be called."},
		{"sip:bob@", "The part after the @ is not right: it is empty."},
		{"bob@example.org:99999", "The part after the @ is not right: the port is not a number from 1 to 65535."},
		{"bob@@example.org", "there is more than one @"},
		{"alice", "This is your own address."},
		{"SIP:Alice@Example.ORG", "This is your own address."},
		{strings.Repeat("b", 65), "This is no address that can be called: it is longer than 64 characters."},
		{"bo b", "This is no address that can be called"},
		{"sip:bob@example.org;x=<y>", "a parameter holds a character that must be escaped"},
		{strings.Repeat("1", 256), "At most 255 characters."},
		{"bob\nINVITE sip:x", "There are characters in it that cannot be used here."},
	} {
		page := b.post("/user/dial", "to", c.to)
		page.shows(t, http.StatusUnprocessableEntity, c.text)
		if page = b.htmx("/user/dial", "to", c.to); page.status != http.StatusUnprocessableEntity {
			t.Errorf("%q by script: status %d", c.to, page.status)
		}
	}
	if calls := called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial); len(calls) != 0 {
		t.Errorf("the router was asked to dial: %+v", calls)
	}
	last, err := s.db.Dials.List(t.Context(), alice, 5)
	check(t, err)
	if len(last) != 0 {
		t.Errorf("remembered: %+v", last)
	}
}

// TestDialStripsDangerousParts: a header in the address never reaches the Refer-To.
func TestDialStripsDangerousParts(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/dial")
	b.post("/user/dial", "to", "sip:bob:secret@example.org;method=BYE?Replaces=x")
	calls := called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial)
	if len(calls) != 1 || calls[0].Callee != "sip:bob@example.org" {
		t.Errorf("ctd.dial: %+v", calls)
	}
}

func TestDialRouterRefuses(t *testing.T) {
	for _, c := range []struct {
		code   ctlproto.Code
		status int
		text   string
	}{
		{ctlproto.CodeBusy, http.StatusTooManyRequests, "Too many calls are being set up at the moment."},
		{ctlproto.CodeRefused, http.StatusUnprocessableEntity, "The router does not allow this call."},
		{ctlproto.CodeInvalidParams, http.StatusUnprocessableEntity, "The router cannot call this address."},
		{ctlproto.CodeMethodNotFound, http.StatusServiceUnavailable, "Click-to-dial is switched off on this router."},
		{ctlproto.CodeUnavailable, http.StatusServiceUnavailable, "The router cannot be reached"},
		{ctlproto.CodeInternal, http.StatusInternalServerError, "Something went wrong on the router's side"},
		{0, http.StatusServiceUnavailable, "The router cannot be reached, so no call was started."},
	} {
		t.Run(c.text, func(t *testing.T) {
			s := newSite(t)
			b := s.signIn(alice)
			b.get("/user/dial")
			if c.code == 0 {
				s.router.Close()
			} else {
				s.router.refuse[ctlproto.MethodCtdDial] = ctlproto.Errorf(c.code, "inner <secret> words")
			}
			page := b.post("/user/dial", "to", "bob")
			page.shows(t, c.status, c.text, `value="bob"`)
			page.hides(t, "secret")
			last, err := s.db.Dials.List(t.Context(), alice, 5)
			check(t, err)
			if len(last) != 0 {
				t.Errorf("remembered though not called: %+v", last)
			}
		})
	}
}

// TestDialLongName: the name for the caller's phone is cut to what the router takes.
func TestDialLongName(t *testing.T) {
	s := newSite(t)
	s.add(alice, strings.Repeat("é", 64), strings.Repeat("ž", 64), "bob", "")
	b := s.signIn(alice)
	b.get("/user/dial")
	b.post("/user/dial", "to", "bob")
	calls := called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial)
	if len(calls) != 1 || calls[0].CalleeName != strings.Repeat("é", 64) {
		t.Errorf("ctd.dial: %+v", calls)
	}
	b.get("/user/dial/"+url.PathEscape("call-1")).shows(t, http.StatusOK, strings.Repeat("ž", 64))
}
