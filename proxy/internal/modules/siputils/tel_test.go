package siputils_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// TestTelToSIP: a telephone number becomes an address in the caller's domain; what is none, or
// is one of elsewhere, stays and is refused.
func TestTelToSIP(t *testing.T) {
	call := moduletest.Compile(t, m, "tel2sip")
	for uri, want := range map[string]string{
		"tel:+14155551":                            "sip:+14155551@example.org;user=phone",
		"TEL:+1-(415).555-1;isub=1":                "sip:+14155551@example.org;user=phone",
		"tel:110":                                  "sip:110@example.org;user=phone",
		"tel:*21#":                                 "sip:*21%23@example.org;user=phone",
		"tel:7042;phone-context=Example.org":       "sip:7042@example.org;user=phone",
		"tel:7042;phone-context=elsewhere.org":     "",
		"tel:7042;phone-context=+4930":             "",
		"tel:+":                                    "",
		"tel:-":                                    "",
		"tel:alice":                                "",
		"tel:+49+30":                               "",
		"tel:+49%4030":                             "",
		"tel:" + strings.Repeat("1", 33):           "",
		"sip:bob@192.0.2.7;transport=tcp":          "sip:bob@192.0.2.7;transport=tcp",
		"sip:+14155551@gateway.example;user=phone": "sip:+14155551@gateway.example;user=phone",
	} {
		c := moduletest.Message(t, moduletest.Request("INVITE", uri))
		c.Main.Phone, c.Main.Next = true, []byte("sip:192.0.2.7")
		got := call(c)
		if found := string(c.Main.URI) == uri; c.Main.Phone != found || (c.Main.Next != nil) != found {
			t.Errorf("%s, now %s: what was found for a URI counts for no other: %v, %s", uri, c.Main.URI, c.Main.Phone, c.Main.Next)
		}
		switch {
		case want == "" && (got > 0 || string(c.Main.URI) != uri):
			t.Errorf("%s: %d, %s", uri, got, c.Main.URI)
		case want != "" && (got < 0 || string(c.Main.URI) != want):
			t.Errorf("%s: %d, %s, want %s", uri, got, c.Main.URI, want)
		}
	}
	text := strings.Replace(moduletest.Request("INVITE", "tel:+1"), "sip:alice@example.org", "tel:+49301", 1)
	if c := moduletest.Message(t, text); call(c) > 0 {
		t.Errorf("with a From without a domain it is %s", c.Main.URI)
	}
}
