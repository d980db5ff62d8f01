package userblock_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/userblock"
	"seraph/proxy/internal/relay"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// housed is a module with rules whose foreign_group is int; bob is in it, 4711 is a
// subscriber and +4930 an alias of bob.
func housed(t *testing.T, rules ...store.CallRule) *userblock.Module {
	t.Helper()
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) { return rules, nil },
		Alias: func(dst, alias []byte) ([]byte, bool) {
			if string(alias) != "+4930@example.org" {
				return dst, false
			}
			return append(dst, "bob@example.org"...), true
		},
		Local:  func(d []byte) bool { return string(d) == "example.org" },
		Member: func(a []byte, group string) bool { return string(a) == "bob@example.org" && group == "int" },
		Users: func(_ context.Context, list []aor.AOR) (map[aor.AOR]bool, error) {
			found := map[aor.AOR]bool{}
			for _, a := range list {
				if a.User == "4711" {
					found[a] = true
				}
			}
			return found, nil
		},
	})
	if err := moduletest.Set(t, m, "foreign_group", "int"); err != nil {
		t.Fatal(err)
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForwardStaysInside: who may not call abroad does not have calls go there by a number
// in our own domain, or by a port or a host beside it; nobody goes past the script to a
// gateway, to us or to another program on our host.
func TestForwardStaysInside(t *testing.T) {
	for _, c := range []struct{ target, carol, bob string }{ // where carol's calls go, and bob's; "" for not forwarded
		{"sip:dora@example.org", "sip:dora@example.org", "sip:dora@example.org"},
		{"sip:dora@example.org:5060;transport=tcp", "sip:dora@example.org", "sip:dora@example.org"},
		{"sip:4711@example.org", "sip:4711@example.org", "sip:4711@example.org"},
		{"sip:+4930@example.org", "sip:bob@example.org", ""}, // his own
		{"sips:+4930@example.org:5061", "sips:bob@example.org", ""},
		{"sip:+33155501@example.org", "", "sip:+33155501@example.org"},
		{"sip:0033155501@example.org;user=phone", "", "sip:0033155501@example.org"},
		{"sip:%2B33155501@example.org:5061", "", "sip:+33155501@example.org"},
		{"sip:112@example.org", "", "sip:112@example.org"},
		{"tel:+33155501", "", "tel:+33155501"},
		{"sip:x@example.com:5099", "", "sip:x@example.com:5099"},
		{"sip:dora@example.org:5099", "", ""},
		{"sip:+33155501@example.org:15973", "", ""},
		{"sip:dora@example.org;maddr=192.0.2.7", "", ""},
		{"sip:+33155501@192.0.2.66", "", ""}, {"sip:+33155501@192.0.2.66:5099", "", ""},
		{"sip:x@example.com;maddr=192.0.2.66", "", ""},
	} {
		m := housed(t, rule("carol", "always", c.target), rule("bob", "always", c.target))
		got := map[string]string{}
		forward := moduletest.Compile(t, m, "ub_forward", "always")
		r := moduletest.New(t, &moduletest.Script{Request: func(x *module.Ctx) {
			to, _ := x.URI()
			user := string(to.User)
			if forward(x) == module.True {
				got[user] = string(x.Main.URI)
				if inside := strings.Contains(c.target, "@example.org"); x.Main.Given == inside {
					t.Errorf("to %s: a target that a user has given: %v", c.target, x.Main.Given)
				}
			}
		}}, func(cfg *relay.Config) {
			cfg.LocalDomain = func(d []byte) bool { return string(d) == "example.org" }
			cfg.Gateway = func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.66") }
		})
		for _, user := range []string{"carol", "bob"} {
			r.Receive("udp:192.0.2.9:5060", moduletest.Request("MESSAGE", "sip:"+user+"@example.org"))
		}
		if got["carol"] != c.carol || got["bob"] != c.bob {
			t.Errorf("to %s: carol's calls go to %q, bob's to %q, want %q and %q", c.target, got["carol"], got["bob"], c.carol, c.bob)
		}
	}
}

// TestUsersUnknown: while nobody knows whether a number is a subscriber's, the old rules stay.
func TestUsersUnknown(t *testing.T) {
	var failure error
	target := "sip:4711@example.org"
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) {
			return []store.CallRule{rule("carol", "always", target)}, nil
		},
		Users: func(_ context.Context, list []aor.AOR) (map[aor.AOR]bool, error) {
			return map[aor.AOR]bool{list[0]: true}, failure
		},
	})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	failure, target = errors.New("away"), "sip:4712@example.org"
	if err := m.Reload(t.Context()); !errors.Is(err, failure) {
		t.Errorf("Reload: %v", err)
	}
	ctx := invite(t, "sip:carol@example.org")
	if moduletest.Compile(t, m, "ub_forward", "always")(ctx) != module.True || string(ctx.Main.URI) != "sip:4711@example.org" {
		t.Errorf("forwarded to %s", ctx.Main.URI)
	}
}
