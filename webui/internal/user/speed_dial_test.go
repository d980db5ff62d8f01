package user_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// numbers are the short numbers of somebody, in one line.
func (s *site) numbers(who aor.AOR) string {
	s.t.Helper()
	list, err := s.db.SpeedDials.List(s.t.Context(), who)
	check(s.t, err)
	var words []string
	for _, d := range list {
		words = append(words, strings.Join(strings.Fields(d.Dialed.User+" "+d.URI+" "+d.FirstName+" "+d.LastName+" "+d.Description), " "))
	}
	return strings.Join(words, "; ")
}

// dials gives somebody a short number, as seraphctl does.
func (s *site) dials(owner aor.AOR, number, uri, description string) {
	s.t.Helper()
	check(s.t, s.db.SpeedDials.Add(s.t.Context(), store.SpeedDial{
		Owner: owner, Dialed: aor.AOR{User: number, Domain: owner.Domain}, URI: uri, Description: description,
	}))
}

// TestSpeedDial: one save for the whole grid; names come from the phone book.
func TestSpeedDial(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.dials(alice, "12", "carol", "The boss")
	s.dials(alice, "5", "dan", "")
	b := s.signIn(alice)
	page := b.get("/user/phone-book/speed-dial")
	page.shows(t, http.StatusOK, "Numbers 00 to 09", "Numbers 90 to 99", `name="target-12" type="text" value="carol@example.org"`, `value="The boss"`,
		`<option value="bob@example.org" label="Bob Keller">`, "Other short numbers", "<strong>5</strong>", "dan@example.org")
	page = b.post("/user/phone-book/speed-dial", "target-12", "carol@example.org", "name-12", "The boss", "target-07", " bob ", "target-99", "+49301", "name-99", "Town hall")
	page.shows(t, http.StatusOK, "They count from now on.", `value="Bob Keller"`, `value="Town hall"`)
	if got, want := s.numbers(alice), "07 sip:bob@example.org Bob Keller; 12 sip:carol@example.org The boss; 5 sip:dan@example.org; 99 sip:+49301@example.org Town hall"; got != want {
		t.Errorf("numbers %q, want %q", got, want)
	}
	if n := s.times(ctlproto.MethodSpeeddialReload); n != 1 {
		t.Errorf("the router was told %d times", n)
	}
	b.post("/user/phone-book/speed-dial").shows(t, http.StatusBadRequest, "could not be read") // no grid at all
	if got := s.numbers(alice); !strings.Contains(got, "07 sip:bob@example.org") {
		t.Errorf("a form without a grid leaves %q", got)
	}
	b.post("/user/phone-book/speed-dial", "target-12", "").shows(t, http.StatusOK, "They count from now on.")
	if got := s.numbers(alice); got != "5 sip:dan@example.org" {
		t.Errorf("an empty grid leaves %q", got)
	}
}

// TestSpeedDialFaults: beside each field what is wrong with it, what was typed stays, and
// nothing is written.
func TestSpeedDialFaults(t *testing.T) {
	s := newSite(t)
	s.dials(alice, "12", "carol", "")
	s.dials(bob, "12", "secret", "")
	b := s.signIn(alice)
	b.get("/user/phone-book/speed-dial?owner=bob").hides(t, "secret")
	for _, c := range []struct{ field, value, want string }{
		{"name-40", "Nobody", "An address is missing for this name."},
		{"target-40", "mailto:x@y.example", `id="target-40-error"`},
		{"target-40", "alice", `id="target-40-error"`},
		{"target-40", "a b c@x.example", `id="target-40-error"`},
		{"target-40", strings.Repeat("x", 300), `id="target-40-error"`},
		{"target-40", `"><script>alert(1)</script>`, `id="target-40-error"`},
		{"name-40", strings.Repeat("x", 65), `id="name-40-error"`},
		{"name-40", "\u202egnihtemos", `id="name-40-error"`},
	} {
		page := b.post("/user/phone-book/speed-dial", "target-07", "bob", c.field, c.value)
		page.shows(t, http.StatusUnprocessableEntity, "Nothing is saved yet", c.want, `name="target-07" type="text" value="bob"`)
		page.hides(t, "<script>alert")
		if strings.Count(page.body, `<details class="ten" open>`) != 2 {
			t.Errorf("%s = %q: the ten with the fault is not open", c.field, c.value)
		}
	}
	b.post("/user/phone-book/speed-dial", "target-123", "bob", "target-x", "bob", "target-12", "carol", "owner", "bob", "username", "bob").shows(t, http.StatusOK, "saved")
	if got := s.numbers(alice); got != "12 sip:carol@example.org" {
		t.Errorf("numbers %q", got)
	}
	if got := s.numbers(bob); got != "12 sip:secret@example.org" {
		t.Errorf("bob's numbers %q", got)
	}
}

var shownField = regexp.MustCompile(`name="shown" value="([^"]+)"`)

// TestSpeedDialTwoTabs: a save does not undo what another tab saved meanwhile, unless it is
// made once more; nothing that was typed is lost.
func TestSpeedDialTwoTabs(t *testing.T) {
	s := newSite(t)
	s.dials(alice, "12", "carol", "")
	b := s.signIn(alice)
	const path = "/user/phone-book/speed-dial"
	shown := shownField.FindStringSubmatch(b.get(path).body)[1]
	b.post(path, "shown", shown, "target-12", "carol", "target-13", "dan", "name-13", "Dan <b>").shows(t, http.StatusOK, "They count from now on.")
	late := b.post(path, "shown", shown, "target-12", "carol", "target-14", "erin")
	late.shows(t, http.StatusConflict, "changed in another tab", "<strong>13</strong> Dan <b>", "dan@example.org", "<strong>14</strong> not used", `name="target-14" type="text" value="erin"`)
	late.hides(t, "Dan <b>", "<strong>12</strong>") // 12 is as it is in the form
	if got := s.numbers(alice); got != "12 sip:carol@example.org; 13 sip:dan@example.org Dan <b>" {
		t.Errorf("numbers %q", got)
	}
	b.post(path, "shown", "rubbish", "target-14", "erin").shows(t, http.StatusConflict, "changed in another tab")
	b.post(path, "shown", shownField.FindStringSubmatch(late.body)[1], "target-14", "erin").shows(t, http.StatusOK, "They count from now on.")
	if got := s.numbers(alice); got != "14 sip:erin@example.org" {
		t.Errorf("numbers %q", got)
	}
}
