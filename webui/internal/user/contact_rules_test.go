package user

import (
	"strings"
	"testing"

	"seraph/sql/aor"
)

func TestContactRules(t *testing.T) {
	for _, c := range []struct {
		pattern        string
		denied, spared []string
	}{
		{"premium.example.net", []string{"sip:x@premium.example.net", "x@PREMIUM.example.net:5070", "sips:x@premium.example.net.;transport=tcp", "sip:x@other.example;maddr=premium.example.net", "sip:x@other.example;MADDR=Premium.Example.net", "sip:x@other.example;%6daddr=premium%2eexample.net"},
			[]string{"sip:premium.example.net@example.org", "x@xpremium.example.net", "x@premiumxexample.net", "x@sub.premium.example.net"}},
		{"*.example.net", []string{"x@a.example.net", "x@a.b.example.net"}, []string{"x@example.net", "x@a.example.net.evil.example"}},
		{"host?.example.net", []string{"x@host1.example.net"}, []string{"x@host.example.net", "x@host12.example.net"}},
		{"192.0.2.0/24", []string{"x@192.0.2.7", "x@192.0.2.255:5062;transport=tcp", "sip:x@example.org;maddr=192.0.2.9"}, []string{"x@192.0.3.7", "x@192.0.2.example.net", "192.0.2.7@example.org"}},
		{"127.0.0.1", []string{"x@127.0.0.1", "x@[::ffff:127.0.0.1]"}, []string{"x@127.0.0.2"}},
		{"2001:db8::/32", []string{"x@[2001:db8::1]", "x@[2001:DB8:0:0::1]:5062"}, []string{"x@[2001:db9::1]"}},
		{"[2001:db8::1]", []string{"x@[2001:db8:0::1]:5070"}, []string{"x@[2001:db8::2]"}},
		{"0900*@*", []string{"0900123@gw.example.net", "sip:09%300123@gw.example.net", "sip:0-900-123@gw.example.net", "sip:(0)900.123;phone-context=+1@gw.example.net"}, []string{"10900123@gw.example.net", "x0900@example.net", "bob@0900.example.net"}},
		{"+1900*@*.example.net", []string{"+1-900-555@gw.example.net"}, []string{"+1900555@gw.example.org"}},
		{`/^sip:(00|\+)?900/`, []string{"sip:900123@x.example", "SIP:+900@x.example"}, []string{"sips:900123@x.example", "sip:1900@x.example"}},
		{`/^sips?:(\+|00)?1?900\d{7}@/`, []string{"sip:19005551234@gw.example.net", "sip:1-900-555-1234@gw.example.net", "sip:+1.900.555.1234@gw.example.net", "sips:(00)19005551234@gw.example.net",
			"sip:9005551234;phone-context=+1@gw.example.net", "sip:900-555-1234;x=y@gw.example.net",
			"sip:\uff19\uff10\uff105551234@gw.example.net", "sip:900\uff0d555\uff0d1234@gw.example.net"},
			[]string{"sip:1-800-555-1234@gw.example.net", "sip:900-555-123@gw.example.net", "sip:bob@gw.example.net;x=9005551234"}},
		{"0900*@*", []string{"sip:\uff10900123@gw.example.net", "sip:0-900-1;a@gw.example.net"}, []string{"sip:\uff11900123@gw.example.net"}},
		{"bob@*", []string{"sip:bob;day=tuesday@gw.example.net"}, []string{"sip:bobby;x=bob@gw.example.net"}},
		{`/;transport=TCP/`, []string{"x@y.example;transport=tcp"}, []string{"x@y.example"}},
		{"*", []string{"x@y.example", "x@[::1]"}, nil},
	} {
		p, err := ParseContactPattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if p.String() != c.pattern {
			t.Errorf("%s comes back as %s", c.pattern, p)
		}
		rules := ContactRules{Deny: []ContactPattern{p}}
		for want, list := range map[bool][]string{true: c.denied, false: c.spared} {
			for _, typed := range list {
				contact, err := aor.CanonicalURI(typed, "example.org")
				if err != nil {
					t.Errorf("%s: %v", typed, err)
				} else if got := rules.Denies(contact); got != want {
					t.Errorf("%s denies %s (%s): %v, want %v", c.pattern, typed, contact, got, want)
				}
			}
		}
	}
	if (ContactRules{}).Denies("sip:x@y.example") {
		t.Error("no rules deny something")
	}
}

func TestContactRulesWrong(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"", "empty"},
		{"/", "between two slashes"},
		{"//", "between two slashes"},
		{"/abc", "between two slashes"},
		{"/[a/", "missing closing ]"},
		{"/a)(b/", "unexpected )"},
		{"@example.net", "user@host"},
		{"x@", "user@host"},
		{"sip:x@example.net", "scheme"},
		{"x@example.net:5060", "port"},
		{"example.net:5060", "port"},
		{"x@y@z", "scheme"},
		{"192.0.2.0/33", "scheme"},
		{"two words", "white space"},
		{"\xae", "not UTF-8"},
		{strings.Repeat("x", 256), "more than 255 bytes"},
	} {
		if _, err := ParseContactPattern(c.pattern); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.pattern, err, c.want)
		}
	}
}

// FuzzContactPattern: no pattern and no address breaks anything; a host
// pattern without wildcards denies itself.
func FuzzContactPattern(f *testing.F) {
	f.Add("*.example.net", "x@a.example.net")
	f.Add("/(/", "sip:x@y;maddr=%")
	f.Add("::/0", "x@[::1]:5060")
	f.Fuzz(func(t *testing.T, pattern, typed string) {
		p, err := ParseContactPattern(pattern)
		contact, errURI := aor.CanonicalURI(typed, "example.org")
		if err != nil || errURI != nil {
			return
		}
		denied := ContactRules{Deny: []ContactPattern{p}}.Denies(contact)
		if pattern == "*" && !denied {
			t.Errorf("%q does not deny %q", pattern, contact)
		}
	})
}
