package dialog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/ua"
)

// TestManySilentPhones: phones that say nothing keep neither another call from being hung up nor
// the news of a third one back.
func TestManySilentPhones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "noack_timeout 5")
		var waiting atomic.Int32
		o.sender.silent = func(ctx context.Context, w ua.Within) bool {
			if !strings.HasPrefix(w.CallID, "silent-") {
				return false
			}
			waiting.Add(1)
			<-ctx.Done()
			waiting.Add(-1)
			return true
		}
		stop := o.run()
		defer stop()
		far := func(i int) string { return fmt.Sprintf("udp:198.51.%d.9:5060", 100+i/100) }
		for i := range 1500 {
			o.targets = []string{far(i)}
			c := o.invitesFrom(fmt.Sprintf("udp:203.0.113.%d:5060", 100+i/200), fmt.Sprint("silent-", i), "sip:x@192.0.2.98")
			c.answers(far(i), 200, "ft", "Contact: <sip:x@192.0.2.99>")
		}
		o.targets = nil
		o.invites("mine").answers(bob, 200, "bt")
		time.Sleep(7 * time.Second)
		if n := waiting.Load(); n < 2000 || n > 2*1500 {
			t.Errorf("%d BYEs wait for their answers", n)
		}
		if lines := o.sender.lines(); !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, " by 192.0.2.8:5060") }) {
			t.Error("the call of others is not hung up after 7 seconds")
		}
		o.mu.Lock()
		o.events = nil
		o.mu.Unlock()
		o.invites("news").answers(bob, 200, "bt")
		time.Sleep(10 * time.Millisecond)
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.events) != 1 {
			t.Errorf("the news are %q", o.events)
		}
	})
}

// TestOneSilentHost: a host has a bounded number of BYEs under way, and the calls of all others
// do not wait for it; in the end all of its calls are over, too.
func TestOneSilentHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "noack_timeout 5")
		var waiting, most atomic.Int32
		o.sender.silent = func(ctx context.Context, w ua.Within) bool {
			if !strings.HasPrefix(w.CallID, "silent-") || w.ToTag == "at" {
				return false
			}
			most.Store(max(most.Load(), waiting.Add(1)))
			<-ctx.Done()
			waiting.Add(-1)
			return true
		}
		stop := o.run()
		defer stop()
		o.targets = []string{carol}
		for i := range 600 {
			o.invites(fmt.Sprint("silent-", i)).answers(carol, 200, "ct")
		}
		time.Sleep(6 * time.Second)
		o.targets = nil
		o.invites("mine").answers(bob, 200, "bt")
		time.Sleep(7 * time.Second)
		if lines := o.sender.lines(); !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, " by 192.0.2.8:5060") }) {
			t.Error("the call of others is not hung up after 7 seconds")
		}
		if n := most.Load(); n != 256 {
			t.Errorf("%d BYEs waited for one host, want 256", n)
		}
		time.Sleep(2 * time.Minute)
		o.wantNothingLeft()
	})
}

// said is what the accounts were told.
func (o *office) said() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.talks)
}

// TestBYERefused: an end that refuses the router's BYE is still in the call: that goes on, also in
// the accounts, until the BYE is taken, or the end hangs up itself.
func TestBYERefused(t *testing.T) {
	for name, x := range map[string]struct {
		status int
		then   func(o *office, c *call)
		after  time.Duration
		talks  string
		byes   int
	}{
		"taken later": {status: 420, then: func(o *office, _ *call) {
			o.sender.mu.Lock()
			defer o.sender.mu.Unlock()
			o.sender.answers["BYE bt"] = 200
		}, after: 62 * time.Second, talks: `after 1m0s by "router"`, byes: 4},
		"hung up by itself": {status: 500, then: func(_ *office, c *call) {
			c.reply(alice, c.the("BYE ", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 2)), 200)
		}, after: time.Second, talks: `by "callee"`, byes: 2},
		"renewed meanwhile": {status: 603, then: func(o *office, c *call) {
			c.reply(bob, c.the("UPDATE ", c.request("UPDATE", bobContact, 12, "bt")), 200)
		}, after: 10 * time.Minute, talks: `by "router"`, byes: 10},
		"never taken": {status: 407, then: func(*office, *call) {}, after: 10 * time.Minute, talks: `after 4m0s by "router"`, byes: 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				stop := o.run()
				defer stop()
				c := o.invites("kept").up()
				o.sender.answers["BYE bt"] = x.status
				r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "kept"})
				if err != nil || len(r.Ended) != 1 || !r.Ended[0].Caller.Gone() || r.Ended[0].Callee.Gone() || r.Ended[0].Callee.Code != x.status {
					t.Fatalf("%+v, %v", r, err)
				}
				time.Sleep(time.Second)
				o.wantStates("refused", 0, 0, 0, 1)
				o.wantBusy("refused", "alice bob")
				if talks := o.said(); len(talks) != 1 {
					t.Errorf("the accounts say %q", talks)
				}
				x.then(o, c)
				time.Sleep(x.after)
				o.wantNothingLeft()
				if talks := o.said(); len(talks) != 2 || !strings.Contains(talks[1], x.talks) {
					t.Errorf("the accounts say %q, want %s", talks, x.talks)
				}
				seen := map[string]bool{}
				lines := o.sender.lines()
				for _, l := range lines {
					if seen[l] {
						t.Errorf("a number is used twice: %s", l)
					}
					seen[l] = true
				}
				if len(lines) != x.byes {
					t.Errorf("sent: %q, want %d", lines, x.byes)
				}
			})
		})
	}
}

