package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

// TestStrangers: who called and wrote last, each once, of the owner's own alone, and never more than a bounded number.
func TestStrangers(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		var calls []store.Call
		called := func(n int, from string, change func(*store.Call)) {
			c := newCall(n)
			c.CallerURI = from
			if change != nil {
				change(&c)
			}
			calls = append(calls, c)
		}
		called(1, "sip:carol@example.org", nil)
		called(2, "sip:dan@elsewhere.example", nil)
		called(3, "sip:carol@example.org", nil)
		called(4, "tel:+420123", nil)
		called(5, "sip:eve@example.org", func(c *store.Call) { c.Callee = bob })
		called(6, "sip:frank@example.org", func(c *store.Call) { c.Answered, c.Code = c.Started, 200 })
		ok(t, db.Calls.Record(t.Context(), calls))
		got, err := db.Calls.MissedCallers(t.Context(), alice)
		ok(t, err)
		if diff := cmp.Diff([]string{"tel:+420123", "sip:carol@example.org", "sip:dan@elsewhere.example"}, got); diff != "" {
			t.Errorf("callers (-want +got):\n%s", diff)
		}

		for n, from := range []string{"sip:carol@example.org", "sip:dan@elsewhere.example", "sip:carol@example.org"} {
			m := newMessage(alice, n)
			m.From, m.Body = from, make([]byte, 65535)
			put1(t, db, m)
		}
		theirs := newMessage(bob, 4)
		theirs.From = "sip:eve@example.org"
		put1(t, db, theirs)
		got, err = db.Silo.Senders(t.Context(), alice)
		ok(t, err)
		if diff := cmp.Diff([]string{"sip:carol@example.org", "sip:dan@elsewhere.example"}, got); diff != "" {
			t.Errorf("senders (-want +got):\n%s", diff)
		}

		calls = nil
		for n := range store.MaxStrangers + 50 {
			called(100+n, fmt.Sprintf("sip:s%d@elsewhere.example", n), nil)
		}
		ok(t, db.Calls.Record(t.Context(), calls))
		got, err = db.Calls.MissedCallers(t.Context(), alice)
		ok(t, err)
		if len(got) != store.MaxStrangers || got[0] != "sip:s249@elsewhere.example" || slices.Contains(got, "sip:carol@example.org") {
			t.Errorf("%d callers, the first %v", len(got), got[:1])
		}
	})
}
