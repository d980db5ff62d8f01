package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

func TestAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		for _, a := range []store.Address{
			{Group: 1, IP: "192.0.2.7", Tag: "gateway"}, {Group: 2, IP: "10.1.2.3", Mask: 8}, {Group: 1, IP: "2001:DB8::1", Mask: 64, Port: 5060},
			{Group: 3, IP: "SIP.Example.ORG", Mask: 32}, {Group: 1, IP: "::ffff:192.0.2.8"},
		} {
			ok(t, db.Addresses.Add(ctx, a))
		}
		want := []store.Address{
			{Group: 1, IP: "192.0.2.7", Mask: 32, Tag: "gateway"}, {Group: 2, IP: "10.0.0.0", Mask: 8}, {Group: 1, IP: "2001:db8::", Mask: 64, Port: 5060},
			{Group: 3, IP: "sip.example.org"}, {Group: 1, IP: "192.0.2.8", Mask: 32},
		}
		list, err := db.Addresses.All(ctx)
		ok(t, err)
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		fails(t, "the same network again", db.Addresses.Add(ctx, store.Address{Group: 2, IP: "10.9.9.9", Mask: 8}), store.ErrExists)
		ok(t, db.Addresses.Add(ctx, store.Address{Group: 3, IP: "10.9.9.9", Mask: 8}))
		fails(t, "another port", db.Addresses.Remove(ctx, store.Address{Group: 1, IP: "192.0.2.7", Port: 5060}), store.ErrNotFound)
		// kamctl address add 1 10.0.0.9 8 0: the host's bits stay in the row.
		db.exec(t, "INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (2, '10.0.0.9', 8, 0, NULL)")
		ok(t, db.Addresses.Remove(ctx, store.Address{Group: 2, IP: "10.0.0.0", Mask: 8}))
		ok(t, db.Addresses.Remove(ctx, store.Address{Group: 3, IP: "sip.example.org"}))
		if list, _ := db.Addresses.All(ctx); len(list) != 4 {
			t.Errorf("left are %v", list)
		}
	})
}

func TestBadAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for field, list := range map[string][]store.Address{
			"group": {{IP: "192.0.2.7"}, {Group: -1, IP: "192.0.2.7"}},
			"ip":    {{Group: 1}, {Group: 1, IP: "192.0.2"}, {Group: 1, IP: "a b"}, {Group: 1, IP: "fe80::1%eth0"}, {Group: 1, IP: strings.Repeat("a", 51)}},
			"mask":  {{Group: 1, IP: "192.0.2.7", Mask: 33}, {Group: 1, IP: "192.0.2.7", Mask: -1}, {Group: 1, IP: "::1", Mask: 129}},
			"port":  {{Group: 1, IP: "192.0.2.7", Port: 65536}, {Group: 1, IP: "192.0.2.7", Port: -1}},
			"tag":   {{Group: 1, IP: "192.0.2.7", Tag: strings.Repeat("ž", 65)}, {Group: 1, IP: "192.0.2.7", Tag: "\xff"}},
		} {
			for _, a := range list {
				failsOn(t, a.String(), db.Addresses.Add(t.Context(), a), field)
				failsOn(t, a.String(), db.Addresses.Remove(t.Context(), a), field)
			}
		}
		if list, err := db.Addresses.All(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("rows afterwards: %v, %v", list, err)
		}
	})
}

func TestTrusted(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		low := store.TrustedPeer{IP: "192.0.2.7", Proto: "UDP", Tag: "low"}
		high := store.TrustedPeer{IP: "2001:DB8::1", Proto: "any", FromPattern: "^sip:.*@gw", RURIPattern: "^sip:0", Priority: 5}
		ok(t, db.Trusted.Add(ctx, low))
		ok(t, db.Trusted.Add(ctx, high))
		low.Proto, high.IP = "udp", "2001:db8::1"
		list, err := db.Trusted.All(ctx)
		ok(t, err)
		if diff := cmp.Diff([]store.TrustedPeer{high, low}, list); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		for field, p := range map[string]store.TrustedPeer{
			"ip":           {IP: "gw.example.org", Proto: "any"},
			"proto":        {IP: "192.0.2.7", Proto: "pigeon"},
			"from_pattern": {IP: "192.0.2.7", Proto: "any", FromPattern: "("},
			"ruri_pattern": {IP: "192.0.2.7", Proto: "any", RURIPattern: strings.Repeat("a", 65)},
			"tag":          {IP: "192.0.2.7", Proto: "any", Tag: strings.Repeat("a", 65)},
		} {
			failsOn(t, field, db.Trusted.Add(ctx, p), field)
		}
		ok(t, db.Trusted.Remove(ctx, "192.0.2.7"))
		fails(t, "removed twice", db.Trusted.Remove(ctx, "192.0.2.7"), store.ErrNotFound)
	})
}
