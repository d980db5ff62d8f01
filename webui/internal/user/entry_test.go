package user_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// book is the owner's whole phone book.
func (s *site) book(owner aor.AOR) []store.Entry {
	s.t.Helper()
	entries, _, err := s.db.Phonebook.List(s.t.Context(), owner, store.EntryQuery{})
	check(s.t, err)
	return entries
}

func TestEntryAddEditDelete(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/phone-book/new").shows(t, http.StatusOK, "New entry", `name="first_name"`)
	page := b.post("/user/phone-book/new", "first_name", " Bob ", "last_name", "Keller", "address", "Bob", "group", "Work", "note", "desk 4")
	page.shows(t, http.StatusOK, "Bob Keller is in your phone book.", "bob@example.org")
	if page.path != "/user/phone-book" {
		t.Errorf("adding led to %s", page.path)
	}
	b.get("/user/phone-book").hides(t, "is in your phone book") // said once
	e := s.book(alice)[0]
	path := fmt.Sprintf("/user/phone-book/%d", e.ID)
	b.get(path).shows(t, http.StatusOK, "Edit entry", `value="Keller"`, `value="bob@example.org"`, `value="desk 4"`)
	b.post(path, "first_name", "Robert", "last_name", "Keller", "address", "sips:bob@example.org;transport=tcp").
		shows(t, http.StatusOK, "Robert Keller was saved.")
	if got := s.book(alice)[0]; got.ID != e.ID || got.FirstName != "Robert" || got.Address != "sips:bob@example.org;transport=tcp" || got.Group != "" {
		t.Errorf("stored: %+v", got)
	}
	b.get(path+"/delete").shows(t, http.StatusOK, "Delete Robert Keller?", "Keep it")
	if len(s.book(alice)) != 1 {
		t.Error("asking has deleted the entry")
	}
	page = b.post(path + "/delete")
	page.shows(t, http.StatusOK, "Robert Keller was deleted.", "Undo")
	if got := s.book(alice); len(got) != 0 {
		t.Errorf("after deleting: %+v", got)
	}
	b.undo(page).shows(t, http.StatusOK, "The entry is back in your phone book.")
	if got := s.book(alice); len(got) != 1 || got[0].Address != "sips:bob@example.org;transport=tcp" {
		t.Errorf("after undo: %+v", got)
	}
}

func TestEntryWrongInput(t *testing.T) {
	s := newSite(t)
	e := s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	for _, c := range []struct {
		name   string
		fields []string
		texts  []string // shown beside the field, and what was typed
	}{
		{"no address", []string{"first_name", "Zed"}, []string{"This is needed.", `value="Zed"`}},
		{"web address", []string{"address", "http://x.org"}, []string{"Only sip, sips and tel addresses can be called.", `value="http://x.org"`}},
		{"script", []string{"address", "javascript:alert(1)"}, []string{"Only sip, sips and tel"}},
		{"bad domain", []string{"address", "bob@exa mple.org"}, []string{"The part after the @ is not right: a host name has only letters"}},
		{"two ats", []string{"address", "bob@home@example.org"}, []string{"This is no address that can be called: there is more than one @."}},
		{"long user part", []string{"address", strings.Repeat("b", 65)}, []string{"This is no address that can be called: it is longer than 64 characters."}},
		{"long domain", []string{"address", "bob@" + strings.Repeat("d", 60) + ".example"}, []string{"The part after the @ is not right: it is longer than 64 characters."}},
		{"white space", []string{"address", "bob keller"}, []string{"This is no address that can be called"}},
		{"header injection", []string{"address", "bob@example.org\r\nContact: x"}, []string{"There are characters in it that cannot be used here."}},
		{"letters in a number", []string{"address", "tel:abc"}, []string{"This is no address that can be called: a tel address has only digits"}},
		{"long address", []string{"address", strings.Repeat("a", 256)}, []string{"At most 255 characters."}},
		{"long canonical address", []string{"address", "sip:" + strings.Repeat("é", 100) + "@example.org"}, []string{"This is no address that can be called: the address is longer than 255 bytes."}},
		{"long first name", []string{"first_name", strings.Repeat("ä", 65), "address", "zed"}, []string{"At most 64 characters.", strings.Repeat("ä", 65)}},
		{"long last name", []string{"last_name", strings.Repeat("b", 65), "address", "zed"}, []string{"At most 64 characters."}},
		{"long group", []string{"group", strings.Repeat("b", 65), "address", "zed"}, []string{"At most 64 characters."}},
		{"long note", []string{"note", strings.Repeat("b", 256), "address", "zed"}, []string{"At most 255 characters."}},
		{"control character", []string{"first_name", "a\x00b", "address", "zed"}, []string{"There are characters in it that cannot be used here."}},
		{"bad UTF-8", []string{"first_name", "a\xffb", "address", "zed"}, []string{"There are characters in it that cannot be used here."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/user/phone-book/new", fmt.Sprintf("/user/phone-book/%d", e.ID)} {
				page := b.post(path, c.fields...)
				page.shows(t, http.StatusUnprocessableEntity, c.texts...)
				page.shows(t, http.StatusUnprocessableEntity, `aria-invalid="true"`)
			}
		})
	}
	if got := s.book(alice); len(got) != 1 || got[0] != e {
		t.Errorf("wrong input was stored: %+v", got)
	}
}

