package usrloc

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestAddedBesidePhones: what a phone has registered stays as it is when the same contact is
// added by hand, a way behind NAT and an end of life of its own and all; where a phone
// registers what was added, it is the phone's.
func TestAddedBesidePhones(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := New(Config{Now: func() time.Time { return now }})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	c, ctx := m.Control(), context.Background()
	const bob = "bob@example.org"
	register := func(contact string, flow bool) {
		t.Helper()
		reg := registration(bob, contact)
		reg.Contacts[0].Received = []byte("sip:198.51.100.1:4242")
		if flow {
			reg.Contacts[0].Instance, reg.Contacts[0].RegID = []byte("<urn:uuid:1>"), 1
		}
		if _, err := m.Table().Save(reg, nil); err != nil {
			t.Fatal(err)
		}
	}
	add := func(contact string) ctlproto.Code {
		return ctlproto.CodeOf(c.Add(ctx, bob, ctlproto.Contact{Address: contact, Permanent: true}))
	}
	const phone, flow, manual = "sip:bob@10.0.0.5:5060", "sip:bob@10.0.0.6:5060", "sip:bob@192.0.2.7"
	register(phone, false)
	register(flow, true)
	before := c.Lookup(bob)
	for _, contact := range []string{phone, "SIP:bob@10.0.0.5:5060", flow} {
		if code := add(contact); code != ctlproto.CodeExists {
			t.Errorf("%s is added: code %d", contact, code)
		}
	}
	if diff := cmp.Diff(before, c.Lookup(bob)); diff != "" {
		t.Errorf("what phones have registered (-before +after):\n%s", diff)
	}
	for range 2 { // a second time it is only changed
		if code := add(manual); code != 0 {
			t.Errorf("%s is not added: code %d", manual, code)
		}
	}
	register(manual, false)
	if code := add(manual); code != ctlproto.CodeExists {
		t.Errorf("what is a phone's now is added: code %d", code)
	}
	now = now.Add(2 * time.Hour) // the phones are gone
	if code := add(phone); code != 0 {
		t.Errorf("what has expired is not added: code %d", code)
	}
}
