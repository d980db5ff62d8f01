package user_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// person makes somebody with a profile.
func (s *site) person(who aor.AOR, p store.Profile) {
	s.t.Helper()
	if who != alice && who != bob {
		check(s.t, s.db.Subscribers.Create(s.t.Context(), who, password))
	}
	p.AOR = who
	check(s.t, s.db.Profiles.Save(s.t.Context(), p))
}

func TestFind(t *testing.T) {
	s := newSite(t)
	s.person(bob, store.Profile{FirstName: "Bob", LastName: "Müller", Findable: true})
	s.person(named("bobette"), store.Profile{FirstName: "Bobette", Findable: true})
	check(t, s.db.Aliases.Add(t.Context(), named("2002"), bob))
	s.add(alice, "My", "Bobette", "bobette", "")
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	s.router.see(alice, "bobette@example.org", ctlproto.StatusUnknown)
	b := s.signIn(alice)
	start := b.get("/user/phone-book/find")
	start.shows(t, http.StatusOK, "Find people", "Write a part of somebody", `aria-current="page">Find people`)
	start.hides(t, "<table", "bob@example.org")

	found := b.get("/user/phone-book/find?q=bob")
	found.shows(t, http.StatusOK, "Bob Müller", "bob@example.org", "2002", `aria-label="Call Bob Müller"`, `value="sip:bob@example.org"`,
		`href="/user/messages/new?to=bob%40example.org"`, `href="/user/phone-book/new?address=bob%40example.org&name=Bob+M%C3%BCller"`, "Bobette")
	if got := found.rowStatus(t, "bob@example.org") + " " + found.rowStatus(t, "bobette@example.org"); got != "online unknown" {
		t.Errorf("statuses %s", got)
	}
	if strings.Contains(found.body, "new?address=bobette") {
		t.Error("who is in the phone book can be added once more")
	}
	online := b.get("/user/phone-book/find?q=BOB&online=on")
	online.shows(t, http.StatusOK, "Bob Müller", "checked")
	if got := online.rows(); len(got) != 1 {
		t.Errorf("on line: %q", got)
	}
	for _, q := range []string{"muller", "bob%40example.org", "sip:bob@example.org", "2002", "ob%20m%C3%BC"} {
		if got := b.get("/user/phone-book/find?q=" + q).rows(); len(got) != 1 || got[0] != "bob@example.org" {
			t.Errorf("%s finds %q", q, got)
		}
	}
	add := b.get("/user/phone-book/new?address=bob%40example.org&name=Bob+M%C3%BCller")
	add.shows(t, http.StatusOK, `name="first_name" type="text" value="Bob"`, `value="Müller"`, `value="bob@example.org"`)
	add.hides(t, "in your phone book already")
	b.get("/user/phone-book/new?address=bobette").shows(t, http.StatusOK, "My Bobette with this address is in your phone book already.", "Open that entry")
	b.get("/user/phone-book").shows(t, http.StatusOK, `href="/user/phone-book/find"`)
}

// TestFindHides: who does not allow it, or is not there, or is asked for in a way that should
// match everything, looks like no match: the page is the same but for what was typed.
func TestFindHides(t *testing.T) {
	s := newSite(t)
	s.person(bob, store.Profile{FirstName: "Bob", LastName: "Hidden", Email: "bob@mail.test"})
	s.person(alice, store.Profile{FirstName: "Alice", Findable: true})
	s.person(aor.AOR{User: "zoe", Domain: "other.org"}, store.Profile{FirstName: "Zoe", Findable: true})
	check(t, s.db.Aliases.Add(t.Context(), named("2002"), bob))
	s.add(alice, "", "", "bob", "") // knowing the address changes nothing
	b := s.signIn(alice)
	own := regexp.MustCompile(`value="[A-Za-z0-9_-]{43}"|id="find"[^>]*|\?q=[^"]*`) // tokens, and what was typed
	page := func(q string) string {
		got := b.get("/user/phone-book/find?q=" + q)
		got.shows(t, http.StatusOK, "Nobody was found")
		return own.ReplaceAllString(got.body, "")
	}
	want := page("nosuchperson")
	for _, q := range []string{"bob", "hidden", "bob@example.org", "2002", "bob@mail.test", "mail.test", "zoe", "zoe@other.org", "alice", "%25%25", "b_b", "__", "' OR 1=1", "%5c%5c"} {
		q = strings.ReplaceAll(q, " ", "+")
		if diff := cmp.Diff(want, page(q)); diff != "" {
			t.Errorf("%s looks other than no match (-no match +%s):\n%s", q, q, diff)
		}
	}
	b.get("/user/phone-book").hides(t, "2002")
	if asked := called[ctlproto.PresenceParams](t, s.router, ctlproto.MethodPresenceGet); len(asked) > 0 {
		for _, a := range asked {
			if len(a.Addresses) > 1 {
				t.Errorf("presence was asked of %v", a.Addresses)
			}
		}
	}
}

func TestFindWrongInput(t *testing.T) {
	s := newSite(t)
	for i := range 53 {
		s.person(named(fmt.Sprintf("many%02d", i)), store.Profile{Findable: true})
	}
	b := s.signIn(alice)
	many := b.get("/user/phone-book/find?q=many")
	many.shows(t, http.StatusOK, "Too many people match: here are 50 of them.")
	if got := many.rows(); len(got) != 50 || got[0] != "many00@example.org" {
		t.Errorf("%d rows: %q", len(got), got)
	}
	b.get("/user/phone-book/find?q=x").shows(t, http.StatusUnprocessableEntity, "Write at least two letters.", `value="x"`, `aria-invalid="true"`)
	b.get("/user/phone-book/find?q=").shows(t, http.StatusUnprocessableEntity, "Write at least two letters.")
	b.get("/user/phone-book/find?q=%ff%00<script>alert(1)</script>").hides(t, "<script>alert")
	b.get("/user/phone-book/find?q="+strings.Repeat("x", 5000)).shows(t, http.StatusOK, "Nobody was found")
	s.router.refuses(ctlproto.MethodPresenceGet, ctlproto.Errorf(ctlproto.CodeUnavailable, "no"))
	away := b.get("/user/phone-book/find?q=many00&online=on")
	away.shows(t, http.StatusOK, "Who is on line cannot be told.")
	for i := 0; ; i++ {
		got := b.get(fmt.Sprintf("/user/phone-book/find?q=many%d", i))
		if got.status == http.StatusTooManyRequests {
			got.shows(t, http.StatusTooManyRequests, "That was a lot of searches.", fmt.Sprintf(`value="many%d"`, i))
			if got.header.Get("Retry-After") == "" || i < 50 {
				t.Errorf("refused after %d searches, Retry-After %q", i, got.header.Get("Retry-After"))
			}
			break
		}
		if i > 100 {
			t.Fatal("a hundred searches were answered at once")
		}
	}
	s.signIn(bob).get("/user/phone-book/find?q=many00").shows(t, http.StatusOK, "many00@example.org") // others do not wait
}