// TestEntryOthers: another user's entry, and whatever is no entry's number, is not there.
func TestEntryOthers(t *testing.T) {
	s := newSite(t)
	mine, theirs := s.add(alice, "Mine", "", "mine", ""), s.add(bob, "Secret", "", "secret", "")
	b := s.signIn(alice)
	b.get("/user/phone-book")
	ids := []string{
		fmt.Sprint(theirs.ID), fmt.Sprintf("%%3%d", theirs.ID), fmt.Sprintf("0%d", mine.ID), fmt.Sprintf("+%d", mine.ID), fmt.Sprintf("%d%%20", mine.ID),
		fmt.Sprintf("%d.0", mine.ID), fmt.Sprintf("%d%%2Fdelete", mine.ID), "0", "-1", "9999999", "99999999999999999999", "x", "%00", "..%2Fdial", "1%27--",
	}
	for _, id := range ids {
		for _, page := range []answer{
			b.get("/user/phone-book/" + id), b.get("/user/phone-book/" + id + "/delete"),
			b.post("/user/phone-book/"+id, "first_name", "Taken", "address", "x"), b.post("/user/phone-book/" + id + "/delete"),
		} {
			if page.status != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", page.path, page.status)
			}
			page.hides(t, "Secret", "secret@example.org")
		}
	}
	if got := s.book(bob); len(got) != 1 || got[0] != theirs {
		t.Errorf("bob's phone book is now %+v", got)
	}
	if got := s.book(alice); len(got) != 1 || got[0] != mine {
		t.Errorf("alice's phone book is now %+v", got)
	}
}

// TestChangesNeedToken: no change without the session's CSRF token, and none from another site.
func TestChangesNeedToken(t *testing.T) {
	s := newSite(t)
	e := s.add(alice, "Bob", "Keller", "bob", "")
	check(t, s.db.Dials.Add(t.Context(), alice, "bob"))
	b := s.signIn(alice)
	b.get("/user/phone-book")
	token := b.csrf
	for _, path := range []string{
		"/user/phone-book/new", fmt.Sprintf("/user/phone-book/%d", e.ID), fmt.Sprintf("/user/phone-book/%d/delete", e.ID),
		"/user/dial", "/user/dial/clear", "/user/dial/call-1/cancel", "/user/dial/call-1/close",
	} {
		for _, wrong := range []string{"", "x", strings.ToUpper(token)} {
			b.csrf = wrong
			if got := b.post(path, "to", "bob", "address", "evil"); got.status != http.StatusForbidden {
				t.Errorf("%s with the token %q: status %d, want 403", path, wrong, got.status)
			}
		}
		b.csrf = token
		r := b.request(path, "to", "bob", "address", "evil")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if got := b.do(r); got.status != http.StatusForbidden {
			t.Errorf("%s from another site: status %d, want 403", path, got.status)
		}
		b.csrf = token
	}
	if got := s.book(alice); len(got) != 1 || got[0] != e {
		t.Errorf("the phone book is now %+v", got)
	}
	last, err := s.db.Dials.List(t.Context(), alice, 5)
	check(t, err)
	if len(last) != 1 || len(s.router.attempts) != 0 {
		t.Errorf("dialled: %+v, calls: %v", last, s.router.attempts)
	}
}
