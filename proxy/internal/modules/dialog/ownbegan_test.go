package dialog_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dialog"
)

// TestOwnCallBeginsLater: who has got a stranger's call to bob, and sends bob one that is like it with a proof of who
// she is, has made a call that began when she sent it, though bob's other phone has answered the stranger first.
func TestOwnCallBeginsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := make(map[string]time.Duration)
		start := time.Now()
		o := newOfficeWith(t, func(c *dialog.Config) {
			c.Answered = func(a *dialog.Account) { began[string(a.Caller)] = a.Began.Sub(start) }
		})
		stop := o.run()
		defer stop()
		o.targets = []string{bob, carol}
		c := &call{office: o, id: "x"}
		sent := o.router.Receive(alice, strings.Replace(c.fresh("x"), "X-User: alice\n", "", 1))
		c.invite = o.the("INVITE ", slices.DeleteFunc(sent, func(p moduletest.Packet) bool { return "udp:"+p.To.Remote.String() != bob }))
		time.Sleep(5 * time.Second)
		const bobsOther = "udp:192.0.2.18:5060"
		o.targets = []string{bobsOther}
		own := &call{office: o, id: "x"}
		own.invite = o.the("INVITE ", o.router.Receive(carol, strings.NewReplacer("X-User: alice", "X-User: carol", "sip:alice@example.org", "sip:carol@example.org",
			"z9hG4bK-INVITE", "z9hG4bK-mine", "192.0.2.7", "192.0.2.9").Replace(c.fresh("x"))))
		time.Sleep(5 * time.Second)
		c.answers(bob, 200, "bt")
		time.Sleep(time.Second)
		own.answers(bobsOther, 200, "bt2", "Contact: <sip:bob@192.0.2.18>")
		if at, ok := began["carol@example.org"]; !ok || at != 5*time.Second {
			t.Errorf("the calls began after %v, carol's 5s after the stranger's", began)
		}
	})
}
