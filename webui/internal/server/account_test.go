package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

func TestProfileIsSaved(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	if got := b.get("/user/account").form("/user/account").Get("last_name"); got != hostile {
		t.Errorf("the form shows %q", got)
	}
	b.post("/user/account", "/user/account", "first_name", " Alícia ", "last_name", "Marsh", "email", "a.marsh@example.org", "password", "wonderland",
		"phone", "+420 123 456", "time_zone", "Asia/Tokyo", "presence", "nobody", "findable", "on").leads("/user/account")
	a := b.get("/user/account").shows("Your profile is saved.", "Alícia Marsh")
	b.get("/user/account").lacks("Your profile is saved.")
	got, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	want := store.Profile{
		AOR: alice, FirstName: "Alícia", LastName: "Marsh", Email: "a.marsh@example.org", Unconfirmed: true, Phone: "+420 123 456", TimeZone: "Asia/Tokyo",
		Presence: store.PresenceNobody, Findable: true, Created: got.Created, Modified: got.Modified,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	form := a.form("/user/account")
	if form.Get("time_zone") != "Asia/Tokyo" || form.Get("presence") != "nobody" || form.Get("findable") != "on" {
		t.Errorf("the form shows %v", form)
	}
	b.post("/user/account", "/user/account", "findable", "").leads("/user/account")
	if got, err := s.db.Profiles.Load(t.Context(), alice); err != nil || got.Findable {
		t.Errorf("unticked: findable %v, %v", got.Findable, err)
	}
}

func TestProfileFaults(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	before, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	for _, c := range []struct{ field, value, fault string }{
		{"first_name", strings.Repeat("ž", 65), "At most 64 characters."},
		{"last_name", "a\x00b", "There are characters in it that cannot be used here."},
		{"last_name", "\xff\xfe", "There are characters in it that cannot be used here."},
		{"email", "no mail", "This is no e-mail address like alice@example.org."},
		{"email", "a@b@c", "This is no e-mail address like alice@example.org."},
		{"phone", "call me <b>", "A phone number has only digits, spaces and + - ( ) . /"},
		{"phone", strings.Repeat("1", 33), "At most 32 characters."},
		{"time_zone", "Middle/Earth", "Choose one of the list."},
		{"time_zone", "../etc/passwd", "Choose one of the list."},
		{"presence", "everybody", "Choose one of the list."},
		{"presence", "", "Choose one of the list."},
	} {
		a := b.post("/user/account", "/user/account", "first_name", "Kept", c.field, c.value)
		a.is(http.StatusUnprocessableEntity)
		if got := a.fault(c.field); got != c.fault {
			t.Errorf("%s %q: fault %q, want %q", c.field, c.value, got, c.fault)
		}
		if c.field != "first_name" && a.form("/user/account").Get("first_name") != "Kept" {
			t.Errorf("%s: what was typed is lost", c.field)
		}
	}
	after, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
}

// TestZoneSetElsewhereStays: a profile whose zone is not in our list keeps it.
func TestZoneSetElsewhereStays(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	profile, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	profile.TimeZone = "Etc/GMT+5"
	check(t, s.db.Profiles.Save(t.Context(), profile))
	b.post("/user/account", "/user/account").leads("/user/account")
	if got := b.get("/user/account").form("/user/account").Get("time_zone"); got != "Etc/GMT+5" {
		t.Errorf("zone %q", got)
	}
}

// phones are contacts of every kind.
var phones = []ctlproto.Contact{
	{Address: "sip:alice@192.168.1.20:5060", Received: "sip:203.0.113.7:41822;transport=tcp", Expires: 3000 * time.Second, Q: -1, UserAgent: hostile},
	{Address: "sip:alice@198.51.100.20:5061;transport=tls", Expires: 26 * time.Hour, Q: 0.75, UserAgent: "baresip v3.5.0", Socket: "tls:192.0.2.9:5061"},
	{Address: "sip:+420123@gateway.example.net", Permanent: true, Q: 0.5},
}

func TestPhones(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlLookup: contacts(phones...)})
	b := s.browser().signIn("alice", "wonderland")
	profile, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	profile.TimeZone = "Europe/Prague" // 11:00 UTC is 12:00 there
	check(t, s.db.Profiles.Save(t.Context(), profile))
	b.get("/user/account").shows("3 phones are registered.")
	a := b.get("/user/account/phones").is(200).shows(
		"sip:alice@192.168.1.20:5060 TCP from 203.0.113.7:41822, behind NAT", hostile, "until 12:50",
		"TLS from 198.51.100.20:5061", "baresip v3.5.0", "tomorrow 14:00", "0.75",
		"sip:+420123@gateway.example.net UDP", "permanent", "Remove sip:+420123@gateway.example.net")
	if strings.Contains(a.Body, "<script>alert") {
		t.Error("a User-Agent became markup")
	}
	b.header.Set("HX-Request", "true")
	fragment := b.get("/user/account/phones").is(200).shows("sip:alice@192.168.1.20:5060")
	if strings.Contains(fragment.Body, "<html") || fragment.Header.Get("Vary") == "" {
		t.Errorf("to htmx: Vary %q, body:\n%s", fragment.Header.Get("Vary"), fragment.Body)
	}
	for _, call := range s.router.Calls() {
		var p struct{ AoR string }
		check(t, json.Unmarshal(call.Params, &p))
		if call.Method == ctlproto.MethodUlLookup && p.AoR != "alice@example.org" {
			t.Errorf("asked for the contacts of %q", p.AoR)
		}
	}
}

