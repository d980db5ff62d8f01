package pathhf_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	pathhf "seraph/proxy/internal/modules/path"
	"seraph/proxy/internal/sip"
)

// TestAddPath: what the REGISTER looks like that goes on, and what add_path says.
func TestAddPath(t *testing.T) {
	const regID = `Contact: <sip:bob@h>;reg-id=1;+sip.instance="<urn:uuid:1>"`
	for _, c := range []struct {
		name   string
		method string
		lines  []string
		code   int
		ob     bool
		first  string // what follows our Path, if there was one
	}{
		{"a phone", "REGISTER", []string{"Contact: <sip:bob@h>"}, module.True, false, ""},
		{"outbound", "REGISTER", []string{regID, "Supported: path, outbound"}, module.True, true, ""},
		{"outbound is not supported", "REGISTER", []string{regID}, module.True, false, ""},
		{"no reg-id", "REGISTER", []string{"Contact: <sip:bob@h>", "Supported: outbound"}, module.True, false, ""},
		{"Contact that cannot be read", "REGISTER", []string{"Contact: <sip:bob@h", "Supported: outbound"}, module.True, false, ""},
		{"another hop before", "REGISTER", []string{"Via: SIP/2.0/UDP h;branch=z9hG4bKx", regID, "Supported: outbound"}, module.True, false, ""},
		{"another Path", "REGISTER", []string{"Path: <sip:p1;lr>", "Contact: <sip:bob@h>"}, module.True, false, "Path: <sip:p1;lr>"},
		{"no REGISTER", "OPTIONS", nil, module.False, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, function := range []string{"add_path", "add_path_received"} {
				call := moduletest.Compile(t, pathhf.New(pathhf.Config{}), function)
				code, text := 0, ""
				r := moduletest.New(t, &moduletest.Script{Request: func(x *module.Ctx) { code, text = call(x), moduletest.Headers(x) }})
				r.Receive("udp:192.0.2.7:5060", moduletest.Request(c.method, "sip:example.org", c.lines...))
				if code != c.code {
					t.Fatalf("%s returned %d, want %d", function, code, c.code)
				}
				_, ours, found := strings.Cut(text, "Path: <sip:")
				if found != (c.code == module.True) {
					t.Fatalf("%s made of the headers:\n%s", function, text)
				}
				if !found {
					continue
				}
				line, rest, _ := strings.Cut(ours, "\r\n")
				token, tail, _ := strings.Cut(line, "@")
				want := r.Address() + ";lr"
				if c.ob {
					want += ";ob"
				}
				if len(token) < 40 || tail != want+">" {
					t.Errorf("our Path is <sip:%s, want a token and @%s>", line, want)
				}
				if !strings.HasPrefix(rest, c.first) {
					t.Errorf("after our Path stands %q", rest)
				}
			}
		})
	}
}

// TestFollowPath: a Path of ours is a way to the phone for whom the script trusts, and for
// nobody else, a stranger with the very same Route.
func TestFollowPath(t *testing.T) {
	const phone, registrar, stranger = "udp:192.0.2.7:5060", "udp:198.51.100.1:5060", "udp:203.0.113.9:5060"
	m := pathhf.New(pathhf.Config{})
	add, follow := moduletest.Compile(t, m, "add_path"), moduletest.Compile(t, m, "follow_path")
	var path string
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if c.Msg.Method == sip.REGISTER {
			add(c)
			_, path, _ = strings.Cut(moduletest.Headers(c), "Path: ")
			path, _, _ = strings.Cut(path, "\r\n")
			return
		}
		if c.From.Remote.Addr().String() == "198.51.100.1" && follow(c) != module.True {
			t.Error("follow_path is false")
		}
		if !c.LooseRoute() {
			_ = c.ReplyStateless(&sip.Reply{Status: 403})
			return
		}
		if err := c.Relay(); err != nil {
			t.Error(err)
		}
	}})
	r.Receive(phone, moduletest.Request("REGISTER", "sip:example.org", "Contact: <sip:bob@h>"))
	if !strings.HasPrefix(path, "<sip:") {
		t.Fatalf("our Path is %q", path)
	}
	for _, method := range []string{"INVITE", "REFER", "NOTIFY", "MESSAGE"} {
		text := moduletest.Request(method, "sip:bob@h", "Route: "+path)
		for _, p := range r.Receive(stranger, text) {
			if "udp:"+p.To.Remote.String() != stranger || !strings.HasPrefix(p.Text, "SIP/2.0 403") {
				t.Errorf("a stranger's %s made %v get %s", method, p.To.Remote, p.Text)
			}
		}
		text = strings.Replace(text, "branch=z9hG4bK", "branch=z9hG4bKtrusted", 1)
		if got := moduletest.Find(t, r.Receive(registrar, text), method+" sip:bob@h"); "udp:"+got.To.Remote.String() != phone {
			t.Errorf("the registrar's %s went to %v", method, got.To.Remote)
		}
	}
}

// TestUseReceived: it takes what Kamailio's scripts say, and nothing else.
func TestUseReceived(t *testing.T) {
	for value, ok := range map[string]bool{"0": true, "1": true, "2": false, "-1": false} {
		if err := moduletest.Set(t, pathhf.New(pathhf.Config{}), "use_received", value); (err == nil) != ok {
			t.Errorf("use_received %s: %v", value, err)
		}
	}
}
