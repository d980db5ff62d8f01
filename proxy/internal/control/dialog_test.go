package control

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"seraph/ctlproto"
)

// fakeDialogs is fakeProxy as the dialog table: two calls, the older one listed last.
type fakeDialogs struct{ *fakeProxy }

func (f fakeDialogs) List(yield func(ctlproto.Dialog) bool) {
	for i, id := range []string{"young", "old"} {
		if !yield(ctlproto.Dialog{HEntry: 7, HID: uint32(2 - i), CallID: id, State: ctlproto.DlgConfirmed, InitTS: int64(1000 - i),
			Caller: ctlproto.DialogParty{Tag: "<at>", Contact: "sip:a@192.0.2.1", CSeq: 3, Socket: "udp:192.0.2.1:5060"}}) {
			return
		}
	}
}

func (f fakeDialogs) Active() ctlproto.DlgStatsActive {
	return ctlproto.DlgStatsActive{Starting: 1, Connecting: 2, Answering: 3, Ongoing: 4, All: 10}
}

func (f fakeDialogs) End(_ context.Context, p ctlproto.DlgEndParams) (ctlproto.DlgEndResult, error) {
	if p.CallID == "gone" {
		return ctlproto.DlgEndResult{}, ctlproto.Errorf(ctlproto.CodeNotFound, "no such dialog")
	}
	return ctlproto.DlgEndResult{Ended: []ctlproto.DlgEnded{{CallID: p.CallID, Caller: ctlproto.DlgAnswer{Code: 200, Text: "OK"}}}},
		f.did(fmt.Sprintf("dlg.end %+v", p))
}

func TestDialogMethods(t *testing.T) {
	const ended = `"result":{"ended":[{"call-id":"%s","from_tag":"","to_tag":"","caller":{"code":200,"text":"OK"},"callee":{"code":0,"text":""}}],"cancelled":0}`
	for _, c := range []struct{ method, params, want, did string }{
		{"dlg.stats_active", ``, `"result":{"starting":1,"connecting":2,"answering":3,"ongoing":4,"all":10}`, ""},
		{"dlg.stats_active", `[1]`, `the method takes none`, ""},
		{"dlg.list", `[1]`, `the method takes none`, ""},
		{"dlg.end", `["abc","at","bt",null,null,"olga"]`, fmt.Sprintf(ended, "abc"), "dlg.end {CallID:abc FromTag:at ToTag:bt HEntry:0 HID:0 Actor:olga}"},
		{"dlg.end", `{"call-id":"abc"}`, fmt.Sprintf(ended, "abc"), "dlg.end {CallID:abc FromTag: ToTag: HEntry:0 HID:0 Actor:}"},
		{"dlg.end", `{"h_entry":"7","h_id":3}`, fmt.Sprintf(ended, ""), "dlg.end {CallID: FromTag: ToTag: HEntry:7 HID:3 Actor:}"},
		{"dlg.end_dlg", `[7,3]`, fmt.Sprintf(ended, ""), "dlg.end {CallID: FromTag: ToTag: HEntry:7 HID:3 Actor:}"},
		{"dlg.terminate_dlg", `["abc","at","bt"]`, fmt.Sprintf(ended, "abc"), "dlg.end {CallID:abc FromTag:at ToTag:bt HEntry:0 HID:0 Actor:}"},
		{"dlg.end", ``, `"field":"call-id","problem":"missing"`, ""},
		{"dlg.end_dlg", ``, `"field":"h_entry","problem":"missing"`, ""},
		{"dlg.end", `{"h_entry":7}`, `"field":"call-id","problem":"missing"`, ""},
		{"dlg.end", `{"to_tag":"x","h_id":3}`, `"field":"call-id","problem":"missing"`, ""},
		{"dlg.end", `{"call-id":"abc","h_id":3}`, `"field":"h_id"`, ""},
		{"dlg.end", `{"h_id":-1}`, `"field":"h_id"`, ""},
		{"dlg.end", `{"h_id":4294967296}`, `"field":"h_id"`, ""},
		{"dlg.end", `{"h_id":1.5}`, `want a whole number`, ""},
		{"dlg.end", `{"call-id":"a\nb"}`, `control character at byte 1`, ""},
		{"dlg.end", `{"callid":"abc"}`, `did you mean \"call-id\"?`, ""},
		{"dlg.end", `{"call-id":["abc"]}`, `want a string`, ""},
		{"dlg.end", `["gone"]`, `no such dialog`, ""},
	} {
		f := newFakeProxy()
		w := plug(t, start(t, f.config()))
		if got := w.call(c.method, c.params); !strings.Contains(got, c.want) {
			t.Errorf("%s %s:\n%s\nwant\n%s", c.method, c.params, got, c.want)
		}
		if got := strings.Join(f.done, ", "); got != c.did {
			t.Errorf("%s %s did %q, want %q", c.method, c.params, got, c.did)
		}
	}
}

// TestDialogList: an array of Kamailio's shape, the oldest first.
func TestDialogList(t *testing.T) {
	w := plug(t, start(t, newFakeProxy().config()))
	raw, _ := strings.CutPrefix(strings.TrimSuffix(w.call("dlg.list", ""), "}"), `"result":`)
	var list []map[string]any
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if len(list) != 2 || list[0]["call-id"] != "old" || list[1]["call-id"] != "young" {
		t.Fatalf("listed are %v", list)
	}
	for _, key := range []string{"h_entry", "h_id", "call-id", "from_uri", "to_uri", "state", "start_ts", "timeout"} {
		if _, ok := list[0][key]; !ok {
			t.Errorf("no %s in %v", key, list[0])
		}
	}
	caller, _ := list[0]["caller"].(map[string]any)
	for key, want := range map[string]any{"tag": "<at>", "contact": "sip:a@192.0.2.1", "cseq": 3.0, "socket": "udp:192.0.2.1:5060"} {
		if caller[key] != want {
			t.Errorf("caller %s is %v, want %v", key, caller[key], want)
		}
	}
}