func TestNoPhones(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlLookup: ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound)})
	b := s.browser().signIn("alice", "wonderland")
	b.get("/user/account/phones").is(200).shows("No phone is registered.", "Sign in on a phone with your address")
	b.get("/user/account").shows("No phone is registered.")
}

// TestRouterAway: what needs the router says so, the rest works.
func TestRouterAway(t *testing.T) {
	s := newStand(t, nil)
	s.router.Close()
	b := s.browser().signIn("alice", "wonderland")
	b.get("/user/account/phones").is(200).shows("The router cannot be reached at the moment")
	b.get("/user/account").is(200).shows("The router cannot be reached at the moment.")
	b.post("/user/account", "/user/account", "first_name", "Al").leads("/user/account")
	b.get("/user/account/phones/remove?contact=sip:x@y").is(503).shows("The router cannot be reached")
	a := b.post("/user/account/phones", "/user/account/phones", "contact", "bob@192.0.2.7").is(422)
	if got := a.fault("contact"); got != "The router cannot be reached at the moment. Try again in a few seconds." {
		t.Errorf("fault %q", got)
	}
	if got := a.form("/user/account/phones").Get("contact"); got != "bob@192.0.2.7" {
		t.Errorf("the form shows %q", got)
	}
}

// call returns the only call of a method, as a map.
func (s *stand) call(method string) map[string]any {
	s.t.Helper()
	var found []map[string]any
	for _, c := range s.router.Calls() {
		if c.Method == method {
			var p map[string]any
			check(s.t, json.Unmarshal(c.Params, &p))
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%s was called %d times: %v", method, len(found), found)
	}
	return found[0]
}

func TestPhoneIsRemovedAfterAQuestion(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlRmContact: ctltest.Result(nil),
	})
	b := s.browser().signIn("alice", "wonderland")
	contact := phones[1].Address
	ask := "/user/account/phones/remove?" + url.Values{"contact": {contact}}.Encode()
	if !strings.Contains(b.get("/user/account/phones").Body, strings.ReplaceAll(ask, "&", "&amp;")) {
		t.Errorf("no link to %s", ask)
	}
	b.get(ask).is(200).shows("Remove this phone?", contact+" gets no more calls", "Keep it")
	b.post(ask, "/user/account/phones/remove").leads("/user/account/phones")
	b.get("/user/account/phones").shows(contact + " is removed.")
	got := s.call(ctlproto.MethodUlRmContact)
	if diff := cmp.Diff(map[string]any{"table": "location", "aor": "alice@example.org", "contact": contact}, got); diff != "" {
		t.Error(diff)
	}
	s.audited(store.Record{Actor: "alice@example.org", Action: "location.remove", Object: "alice@example.org", Before: contact})
	b.get("/user/account/phones/remove?contact=sip:bob@192.0.2.2").is(404)
	token := b.get("/user/account").form("/user/account").Get("csrf")
	b.do("POST", "/user/account/phones/remove", url.Values{"csrf": {token}, "contact": {"sip:bob@192.0.2.2"}}).is(404)
	b.do("POST", "/user/account/phones/remove", url.Values{"csrf": {token}}).is(404)
	s.call(ctlproto.MethodUlRmContact) // still the only one
}

