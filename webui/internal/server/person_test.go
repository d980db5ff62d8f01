package server_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// personStand is a stand on which alice shows herself to everyone and may be
// asked to call.
func personStand(t *testing.T, status ctlproto.PresenceStatus, more map[string]ctltest.Handler, change ...func(*server.Options)) *stand {
	t.Helper()
	methods := map[string]ctltest.Handler{
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{"alice@example.org": status}}),
		ctlproto.MethodCtdDial:     ctltest.Result(ctlproto.CtdDialResult{ID: "attempt"}),
		ctlproto.MethodUlLookup:    contacts(phones...),
	}
	for name, method := range more {
		methods[name] = method
	}
	deny, err := user.ParseContactPattern("*.denied.example")
	check(t, err)
	s := newStand(t, methods, append([]func(*server.Options){func(o *server.Options) {
		o.CallMe = public.CallMeRules{PerOwner: 4, PerSource: 3, Window: time.Hour, Numbers: regexp.MustCompile(`\A0800\d+\z`)}
		o.ContactRules = user.ContactRules{Deny: []user.ContactPattern{deny}}
	}}, change...)...)
	s.shows(alice, store.PresenceEveryone)
	check(t, s.db.CallMe.Allow(t.Context(), alice, true))
	return s
}

// shows sets who may see somebody's presence.
func (s *stand) shows(who aor.AOR, level store.Presence) {
	s.t.Helper()
	p, err := s.db.Profiles.Load(s.t.Context(), who)
	check(s.t, err)
	p.Presence = level
	check(s.t, s.db.Profiles.Save(s.t.Context(), p))
}

