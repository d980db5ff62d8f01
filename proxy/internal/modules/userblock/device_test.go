package userblock_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/userblock"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// TestDNDOfOnePhone: who knows the address of one phone (GRUU) does not ring through "do not disturb" there,
// before lookup and after it; a call that is transferred to that phone does, once lookup has found where it is.
// Other requests than calls pass, and so do the owner's, and what the router sends for him.
func TestDNDOfOnePhone(t *testing.T) {
	const gruu, contact, held = "sip:grace@example.org;gr=1", "sip:grace@192.0.2.1:5070", "Replaces: 1;from-tag=a;to-tag=b"
	phone := netip.MustParseAddrPort("192.0.2.1:5070")
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) {
			return []store.CallRule{rule("grace", "dnd", ""), rule("grace", "busy", "carol"), rule("hans", "busy", "carol")}, nil
		},
		Device: func(dst []byte, u *sip.URI) ([]byte, bool) {
			gr, _ := u.Param("gr")
			return append(append(dst, u.User...), "@example.org"...), string(gr) == "1"
		},
		Joined: func(callID, fromTag, toTag []byte, owner string, place netip.AddrPort) bool {
			return string(callID)+" "+string(fromTag)+" "+string(toTag)+" "+owner == "1 a b grace@example.org" && place == phone
		},
	})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	at := func(place string) relay.Target {
		return relay.Target{URI: []byte(contact), Phone: true, Group: 1, Flow: transport.Flow{Remote: netip.MustParseAddrPort(place)}}
	}
	elsewhere := at("192.0.2.9:5070")
	for _, c := range []struct {
		name, method, uri, caller, line string
		found                           []relay.Target
		local, want                     bool
	}{
		{name: "a call", uri: gruu, found: []relay.Target{at("192.0.2.1:5070")}, want: true},
		{name: "before lookup", uri: gruu, want: true},
		{name: "transferred", uri: gruu, line: held, found: []relay.Target{at("192.0.2.1:5070")}},
		{name: "transferred, another flow", uri: gruu, line: held, found: []relay.Target{elsewhere, at("192.0.2.1:5070")}},
		{name: "transferred, no flow", uri: gruu, line: held, found: []relay.Target{{URI: []byte(contact), Phone: true}}},
		{name: "transferred, no flow but a source", uri: gruu, line: held, found: []relay.Target{{URI: []byte("sip:grace@10.0.0.1"), Next: []byte("sip:192.0.2.1:5070"), Phone: true}}},
		{name: "transferred, a name", uri: gruu, line: held, found: []relay.Target{{URI: []byte("sip:grace@phone.example"), Phone: true}}, want: true},
		{name: "a call of another phone", uri: gruu, line: held, found: []relay.Target{elsewhere}, want: true},
		{name: "not looked up", uri: gruu, line: held, found: []relay.Target{{URI: []byte(contact)}}, want: true},
		{name: "made up", uri: gruu, line: "Replaces: 2;from-tag=a;to-tag=b", found: []relay.Target{at("192.0.2.1:5070")}, want: true},
		{name: "malformed", uri: gruu, line: "Replaces: ;", found: []relay.Target{at("192.0.2.1:5070")}, want: true},
		{name: "by the address itself", uri: "sip:grace@example.org", line: held, found: []relay.Target{at("192.0.2.1:5070")}, want: true},
		{name: "himself", uri: gruu, caller: "sip:grace@example.org", found: []relay.Target{at("192.0.2.1:5070")}},
		{name: "a message", uri: gruu, method: "MESSAGE", found: []relay.Target{at("192.0.2.1:5070")}},
		{name: "the router for him", uri: gruu, local: true, found: []relay.Target{at("192.0.2.1:5070")}},
		{name: "another owner", uri: strings.Replace(gruu, "grace", "hans", 1), found: []relay.Target{at("192.0.2.1:5070")}},
	} {
		if c.method == "" {
			c.method, c.caller = "INVITE", orText(c.caller, "sip:eve@example.net")
		}
		var lines []string
		if c.line != "" {
			lines = []string{c.line}
		}
		ctx := moduletest.Message(t, from(moduletest.Request(c.method, c.uri, lines...), orText(c.caller, "sip:eve@example.net")))
		if c.local {
			ctx.Local = &relay.Local{NoRules: true}
		}
		ask := func(f ...string) bool { return moduletest.Compile(t, m, f[0], f[1:]...)(ctx) == module.True }
		if ask("ub_forward", "always") || ask("ub_blocked") {
			t.Errorf("%s: forwarded or blocked", c.name)
		}
		if len(c.found) > 0 {
			ctx.Main = c.found[0]
			for _, t := range c.found[1:] {
				ctx.AddFlow(t) // as lookup does with the flows of one phone
			}
		}
		if got := ask("ub_dnd"); got != c.want {
			t.Errorf("%s: does not want to be disturbed is %v", c.name, got)
		}
		if c.uri == gruu && ask("ub_forward", "busy") {
			t.Errorf("%s: a call to one phone is forwarded", c.name)
		}
	}
}

// TestRulesGoneOfOnePhone: of an owner who has no rules any more nobody is refused, whatever was noted before, and who
// is called next has the rules of his own.
func TestRulesGoneOfOnePhone(t *testing.T) {
	rows := []store.CallRule{rule("bob", "dnd", ""), rule("dora", "dnd", "")}
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) { return rows, nil },
		Device: func(dst []byte, u *sip.URI) ([]byte, bool) {
			_, ok := u.Param("gr")
			return append(dst, "bob@example.org"...), ok
		},
	})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	ctx := invite(t, "sip:bob@example.org;gr=1")
	ask := func(f string) bool { return moduletest.Compile(t, m, f)(ctx) == module.True }
	if ask("ub_blocked") || !ask("ub_dnd") {
		t.Error("bob's phone rings")
	}
	for uri, want := range map[string]bool{"sip:carol@example.org": false, "sip:dora@example.org": true} {
		if err := ctx.SetURI([]byte(uri)); err != nil {
			t.Fatal(err)
		}
		if ask("ub_blocked") || ask("ub_dnd") != want {
			t.Errorf("%s: has bob's rules", uri)
		}
	}
	ctx = invite(t, "sip:bob@example.org;gr=1")
	if ask("ub_blocked") {
		t.Error("blocked")
	}
	rows = rows[1:]
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ask("ub_dnd") {
		t.Error("rules that are gone hold")
	}
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
