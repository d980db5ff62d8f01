package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto/ctltest"
)

// TestAddressIsNoDefaultDomain: where the router is served at its address, too, a name without
// a domain is still one of the only domain that has a name.
func TestAddressIsNoDefaultDomain(t *testing.T) {
	d := newDesk(t)
	d.add("alice@example.org", "x")
	for _, host := range []string{"127.0.0.1", "[2001:db8::1]"} {
		d.must("domain", "add", host)
		if out := d.must("show", "alice"); !strings.Contains(out, "alice@example.org") {
			t.Errorf("with the domain %s: %s", host, out)
		}
	}
	d.must("domain", "add", "example.com")
	d.refuses(exitUsage, []string{"show", "alice"}, `"alice" has no domain; write alice@DOMAIN with one of: 127.0.0.1, [2001:db8::1], example.com, example.org`)
}

func TestDomains(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"domain.reload": done})
	if out := d.must("domain", "add", "SIP.Example.com."); out != "domain sip.example.com added\n" {
		t.Errorf("output %q", out)
	}
	want := "DOMAIN           SINCE (UTC)\nexample.org      2026-03-01 12:00:00\nsip.example.com  2026-03-01 12:00:00\n"
	if diff := cmp.Diff(want, d.must("domain", "show")); diff != "" {
		t.Error(diff)
	}
	want = `[
  {
    "name": "example.org",
    "modified": "2026-03-01T12:00:00Z"
  },
  {
    "name": "sip.example.com",
    "modified": "2026-03-01T12:00:00Z"
  }
]
`
	if diff := cmp.Diff(want, d.must("domain", "show", "-o", "json")); diff != "" {
		t.Error(diff)
	}
	d.add("alice@example.org", "x")
	d.refuses(exitFailed, []string{"domain", "rm", "example.org"}, "the domain example.org has users: remove them first")
	d.must("domain", "rm", "sip.example.com")
	d.refuses(exitFailed, []string{"domain", "rm", "sip.example.com"}, "there is no domain sip.example.com")
	d.refuses(exitFailed, []string{"domain", "add", "EXAMPLE.org"}, "the domain example.org is there already")
	d.refuses(exitUsage, []string{"domain", "add", "not a domain"}, "bad domain")
	d.refuses(exitUsage, []string{"domain", "add"}, "domain add: DOMAIN is missing")
	d.refuses(exitUsage, []string{"domain", "add", "a", "b"}, `domain add: "b" is one argument too many`)
	d.refuses(exitUsage, []string{"domain", "show", "x"}, "domain show takes no arguments")
	d.refuses(exitUsage, []string{"domain"}, "domain wants one of: add, reload, rm, show")
	d.refuses(exitUsage, []string{"domain", "lst"}, `seraphctl domain has no command "lst"; there is add, reload, rm, show`)

	told := 0
	for _, c := range calls(router) {
		if strings.HasPrefix(c, "domain.reload") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("the router was told %d times, want once for each change: %v", told, calls(router))
	}
	want = "olga|seraphctl|domain.add|sip.example.com||\nolga|seraphctl|subscriber.create|alice@example.org||\nolga|seraphctl|domain.remove|sip.example.com||"
	if diff := cmp.Diff(want, strings.Join(d.audited(), "\n")); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}
