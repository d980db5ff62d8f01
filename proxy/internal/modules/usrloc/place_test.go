package usrloc

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/transport"
)

// TestAt: at a place are the phones that send from there, else those that listen there on the
// host that they send from. Nobody is at an address because somebody has registered it.
func TestAt(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := New(Config{Now: func() time.Time { return now }})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	table := m.Table()
	register := func(aor, contact, source string) {
		t.Helper()
		reg := registration(aor, contact)
		if source != "" {
			reg.Contacts[0].Flow = transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort(source)}
		}
		if _, err := table.Save(reg, nil); err != nil {
			t.Fatal(err)
		}
	}
	register("alice@example.org", "sip:alice@192.0.2.1:5070", "192.0.2.1:5070")
	register("office@example.org", "sip:office@192.0.2.1:5070", "192.0.2.1:5070")
	register("eve@example.org", "sip:eve@192.0.2.1:5070", "192.0.2.1:666") // on alice's host
	register("bob@example.org", "sip:bob@10.0.0.5:5060", "198.51.100.1:4242")
	register("carol@example.org", "sip:carol@192.0.2.3;transport=tcp", "192.0.2.3:38000")
	register("dora@example.org", "sip:dora@203.0.113.9", "192.0.2.4:5060")
	register("emil@example.org", "sip:emil@192.0.2.5 60", "192.0.2.5:5060")
	register("frank@example.org", "sip:frank@192.0.2.6", "")
	register("jan@example.org", "sip:jan@[::ffff:192.0.2.10]:5070", "192.0.2.10:5060")
	register("karl@example.org", "sip:karl@[fe80::1]:5070", "[fe80::1%2]:5060")
	edge := registration("hans@example.org", "sip:hans@10.0.0.8")
	edge.Contacts[0].Flow = transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.8:5060")}
	for _, path := range []string{"", "<sip:192.0.2.8;lr>"} {
		if edge.Path, edge.Proxied = []byte(path), path == ""; path != "" {
			edge.CSeq++
			edge.AoR = []byte("ida@example.org")
		}
		if _, err := table.Save(edge, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Control().Add(context.Background(), "gina@example.org", ctlproto.Contact{
		Address: "sip:gina@192.0.2.7", Received: "sip:192.0.2.7:5060", Socket: "udp:127.0.0.1:5060", Permanent: true,
	}); err != nil {
		t.Fatal(err)
	}
	at := func(place string) (list []string) {
		table.At(netip.MustParseAddrPort(place), func(aor string, sends bool) bool {
			if !sends {
				aor += " listens"
			}
			list = append(list, aor)
			return false
		})
		slices.Sort(list)
		return list
	}
	check := func(place string, want ...string) {
		t.Helper()
		if got := at(place); !slices.Equal(got, want) {
			t.Errorf("at %s are %q, want %q", place, got, want)
		}
	}
	check("192.0.2.1:5070", "alice@example.org", "office@example.org")
	check("192.0.2.1:666", "eve@example.org")
	check("198.51.100.1:4242", "bob@example.org")
	check("10.0.0.5:5060")
	check("192.0.2.3:38000", "carol@example.org")
	check("192.0.2.3:5060", "carol@example.org listens")
	check("192.0.2.8:5060")
	check("203.0.113.9:5060")
	check("192.0.2.6:5060")
	check("192.0.2.7:5060")
	check("192.0.2.5:5060", "emil@example.org")
	// However a place is spelled, it is that one.
	check("[::ffff:192.0.2.1]:5070", "alice@example.org", "office@example.org")
	check("[::ffff:c633:6401]:4242", "bob@example.org")
	check("[::ffff:192.0.2.2]:5070")
	check("192.0.2.10:5070", "jan@example.org listens")
	for _, host := range []string{"fe80::1", "fe80::1%2", "fe80::1%eth0"} {
		check("["+host+"]:5060", "karl@example.org")
		check("["+host+"]:5070", "karl@example.org listens")
	}

	register("alice@example.org", "sip:alice@192.0.2.1:5070", "192.0.2.1:5071") // refreshed from another port
	check("192.0.2.1:5071", "alice@example.org")
	check("192.0.2.1:5070", "office@example.org")
	register("office@example.org", "sip:office@192.0.2.1:5070 0", "192.0.2.1:5070")
	check("192.0.2.1:5070", "alice@example.org listens", "eve@example.org listens")
	now = now.Add(2 * time.Minute)
	check("192.0.2.5:5060")
	if !table.At(netip.MustParseAddrPort("192.0.2.1:5071"), func(aor string, _ bool) bool { return aor == "alice@example.org" }) {
		t.Error("At does not tell what was found")
	}
	table.sweep() // emil is gone
	for _, aor := range []string{"alice", "bob", "carol", "dora", "eve", "hans", "ida", "jan", "karl"} {
		if _, err := m.Control().Remove(context.Background(), aor+"@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range table.places.parts {
		if n := len(table.places.parts[i].at); n > 0 {
			t.Errorf("%d places are kept of phones that are gone", n)
		}
	}
}