// TestPhonesWithOneContact: phones in two networks with the same private address are two lines, and who
// removes one is told which, and that the other one stays; the router is told which by its ruid. The flows of one
// phone are one phone. What nobody has is removed from nobody.
func TestPhonesWithOneContact(t *testing.T) {
	home := ctlproto.Contact{Address: "sip:alice@192.168.1.20:5060", Received: "sip:203.0.113.7:5060", Socket: "udp:192.0.2.9:5060", Expires: time.Hour, RUID: "1"}
	office := home
	office.Received, office.RUID = "sip:198.51.100.9:5060", "2"
	flow := ctlproto.Contact{Address: "sip:alice@192.168.1.30:5060", Received: "sip:203.0.113.7:7", Expires: time.Hour, RUID: "3", Instance: "<urn:uuid:a>", RegID: 1}
	other := flow
	other.Received, other.RUID, other.Instance, other.RegID = "sip:203.0.113.7:8", "4", "<urn:uuid:A>", 2
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(home, office, phones[1], flow, other), ctlproto.MethodUlRmContact: ctltest.Result(nil),
	})
	b := s.browser().signIn("alice", "wonderland")
	page := b.get("/user/account/phones").is(200).shows("from 203.0.113.7:5060, behind NAT", "from 198.51.100.9:5060, behind NAT")
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`id="remove-[^"]*"`).FindAllString(page.Body, -1) {
		ids[id] = true
	}
	if len(ids) != 5 {
		t.Errorf("5 links have the ids %v", ids)
	}
	ask := func(contact, ruid string) string {
		return "/user/account/phones/remove?" + url.Values{"contact": {contact}, "ruid": {ruid}}.Encode()
	}
	const stays = "keeps its calls"
	for _, c := range []ctlproto.Contact{home, office} {
		if link := strings.ReplaceAll(ask(c.Address, c.RUID), "&", "&amp;"); !strings.Contains(page.Body, link) {
			t.Errorf("no link to %s", link)
		}
		b.get(ask(c.Address, c.RUID)).is(200).shows(home.Address+" at "+strings.TrimPrefix(c.Received, "sip:")+" gets no more calls", stays)
	}
	s.in("de").signIn("alice", "wonderland").get(ask(home.Address, "2")).is(200).shows(home.Address+" hinter 198.51.100.9:5060", "wird weiter angerufen")
	b.get(ask(phones[1].Address, "")).is(200).shows(phones[1].Address + " gets no more calls").lacks(stays)
	b.get(ask(flow.Address, "4")).is(200).shows(flow.Address + " gets no more calls").lacks(stays)
	token := b.get("/user/account").form("/user/account").Get("csrf")
	for _, wrong := range [][2]string{{"sip:alice@192.168.1.21:5060", ""}, {home.Address, "5"}, {home.Address, ""}, {phones[1].Address, "1"}, {home.Address, "1\r\n"}} {
		b.get(ask(wrong[0], wrong[1])).is(404)
		b.do("POST", "/user/account/phones/remove", url.Values{"csrf": {token}, "contact": {wrong[0]}, "ruid": {wrong[1]}}).is(404)
	}
	b.post(ask(office.Address, "2"), "/user/account/phones/remove").leads("/user/account/phones")
	got := s.call(ctlproto.MethodUlRmContact)
	if diff := cmp.Diff(map[string]any{"table": "location", "aor": "alice@example.org", "contact": office.Address, "ruid": "2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPhoneNotRemoved(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlRmContact: ctltest.Refuse(ctlproto.CodeUnavailable, "inner words"),
	})
	b := s.browser().signIn("alice", "wonderland")
	ask := "/user/account/phones/remove?" + url.Values{"contact": {phones[1].Address}}.Encode()
	b.post(ask, "/user/account/phones/remove").leads("/user/account/phones")
	b.get("/user/account/phones").shows("Nothing was removed.").lacks("inner words")
}

