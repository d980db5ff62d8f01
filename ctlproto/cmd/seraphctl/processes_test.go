package main

import (
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestPs(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"ps"}, "seraph-proxy is not running")
	d.refuses(exitUsage, []string{"ps", "x"}, "ps takes no arguments")
	d.withRouter(map[string]ctltest.Handler{"core.psx": ctltest.Result([]ctlproto.Process{{PID: 4711, Description: "seraph-proxy"}})})
	if out := d.must("ps"); out != "PID   PROGRAM\n4711  seraph-proxy\n" {
		t.Errorf("ps: %q", out)
	}
	var list []map[string]any
	decode(t, d.must("ps", "-o", "json"), &list)
	if len(list) != 1 || list[0]["PID"] != 4711.0 {
		t.Errorf("JSON %v", list)
	}
}

func TestTmStats(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUsage, []string{"tm"}, "tm wants one of: list, stats")
	d.refuses(exitUsage, []string{"tm", "stat"}, `did you mean "stats"?`)
	d.refuses(exitUnreachable, []string{"tm", "stats"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"tm.stats": ctltest.Result(ctlproto.TmStats{Current: 3, Total: 12, Class2xx: 7, DelayedFree: 1})})
	out := d.must("tm", "stats")
	if !strings.HasPrefix(out, "current        3\nwaiting        0\ntotal          12\n") || !strings.Contains(out, "\n2xx            7\n") || !strings.HasSuffix(out, "\ndelayed_free   1\n") {
		t.Errorf("tm stats:\n%s", out)
	}
	var s ctlproto.TmStats
	decode(t, d.must("tm", "stats", "-o", "json"), &s)
	if s.Current != 3 || s.Class2xx != 7 {
		t.Errorf("JSON %+v", s)
	}
}

func TestDomainReload(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"domain", "reload"}, "seraph-proxy is not running")
	d.refuses(exitUsage, []string{"domain", "reload", "x"}, "domain reload takes no arguments")
	router := d.withRouter(map[string]ctltest.Handler{"domain.reload": done})
	if out := d.must("domain", "reload"); out != "the router has read the domains\n" || len(router.Calls()) != 1 {
		t.Errorf("domain reload: %q after %d calls", out, len(router.Calls()))
	}
	d.withRouter(map[string]ctltest.Handler{"domain.reload": ctltest.Refuse(ctlproto.CodeUnavailable, "the database is away")})
	d.refuses(exitFailed, []string{"domain", "reload"}, "the database is away")
}

func TestUlDump(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUsage, []string{"ul", "dump", "x"}, "ul dump takes no arguments")
	d.refuses(exitUnreachable, []string{"ul", "dump"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"ul.dump": raw(`{"Domains":[{"Domain":{"Domain":"location","Size":512,"AoRs":[{"Info":{"AoR":"bob@example.org","HashID":1,
		"Contacts":[{"Contact":{"Address":"sip:bob@192.0.2.9","Expires":60,"Q":0.5,"Call-ID":"c1\u001b[1m","CSeq":7,"User-Agent":"n/a","Received":"[not set]","Path":"<sip:edge;lr>",
		"State":"CS_SYNC","Flags":0,"CFlags":0,"Socket":"udp:192.0.2.1:5060","Methods":4294967295,"Ruid":"r1","Instance":"[not set]","Reg-Id":0,"Server-Id":0,
		"Tcpconn-Id":-1,"Keepalive":0,"Last-Keepalive":0,"KA-Roundtrip":0,"Last-Modified":1772366400}}]}}],"Stats":{"Records":1,"Max-Slots":1}}}]}`)})
	out := d.must("ul", "dump")
	for _, line := range []string{"AoR             bob@example.org\n", "Address         sip:bob@192.0.2.9\n", "Path            <sip:edge;lr>\n", "State           CS_SYNC\n", "Expires         60\n", `c1\x1b[1m`} {
		if !strings.Contains(out, line) {
			t.Errorf("ul dump lacks %q:\n%s", line, out)
		}
	}
	var lines []aorLine
	decode(t, d.must("ul", "dump", "-o", "json"), &lines)
	if len(lines) != 1 || lines[0].Contacts[0].Path != "<sip:edge;lr>" {
		t.Errorf("JSON %+v", lines)
	}
}

// TestMembers: what is no JSON object is an error and no crash.
func TestMembers(t *testing.T) {
	for _, text := range []string{"", "[1]", "7", `{"a"`, `{"a":}`, "null"} {
		if list, err := members([]byte(text)); err == nil {
			t.Errorf("members(%q) = %v, want an error", text, list)
		}
	}
}
