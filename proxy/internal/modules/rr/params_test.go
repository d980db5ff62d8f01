package rr_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/rr"
)

// TestParamsOfTheDialog: what the script has put into the Record-Route of an INVITE it finds in
// the requests of both ends, and in no others.
func TestParamsOfTheDialog(t *testing.T) {
	m := rr.New(rr.Config{})
	mark, follow := moduletest.Compile(t, m, "record_route", ";nat=yes"), moduletest.Compile(t, m, "loose_route")
	add := moduletest.Compile(t, m, "add_rr_param", ";from=$fU")
	found := map[string]module.Call{}
	for _, expr := range []string{"nat=yes", ";NAT=", "from=alice", "nat=no", "^lr", "srm", "."} {
		found[expr] = moduletest.Compile(t, m, "check_route_param", expr)
	}
	down, up := moduletest.Compile(t, m, "is_direction", "downstream"), moduletest.Compile(t, m, "is_direction", "upstream")
	var got []string
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if follow(c) != module.True && c.Msg.Method.String() == "INVITE" {
			if add(c) != module.True || mark(c) != module.True || add(c) != module.True {
				t.Error("a parameter was not added")
			}
		}
		got = got[:0]
		for expr, call := range found {
			if call(c) == module.True {
				got = append(got, expr)
			}
		}
		if down(c) == module.True {
			got = append(got, "down")
		}
		if up(c) == module.True {
			got = append(got, "up")
		}
		_ = c.Relay()
	}})
	want := func(when string, list ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, x := range list {
			missing[x] = true
		}
		for _, x := range got {
			if !missing[x] {
				t.Errorf("%s: %s", when, x)
			}
			delete(missing, x)
		}
		for x := range missing {
			t.Errorf("%s: not %s", when, x)
		}
	}
	sent := moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE")
	want("INVITE")
	route := routeOf(t, sent)
	if !strings.Contains(route, ";lr;from=alice;nat=yes;srx=19;srm=") {
		t.Fatalf("Record-Route %q", route)
	}
	bye := moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: "+route)
	moduletest.Find(t, r.Receive(alice, bye), "BYE sip:bob@198.51.100.9")
	want("BYE", "nat=yes", ";NAT=", "from=alice", ".", "down")
	back := strings.NewReplacer("sip:alice@example.org>;tag=at", "sip:bob@example.org>;tag=bt", "sip:bob@example.org>;tag=bt", "sip:alice@example.org>;tag=at",
		"z9hG4bK-BYE", "z9hG4bK-back", "BYE sip:bob@198.51.100.9", "BYE sip:alice@192.0.2.7").Replace(bye)
	moduletest.Find(t, r.Receive(bob, back), "BYE sip:alice@192.0.2.7")
	want("BYE back", "nat=yes", ";NAT=", "from=alice", ".", "up")
	r.Receive(alice, strings.NewReplacer("z9hG4bK-BYE", "z9hG4bK-forged", "nat=yes", "nat=not").Replace(bye))
	want("forged")
	r.Receive(alice, moduletest.Request("OPTIONS", "sip:bob@198.51.100.9", "Route: "+route))
	want("outside of the dialog")
}

// TestBadVariablesInParams: what a stranger brings makes no parameter of the router's.
func TestBadVariablesInParams(t *testing.T) {
	m := rr.New(rr.Config{})
	add := moduletest.Compile(t, m, "add_rr_param", ";s=$hdr(Subject)")
	var got int
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		c.RecordRoute()
		got = add(c)
		_ = c.Relay()
	}})
	for i, subject := range []string{"x;srm=1", "x;paid=yes", "x>", "a b", "", "100%", "a%zz", "%4", "%", strings.Repeat("x", 300), "x;lr"} {
		text := strings.ReplaceAll(moduletest.Request("INVITE", "sip:bob@198.51.100.9", "Subject: "+subject), "z9hG4bK-INVITE", "z9hG4bK-"+string(rune('a'+i)))
		route := routeOf(t, moduletest.Find(t, r.Receive(alice, text), "INVITE"))
		if got != module.False || strings.Contains(route, ";s=") {
			t.Errorf("%q returned %d, %s", subject, got, route)
		}
	}
}

// TestEscapesInParams: an escape of a stranger's stays one.
func TestEscapesInParams(t *testing.T) {
	add := moduletest.Compile(t, rr.New(rr.Config{}), "add_rr_param", ";s=$hdr(Subject)")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		c.RecordRoute()
		if got := add(c); got != module.True {
			t.Errorf("returned %d", got)
		}
		_ = c.Relay()
	}})
	route := routeOf(t, moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9", "Subject: 100%25%3b%aF")), "INVITE"))
	if !strings.Contains(route, ";s=100%25%3b%aF;") {
		t.Errorf("Record-Route %s", route)
	}
}

