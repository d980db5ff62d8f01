package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/sql/store"
)

// sameOrigin marks the requests of a browser as those of our own pages.
func (b *browser) sameOrigin() *browser {
	b.header.Set("Sec-Fetch-Site", "same-origin")
	return b
}

// spoil makes a table unreadable by its name, until the returned function is called.
func (s *stand) spoil(table string) (mend func()) {
	s.t.Helper()
	db := s.open()
	s.t.Cleanup(func() { db.Close() })
	_, err := db.ExecContext(s.t.Context(), "ALTER TABLE "+table+" RENAME TO spoiled")
	check(s.t, err)
	return func() {
		_, err := db.ExecContext(s.t.Context(), "ALTER TABLE spoiled RENAME TO "+table)
		check(s.t, err)
	}
}

// TestTypedIsKept: a form that the database did not take is on the page of the error with all
// that was typed, and goes through when it is sent again.
func TestTypedIsKept(t *testing.T) {
	const typed = `TYPED <b>"text"</b>`
	for _, test := range []struct {
		page, table string
		fields      []string
		kept        func(s *stand) string
	}{
		{"/user/account", "profile", []string{"first_name", typed, "last_name", ""}, func(s *stand) string {
			me, err := s.db.Profiles.Load(s.t.Context(), alice)
			check(s.t, err)
			return me.FirstName
		}},
		{"/user/phone-book/new", "phonebook", []string{"first_name", typed, "address", "q"}, func(s *stand) string {
			list, _, err := s.db.Phonebook.List(s.t.Context(), alice, store.EntryQuery{Limit: 9})
			check(s.t, err)
			return list[0].FirstName
		}},
		{"/user/phone-book/speed-dial", "speed_dial", []string{"name-07", typed, "target-07", "q"}, func(s *stand) string {
			list, err := s.db.SpeedDials.List(s.t.Context(), alice)
			check(s.t, err)
			return list[0].LastName
		}},
	} {
		t.Run(test.page, func(t *testing.T) {
			s := newStand(t, nil)
			b := s.browser().signIn("alice", "wonderland")
			form := b.get(test.page).form(test.page)
			for i := 0; i < len(test.fields); i += 2 {
				form.Set(test.fields[i], test.fields[i+1])
			}
			mend := s.spoil(test.table)
			got := b.do("POST", test.page, form)
			mend()
			got.is(http.StatusServiceUnavailable).shows("The database is away", "What you typed", typed, "Send it again")
			b.do("POST", test.page, got.form(test.page)).is(http.StatusSeeOther)
			if kept := test.kept(s); kept != typed {
				t.Errorf("what is kept in the end: %q", kept)
			}
		})
	}
}

