package acc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/sip"
)

// TestBYEOfACallThatGoesOn: a BYE that was taken makes a row only where the call is over.
func TestBYEOfACallThatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, up := range []bool{true, false} {
			b := &bench{t: t, tables: &tables{}}
			var asked []string
			b.m = acc.New(acc.Config{Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers,
				Up: func(callID, fromTag, toTag []byte) bool {
					asked = append(asked, fmt.Sprintf("%s %s %s", callID, fromTag, toTag))
					return up
				}})
			b.start(func(c *module.Ctx) {
				c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			})
			stop := b.run()
			bye := &sip.Message{}
			for _, p := range b.router.Receive("udp:192.0.2.7:5060", moduletest.Request("BYE", bob)) {
				if strings.HasPrefix(p.Text, "BYE ") && bye.Parse([]byte(p.Text)) != nil {
					t.Fatal(p.Text)
				}
			}
			b.router.Receive("udp:192.0.2.8:5060", string(bye.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt")})))
			time.Sleep(soon)
			stop()
			if n := len(b.seen().acc); n != map[bool]int{false: 1}[up] {
				t.Errorf("the call is up: %v; %d rows", up, n)
			}
			if len(asked) != 1 || !strings.HasPrefix(asked[0], "call-1 at ") {
				t.Errorf("asked was for %q", asked)
			}
		}
	})
}

// TestBYEOfTheRouter: what the router hangs up has the row of a BYE, unless a flag picks them.
func TestBYEOfTheRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for param, want := range map[string]int{"max_queue 1000": 1, "db_flag 3": 0} {
			b := newBench(t, refusing(480), param)
			stop := b.run()
			x := talk("late", "alice@example.org", "bob@example.org", "sip:boss@example.org")
			b.m.Talk(x)
			x.ByRouter = true
			b.m.HungUp(x)
			time.Sleep(soon)
			stop()
			rows := b.seen().acc
			if len(rows) != want {
				t.Fatalf("%s: rows %+v, want %d", param, rows, want)
			}
			for _, r := range rows {
				if r.Method != "BYE" || r.CallID != "late" || r.FromTag != "at" || r.ToTag != "bt" || r.Code != 200 || r.Reason != "OK" || !r.Time.Equal(x.Ended) ||
					r.SrcUser != "alice" || r.DstUser != "bob" || r.DstOUser != "boss" || r.SrcIP != "" {
					t.Errorf("the row is %+v", r)
				}
			}
			if len(b.seen().ends) != 1 {
				t.Errorf("ends %+v", b.seen().ends)
			}
		}
	})
}
