package userblock_test

import (
	"context"
	"net/netip"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/userblock"
	"seraph/sql/store"
)

// TestRefusesAtAPlace: of those whose phones send from a place each refuses what names them, and all
// together everything; those who only say that they listen there refuse what names them. Nobody
// refuses himself, however odd his name is. With "do not disturb" a call passes that was transferred to
// the phone, which the dialog table has to know.
func TestRefusesAtAPlace(t *testing.T) {
	const eve, alice = "sip:eve@example.net", "sip:alice@example.org"
	rules := []store.CallRule{
		rule("grace", "dnd", ""), rule("hans", "block", "eve@*"), rule("10-01", "dnd", ""), rule("a%3Cb*", "dnd", ""), rule("carol", "always", "bob"),
	}
	sends, listens := true, false
	for _, c := range []struct {
		at           []string
		sends        bool
		caller, user string
		lines        []string
		want         bool
	}{
		{nil, sends, eve, "grace@", nil, false},
		{[]string{"grace"}, sends, eve, "grace@", nil, true},
		{[]string{"grace"}, sends, eve, "x@", nil, true},
		{[]string{"grace"}, sends, eve, "", nil, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 1;from-tag=a;to-tag=b"}, false},
		{[]string{"grace"}, sends, eve, "grace@", []string{"replaces:  1 ; to-tag=b;early-only;from-tag=a"}, false},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 2;from-tag=a;to-tag=b"}, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 1;from-tag=b;to-tag=a"}, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 1;to-tag=b"}, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 1"}, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: ;from-tag=a;to-tag=b"}, true},
		{[]string{"grace"}, sends, eve, "grace@", []string{"Replaces: 1;from-tag=a;to-tag=b", "Replaces: 1;from-tag=a;to-tag=b"}, true},
		{[]string{"hans"}, sends, eve, "hans@", []string{"Replaces: 1;from-tag=a;to-tag=b"}, true}, // blocked
		{[]string{"grace"}, listens, eve, "x@", nil, false},
		{[]string{"grace"}, listens, eve, "", nil, false},
		{[]string{"grace"}, listens, eve, "gr%61ce:pw@", nil, true},
		{[]string{"grace", "hans"}, sends, eve, "x@", nil, true},
		{[]string{"grace", "hans"}, sends, alice, "x@", nil, false},
		{[]string{"grace", "hans"}, sends, alice, "hans@", nil, false},
		{[]string{"grace", "hans"}, sends, alice, "grace@", nil, true},
		{[]string{"grace", "hans", "carol"}, sends, eve, "x@", nil, false},
		{[]string{"grace", "hans", "carol"}, sends, eve, "hans@", nil, true},
		{[]string{"grace", "hans", "dave"}, sends, eve, "dave@", nil, false},
		{[]string{"10-01"}, sends, "sip:10-01@example.org", "10-01@", nil, false},
		{[]string{"10-01"}, sends, "sip:1001@example.org", "10-01@", nil, true},
		{[]string{"10-01", "dave"}, sends, eve, "1001@", nil, false},
		{[]string{"a%3Cb*"}, sends, "sip:a%3cb%2A@example.org", "a%3Cb*@", nil, false},
		{[]string{"a%3Cb*"}, sends, eve, "A%3cb%2a@", nil, true},
	} {
		m := userblock.New(userblock.Config{
			Load: func(context.Context) ([]store.CallRule, error) { return rules, nil },
			At: func(_ netip.AddrPort, yield func(string, bool) bool) bool {
				for _, user := range c.at {
					if yield(user+"@example.org", c.sends) {
						return true
					}
				}
				return false
			},
			Joined: func(callID, fromTag, toTag []byte, owner string, place netip.AddrPort) bool {
				return string(callID)+" "+string(fromTag)+" "+string(toTag)+" "+owner == "1 a b grace@example.org" && place.Port() == 5070
			},
		})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		uri := "sip:" + c.user + "192.0.2.1:5070"
		ctx := moduletest.Message(t, from(moduletest.Request("INVITE", uri, c.lines...), c.caller))
		if got := m.Refuses(&ctx.Request, ctx.Main.URI, netip.MustParseAddrPort("192.0.2.1:5070")); got != c.want {
			t.Errorf("%s calls %s, where %v are (sending %v): refused %v", c.caller, uri, c.at, c.sends, got)
		}
	}
}

// TestTransferredToNobody: where nobody has a table of dialogs, no call was transferred.
func TestTransferredToNobody(t *testing.T) {
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) {
			return []store.CallRule{rule("grace", "dnd", "")}, nil
		},
		At: func(_ netip.AddrPort, yield func(string, bool) bool) bool { return yield("grace@example.org", true) },
	})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:grace@192.0.2.1:5070", "Replaces: 1;from-tag=a;to-tag=b"))
	if !m.Refuses(&ctx.Request, ctx.Main.URI, netip.MustParseAddrPort("192.0.2.1:5070")) {
		t.Error("a call with a Replaces that nobody can judge is not refused")
	}
}