// TestLockedDatabase: pages that only read do not wait for a lock on writing, and a form
// that does says why, with what was typed.
func TestLockedDatabase(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	form := b.get("/user/phone-book/new").form("/user/phone-book/new")
	form.Set("first_name", "TYPEDTEXT")
	form.Set("address", "q")
	s.clock.forward(2 * time.Minute) // the session's use is to be noted
	db := s.open()
	defer db.Close()
	conn, err := db.Conn(t.Context())
	check(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	check(t, err)
	begin := time.Now()
	for range 3 {
		for _, path := range []string{"/user/phone-book", "/user/account", "/user/missed", "/user/calls"} {
			b.get(path).is(http.StatusOK)
		}
	}
	if took := time.Since(begin); took > 5*time.Second { // the time of one lock
		t.Errorf("twelve pages took %v", took)
	}
	b.do("POST", "/user/phone-book/new", form).is(http.StatusServiceUnavailable).shows("What you typed", "TYPEDTEXT", "The database is away")
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	check(t, err)
	for deadline := time.After(time.Minute); ; { // the note is made once it can be
		b.get("/user/phone-book")
		list, err := s.db.Sessions.List(t.Context(), alice)
		check(t, err)
		if list[0].LastSeen.Equal(s.clock.now()) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the session was last seen at %v", list[0].LastSeen)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestTypedIsKeptOutOfDate: a form whose token is out of date, or whose session has ended,
// is kept, too; it goes through once the right person sends it again.
func TestTypedIsKeptOutOfDate(t *testing.T) {
	const page = "/user/phone-book/new"
	s := newStand(t, nil)
	b := s.browser().sameOrigin().signIn("alice", "wonderland")
	form := b.get(page).form(page)
	form.Set("first_name", "TYPEDTEXT")
	form.Set("address", "q")
	b.post("/user/account", "/user/sign-out")
	ended := b.do("POST", page, form).is(http.StatusForbidden).shows("You are not signed in any more", "TYPEDTEXT", "Sign in in a new tab")
	if strings.Contains(ended.Header.Get("Location"), "TYPED") {
		t.Errorf("leads to %s", ended.Header.Get("Location"))
	}
	b.signIn("alice", "wonderland")
	stale := b.do("POST", page, ended.form(page)).is(http.StatusForbidden).shows("That form was out of date", "TYPEDTEXT", "Send it again")
	if list, _, err := s.db.Phonebook.List(t.Context(), alice, store.EntryQuery{Limit: 9}); err != nil || len(list) != 0 {
		t.Errorf("a form that is out of date was taken: %v, %v", list, err)
	}
	b.do("POST", page, stale.form(page)).is(http.StatusSeeOther)
}

// TestNothingIsKeptOfOthersForms: what another site sent comes back as nothing that could be
// sent again, whatever the browser says of it.
func TestNothingIsKeptOfOthersForms(t *testing.T) {
	s := newStand(t, nil)
	const page = "/user/phone-book/new"
	form := url.Values{"first_name": {"TYPEDTEXT"}, "address": {"q"}, "csrf": {"x"}}
	for name, header := range map[string][2]string{
		"says nothing": {}, "hides": {"Origin", "null"}, "another site": {"Sec-Fetch-Site", "cross-site"}, "a neighbour": {"Sec-Fetch-Site", "same-site"},
		"typed": {"Sec-Fetch-Site", "none"}, "another origin": {"Origin", "http://evil.example.org"},
	} {
		b := s.browser().signIn("alice", "wonderland")
		if header[0] != "" {
			b.header.Set(header[0], header[1])
		}
		for _, who := range []*browser{b, {stand: s, cookies: map[string]*http.Cookie{}, header: b.header, remote: b.remote}} {
			if got := who.do("POST", page, form); strings.Contains(got.Body, "TYPEDTEXT") || got.Code != http.StatusForbidden && got.Code != http.StatusSeeOther {
				t.Errorf("%s: %d with\n%s", name, got.Code, got.Body)
			}
		}
	}
}

// TestSecretsAreNotKept: a form with a password is not sent again as it is, and shows none.
func TestSecretsAreNotKept(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().sameOrigin().signIn("alice", "wonderland")
	form := b.get("/user/account").form("/user/account")
	form.Set("csrf", "out of date")
	form.Set("first_name", "TYPEDTEXT")
	form.Set("password", "s3cret-word")
	got := b.do("POST", "/user/account", form).is(http.StatusForbidden).shows("TYPEDTEXT", "Passwords and files are not kept", "Open the page again")
	if strings.Contains(got.Body, "s3cret-word") || strings.Contains(got.Body, `name="first_name"`) {
		t.Errorf("a secret, or a form without it, is on the page:\n%s", got.Body)
	}
	long := url.Values{"csrf": {"out of date"}, "old_password": {"s3cret-word"}, "new_password": {"s3cret-word2"}, "again": {"s3cret-word2"}}
	if got := b.do("POST", "/user/account/security", long).is(http.StatusForbidden); strings.Contains(got.Body, "s3cret") {
		t.Errorf("a password is on the page:\n%s", got.Body)
	}
}