func TestContactIsAdded(t *testing.T) {
	for _, c := range []struct {
		typed, lifetime, contact string
		expires                  float64
	}{
		{"bob@phone.example.net", "hour", "sip:bob@phone.example.net", 3600},
		{"desk@192.0.2.7:5062", "day", "sip:desk@192.0.2.7:5062", 86400},
		{"sips:desk@phone.example.net;transport=tcp", "permanent", "sips:desk@phone.example.net;transport=tcp", 0},
	} {
		t.Run(c.typed, func(t *testing.T) {
			s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlAdd: ctltest.Result(nil)})
			b := s.browser().signIn("alice", "wonderland")
			b.post("/user/account/phones", "/user/account/phones", "contact", c.typed, "lifetime", c.lifetime).leads("/user/account/phones")
			b.get("/user/account/phones").shows(c.contact + " is added.")
			want := map[string]any{"table": "location", "aor": "alice@example.org", "contact": c.contact, "expires": c.expires, "q": 0.5}
			if diff := cmp.Diff(want, s.call(ctlproto.MethodUlAdd)); diff != "" {
				t.Error(diff)
			}
			s.audited(store.Record{Actor: "alice@example.org", Action: "location.add", Object: "alice@example.org", After: c.contact + ", " + c.lifetime})
		})
	}
}

func TestContactFaults(t *testing.T) {
	answer := func(params json.RawMessage) (any, *ctlproto.Error) {
		if strings.Contains(string(params), phones[0].Address) {
			return nil, ctlproto.Errorf(ctlproto.CodeExists, "inner words")
		}
		return nil, ctlproto.Errorf(ctlproto.CodeBusy, "inner words")
	}
	premium, err := user.ParseContactPattern("*.premium.example.net")
	check(t, err)
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlAdd: answer, ctlproto.MethodUlLookup: contacts(phones...)},
		func(o *server.Options) { o.ContactRules.Deny = []user.ContactPattern{premium} })
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "82001", Domain: "example.org"}, alice))
	b := s.browser().signIn("alice", "wonderland")
	for _, c := range []struct{ typed, lifetime, field, fault string }{
		{"sip:bob@gw.premium.example.net:5070", "hour", "contact", "The operator does not allow calls to be sent on to this address."},
		{"bob@192.0.2.7;maddr=GW.premium.example.net", "hour", "contact", "The operator does not allow calls to be sent on to this address."},
		{"", "hour", "contact", "This is needed."},
		{"a b", "hour", "contact", "This is no SIP address like bob@example.org or sip:bob@192.0.2.7:5060."},
		{"tel:+420123", "hour", "contact", "This is no SIP address like bob@example.org or sip:bob@192.0.2.7:5060."},
		{"javascript:alert(1)", "hour", "contact", "This is no SIP address like bob@example.org or sip:bob@192.0.2.7:5060."},
		{"Alice", "hour", "contact", "This is your own address: calls would go round in circles."},
		{"82001", "hour", "contact", "This is your own address: calls would go round in circles."},
		{"sips:82001@Example.org:5070;transport=tls", "hour", "contact", "This is your own address: calls would go round in circles."},
		{"sip:bob@example.net", "century", "lifetime", "Choose one of the list."},
		{"sip:bob@example.net", "hour", "contact", "You have as many contacts as the router allows, in all or added by hand. Remove one first."},
		{phones[0].Address, "permanent", "contact", "This phone is registered already: it stands in the list above, and calls ring it."},
	} {
		a := b.post("/user/account/phones", "/user/account/phones", "contact", c.typed, "lifetime", c.lifetime).is(422)
		if got := a.fault(c.field); got != c.fault {
			t.Errorf("%q for a %s: fault %q, want %q", c.typed, c.lifetime, got, c.fault)
		}
		a.shows(phones[1].Address).lacks("inner words")
		if got := a.form("/user/account/phones").Get("contact"); got != c.typed {
			t.Errorf("the form shows %q, typed was %q", got, c.typed)
		}
	}
}

func TestPasswordChange(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodAuthForget: ctltest.Result(nil)})
	b, other := s.browser().signIn("alice", "wonderland"), s.browser().signIn("alice", "wonderland")
	bobs := s.browser().signIn("bob", "builder's")
	b.post("/user/account/security", "/user/account/security", "old_password", "wonderland", "new_password", " tea at six ", "again", " tea at six ").
		leads("/user/account/security")
	b.get("/user/account/security").is(200).shows("Your password is changed. Other browsers are signed out")
	other.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	bobs.get("/user/account").is(200)
	if got := s.call(ctlproto.MethodAuthForget); got["aor"] != "alice@example.org" {
		t.Errorf("auth.forget %v", got)
	}
	s.browser().post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland").is(422)
	s.browser().signIn("alice", " tea at six ")
}

