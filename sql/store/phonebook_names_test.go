package store_test

import (
	"fmt"
	"testing"

	"seraph/sql/store"
)

// TestFindAddresses: the first entry of each address, the owner's only, and
// more addresses than one query takes.
func TestFindAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		var asked []string
		for i := range 450 {
			asked = append(asked, fmt.Sprintf("sip:u%d@example.org", i))
		}
		for _, e := range []store.Entry{{FirstName: "First", Address: "u0"}, {FirstName: "Second", Address: "u0"}, {FirstName: "Last", Address: "u449"}, {Address: "other"}} {
			_, err := db.Phonebook.Add(ctx, alice, e)
			ok(t, err)
		}
		_, err := db.Phonebook.Add(ctx, bob, store.Entry{FirstName: "Bob's", Address: "sip:u1@example.org"})
		ok(t, err)
		found, err := db.Phonebook.FindAddresses(ctx, alice, append(asked, `'; DROP TABLE phonebook; --`))
		ok(t, err)
		if len(found) != 2 || found["sip:u0@example.org"].FirstName != "First" || found["sip:u449@example.org"].FirstName != "Last" {
			t.Errorf("found %+v, want First and Last", found)
		}
		if found, err := db.Phonebook.FindAddresses(ctx, alice, nil); err != nil || len(found) != 0 {
			t.Errorf("of no addresses: %v, %v", found, err)
		}
	})
}
