package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestMoni(t *testing.T) {
	d := emptyDesk(t)
	total := 0
	d.withRouter(map[string]ctltest.Handler{
		"core.uptime": ctltest.Result(ctlproto.CoreUptime{Uptime: 61}),
		"stats.get_statistics": func(json.RawMessage) (any, *ctlproto.Error) {
			total += 100
			return []string{"tm:current = 3", "tm:total = " + string(must(json.Marshal(total)))}, nil
		},
		"dlg.stats_active": ctltest.Result(ctlproto.DlgStatsActive{All: 2}),
	})
	want := "up               1m1s\ncalls            2\ntransactions     3\nrequests in all  100\n"
	if diff := cmp.Diff(want, d.must("moni", "--count", "1")); diff != "" {
		t.Error(diff)
	}
	total = 0
	out := d.must("moni", "--count", "2", "--every", "100ms")
	first, second, _ := strings.Cut(out, "--------------------\n")
	if first != want || !regexp.MustCompile(`(?m)^requests in all  200 +\+\d+\.\d/s$`).MatchString(second) || !strings.Contains(second, "transactions     3\n") {
		t.Errorf("two looks:\n%s", out)
	}
	var l look
	decode(t, d.must("moni", "--count", "1", "-o", "json"), &l)
	if l.Uptime != 61 || l.Calls == nil || *l.Calls != 2 || l.Statistics["tm:current"] != 3 {
		t.Errorf("JSON %+v", l)
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// TestMoniWithoutDialogs: a router without module dialog says nothing of calls.
func TestMoniWithoutDialogs(t *testing.T) {
	d := emptyDesk(t)
	d.withRouter(map[string]ctltest.Handler{"core.uptime": ctltest.Result(ctlproto.CoreUptime{}), "stats.get_statistics": counters})
	if out := d.must("moni", "--count", "1"); strings.Contains(out, "calls ") || !strings.Contains(out, "transactions") {
		t.Errorf("moni:\n%s", out)
	}
}

func TestMoniRefuses(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUsage, []string{"moni", "x"}, "moni takes no arguments")
	d.refuses(exitUsage, []string{"moni", "--every", "1ms"}, "--every: want 100ms to 1h")
	d.refuses(exitUsage, []string{"moni", "--every", "soon"}, "--every")
	d.refuses(exitUsage, []string{"moni", "--count", "-1"}, "--count: want 0")
	d.refuses(exitUnreachable, []string{"moni"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"core.uptime": ctltest.Refuse(ctlproto.CodeInternal, "broken")})
	d.refuses(exitFailed, []string{"moni"}, "broken")
}
