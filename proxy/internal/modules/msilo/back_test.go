package msilo

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
)

// triedInVain sends a MESSAGE to a phone of bob's that takes none; while that is under way,
// meanwhile is run. Then the failure route stores it.
func (b *bench) triedInVain(text string, meanwhile func()) {
	b.t.Helper()
	router := moduletest.New(b.t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			c.OnFailure = 1
			if err := c.SetURI([]byte("sip:bob@198.51.100.9:5060")); err != nil {
				b.t.Error(err)
			}
			if err := c.Relay(); err != nil {
				b.t.Error(err)
			}
		},
		Failure: func(c *module.Ctx, _ int) {
			if moduletest.Compile(b.t, b.m, "m_store", "sip:bob@example.org")(c) != module.True {
				b.t.Error("m_store failed")
			}
			_ = c.Reply(&sip.Reply{Status: 202})
		},
	})
	request := moduletest.Request("MESSAGE", "sip:bob@example.org", "Content-Type: text/plain") + "\n" + text
	out := router.Receive("udp:192.0.2.7:5060", strings.Replace(request, "Content-Length: 0", fmt.Sprint("Content-Length: ", len(text)), 1))
	tried := moduletest.Find(b.t, out, "MESSAGE")
	meanwhile()
	moduletest.Find(b.t, router.Receive("udp:198.51.100.9:5060", moduletest.Answer(b.t, tried, 480)), "SIP/2.0 202")
}

// TestBackWhileTried: a phone that registers while a message is tried at the old place gets
// it as soon as it is stored, before later ones; one that was there all the time was tried.
func TestBackWhileTried(t *testing.T) {
	for name, x := range map[string]struct {
		back func(b *bench)
		then func(b *bench)
		want int
	}{
		"back": {func(b *bench) { b.phones.come() }, func(*bench) {}, 1},
		"back, and the change is durable after the message": {func(b *bench) { b.phones.set(0, true) }, func(b *bench) {
			b.phones.set(1, false)
			b.m.Released("bob@example.org")
		}, 1},
		"the same phone":         {func(*bench) {}, func(*bench) {}, 0},
		"another user registers": {func(*bench) {}, func(b *bench) { b.m.Released("carol@example.org") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.phones.come()
				time.Sleep(time.Minute)
				b.triedInVain("m1", func() {
					time.Sleep(3 * time.Second)
					x.back(b)
					time.Sleep(12 * time.Second)
				})
				x.then(b)
				synctest.Wait()
				if got := b.wire.bodies(); len(got) != x.want || len(b.rows()) != 1-x.want {
					t.Errorf("sent %q, %d stored; want %d sent", got, len(b.rows()), x.want)
				}
			})
		})
	}
}

// TestOrderBehindASilentPhone: while the first message is tried at a phone that never answers, one
// comes that does. It gets all of them in the order in which they came.
func TestOrderBehindASilentPhone(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.delay = 15 * time.Second
		b.wire.answers = []ua.Answer{{Status: 408, Bound: true, Relayed: true}, taken()}
		b.keep("w0", "w1", "w2")
		b.phones.come()
		b.registers()
		time.Sleep(5 * time.Second)
		b.phones.come()
		b.registers()
		time.Sleep(2 * time.Minute)
		if got := strings.Join(b.wire.bodies(), " "); got != "w0 w0 w1 w2" || len(b.rows()) != 0 {
			t.Errorf("sent %s, %d are left", got, len(b.rows()))
		}
	})
}

// TestPhoneThatComesAllTheTime: one that registers as often as it likes and takes nothing is
// not sent messages for ever.
func TestPhoneThatComesAllTheTime(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.answers = []ua.Answer{{Status: 480, Bound: true, Relayed: true}}
		b.keep("w0")
		b.phones.always()
		b.registers()
		time.Sleep(time.Hour)
		if n := len(b.wire.bodies()); n > 2*maxStepped {
			t.Errorf("it was sent %d times", n)
		}
	})
}
