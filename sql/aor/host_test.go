package aor_test

import (
	"testing"

	"seraph/sql/aor"
)

func TestCanonicalTarget(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"sip:127.0.0.1:9", "sip:127.0.0.1:9"},
		{" SIPS:Proxy.Example.ORG.;transport=tcp?x=y ", "sips:proxy.example.org;transport=tcp"},
		{"sip:[2001:DB8::1]", "sip:[2001:db8::1]"},
		{"bob", "sip:bob@example.org"},
		{"sip:bob@example.net", "sip:bob@example.net"},
		{"tel:+420-12", "tel:+42012"},
		{"", ""}, {"sip:", ""}, {"sip::5060", ""}, {"sip:a b", ""}, {"sip:host:99999", ""}, {"sip:@host", ""}, {"sip:<host>", ""},
		{"http://host", ""}, {"sip:host\r\nVia: x", ""},
	} {
		got, err := aor.CanonicalTarget(c.in, "example.org")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("CanonicalTarget(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}
