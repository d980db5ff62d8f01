package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// listed are the user names that a search finds.
func (b base) listed(t *testing.T, viewer aor.AOR, text string) string {
	t.Helper()
	found, more, err := b.WhitePages.Search(t.Context(), viewer, text, 50)
	ok(t, err)
	var names []string
	for _, l := range found {
		names = append(names, l.AOR.User)
	}
	if more {
		names = append(names, "…")
	}
	return strings.Join(names, " ")
}

// TestWhitePages: those who allow it, of the own domain, by what is no secret.
func TestWhitePages(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		other := aor.AOR{User: "bobby", Domain: "other.org"}
		hidden, off, mixed := aor.AOR{User: "bobhidden", Domain: "example.org"}, aor.AOR{User: "boboff", Domain: "example.org"}, aor.AOR{User: "b_b", Domain: "example.org"}
		db.add(t, alice, bob, other, hidden, off, mixed)
		for _, p := range []store.Profile{
			{AOR: alice, FirstName: "Alice", Findable: true}, {AOR: bob, FirstName: "Bob", LastName: "Müller", Email: "secret@mail.test", Findable: true},
			{AOR: other, FirstName: "Bob", Findable: true}, {AOR: hidden, FirstName: "Bob"}, {AOR: off, FirstName: "Bob", Findable: true},
			{AOR: mixed, FirstName: "100%", LastName: "Bob!", Findable: true},
		} {
			ok(t, db.Profiles.Save(ctx, p))
		}
		ok(t, db.Profiles.SetDisabled(ctx, off, true))
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "2002", Domain: "example.org"}, bob))
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "2003", Domain: "example.org"}, hidden))
		for text, want := range map[string]string{
			"bob": "b_b bob", "BOB": "b_b bob", "muller": "bob", "MÜLL": "bob", "bob müller": "bob", "bob@example.org": "bob",
			"sip:bob@example.org": "bob", "ob@exam": "bob", "bob@other.org": "", "bobby": "", "bobhidden": "", "boboff": "", "bobhidden@example.org": "",
			"2002": "bob", "2003": "", "secret@mail.test": "", "secret": "", "alice": "", "": "", "  ": "",
			"%": "b_b", "_": "b_b", "b%b": "", "!": "b_b", "' OR 1=1 --": "", "\xff": "", "@": "b_b bob", strings.Repeat("x", 9999): "",
		} {
			if got := db.listed(t, alice, text); got != want {
				t.Errorf("%.40q finds %q, want %q", text, got, want)
			}
		}
		if got := db.listed(t, other, "bob"); got != "" {
			t.Errorf("another domain finds %q", got)
		}
		aliases, err := db.WhitePages.Aliases(ctx, []aor.AOR{bob, hidden, mixed})
		if diff := cmp.Diff(map[aor.AOR][]aor.AOR{bob: {{User: "2002", Domain: "example.org"}}}, aliases); diff != "" || err != nil {
			t.Errorf("Aliases, %v (-want +got):\n%s", err, diff)
		}
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, FirstName: "Bob"}))
		if got := db.listed(t, alice, "bob"); got != "b_b" {
			t.Errorf("who hides is found: %q", got)
		}
		ok(t, db.Subscribers.Delete(ctx, mixed))
		if n := db.count(t, "SELECT COUNT(*) FROM white_page"); n != 3 { // alice, the other domain and the disabled one
			t.Errorf("%d rows in the white pages", n)
		}
	})
}

func TestWhitePagesMany(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for i := range 4 {
			who := aor.AOR{User: fmt.Sprintf("u%d", i), Domain: "example.org"}
			db.add(t, who)
			ok(t, db.Profiles.Save(t.Context(), store.Profile{AOR: who, Findable: true}))
		}
		for most, want := range map[int]string{2: "2 true", 4: "4 false", 3: "3 true", 0: "0 false", 1 << 30: "4 false"} {
			found, more, err := db.WhitePages.Search(t.Context(), alice, "u", most)
			ok(t, err)
			if got := fmt.Sprint(len(found), more); got != want {
				t.Errorf("at most %d: %s, want %s", most, got, want)
			}
		}
	})
}
