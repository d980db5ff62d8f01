package usrloc

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module/moduletest"
)

// TestAddedAreBounded: an address takes so many contacts by hand and no more, neither
// permanent ones nor ones that expire, so that one message cannot go to a hundred places;
// what is there can be changed, and what was removed or has expired makes room.
func TestAddedAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := New(Config{Now: func() time.Time { return now }})
	if err := moduletest.Set(t, m, "max_added", "3"); err != nil {
		t.Fatal(err)
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	m.Limit(4)
	c, ctx := m.Control(), context.Background()
	add := func(address string, n int, life time.Duration, taken bool) {
		t.Helper()
		err := c.Add(ctx, address, ctlproto.Contact{Address: fmt.Sprintf("sip:x@192.0.2.%d", n), Expires: life, Permanent: life == 0})
		switch {
		case taken && err != nil:
			t.Errorf("contact %d: %v", n, err)
		case !taken && ctlproto.CodeOf(err) != ctlproto.CodeBusy:
			t.Errorf("contact %d: %v, want CodeBusy", n, err)
		}
	}
	const bob = "bob@example.org"
	add(bob, 1, 0, true)
	add(bob, 2, 0, true)
	add(bob, 3, time.Hour, true)
	add(bob, 4, 0, false)
	add(bob, 4, time.Minute, false)
	add(bob, 2, time.Hour, true) // one that is there
	add("alice@example.org", 1, 0, true)
	now = now.Add(2 * time.Hour)
	add(bob, 4, 0, true)
	if _, err := c.RemoveContact(ctx, bob, "sip:x@192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	reg := registration(bob, "sip:b@198.51.100.1", "sip:b@198.51.100.2")
	if _, err := m.Table().Save(reg, nil); err != nil {
		t.Fatal(err)
	}
	add(bob, 5, 0, true)
	add(bob, 6, 0, false) // by max_contacts: two phones and two by hand
	if n := len(c.Lookup(bob)); n != 4 {
		t.Errorf("%d contacts, want 4", n)
	}
}

// TestAddedWithoutBound: 0 is no bound, and a number that is none is refused.
func TestAddedWithoutBound(t *testing.T) {
	m := New(Config{})
	if err := moduletest.Set(t, m, "max_added", "0"); err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		if err := m.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: fmt.Sprintf("sip:x@192.0.2.%d", n), Permanent: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"-1", "1001"} {
		if err := moduletest.Set(t, m, "max_added", n); err == nil {
			t.Errorf("max_added %s is taken", n)
		}
	}
}
