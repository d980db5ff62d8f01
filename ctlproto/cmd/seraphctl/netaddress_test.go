package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto/ctltest"
)

func TestAddress(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"permissions.addressReload": done})
	if out := d.must("address", "show", "-q"); out != "" {
		t.Errorf("no addresses: %q", out)
	}
	if out := d.must("address", "add", "1", "192.0.2.10", "--tag", "gateway"); out != "192.0.2.10 is in group 1\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("address", "add", "2", "10.1.2.3/8", "--port", "5060", "-o", "json"); out !=
		"{\n  \"group\": 2,\n  \"ip\": \"10.0.0.0\",\n  \"mask\": 8,\n  \"port\": 5060,\n  \"tag\": \"\"\n}\n" {
		t.Errorf("JSON %q", out)
	}
	d.must("address", "add", "1", "2001:DB8::1")
	want := "GROUP  ADDRESS               TAG\n1      192.0.2.10            gateway\n2      10.0.0.0/8 port 5060  -\n1      2001:db8::1           -\n"
	if diff := cmp.Diff(want, d.must("address", "show")); diff != "" {
		t.Error(diff)
	}
	var lines []networkLine
	decode(t, d.must("address", "show", "-o", "json"), &lines)
	if len(lines) != 3 || lines[0] != (networkLine{Group: 1, IP: "192.0.2.10", Mask: 32, Tag: "gateway"}) {
		t.Errorf("JSON %+v", lines)
	}
	if out := d.must("address", "rm", "2", "10.0.0.0/8", "--port", "5060"); out != "10.0.0.0/8 port 5060 is no longer in group 2\n" {
		t.Errorf("output %q", out)
	}
	if got := d.column("SELECT grp || ' ' || ip_addr FROM address ORDER BY id"); !cmp.Equal(got, []string{"1 192.0.2.10", "1 2001:db8::1"}) {
		t.Errorf("rows %v", got)
	}
	if got := calls(router); len(got) != 4 || got[0] != "permissions.addressReload" {
		t.Errorf("the router was told %v, want once for each change", got)
	}
	audit := d.audited()
	if diff := cmp.Diff([]string{"olga|seraphctl|address.add|192.0.2.10||1", "olga|seraphctl|address.remove|10.0.0.0/8 port 5060|2|"},
		[]string{audit[0], audit[len(audit)-1]}); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestAddressRefuses(t *testing.T) {
	d := newDesk(t)
	d.must("address", "add", "1", "192.0.2.10")
	n := len(d.audited())
	d.refuses(exitUsage, []string{"address"}, "address wants one of: add, rm, show")
	d.refuses(exitUsage, []string{"address", "add", "1"}, "address add: ADDRESS is missing")
	d.refuses(exitUsage, []string{"address", "add", "one", "192.0.2.1"}, `GROUP is a number, not "one"`)
	d.refuses(exitUsage, []string{"address", "add", "0", "192.0.2.1"}, "GROUP is not a number from 1")
	d.refuses(exitUsage, []string{"address", "add", "1", "192.0.2"}, "ADDRESS is neither an address nor a name")
	d.refuses(exitUsage, []string{"address", "add", "1", "192.0.2.1/33"}, "MASK is not from 0 to 32")
	d.refuses(exitUsage, []string{"address", "add", "1", "192.0.2.1/0"}, `MASK is the length of the network's prefix, not "0"`)
	d.refuses(exitUsage, []string{"address", "add", "1", "192.0.2.1", "--port", "70000"}, "--port is not from 0 to 65535")
	d.refuses(exitFailed, []string{"address", "add", "1", "192.0.2.10/32"}, "192.0.2.10 is in group 1 already")
	d.refuses(exitFailed, []string{"address", "rm", "2", "192.0.2.10"}, "192.0.2.10 is not in group 2")
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
}