// TestBareVariableInParams: nor does it choose a parameter's value where the script has written none.
func TestBareVariableInParams(t *testing.T) {
	add := moduletest.Compile(t, rr.New(rr.Config{}), "add_rr_param", ";$fU")
	var got int
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) { got = add(c) }})
	for user, want := range map[string]int{"alice": module.True, "nat=yes": module.False, "a;nat": module.False} {
		text := strings.Replace(moduletest.Request("INVITE", "sip:bob@198.51.100.9"), "sip:alice@", "sip:"+user+"@", 1)
		r.Receive(alice, strings.ReplaceAll(text, "z9hG4bK-INVITE", "z9hG4bK-"+user))
		if got != want {
			t.Errorf("%q returned %d", user, got)
		}
	}
}

// TestParamsOnce: a script that follows its Route twice has the parameters once.
func TestParamsOnce(t *testing.T) {
	m := rr.New(rr.Config{})
	mark, follow := moduletest.Compile(t, m, "record_route", ";nat=yes"), moduletest.Compile(t, m, "loose_route")
	up, down := moduletest.Compile(t, m, "is_direction", "upstream"), moduletest.Compile(t, m, "is_direction", "downstream")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if follow(c) == module.True {
			follow(c)
			c.RecordRoute()
		} else {
			mark(c)
		}
		_ = c.Relay()
	}, Reply: func(c *module.Ctx, _ int) bool {
		if up(c) == module.True || down(c) == module.True {
			t.Error("a reply has a direction")
		}
		return true
	}})
	sent := moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE")
	route := routeOf(t, sent)
	r.Receive(bob, moduletest.Answer(t, sent, 200))
	again := moduletest.Request("INVITE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: "+route)
	again = strings.Replace(strings.ReplaceAll(again, "z9hG4bK-INVITE", "z9hG4bK-again"), "CSeq: 1 ", "CSeq: 2 ", 1)
	out := moduletest.Find(t, r.Receive(alice, again), "INVITE")
	if got := routeOf(t, out); strings.Count(got, ";nat=yes") != 1 {
		t.Errorf("the second INVITE bears %s", got)
	}
	r.Receive(bob, moduletest.Answer(t, out, 180))
}

func TestBadArguments(t *testing.T) {
	m := rr.New(rr.Config{})
	for _, x := range []struct{ name, arg, want string }{
		{"add_rr_param", "nat=yes", `a parameter of the Record-Route is written ";name=value"`},
		{"add_rr_param", "", `a parameter of the Record-Route is written ";name=value"`},
		{"add_rr_param", ";r2=on", "the parameter r2 of the Record-Route is the router's own"},
		{"add_rr_param", ";x=100%", `a parameter of the Record-Route is written ";name=value"`},
		{"add_rr_param", ";$fU=1;a b", `a parameter of the Record-Route is written`},
		{"add_rr_param", ";x=$nope", "there is no variable $nope"},
		{"record_route", "x", `a parameter of the Record-Route is written`},
		{"check_route_param", "(", "bad regular expression"},
		{"is_direction", "sideways", `"sideways" is no direction`},
	} {
		if got := moduletest.Refused(t, m, x.name, x.arg); !strings.Contains(got, x.want) {
			t.Errorf("%s(%q): %s, want %s", x.name, x.arg, got, x.want)
		}
	}
}

// TestNextRoute: behind loose_route the request goes on along a Route, if there is another.
func TestNextRoute(t *testing.T) {
	m := rr.New(rr.Config{})
	mark, follow := moduletest.Compile(t, m, "record_route"), moduletest.Compile(t, m, "loose_route")
	var next bool
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if follow(c) != module.True {
			mark(c)
		}
		next = c.HasNext()
		_ = c.Relay()
	}})
	route := routeOf(t, moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE"))
	if next {
		t.Error("an INVITE without a Route has a next hop")
	}
	for i, further := range []string{"", ", <sip:198.51.100.77;lr>"} {
		bye := moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: "+route+further)
		r.Receive(alice, strings.ReplaceAll(bye, "z9hG4bK-BYE", "z9hG4bK-"+string(rune('a'+i))))
		if next != (further != "") {
			t.Errorf("with %q: %v", further, next)
		}
	}
}