func TestPasswordChangeWithoutRouter(t *testing.T) {
	s := newStand(t, nil)
	s.router.Close()
	b := s.browser().signIn("alice", "wonderland")
	b.post("/user/account/security", "/user/account/security", "old_password", "wonderland", "new_password", "tea at six", "again", "tea at six").
		leads("/user/account/security")
	b.get("/user/account/security").shows("Your password is changed. The router could not be told")
	s.browser().signIn("alice", "tea at six")
}

func TestPasswordFaults(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	for _, c := range []struct{ old, new, again, field, fault string }{
		{"", "tea at six", "tea at six", "old_password", "This is needed."},
		{"guess", "tea at six", "tea at six", "old_password", "This is not your password."},
		{"wonderland", "teatime", "teatime", "new_password", "This is shorter than 8 characters."},
		{"wonderland", strings.Repeat("ž", 65), strings.Repeat("ž", 65), "new_password", "At most 128 characters of plain English, fewer of others."},
		{"wonderland", "tea\tat six", "tea\tat six", "new_password", "There are characters in it that cannot be used here."},
		{"wonderland", "tea at six", "tea at seven", "again", "This is not the same as above."},
		{"wonderland", "wonderland", "wonderland", "new_password", "This is the old password. Choose another one."},
	} {
		a := b.post("/user/account/security", "/user/account/security", "old_password", c.old, "new_password", c.new, "again", c.again).is(422)
		if got := a.fault(c.field); got != c.fault {
			t.Errorf("%+v: fault %q", c, got)
		}
		if c.new != "" && strings.Contains(a.Body, c.new) || c.old != "" && strings.Contains(a.Body, `"`+c.old+`"`) {
			t.Errorf("%+v: a password comes back", c)
		}
	}
	for range 6 {
		b.post("/user/account/security", "/user/account/security", "old_password", "guess", "new_password", "tea at six", "again", "tea at six")
	}
	a := b.post("/user/account/security", "/user/account/security", "old_password", "wonderland", "new_password", "tea at six", "again", "tea at six").is(422)
	if got := a.fault("old_password"); !strings.HasPrefix(got, "There were too many wrong attempts.") {
		t.Errorf("after many guesses: %q", got)
	}
	s.clock.forward(time.Minute)
	s.browser().signIn("alice", "wonderland")
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	b.header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	b.signIn("alice", "wonderland")
	other := s.browser()
	other.header.Set("User-Agent", hostile+" Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36")
	other.remote = "198.51.100.9:1"
	other.signIn("alice", "wonderland")
	bobs := s.browser().signIn("bob", "builder's")

	a := b.get("/user/account/security").shows("Firefox on Linux this browser", "Chrome on Android", "198.51.100.9", "today 11:00", "Sign out at 198.51.100.9")
	if strings.Contains(a.Body, "<script>alert") {
		t.Error("a User-Agent became markup")
	}
	sessions, err := s.db.Sessions.List(t.Context(), alice)
	check(t, err)
	ids := map[string]string{}
	for _, v := range sessions {
		ids[v.IP] = "/user/account/security/sessions/" + itoa(v.ID)
	}
	theirs, err := s.db.Sessions.List(t.Context(), bob)
	check(t, err)
	token := a.form("/user/account/security").Get("csrf")
	for _, path := range []string{"/user/account/security/sessions/" + itoa(theirs[0].ID), "/user/account/security/sessions/0", "/user/account/security/sessions/x", ids["192.0.2.1"]} {
		b.do("POST", path, url.Values{"csrf": {token}}).is(404)
		b.get(path).is(404).lacks("Sign it out")
	}
	bobs.get("/user/account").is(200)
	b.get(ids["198.51.100.9"]).is(200).shows("Sign out the browser at 198.51.100.9?")
	other.get("/user/account").is(200) // nothing has happened yet
	b.post(ids["198.51.100.9"], ids["198.51.100.9"]).leads("/user/account/security")
	b.get("/user/account/security").shows("That browser is signed out.").lacks("Chrome on Android")
	other.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
}
