package rr_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/rr"
	"seraph/proxy/internal/sip"
)

const (
	alice = "udp:192.0.2.7:5060"
	bob   = "udp:198.51.100.9:5060"
)

// router record-routes initial requests and relays what loose_route takes; the rest
// it answers 404.
func router(t *testing.T) *moduletest.Router {
	t.Helper()
	m := rr.New(rr.Config{})
	mark, follow := moduletest.Compile(t, m, "record_route"), moduletest.Compile(t, m, "loose_route")
	return moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if follow(c) != module.True {
			if to, _ := c.Msg.To(); to.Tag != nil {
				_ = c.ReplyStateless(&sip.Reply{Status: 404})
				return
			}
			if got := mark(c); got != module.True {
				t.Errorf("record_route returned %d", got)
			}
		}
		if err := c.Relay(); err != nil {
			t.Error(err)
		}
	}})
}

func routeOf(t *testing.T, p moduletest.Packet) string {
	t.Helper()
	var m sip.Message
	if err := m.Parse([]byte(p.Text)); err != nil {
		t.Fatal(err)
	}
	return string(m.HeaderValue(sip.HdrRecordRoute))
}

func TestDialogPassesHere(t *testing.T) {
	r := router(t)
	sent := moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE")
	route := routeOf(t, sent)
	if !strings.HasPrefix(route, "<sip:"+r.Address()+";lr;srm=") {
		t.Fatalf("Record-Route %q", route)
	}
	bye := moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: "+route)
	got := moduletest.Find(t, r.Receive(alice, bye), "BYE sip:bob@198.51.100.9")
	if strings.Contains(got.Text, "\r\nRoute:") {
		t.Errorf("our Route stayed in:\n%s", got.Text)
	}
	back := strings.NewReplacer("sip:alice@example.org>;tag=at", "sip:bob@example.org>;tag=bt", "sip:bob@example.org>;tag=bt", "sip:alice@example.org>;tag=at",
		"z9hG4bK-BYE", "z9hG4bK-back", "BYE sip:bob@198.51.100.9", "BYE sip:alice@192.0.2.7").Replace(bye)
	moduletest.Find(t, r.Receive(bob, back), "BYE sip:alice@192.0.2.7")
}

// TestForeignRoutes: an entry that is not ours, not of this dialog, or forged does
// not make loose_route true.
func TestForeignRoutes(t *testing.T) {
	r := router(t)
	route := routeOf(t, moduletest.Find(t, r.Receive(alice, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE"))
	for name, bye := range map[string]string{
		"forged":         moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: <sip:"+r.Address()+";lr;srm=0123456789abcdef0123456789ab>"),
		"without MAC":    moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: <sip:"+r.Address()+";lr>"),
		"a stranger's":   moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: <sip:203.0.113.1;lr>"),
		"other dialog's": strings.Replace(moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: "+route), "Call-ID: call-1", "Call-ID: call-2", 1),
		"none":           moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt"),
		"no address":     moduletest.Request("BYE", "sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: <<>>,;"),
	} {
		out := r.Receive(alice, strings.ReplaceAll(bye, "z9hG4bK-BYE", "z9hG4bK-"+strings.ReplaceAll(name, " ", "")))
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 404") {
			t.Errorf("%s: sent %+v, want 404", name, out)
		}
	}
}

func TestSettings(t *testing.T) {
	m := rr.New(rr.Config{})
	for _, p := range []struct{ name, good, bad, refusal string }{
		{"enable_full_lr", "1", "2", "enable_full_lr is 0 or 1"},
		{"append_fromtag", "0", "-1", "append_fromtag is 0 or 1"},
		{"add_username", "1", "2", "add_username is 0 or 1"},
		{"enable_double_rr", "1", "0", "enable_double_rr can only be 1"},
	} {
		if err := moduletest.Set(t, m, p.name, p.good); err != nil {
			t.Errorf("%s %s: %v", p.name, p.good, err)
		}
		if err := moduletest.Set(t, m, p.name, p.bad); err == nil || err.Error() != p.refusal {
			t.Errorf("%s %s: %v, want %q", p.name, p.bad, err, p.refusal)
		}
	}
}
