package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// TestCSV: tables and pairs with commas; nothing that a stranger chose is a formula.
func TestCSV(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{
		"dlg.list": ctltest.Result([]ctlproto.Dialog{
			{HEntry: 7, HID: 3, CallID: "=cmd|'/c calc'!A1", FromURI: "sip:a,\"b@example.org", ToURI: "+49301", State: ctlproto.DlgEarly, InitTS: noon.Unix() - 2, Caller: ctlproto.DialogParty{Remote: "@x\x1b[2J"}},
		}),
		"dlg.stats_active": ctltest.Result(ctlproto.DlgStatsActive{Connecting: 1, All: 1}),
	})
	want := "ID,FROM,TO,STATE,SINCE,CALLER AT,CALLEE AT,CALL-ID\r\n7:3,\"sip:a,\"\"b@example.org\",+49301,ringing,2s,'@x\\x1b[2J,,'=cmd|'/c calc'!A1\r\n"
	if diff := cmp.Diff(want, d.must("dlg", "list", "-o", "csv")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("dlg", "list", "-o", "csv", "-q"); len(out) >= len(want) {
		t.Errorf("quiet: %q", out)
	}
	if diff := cmp.Diff("calling,0\r\nringing,1\r\nanswering,0\r\ntalking,0\r\nall,1\r\n", d.must("dlg", "stats", "-o", "csv")); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{"-": "", "": "", "-5": "-5", "+1.5": "+1.5", "-x": "'-x", "+x": "'+x", "a=b": "a=b", "=": "'="} {
		if got := csvCell(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
