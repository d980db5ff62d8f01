package user_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestBlockOfATrunk: the row of a telephone call blocks the number, whichever host of the trunk the
// next call comes from; a number that stands in a domain, ours or another one, is of that domain alone, and one
// at an address that the operator does not know is of that address: a stranger can write any number there.
func TestBlockOfATrunk(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Domains.Add(t.Context(), "192.0.2.80"))
	check(t, s.db.Dispatcher.Add(t.Context(), store.Gateway{Set: 1, URI: "sip:GW.trunk.example:5060;transport=tcp"}))
	for _, a := range []store.Address{{Group: 1, IP: "198.51.100.1"}, {Group: 2, IP: "198.51.101.0", Mask: 24}, {Group: 1, IP: "SBC.trunk.example"}, {Group: 1, IP: "192.0.2.80"}} {
		check(t, s.db.Addresses.Add(t.Context(), a))
	}
	check(t, s.db.Trusted.Add(t.Context(), store.TrustedPeer{IP: "2001:db8::1", Proto: "any"}))
	b := s.signIn(alice)
	link := regexp.MustCompile(`href="/user/account/rules/block\?pattern=([^"]*)"`)
	for _, c := range []struct{ uri, want, refused, heard string }{
		{"sip:+4930777@198.51.100.1", "tel:+4930777", "sip:+4930777@198.51.100.2 tel:+49-30-777 sip:+4930777@gw.trunk.example sip:+4930777@[2001:db8::1]", "sip:+49307771@198.51.100.1 sip:x@198.51.100.1"},
		{"sip:+49(30)777;tgrp=a@[2001:DB8::1]:5070;user=phone", "tel:+4930777", "sip:+4930777@198.51.100.2", "sip:+4930778@[2001:db8::1]"},
		{"sip:+4930777@[::ffff:198.51.100.1]", "tel:+4930777", "sip:+4930777@198.51.100.1", ""},
		{"sip:+4930777@gw.Trunk.example", "tel:+4930777", "sip:+4930777@198.51.100.2", "sip:+4930778@gw.trunk.example"},
		{"sip:+4930777@198.51.101.200", "tel:+4930777", "sip:+4930777@198.51.100.2", ""},
		{"sip:+4930777@sbc.trunk.example", "tel:+4930777", "sip:+4930777@198.51.100.2", ""},
		{"sip:+4930777@203.0.113.9", "+4930777@203.0.113.9", "", "sip:+4930777@198.51.100.1 tel:+4930777 sip:+4930777@gw.trunk.example"},
		{"sip:+4930777@198.51.100.2", "+4930777@198.51.100.2", "", "sip:+4930777@198.51.100.1"},
		{"sip:+4930777@[2001:db8::2]", "+4930777@[2001:db8::2]", "", "sip:+4930777@[2001:db8::1] sip:+4930777@198.51.100.1"},
		{"sip:+4930777@other.example", "+4930777@other.example", "", "sip:+4930777@198.51.100.1 sip:+4930777@example.org"},
		{"sip:+4930777@example.org", "+4930777@example.org", "", "sip:+4930777@198.51.100.1 sip:+4930777@other.example"},
		{"sip:+4930777@192.0.2.80", "+4930777@192.0.2.80", "sip:+4930777@[::ffff:c000:250]", "sip:+4930777@198.51.100.1 sip:+4930777@192.0.2.81"},
		{"sip:1001@198.51.100.1", "1001@198.51.100.1", "", "sip:1001@198.51.100.2 sip:1001@example.org tel:1001"},
		{"sip:+49ers@198.51.100.1", "+49ers@198.51.100.1", "", "sip:+49ers@198.51.100.2"},
		{"sip:+@198.51.100.1", "+@198.51.100.1", "", "sip:+@198.51.100.2"},
		{"sip:+49%20%2a7@198.51.100.1", "tel:+49%2a7", "sip:+49*7@198.51.100.2", "sip:+497@198.51.100.1"},
	} {
		id := s.missed(alice, c.uri, "", time.Now(), 480, "")
		found := link.FindStringSubmatch(b.get("/user/missed").body)
		if found == nil {
			t.Errorf("the row of %s has no button to block", c.uri)
			continue
		}
		pattern, err := url.QueryUnescape(html.UnescapeString(found[1]))
		check(t, err)
		if pattern != c.want {
			t.Errorf("the row of %s blocks %q, want %q", c.uri, pattern, c.want)
		}
		b.post("/user/account/rules/block", "pattern", pattern).shows(t, http.StatusOK, html.EscapeString(pattern)+" is blocked.")
		rules, err := s.db.CallRules.List(t.Context(), alice)
		check(t, err)
		refuses := func(uri string) bool { return len(rules) == 1 && rules[0].Refuses(aor.AppendCaller(nil, uri)) }
		for _, uri := range append(strings.Fields(c.refused), c.uri) {
			if !refuses(uri) {
				t.Errorf("after the row of %s is blocked, %s is not refused", c.uri, uri)
			}
		}
		for _, uri := range strings.Fields(c.heard) {
			if refuses(uri) {
				t.Errorf("after the row of %s is blocked, %s is refused as well", c.uri, uri)
			}
		}
		b.post("/user/account/rules/unblock", "pattern", pattern).shows(t, http.StatusOK, "is let through again.")
		b.post("/user/missed/delete", "ids", fmt.Sprint(id))
	}
}
