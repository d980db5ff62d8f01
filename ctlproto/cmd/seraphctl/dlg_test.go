package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// twoCalls are a call that is up and one that rings, of a hostile caller.
var twoCalls = []ctlproto.Dialog{
	{HEntry: 7, HID: 3, CallID: "abc@192.0.2.7", FromURI: "sip:alice@example.org", ToURI: "sip:bob@example.org", State: ctlproto.DlgConfirmed,
		StartTS: noon.Unix() - 61, InitTS: noon.Unix() - 70, Caller: ctlproto.DialogParty{Remote: "udp:192.0.2.7:5060"}, Callee: ctlproto.DialogParty{Remote: "tcp:192.0.2.8:5060"}},
	{HEntry: 9, HID: 4, CallID: "x\x1b[2J", FromURI: "sip:mallory@elsewhere.example", ToURI: "sip:bob@example.org", State: ctlproto.DlgEarly, InitTS: noon.Unix() - 2},
}

func TestDlgList(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"dlg.list": ctltest.Result(twoCalls), "dlg.stats_active": ctltest.Result(ctlproto.DlgStatsActive{Connecting: 1, Ongoing: 1, All: 2})})
	want := `ID   FROM                           TO                   STATE    SINCE  CALLER AT           CALLEE AT           CALL-ID
7:3  sip:alice@example.org          sip:bob@example.org  talking  1m1s   udp:192.0.2.7:5060  tcp:192.0.2.8:5060  abc@192.0.2.7
9:4  sip:mallory@elsewhere.example  sip:bob@example.org  ringing  2s     -                   -                   x\x1b[2J
`
	if diff := cmp.Diff(want, d.must("dlg", "list")); diff != "" {
		t.Error(diff)
	}
	var list []map[string]any
	decode(t, d.must("dlg", "list", "-o", "json"), &list)
	if len(list) != 2 || list[0]["call-id"] != "abc@192.0.2.7" || list[0]["state"] != 4.0 || list[0]["caller"].(map[string]any)["remote"] != "udp:192.0.2.7:5060" {
		t.Errorf("JSON %v", list)
	}
	if out := d.must("dlg", "stats"); out != "calling    0\nringing    1\nanswering  0\ntalking    1\nall        2\n" {
		t.Errorf("stats: %q", out)
	}
	d.refuses(exitUsage, []string{"dlg", "list", "x"}, "dlg list")
	d.refuses(exitUsage, []string{"dlg"}, "list")
	d.refuses(exitUsage, []string{"dlg", "lst"}, `did you mean "list"?`)
}

func TestDlgListOfNoCalls(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"dlg.list": ctltest.Result([]ctlproto.Dialog{})})
	if out := d.must("dlg", "list", "-o", "json"); out != "[]\n" {
		t.Errorf("JSON %q", out)
	}
}

func TestDlgEnd(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"dlg.end": ctltest.Result(ctlproto.DlgEndResult{Ended: []ctlproto.DlgEnded{
		{CallID: "abc", FromTag: "at", ToTag: "bt", Caller: ctlproto.DlgAnswer{Code: 200, Text: "OK"}, Callee: ctlproto.DlgAnswer{Text: "Not Sent"}}}, Cancelled: 1})})
	want := "the call abc is hung up: caller 200 OK, callee could not be reached\nthe call was not answered yet and is cancelled\n"
	if diff := cmp.Diff(want, d.must("dlg", "end", "abc", "--to-tag", "bt")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("dlg", "end", "7:3", "-q"); out != "" {
		t.Errorf("quiet: %q", out)
	}
	var result ctlproto.DlgEndResult
	decode(t, d.must("dlg", "end", "7:x", "-o", "json"), &result)
	if len(result.Ended) != 1 || result.Ended[0].Caller.Code != 200 || result.Cancelled != 1 {
		t.Errorf("JSON %+v", result)
	}
	wantCalls := []string{
		`dlg.end {"call-id":"abc","to_tag":"bt","actor":"olga by seraphctl"}`, `dlg.end {"h_entry":7,"h_id":3,"actor":"olga by seraphctl"}`,
		`dlg.end {"call-id":"7:x","actor":"olga by seraphctl"}`,
	}
	if diff := cmp.Diff(wantCalls, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	wantAudit := []string{
		"olga|seraphctl|dlg.end|abc||1 ended, 1 cancelled", "olga|seraphctl|dlg.end|7:3||1 ended, 1 cancelled", "olga|seraphctl|dlg.end|7:x||1 ended, 1 cancelled",
	}
	if diff := cmp.Diff(wantAudit, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

// TestDlgEndRefusedByAPhone: where a side refuses the BYE, the call is not said to be over.
func TestDlgEndRefusedByAPhone(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"dlg.end": ctltest.Result(ctlproto.DlgEndResult{Ended: []ctlproto.DlgEnded{
		{CallID: "abc", FromTag: "at", ToTag: "bt", Caller: ctlproto.DlgAnswer{Code: 481, Text: "Gone"}, Callee: ctlproto.DlgAnswer{Code: 407, Text: "Who"}}}})})
	for _, more := range [][]string{nil, {"-q"}, {"-o", "json"}} {
		d.refuses(exitFailed, append([]string{"dlg", "end", "abc"}, more...), "refused to end the call")
	}
	if rows := d.audited(); len(rows) != 3 || rows[0] != "olga|seraphctl|dlg.end|abc||1 ended, 0 cancelled, not all" {
		t.Errorf("the audit says %q", rows)
	}
}

func TestDlgEndRefused(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitUsage, []string{"dlg", "end"}, "CALL-ID")
	d.refuses(exitUsage, []string{"dlg", "end", " "}, "the CALL-ID is empty")
	d.refuses(exitUsage, []string{"dlg", "end", "a", "b"}, "dlg end")
	d.refuses(exitUsage, []string{"dlg", "end", "7:0"}, "no call has the number 0")
	d.refuses(exitUsage, []string{"dlg", "end", "7:3", "--from-tag", "x"}, "a tag goes with a Call-ID")
	d.refuses(exitUnreachable, []string{"dlg", "end", "abc"}, "seraph-proxy")
	d.withRouter(map[string]ctltest.Handler{"dlg.end": ctltest.Refuse(ctlproto.CodeNotFound, "no such dialog")})
	d.refuses(exitFailed, []string{"dlg", "end", "abc"}, "there is no such call (any more)")
	if got := d.audited(); len(got) != 0 {
		t.Errorf("audit %v", got)
	}
}
