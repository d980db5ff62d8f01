package control

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLateRequests are not begun: whoever made one has said that nothing was done. One in
// time, or without a deadline, is.
func TestLateRequests(t *testing.T) {
	proxy := newFakeProxy()
	w := plug(t, start(t, proxy.config()))
	for _, tc := range []struct {
		deadline, want string
	}{
		{fmt.Sprint(time.Now().Add(-time.Second).UnixMilli()), `"code":-32004,"message":"ctd.dial came after its deadline and was not begun"`},
		{"1", `"code":-32004`},
		{"-1", `"code":-32600,"message":"Invalid request: deadline: want milliseconds of Unix time"`},
		{`"soon"`, `"code":-32600`},
		{"1e400", `"code":-32600`},
	} {
		w.send(`{"jsonrpc":"2.0","id":1,"method":"ctd.dial","params":["alice@example.org","bob@example.org"],"deadline":` + tc.deadline + "}\n")
		if got := w.receive(); !strings.Contains(got, tc.want) {
			t.Errorf("deadline %s: %s", tc.deadline, got)
		}
	}
	if len(proxy.done) != 0 {
		t.Errorf("carried out: %v", proxy.done)
	}
	for _, deadline := range []string{fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()), "0", "null"} {
		w.send(`{"jsonrpc":"2.0","id":1,"method":"ctd.dial","params":["alice@example.org","bob@example.org"],"deadline":` + deadline + "}\n")
		if got := w.receive(); !strings.Contains(got, `"id":"id-1"`) {
			t.Errorf("deadline %s: %s", deadline, got)
		}
	}
	w.send(`{"jsonrpc":"2.0","id":2,"method":"events.subscribe","params":["ctd"],"deadline":1}` + "\n")
	if got := w.receive(); !strings.Contains(got, "-32004") {
		t.Errorf("subscribe: %s", got)
	}
}
