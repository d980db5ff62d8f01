package script

import (
	"strings"
	"testing"
)

// TestFromMyself: who claims to be of a host of ours does so in a URI of any scheme, as whoever is
// called reads it.
func TestFromMyself(t *testing.T) {
	for from, want := range map[string]bool{
		"sip:alice@example.org": true, "SIPS:alice@Example.ORG.": false, "sip:example.org": true, // the fake engine knows one spelling
		"im:alice@example.org": true, "pres:alice@EXAMPLE.org": true, "tel:alice;x@example.org": true, "mailto:alice@example.org?x": true,
		"xmpp:alice@example.org:9": true,
		"sip:alice@example.net":    false, "im:alice@example.net": false, "im:alice@example.org..": false, "tel:+4930;phone-context=example.org": false,
		"urn:example.org": false, "im:example.org": false,
	} {
		p := compile(t, "route { if (from_uri == myself) m_dump(); if (from_uri != myself) save(\"location\"); }", nil)
		got := p.request(strings.Replace(invite, "sip:alice@example.net", from, 1), stranger)
		if strings.Contains(got, "m_dump()") != want || strings.Contains(got, "save(") == want {
			t.Errorf("%s: %q, want myself %v", from, got, want)
		}
	}
}
