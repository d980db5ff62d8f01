package acc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/sip"
)

// TestBYEGoesBetweenItsEnds: the row of a BYE names those between whom the call went, as the table of
// dialogs has them, from who has sent it to the other one, whatever From and Request-URI say. Of a call that the
// table does not know, or another one's, it says what the BYE says.
func TestBYEGoesBetweenItsEnds(t *testing.T) {
	const hers, his = "From: <sip:victim@example.net>;tag=at", "From: <sip:victim@example.net>;tag=bt"
	const toHim, toHer = "To: <sip:x@example.com>;tag=bt", "To: <sip:x@example.com>;tag=at"
	for name, x := range map[string]struct {
		from, to, answer, known string
		want                    string
	}{
		"hers":                  {hers, toHim, "bt", "call-1", "alice@example.org boss bob@example.org"},
		"his":                   {his, toHer, "at", "call-1", "boss@example.org alice alice@example.org"},
		"of no call that ended": {hers, toHim, "bt", "", "victim@example.net bob bob@example.org"},
		"of another call":       {hers, toHim, "bt", "call-2", "victim@example.net bob bob@example.org"},
	} {
		for _, unlisted := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(*module.Ctx) {})
				b = newBench(t, func(c *module.Ctx) {
					c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
					if c.Msg.Method == sip.BYE && x.known != "" { // the table tells it before the answer goes up
						ended := talk(x.known, "alice@example.org", "bob@example.org", "sip:boss@example.org")
						ended.Unlisted = unlisted
						b.m.HungUp(ended)
					}
					if err := c.Relay(); err != nil {
						t.Error(err)
					}
				})
				stop := b.run()
				b.passes("INVITE", "bt")
				b.passes("BYE", x.answer, x.from, x.to)
				time.Sleep(soon)
				stop()
				rows := b.seen().acc
				if len(rows) != 2 || rows[1].Method != "BYE" {
					t.Fatalf("%s: rows %+v", name, rows)
				}
				r := rows[1]
				if got := r.SrcUser + "@" + r.SrcDomain + " " + r.DstOUser + " " + r.DstUser + "@" + r.DstDomain; got != x.want || r.SrcIP != "192.0.2.7" {
					t.Errorf("%s, unlisted %v: the BYE went %s from %s, want %s", name, unlisted, got, r.SrcIP, x.want)
				}
				if n := len(b.seen().ends); n != 0 && unlisted {
					t.Errorf("%s: %d ends of a call that is not listed", name, n)
				}
			})
		}
	}
}

// TestEndsAreBounded: of very many calls that are over each gives its place to another one, and long names are
// cut.
func TestEndsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(*module.Ctx) {})
		defer b.run()()
		long := make([]byte, 4096)
		for i := range 5000 {
			b.m.HungUp(acc.Talk{CallID: []byte{byte(i), byte(i >> 8)}, FromTag: []byte("at"), ToTag: []byte("bt"), FromURI: long, TargetURI: long, Unlisted: true})
		}
		if diff := cmp.Diff(0, len(b.seen().acc)); diff != "" {
			t.Error(diff)
		}
	})
}
