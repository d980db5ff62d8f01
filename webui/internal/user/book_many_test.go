package user_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// undo presses the button that takes the last change back.
func (b *browser) undo(a answer) answer {
	b.t.Helper()
	form := regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>((?:[^<]|<input[^>]*>)*)<button[^>]*>[^<]*Undo`).FindStringSubmatch(a.body)
	if form == nil {
		b.t.Fatalf("no undo:\n%s", a.body)
	}
	var fields []string
	for _, m := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form[2], -1) {
		if m[1] != "csrf" {
			fields = append(fields, m[1], html.UnescapeString(m[2]))
		}
	}
	return b.post(html.UnescapeString(form[1]), fields...)
}

func TestDeleteSeveral(t *testing.T) {
	s := newSite(t)
	one, two, kept := s.add(alice, "One", "", "one", "Work"), s.add(alice, "Two", "", "two", ""), s.add(alice, "Kept", "", "kept", "")
	theirs := s.add(bob, "Secret", "", "secret", "")
	b := s.signIn(alice)
	b.get("/user/phone-book").shows(t, http.StatusOK, fmt.Sprintf(`name="ids" value="%d" form="book-form" aria-label="Select One"`, one.ID), "Delete selected")
	ids := fmt.Sprintf("%d,%d", one.ID, two.ID)
	ask := b.post("/user/phone-book/selected", "act", "delete", "ids", ids)
	ask.shows(t, http.StatusOK, "Delete 2 entries?", "Keep it", ids)
	if ask.path != "/user/phone-book/delete" || len(s.book(alice)) != 3 {
		t.Errorf("asking led to %s; %d entries", ask.path, len(s.book(alice)))
	}
	before := s.book(alice)
	done := b.post("/user/phone-book/delete", "ids", ids)
	done.shows(t, http.StatusOK, "2 entries were deleted.", "Undo")
	if got := s.book(alice); len(got) != 1 || got[0] != kept {
		t.Errorf("left: %+v", got)
	}
	back := b.undo(done)
	back.shows(t, http.StatusOK, "2 entries are back in your phone book.")
	if got := s.book(alice); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("after undo %+v, want %+v", got, before)
	}
	b.undo(done).shows(t, http.StatusOK, "2 entries are back in your phone book.") // a double click
	if again := b.post("/user/phone-book/restore", "batch", undoField.FindStringSubmatch(done.body)[1]); again.status != http.StatusNotFound {
		t.Errorf("a second undo: %d", again.status)
	}

	// The wrong: none, others', nonsense.
	b.get("/user/phone-book")
	b.post("/user/phone-book/selected", "act", "delete").shows(t, http.StatusOK, "Nothing was done: tick the entries first.")
	for _, id := range []string{fmt.Sprint(theirs.ID), "0", "-1", "x", "1;2", strings.Repeat("1,", 2000), "4711"} {
		for _, got := range []answer{b.get("/user/phone-book/delete?ids=" + url.QueryEscape(id)), b.post("/user/phone-book/delete", "ids", id), b.post("/user/phone-book/selected", "act", "group", "group", "g", "ids", id)} {
			if got.status != http.StatusNotFound {
				t.Errorf("%s for %.20s: status %d", got.path, id, got.status)
			}
			got.hides(t, "Secret")
		}
	}
	b.get("/user/phone-book")
	if got := b.post("/user/phone-book/selected", "act", "burn", "ids", ids); got.status != http.StatusNotFound {
		t.Errorf("an unknown act: %d", got.status)
	}
	b.get("/user/phone-book")
	if got := b.post("/user/phone-book/restore", "batch", ""); got.status != http.StatusNotFound {
		t.Errorf("no batch: %d", got.status)
	}
	if got := s.book(bob); len(got) != 1 || got[0] != theirs {
		t.Errorf("bob's book: %+v", got)
	}
}

func (s *site) groups(who aor.AOR) string {
	s.t.Helper()
	groups, err := s.db.Phonebook.GroupSizes(s.t.Context(), who)
	check(s.t, err)
	var all []string
	for _, g := range groups {
		all = append(all, fmt.Sprintf("%s %d", g.Name, g.Entries))
	}
	return strings.Join(all, ", ")
}

func TestGroups(t *testing.T) {
	s := newSite(t)
	ann := s.add(alice, "Ann", "", "ann", "Work")
	s.add(alice, "Dan", "", "dan", "Work")
	eve := s.add(alice, "Eve", "", "eve", "")
	s.add(bob, "", "", "x", "Hidden")
	b := s.signIn(alice)
	page := b.get("/user/phone-book/groups")
	page.shows(t, http.StatusOK, "Groups", `value="Work"`, "2 entries", `href="/user/phone-book?group=Work"`)
	page.hides(t, "Hidden")
	b.post("/user/phone-book/groups", "group", "Work", "name", " Office ").shows(t, http.StatusOK, "The group Work is called Office now.")
	set := b.post("/user/phone-book/selected", "act", "group", "group", "Office", "ids", fmt.Sprint(eve.ID))
	set.shows(t, http.StatusOK, "The entry is now in the group Office.", "Undo")
	if got := s.groups(alice); got != "Office 3" {
		t.Errorf("groups: %s", got)
	}
	b.undo(set).shows(t, http.StatusOK, "The group of the entry is as before.")
	mixed := b.post("/user/phone-book/selected", "act", "group", "group", "Team", "ids", fmt.Sprintf("%d,%d", ann.ID, eve.ID))
	mixed.shows(t, http.StatusOK, "2 entries are now in the group Team.", "Undo") // they were in two groups
	b.undo(mixed).shows(t, http.StatusOK, "The groups of 2 entries are as before.")
	if got := s.groups(alice); got != "Office 2" {
		t.Errorf("groups after undo: %s", got)
	}
	b.post("/user/phone-book/groups/restore", "batch", undoField.FindStringSubmatch(mixed.body)[1]).shows(t, http.StatusOK, "it is too late to take that back")
	s.signIn(bob).post("/user/phone-book/groups/restore", "batch", "x").shows(t, http.StatusOK, "it is too late to take that back")
	b.get("/user/phone-book/groups/remove?group=Office").shows(t, http.StatusOK, "Remove the group Office?", "Its 2 entries stay")
	gone := b.post("/user/phone-book/groups/remove", "group", "Office")
	gone.shows(t, http.StatusOK, "The group Office is gone; its 2 entries are still here.", "There are no groups yet")
	b.undo(gone)
	if got := s.groups(alice); got != "Office 2" {
		t.Errorf("groups after undo: %s", got)
	}
	b.get("/user/phone-book/groups")
	b.post("/user/phone-book/groups", "group", "Office", "name", "  ").shows(t, http.StatusUnprocessableEntity, "This is needed.", `aria-invalid="true"`)
	b.post("/user/phone-book/groups", "group", "Office", "name", strings.Repeat("g", 65)).shows(t, http.StatusUnprocessableEntity, "At most 64 characters.", strings.Repeat("g", 65))
	b.post("/user/phone-book/selected", "act", "group", "group", strings.Repeat("g", 65), "ids", fmt.Sprint(ann.ID)).shows(t, http.StatusOK, "Nothing was done: the name of a group")
	for _, group := range []string{"Hidden", "", "nothing", "office"} {
		for _, got := range []answer{
			b.get("/user/phone-book/groups/remove?group=" + group), b.post("/user/phone-book/groups/remove", "group", group),
			b.post("/user/phone-book/groups", "group", group, "name", "Mine"),
		} {
			if got.status != http.StatusNotFound {
				t.Errorf("%s of %q: status %d", got.path, group, got.status)
			}
		}
		b.get("/user/phone-book/groups")
	}
	if got := s.groups(bob) + "; " + s.groups(alice); got != "Hidden 1; Office 2" {
		t.Errorf("groups: %s", got)
	}
}

// TestPhoneBookAliases: aliases of those who allow others to find them are shown and found;
// accents make no difference.
func TestPhoneBookAliases(t *testing.T) {
	s := newSite(t)
	s.person(bob, store.Profile{Findable: true})
	s.person(named("carol"), store.Profile{})
	check(t, s.db.Aliases.Add(t.Context(), named("2002"), bob))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "bob", Domain: "other.org"}, bob))
	check(t, s.db.Aliases.Add(t.Context(), named("2003"), named("carol")))
	e := s.add(alice, "Bób", "Keller", "bob", "")
	s.add(alice, "Carol", "", "carol", "Přátelé")
	b := s.signIn(alice)
	list := b.get("/user/phone-book")
	list.shows(t, http.StatusOK, "also 2002, bob@other.org")
	list.hides(t, "2003")
	b.get(fmt.Sprintf("/user/phone-book/%d", e.ID)).shows(t, http.StatusOK, "Also reached as", "2002, bob@other.org")
	for q, want := range map[string]string{"2002": "bob@example.org", "2003": "", "bob kel": "bob@example.org", "BÓB": "bob@example.org", "pratele": "carol@example.org"} {
		if got := strings.Join(b.get("/user/phone-book?q="+url.QueryEscape(q)).rows(), " "); got != want {
			t.Errorf("%s finds %q, want %q", q, got, want)
		}
	}
}

// TestPeopleOffered: where an address is typed the own phone book is offered.
func TestPeopleOffered(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "<b>Keller", "bob", "")
	s.add(bob, "Secret", "", "secret", "")
	b := s.signIn(alice)
	for _, path := range []string{"/user/dial", "/user/messages/new"} {
		page := b.get(path)
		page.shows(t, http.StatusOK, `list="people"`, `<option value="bob@example.org" label="Bob <b>Keller">`)
		page.hides(t, "secret", "<b>")
	}
}

// TestGroupRenamedMeanwhile: a group that another tab has renamed is said to be gone, and the
// new name that was typed is not lost, hostile or empty as it may be.
func TestGroupRenamedMeanwhile(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "Friends")
	b := s.signIn(alice)
	b.get("/user/phone-book/groups")
	b.post("/user/phone-book/groups", "group", "Friends", "name", "Family").shows(t, http.StatusOK, "Family")
	b.post("/user/phone-book/groups", "group", "Friends", "name", "<b>Mates</b>").shows(t, http.StatusNotFound, "no group “Friends” any more", "<b>Mates</b>", "Family")
	b.post("/user/phone-book/groups", "group", "Friends", "name", "tab\tin it").shows(t, http.StatusUnprocessableEntity, "no group “Friends” any more", "tab\tin it")
}

// TestBigGroupComesBack: however many entries a group has, that it was removed can be taken
// back, by its owner, without what has been deleted since.
func TestBigGroupComesBack(t *testing.T) {
	s := newSite(t)
	const size = 1500
	var list []store.Entry
	for i := range size {
		list = append(list, store.Entry{Address: fmt.Sprintf("x%d@example.org", i), Group: "Work"})
	}
	if _, err := s.db.Phonebook.Merge(t.Context(), alice, list, false); err != nil {
		t.Fatal(err)
	}
	b := s.signIn(alice)
	b.get("/user/phone-book/groups")
	gone := b.post("/user/phone-book/groups/remove", "group", "Work")
	gone.shows(t, http.StatusOK, "its 1500 entries are still here", "Undo")
	stolen := undoField.FindStringSubmatch(gone.body)
	if stolen == nil {
		t.Fatal("there is nothing to take it back with")
	}
	other := s.signIn(bob)
	other.get("/user/phone-book/groups")
	other.post("/user/phone-book/groups/restore", "batch", stolen[1]).shows(t, http.StatusOK, "it is too late")
	if _, _, err := s.db.Phonebook.DeleteMany(t.Context(), alice, s.book(alice)[0].ID); err != nil {
		t.Fatal(err)
	}
	b.undo(gone).shows(t, http.StatusOK, "The groups of 1499 entries are as before.")
	if got := s.groups(alice); got != "Work 1499" {
		t.Errorf("groups after undo: %s", got)
	}
}

var undoField = regexp.MustCompile(`name="batch" value="([^"]+)"`)
