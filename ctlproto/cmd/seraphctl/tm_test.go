package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// twoTransactions are a call that rings, of a hostile caller, and an OPTIONS of the router's.
var twoTransactions = []ctlproto.TmTransaction{
	{
		Method: "INVITE", From: "<sip:mallory@elsewhere.example>;tag=1", To: "<sip:bob@example.org>", CallID: "x\x1b[2J", UASRequest: "yes", State: "proceeding", Status: 180,
		Age: 61, Source: "udp:192.0.2.7:5060", Outgoings: 2, Branches: []ctlproto.TmBranch{
			{URI: "sip:bob@192.0.2.8", Remote: "udp:192.0.2.8:5060", State: "proceeding"}, {URI: "sip:bob@192.0.2.9", Remote: "tcp:192.0.2.9:5060", State: "calling"},
		},
	},
	{Method: "OPTIONS", UASRequest: "no", State: "trying"},
}

func TestTmList(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"tm", "list"}, "seraph-proxy is not running")
	router := d.withRouter(map[string]ctltest.Handler{"tm.list": ctltest.Result(twoTransactions)})
	want := `METHOD   FROM                                   TO                     STATE           AGE   SOURCE              BRANCHES                                                   CALL-ID
INVITE   <sip:mallory@elsewhere.example>;tag=1  <sip:bob@example.org>  proceeding 180  1m1s  udp:192.0.2.7:5060  udp:192.0.2.8:5060 proceeding, tcp:192.0.2.9:5060 calling  x\x1b[2J
OPTIONS  -                                      -                      trying          0s    this router         -                                                          -
`
	if diff := cmp.Diff(want, d.must("tm", "list")); diff != "" {
		t.Error(diff)
	}
	var list []map[string]any
	decode(t, d.must("tm", "list", "-o", "json", "--call-id", "abc", "--limit", "5"), &list)
	if len(list) != 2 || list[0]["status"] != 180.0 || list[0]["branches"].([]any)[1].(map[string]any)["state"] != "calling" {
		t.Errorf("JSON %v", list)
	}
	if diff := cmp.Diff([]string{`tm.list {"limit":100}`, `tm.list {"callid":"abc","limit":5}`}, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	d.refuses(exitUsage, []string{"tm", "list", "x"}, "tm list")
	d.refuses(exitUsage, []string{"tm", "list", "--limit", "0"}, "--limit: want 1 to 1000")
	d.refuses(exitUsage, []string{"tm", "list", "--limit", "1001"}, "--limit: want 1 to 1000")
}
