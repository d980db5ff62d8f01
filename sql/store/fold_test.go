package store_test

import (
	"strings"
	"testing"

	"seraph/sql/store"
)

// TestLongWords: names and notes as long as they may be, of letters that come apart into
// several when they are made comparable, are kept and found: MariaDB takes no row whose
// column search is too long.
func TestLongWords(t *testing.T) {
	for what, letter := range map[string]string{
		"Hangul": "뷁", "a musical symbol with an accent beside it": "\U0001D160", "Hebrew with points": "\uFB2C", "sharp s": "ß",
	} {
		t.Run(what, func(t *testing.T) {
			onEach(t, func(t *testing.T, db base) {
				db.add(t, alice, bob)
				name, note := strings.Repeat(letter, 63)+"é", strings.Repeat(letter, 254)+"é"
				_, err := db.Phonebook.Add(t.Context(), alice, store.Entry{FirstName: name, LastName: name, Group: name, Note: note,
					Address: "sip:b@" + strings.Repeat("x.", 120) + "example"})
				ok(t, err)
				ok(t, db.Profiles.Save(t.Context(), store.Profile{AOR: bob, FirstName: name, LastName: name, Findable: true}))
				_, total, err := db.Phonebook.List(t.Context(), alice, store.EntryQuery{Search: letter + letter})
				if ok(t, err); total != 1 {
					t.Errorf("%d entries are found", total)
				}
				found, _, err := db.WhitePages.Search(t.Context(), alice, letter+"e", 9)
				if ok(t, err); len(found) != 1 {
					t.Errorf("%d people are found", len(found))
				}
			})
		})
	}
}