// TestPerson: who chose everyone has a page, by short and by whole name; everybody
// else and nobody have the same none.
func TestPerson(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	shut := aor.AOR{User: "shut", Domain: "example.org"}
	check(t, s.db.Subscribers.Create(t.Context(), shut, "secret secret"))
	s.shows(shut, store.PresenceEveryone)
	check(t, s.db.Profiles.SetDisabled(t.Context(), shut, true))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "marsh", Domain: "example.org"}, alice))
	check(t, s.db.Domains.Add(t.Context(), "alone.example"))
	b := s.browser()
	for _, at := range []string{"/u/alice@example.org", "/u/ALICE@Example.ORG", "/u/%61lice%40example.org"} {
		a := b.get(at).is(200).shows("Alice", hostile, "on line", "sip:alice@example.org", "Talk to")
		inspect(t, a)
	}
	bare := func(a *answer) string { // all but where the page itself is
		return regexp.MustCompile(`name="return" value="[^"]*"`).ReplaceAllString(a.is(404).Body, "")
	}
	want := bare(b.get("/u/nobody@example.org"))
	for _, name := range []string{
		"bob@example.org", "shut@example.org", "marsh@example.org", "alice@example.net", "alice@alone.example", "sip:alice@example.org", "alice@example.org:5060",
		"alice@example.org;x=y", "alice@example.org%3Fx", "%00", "%ff", "..%2f", "alice' OR '1'='1", strings.Repeat("a", 3000), hostile,
	} {
		if got := bare(b.get("/u/" + strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E", `"`, "%22", "/", "%2F", "&", "%26").Replace(name))); got != want {
			t.Errorf("%.40q is told apart:\n%s", name, got)
		}
		for _, ends := range []string{"", ".svg"} {
			if ends == ".svg" && !strings.ContainsAny(name, "%;' <") {
				b.get("/u/" + name + ends).is(404)
			}
		}
	}
	asked := len(s.router.Calls())
	for _, level := range []store.Presence{store.PresenceNobody, store.PresenceSignedIn} {
		s.shows(alice, level)
		if got := bare(b.get("/u/alice@example.org")); got != want {
			t.Errorf("shown to %s, alice is told apart", level)
		}
		b.get("/u/alice@example.org.svg").is(404)
	}
	if n := len(s.router.Calls()); n != asked {
		t.Errorf("the router was asked about those who do not show themselves: it takes longer than for nobody")
	}
}

// TestPersonByShortName takes the default domain, or the only one.
func TestPersonByShortName(t *testing.T) {
	s := personStand(t, ctlproto.StatusOffline, nil)
	s.browser().get("/u/alice").is(200).shows("offline")
	check(t, s.db.Domains.Add(t.Context(), "example.net"))
	s.browser().get("/u/alice").is(404)
	s = personStand(t, ctlproto.StatusOnThePhone, nil, func(o *server.Options) { o.DefaultDomain = "example.org" })
	check(t, s.db.Domains.Add(t.Context(), "example.net"))
	s.browser().get("/u/alice").is(200).shows("on the phone")
}

// TestBadge is an image that other sites may show: by shape and word, for some
// seconds, without a cookie, and harmless whatever somebody's name is.
func TestBadge(t *testing.T) {
	for status, want := range map[ctlproto.PresenceStatus]string{
		ctlproto.StatusOnLine: "on line", ctlproto.StatusOnThePhone: "on the phone", ctlproto.StatusOffline: "offline", ctlproto.StatusUnknown: "unknown",
	} {
		s := personStand(t, status, nil)
		b := s.browser()
		a := b.get("/u/alice.svg").is(200)
		for name, want := range map[string]string{
			"Content-Type": "image/svg+xml; charset=utf-8", "Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=15",
			"X-Content-Type-Options": "nosniff", "Set-Cookie": "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if got := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") {
			t.Errorf("policy %q", got)
		}
		if strings.Contains(a.Body, "%!") || !strings.Contains(a.Body, "<circle") {
			t.Errorf("the shape is not drawn: %s", a.Body)
		}
		var words []string
		dec := xml.NewDecoder(strings.NewReader(a.Body))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			check(t, err)
			switch x := token.(type) {
			case xml.CharData:
				words = append(words, string(x))
			case xml.StartElement:
				if x.Name.Local == "script" || x.Name.Local == "style" || x.Name.Local == "a" {
					t.Errorf("the badge has <%s>", x.Name.Local)
				}
			}
		}
		if text := strings.Join(words, " "); !strings.Contains(text, want) || !strings.Contains(text, "Alice <script>") {
			t.Errorf("the badge says %q", text)
		}
		if a := b.do("HEAD", "/u/alice.svg", nil).is(200); a.Body != "" {
			t.Error("HEAD has a body")
		}
		if a := b.get("/u/nobody.svg").is(404); a.Body != b.get("/u/bob.svg").is(404).Body || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("404: %q", a.Body)
		}
	}
}

// TestPersonRouterAway: the page is there and says that it does not know.
func TestPersonRouterAway(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	s.router.Close()
	s.browser().get("/u/alice").is(200).shows("unknown")
	s.browser().get("/u/alice.svg").is(200)
	s.browser().post("/u/alice", "/u/alice@example.org", "address", "v@visitor.example").is(503).shows("Calls cannot be connected at the moment")
	if list, err := s.db.CallMe.List(t.Context(), alice, 10); err != nil || len(list) != 0 {
		t.Errorf("what was not tried counts: %v, %v", list, err)
	}
	check(t, s.db.Close())
	s.browser().get("/u/alice").is(503)
	s.browser().get("/u/alice.svg").is(503)
}

// TestCallMe: the owner's phone rings first, as the owner's attempt with a mark;
// the owner sees who asked, and the audit has a line.
func TestCallMe(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	b := s.browser()
	a := b.post("/u/alice", "/u/alice@example.org", "address", " Visitor@Visitor.Example ").is(200)
	inspect(t, a)
	a.shows("phone rings now", "your phone rings: visitor@visitor.example.")
	got := s.call(ctlproto.MethodCtdDial)
	if got["caller"] != "alice@example.org" || got["callee"] != "sip:visitor@visitor.example" ||
		got["callee_name"] != "visitor@visitor.example (asked to be called)" || got["actor"] != "visitor at 192.0.2.1" || got["no_auto_answer"] != float64(1) {
		t.Errorf("the router was told %v", got)
	}
	s.audited(store.Record{Actor: "visitor", Action: "call.request", Object: "alice@example.org", After: "sip:visitor@visitor.example"})
	me := s.browser().signIn("alice", "wonderland")
	me.get("/user/account/public").is(200).shows("visitor@visitor.example", "192.0.2.1", "Call")
	s.browser().signIn("bob", "builder's").get("/user/account/public").is(200).lacks("visitor@visitor.example")
}

// TestCallMeTargets: what a visitor may give is what anybody may call, and no more.
func TestCallMeTargets(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	const (
		bad, number, own, refused = "This is no SIP address", "Telephone numbers cannot be called", "This is the address of the person", "This address cannot be called"
	)
	b := s.browser()
	for typed, want := range map[string]string{
		"": "This is needed.", "visitor": bad, "sip:": bad, "javascript:alert(1)": bad, hostile: bad, strings.Repeat("a", 300): "",
		"+49301234": number, "00420 777-123": number, "tel:+1900123": number, "112": number, "sip:0900123": number, "0900": number,
		"0900123@example.org": bad, "+1900@visitor.example": bad, "sip:%2b1900@visitor.example": bad, "９００@visitor.example": bad, "*21*@example.org": bad,
		"v@visitor.example:5070": bad, "v@visitor.example;maddr=127.0.0.1": bad, "sip:v@visitor.example?Replaces=x": bad, "sip:v;phone-context=x@visitor.example": bad,
		"alice@example.org": own, "sips:ALICE@example.org": own,
		"v@127.0.0.1": refused, "v@[::1]": bad, "v@localhost": refused, "v@x.localhost": refused, "v@0x7f.1": refused, "v@2130706433": refused, "v@127.1": refused,
		"v@router": refused, "v@printer.local": refused, "v@gw.internal": refused, "v@0": refused, "v@nowhere.invalid": refused,
	} {
		a := b.post("/u/alice", "/u/alice@example.org", "address", typed).is(422)
		if got := a.fault("address"); !strings.HasPrefix(got, want) || got == "" {
			t.Errorf("%.40q: %q, want %q", typed, got, want)
		}
		if len(typed) < 100 && a.form("/u/alice@example.org").Get("address") != typed {
			t.Errorf("%.40q is not kept", typed)
		}
	}
	for _, c := range s.router.Calls() {
		if c.Method == ctlproto.MethodCtdDial {
			t.Errorf("the router was told %s", c.Params)
		}
	}
	for typed, want := range map[string]string{"0800 123-456": "sip:0800123456@example.org", "bob@example.org": "sip:bob@example.org", "sips:v.2_x@visitor.example": "sip:v.2_x@visitor.example"} {
		b.post("/u/alice", "/u/alice@example.org", "address", typed).is(200)
		calls := s.router.Calls()
		if last := calls[len(calls)-1]; !strings.Contains(string(last.Params), `"`+want+`"`) {
			t.Errorf("%s: the router was told %s %s", typed, last.Method, last.Params)
		}
	}
}

// TestCallMeLimits: by source, by owner, and each over after its hour.
func TestCallMeLimits(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	b, other := s.browser(), s.browser()
	other.remote = "198.51.100.7:1"
	ask := func(b *browser, want int) *answer {
		t.Helper()
		return b.post("/u/alice", "/u/alice@example.org", "address", "v@visitor.example").is(want)
	}
	for range 3 {
		ask(b, 200)
	}
	if a := ask(b, 429).shows("too many requests"); a.Header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	ask(other, 200)
	ask(other, 429) // the owner's
	s.clock.forward(time.Hour + time.Second)
	ask(b, 200)
}

// TestCallMeIsOff until its owner switches it on; when the operator or the
// presence says no, it is as if there were nobody.
func TestCallMeIsOff(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	b := s.browser()
	form := b.get("/u/alice").form("/u/alice@example.org")
	form.Set("address", "v@visitor.example")
	me := s.browser().signIn("alice", "wonderland")
	change := me.get("/user/account/public").is(200).form("/user/account/public")
	if change.Get("call_me") != "on" {
		t.Errorf("the switch shows %v", change)
	}
	change.Del("call_me")
	me.do("POST", "/user/account/public", change).leads("/user/account/public")
	s.audited(store.Record{Actor: "alice@example.org", Action: "public.call_me", Object: "alice@example.org", Before: "on"})
	b.get("/u/alice").is(200).lacks("Talk to")
	want := b.do("POST", "/u/nobody", form).is(404).Body
	for _, name := range []string{"alice", "bob"} {
		if got := b.do("POST", "/u/"+name, form).is(404).Body; got != want {
			t.Errorf("%s is told apart from nobody", name)
		}
	}
	me.post("/user/account/public", "/user/account/public", "call_me", "on").leads("/user/account/public")
	b.get("/u/alice").is(200).shows("Talk to")
	s.shows(alice, store.PresenceSignedIn)
	b.do("POST", "/u/alice", form).is(404)
	me.get("/user/account/public").is(200).shows("Nobody who is not signed in can see you")

	off := personStand(t, ctlproto.StatusOnLine, nil, func(o *server.Options) { o.CallMe = public.CallMeRules{} })
	off.browser().get("/u/alice").is(200).lacks("Talk to")
	off.browser().signIn("alice", "wonderland").get("/user/account/public").is(200).lacks("Let visitors ask")
}

// TestCallMeRefused: what the router says in plain words.
func TestCallMeRefused(t *testing.T) {
	for code, want := range map[ctlproto.Code]struct {
		status int
		text   string
	}{
		ctlproto.CodeBusy:          {http.StatusConflict, "is being connected with somebody else"},
		ctlproto.CodeInvalidParams: {http.StatusConflict, "cannot be called now"}, // where names lead is not said
		ctlproto.CodeUnavailable:   {http.StatusServiceUnavailable, "Calls cannot be connected at the moment."},
	} {
		s := personStand(t, ctlproto.StatusOnLine, map[string]ctltest.Handler{ctlproto.MethodCtdDial: ctltest.Refuse(code, "x")})
		s.browser().post("/u/alice", "/u/alice@example.org", "address", "v@visitor.example").is(want.status).shows(want.text)
	}
	s := personStand(t, ctlproto.StatusOnLine, nil)
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@visitor.example", Enabled: true}))
	s.browser().post("/u/alice", "/u/alice@example.org", "address", "v@visitor.example").is(http.StatusConflict).shows("cannot be called now")
	s.browser().post("/u/alice", "/u/alice@example.org", "address", "v@other.example").is(http.StatusOK)
	s = personStand(t, ctlproto.StatusOffline, nil)
	s.browser().post("/u/alice", "/u/alice@example.org", "address", "v@visitor.example").is(http.StatusConflict).shows("cannot be called now")
}
