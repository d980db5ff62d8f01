package dialog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/module/moduletest"
)

// FuzzDialog: whatever stands in the lines of an answer and of a request within its
// dialog, the table survives it, and the request reaches nobody else.
func FuzzDialog(f *testing.F) {
	for _, lines := range []string{
		"Contact: <sip:bob@192.0.2.8>\nSession-Expires: 90;refresher=uas\nRecord-Route: <sip:192.0.2.41;lr>, <sip:a;lr>",
		"Contact: \nx: 99999999999\nRecord-Route: ,,", "m: *\nContact: sip:[::1]:5060;alias=[::1]~1~2", "Record-Route: <sip:x@y", "Route: <sip:\x00>",
		"Contact: <tel:+1>, <http://x>\nSession-Expires:", strings.Repeat("Record-Route: <sip:192.0.2.41;lr>\n", 40),
	} {
		f.Add(lines, "bt", "sip:bob@192.0.2.8")
	}
	f.Fuzz(func(t *testing.T, lines, tag, uri string) {
		o := newOffice(t)
		text := moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.7>")
		var via string
		for _, p := range o.router.Receive(alice, text) {
			if rest, ok := strings.CutPrefix(p.Text, "INVITE "); ok {
				for line := range strings.Lines(rest) {
					if strings.HasPrefix(line, "Via:") || strings.HasPrefix(line, "Record-Route:") {
						via += strings.TrimRight(line, "\r\n") + "\n"
					}
				}
			}
		}
		o.router.Receive(bob, "SIP/2.0 200 OK\n"+via+"From: <sip:alice@example.org>;tag=at\nTo: <sip:bob@example.org>;tag="+tag+"\nCall-ID: call-1\nCSeq: 1 INVITE\n"+
			lines+"\nContent-Length: 0\n")
		_, route, _ := strings.Cut(via, "Record-Route: ")
		route, _, _ = strings.Cut(route, "\n")
		for _, method := range []string{"INFO", "INVITE", "BYE"} {
			o.router.Receive(alice, method+" "+uri+" SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKf"+method+"\nRoute: "+route+"\n"+
				"From: <sip:alice@example.org>;tag=at\nTo: <sip:bob@example.org>;tag="+tag+"\nCall-ID: call-1\nCSeq: 2 "+method+"\n"+lines+"\nContent-Length: 0\n")
		}
		for _, d := range o.dialogs() {
			if _, err := o.m.End(t.Context(), ctlproto.DlgEndParams{HEntry: d.HEntry, HID: d.HID}); err != nil && d.State >= ctlproto.DlgUnacked {
				t.Errorf("%+v: %v", d, err)
			}
		}
		if n := o.statistic("records"); n > 2 {
			t.Errorf("%d records", n)
		}
		o.wantBusy("in the end", "")
	})
}

// TestAllAtOnce: calls come and go while the operator lists, counts and hangs up, and the
// timers run.
func TestAllAtOnce(t *testing.T) {
	o := newOffice(t, "ka_timer 1")
	stop := o.run()
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				o.m.List(func(d ctlproto.Dialog) bool { return d.CallID != "" })
				_ = o.m.Active()
				_ = o.m.Busy("bob@example.org")
				_, _ = o.m.End(ctx, ctlproto.DlgEndParams{CallID: fmt.Sprintf("once-%d", n%300)})
			}
		})
	}
	for i := range 300 {
		c := o.invites(fmt.Sprintf("once-%d", i))
		c.answers(bob, 180, "bt")
		c.answers(bob, 200, "bt")
		c.request("ACK", bobContact, 1, "bt")
		for _, p := range c.request("BYE", bobContact, 2, "bt") {
			if strings.HasPrefix(p.Text, "BYE ") {
				c.reply(bob, c.the("BYE ", []moduletest.Packet{p}), 200)
			}
		}
	}
	cancel()
	others.Wait()
	stop()
	o.wantNothingLeft()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.talks) != 600 {
		t.Errorf("the accounts have %d ends, want two of each of 300 calls", len(o.talks))
	}
}
