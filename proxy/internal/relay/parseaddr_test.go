package relay

import (
	"strings"
	"testing"
)

// TestParseAddr: each host in numbers is one address, however it is written; names are none.
func TestParseAddr(t *testing.T) {
	for host, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "[::ffff:192.0.2.7]": "192.0.2.7", "::FFFF:192.0.2.7": "192.0.2.7", "[::ffff:c000:207]": "192.0.2.7",
		"[0000:0000:0000:0000:0000:ffff:192.168.100.100]": "192.168.100.100",
		"[2001:DB8::7]": "2001:db8::7", "[2001:db8:0:0::7]": "2001:db8::7", "[::192.0.2.7]": "::c000:207",
		"[::ffff:192.0.2.256]": "", "[::ffff:192.0.2]": "", "[fe80::1%eth0]": "", "192.0.2": "", "example.org": "", "[]": "", "": "",
		"[" + strings.Repeat("0:", 30) + ":1]": "",
	} {
		got, ok := parseAddr([]byte(host))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s is %v (%v), want %q", host, got, ok, want)
		}
	}
}
