package user

import (
	"strings"
	"testing"

	"seraph/webui/internal/view"
)

func TestSourceOf(t *testing.T) {
	for uri, want := range map[string][2]string{
		"sip:alice@192.0.2.1:5060":                       {"192.0.2.1:5060", "udp"},
		"sip:alice@[2001:db8::1]:5060;transport=TCP;ob":  {"[2001:db8::1]:5060", "tcp"},
		"sips:alice@phone.example.org":                   {"phone.example.org", "tls"},
		"sip:203.0.113.7:41822;transport=tls":            {"203.0.113.7:41822", "tls"},
		"sip:alice;x=y@192.0.2.1;transport=ws?Subject=a": {"192.0.2.1", "ws"},
		"": {"", "udp"},
	} {
		if host, transport := sourceOf(uri); host != want[0] || transport != want[1] {
			t.Errorf("sourceOf(%q) = %q, %q; want %q", uri, host, transport, want)
		}
	}
}

// TestRemoveIDsAreStable: the focus stays on a link when the list is made again.
func TestRemoveIDsAreStable(t *testing.T) {
	one, other := phone{Contact: "sip:alice@192.0.2.1:5060"}, phone{Contact: "sip:alice@192.0.2.2:5060"}
	again, elsewhere := phone{Contact: one.Contact, Q: "0.5"}, phone{Contact: one.Contact, RUID: "2"}
	if one.RemoveID() == elsewhere.RemoveID() {
		t.Errorf("two phones with one contact have the id %q", one.RemoveID())
	}
	if one.RemoveID() != again.RemoveID() || one.RemoveID() == other.RemoveID() || strings.ContainsAny(one.RemoveID(), " :@") {
		t.Errorf("ids %q, %q, %q", one.RemoveID(), again.RemoveID(), other.RemoveID())
	}
}

// FuzzSourceOf: phones write what they like.
func FuzzSourceOf(f *testing.F) {
	for _, seed := range []string{"sip:a@b:5060;transport=tcp", "sips:", ";;=", "a@b@c?;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if host, transport := sourceOf(uri); transport == "" || strings.ContainsAny(host, ";?") {
			t.Errorf("sourceOf(%q) = %q, %q", uri, host, transport)
		}
	})
}

func TestBrowserName(t *testing.T) {
	for agent, want := range map[string]view.Msg{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0": view.M("security.browser_on", "Edge", "Windows"),
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":    view.M("security.browser_on", "Safari", "macOS"),
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 CriOS/126.0 Mobile/15E148 Safari/604.1":    view.M("security.browser_on", "Chrome", "iPhone"),
		"curl/8.5.0": view.M("security.browser_alone", "curl"),
		"":           view.M("security.unknown_browser"),
		"Lynx":       view.M("security.unknown_browser"),
	} {
		if got := browserName(agent); got.Key != want.Key || strings.Join(got.Args, " ") != strings.Join(want.Args, " ") {
			t.Errorf("%s: %v, want %v", agent, got, want)
		}
	}
}

// TestZones: every name that we offer is one.
func TestZones(t *testing.T) {
	names := zones()
	if len(names) < 400 {
		t.Errorf("only %d zones", len(names))
	}
	for _, name := range names {
		if strings.ContainsAny(name, " \t") {
			t.Errorf("zone %q", name)
		}
	}
}