// TestBYEChallenged: a gateway that wants a password for the router's BYE gets it, thrice at
// most; nobody gets one that there is none for.
func TestBYEChallenged(t *testing.T) {
	for name, x := range map[string]struct {
		known, refuses bool
		want           []string
		code           int
	}{
		"known":   {known: true, want: []string{"2", "3 Proxy-Authorization: 0"}, code: 200},
		"unknown": {want: []string{"2"}, code: 407},
		"refused": {known: true, refuses: true, want: []string{"2", "3 Proxy-Authorization: 0", "4 Proxy-Authorization: 1", "5 Proxy-Authorization: 2"}, code: 407},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOfficeWith(t, func(c *dialog.Config) {
				c.Credentials = func(method string, asked *ua.Challenge, tried int) (string, bool) {
					return fmt.Sprintf("Proxy-Authorization: %d\r\n", tried), x.known && method == "BYE" && asked.Lines == "the challenge"
				}
			})
			o.sender.answers["BYE bt"] = 407
			if !x.refuses {
				o.sender.authorized = map[string]int{"BYE bt": 200}
			}
			o.invites("asked").up()
			r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "asked"})
			if err != nil || r.Ended[0].Callee.Code != x.code || r.Ended[0].Caller.Code != 200 {
				t.Errorf("%+v, %v", r, err)
			}
			var got []string
			for _, w := range o.sender.sent {
				if w.ToTag == "bt" {
					_, line, _ := strings.Cut(w.Headers, "operator\"\r\n")
					got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s", w.CSeq, line)))
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("sent to the gateway: %q, want %q", got, x.want)
			}
		})
	}
}

// TestHighCSeq: nobody uses up the numbers that the router hangs up with.
func TestHighCSeq(t *testing.T) {
	o := newOffice(t)
	c := o.invites("high").up()
	for i, method := range []string{"BYE", "UPDATE", "INVITE", "INFO"} {
		o.refuses(method, c.request(method, bobContact, 1<<31-1-i, "bt"))
		o.refuses(method+" of bob's", c.as(bob, "bob", method, "sip:alice@192.0.2.7", 1<<31-1-i))
	}
	c.the("INFO ", c.request("INFO", bobContact, 1<<31-100, "bt"))
	if _, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "high"}); err != nil {
		t.Fatal(err)
	}
	for _, w := range o.sender.sent {
		if w.CSeq > 1<<31-1 {
			t.Errorf("the router's BYE has CSeq %d", w.CSeq)
		}
	}
	text := strings.Replace(c.fresh("higher"), "CSeq: 1 ", "CSeq: 2147483647 ", 1)
	for _, p := range o.router.Receive(alice, text) {
		if strings.HasPrefix(p.Text, "INVITE ") {
			t.Errorf("an INVITE that leaves no number is sent on: %s", p.Text)
		}
	}
	o.wantNothingLeft()
}

// TestForgedBYEThenUpdate: who sends himself a BYE in the other end's name is hung up, whatever he
// renews meanwhile.
func TestForgedBYEThenUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		stop := o.run()
		defer stop()
		c := o.callsOut("forged")
		c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
		c.reply(alice, c.the("BYE ", c.as(alice, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
		c.the("ACK ", c.request("ACK", gwContact, 1, "bt"))
		time.Sleep(time.Second)
		c.reply(gw, c.the("UPDATE ", c.request("UPDATE", gwContact, 2, "bt")), 200, "Session-Expires: 1800", "Contact: <"+gwContact+">")
		o.wantBusy("renewed", "alice bob")
		time.Sleep(37 * time.Second)
		o.wantNothingLeft()
		if lines := o.sender.lines(); len(lines) != 2 {
			t.Errorf("sent: %q", lines)
		}
	})
}
