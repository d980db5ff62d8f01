package usrloc_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/control"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
)

var (
	_ control.Usrloc     = (*usrloc.Control)(nil)
	_ control.Statistics = (*usrloc.Module)(nil)
	_ module.Module      = (*usrloc.Module)(nil)
	_ module.Initializer = (*usrloc.Module)(nil)
	_ module.Runner      = (*usrloc.Module)(nil)
)

// TestControl is ul.add, ul.lookup, ul.rm_contact and ul.rm.
func TestControl(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := usrloc.New(usrloc.Config{Now: func() time.Time { return now }, ServerID: 3})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	c, ctx := m.Control(), context.Background()
	add := func(contact ctlproto.Contact) {
		t.Helper()
		if err := c.Add(ctx, "bob@example.org", contact); err != nil {
			t.Fatal(err)
		}
	}
	add(ctlproto.Contact{Address: "sip:b@10.0.0.1", Expires: time.Hour, Q: 0.5, Methods: 5, Received: "sip:192.0.2.1:1024",
		Socket: "udp:192.0.2.9:5060", Flags: 1, CFlags: 2})
	add(ctlproto.Contact{Address: "sip:b@10.0.0.2", Permanent: true, Q: 1, Methods: math.MaxUint32, Path: "<sip:edge;lr>"})
	add(ctlproto.Contact{Address: "sip:b@10.0.0.2", Permanent: true, Q: 0.9, Methods: math.MaxUint32, Path: "<sip:edge;lr>"})
	got := c.Lookup("bob@example.org")
	want := []ctlproto.Contact{
		{Address: "sip:b@10.0.0.2", Permanent: true, Q: 0.9, Methods: math.MaxUint32, Path: "<sip:edge;lr>"},
		{Address: "sip:b@10.0.0.1", Expires: time.Hour, Q: 0.5, Methods: 5, Received: "sip:192.0.2.1:1024",
			Socket: "udp:192.0.2.9:5060", Flags: 1, CFlags: 2},
	}
	for i := range want {
		if i >= len(got) || len(got[i].RUID) != 32 || got[i].CallID == "" {
			t.Fatalf("contacts %+v", got)
		}
		want[i].CallID, want[i].CSeq, want[i].RUID = got[i].CallID, 1, got[i].RUID
		want[i].State, want[i].ServerID, want[i].TCPConnID, want[i].LastModified = ctlproto.StateNew, 3, -1, now.UTC()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ul.lookup (-want +got):\n%s", diff)
	}
	if slots, fullest := c.Slots(); slots < 2 || fullest != 1 {
		t.Errorf("%d slots with at most %d addresses, want one address in one of several", slots, fullest)
	}
	dumped := map[string]int{}
	c.Dump(func(address string, contacts []ctlproto.Contact) bool {
		dumped[address] = len(contacts)
		return true
	})
	if diff := cmp.Diff(map[string]int{"bob@example.org": 2}, dumped); diff != "" {
		t.Errorf("ul.dump (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		what  string
		do    func() (bool, error)
		found bool
		left  int
	}{
		{"a contact that is not there", func() (bool, error) { return c.RemoveContact(ctx, "bob@example.org", "sip:b@10.0.0.3") }, false, 2},
		{"somebody else's", func() (bool, error) { return c.RemoveContact(ctx, "eve@example.org", "sip:b@10.0.0.1") }, false, 2},
		{"one contact", func() (bool, error) { return c.RemoveContact(ctx, "bob@example.org", "sip:b@10.0.0.1") }, true, 1},
		{"all", func() (bool, error) { return c.Remove(ctx, "bob@example.org") }, true, 0},
		{"all again", func() (bool, error) { return c.Remove(ctx, "bob@example.org") }, false, 0},
	} {
		found, err := step.do()
		if err != nil || found != step.found || len(c.Lookup("bob@example.org")) != step.left {
			t.Errorf("removing %s: found %v (%v) and left %d, want %v and %d", step.what, found, err,
				len(c.Lookup("bob@example.org")), step.found, step.left)
		}
	}
	if err := c.Add(ctx, "bob@example.org", ctlproto.Contact{Address: "nonsense"}); ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
		t.Errorf("ul.add of nonsense: %v", err)
	}
	if err := c.Flush(ctx); err != nil {
		t.Errorf("ul.flush without a database: %v", err)
	}
}

// TestControlStops: a dump ends when its reader has enough.
func TestControlStops(t *testing.T) {
	m := usrloc.New(usrloc.Config{})
	c := m.Control()
	for _, address := range []string{"a@h", "b@h", "c@h"} {
		if err := c.Add(context.Background(), address, ctlproto.Contact{Address: "sip:x@h", Expires: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	for _, walk := range []func(func() bool){
		func(f func() bool) { c.AoRs(func(string) bool { return f() }) },
		func(f func() bool) { c.Dump(func(string, []ctlproto.Contact) bool { return f() }) },
	} {
		n := 0
		walk(func() bool { n++; return n < 2 })
		if n != 2 {
			t.Errorf("%d addresses were given after the second was enough", n)
		}
	}
}

// TestAddLeadsToPhones: what does not lead to a phone is not added, by whichever of its
// addresses.
func TestAddLeadsToPhones(t *testing.T) {
	m := usrloc.New(usrloc.Config{})
	m.Bar(func(_ context.Context, uri []byte) bool { return string(uri) == "sip:gateway@192.0.2.66" })
	for contact, refused := range map[ctlproto.Contact]bool{
		{Address: "sip:gateway@192.0.2.66", Expires: time.Hour}:                                    true,
		{Address: "sip:x@192.0.2.7", Received: "sip:gateway@192.0.2.66", Expires: time.Hour}:       true,
		{Address: "sip:x@0.0.0.0", Expires: time.Hour}:                                             true,
		{Address: "sip:x@[::]:5060", Expires: time.Hour}:                                           true,
		{Address: "sip:x@224.0.0.1", Expires: time.Hour}:                                           true,
		{Address: "sip:x@[ff02::1]", Expires: time.Hour}:                                           true,
		{Address: "sips:x@255.255.255.255", Expires: time.Hour}:                                    true,
		{Address: "sip:x@phone.example.net;maddr=239.1.2.3", Expires: time.Hour}:                   true,
		{Address: "sip:x@192.0.2.7", Received: "sip:0.0.0.0:5060", Expires: time.Hour}:             true,
		{Address: "sip:x@192.0.2.7", Received: "sip:192.0.2.8", Expires: time.Hour}:                false,
		{Address: "sip:x@192.0.2.9", Expires: time.Hour, Path: "<sip:edge;lr>", UserAgent: "desk"}: false,
	} {
		err := m.Control().Add(t.Context(), "bob@example.org", contact)
		if got := ctlproto.CodeOf(err) == ctlproto.CodeInvalidParams; got != refused || !refused && err != nil {
			t.Errorf("%+v: %v, want refused %v", contact, err, refused)
		}
	}
	if got := len(m.Control().Lookup("bob@example.org")); got != 2 {
		t.Errorf("%d contacts", got)
	}
}
