package msilo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/ua"
)

// TestStrangersHoldNobodyUp: whatever strangers' messages come to, at the phone or in the
// script, those of known senders behind them arrive at the first REGISTER, in their order.
func TestStrangersHoldNobodyUp(t *testing.T) {
	phone := func(status int) ua.Answer { return ua.Answer{Status: status, Bound: true, Relayed: true} }
	for name, x := range map[string]struct {
		answer ua.Answer
		sent   string
	}{
		"the phone says nothing":         {ignored(), "s0 s1 one two three"},
		"it answers 500":                 {phone(500), "s0 s1 one two three"},
		"it takes nothing of strangers'": {phone(486), "s0 one two three"},
		"it answers 405":                 {phone(405), "s0 one two three"},
		"they are too large now":         {ua.Answer{Status: 513}, ""},
		"the script refuses them":        {ua.Answer{Status: 403}, ""},
		"the script finds nobody":        {ua.Answer{Status: 480}, "s0 one two three"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.wire.fails = map[string]ua.Answer{}
				for i := range 100 {
					text := fmt.Sprint("s", i)
					b.wire.fails[text] = x.answer
					b.keepForeign(text)
				}
				b.keep("one", "two", "three")
				b.registers()
				synctest.Wait()
				got := strings.Join(b.wire.bodies(), " ")
				if x.sent != "" && !strings.HasPrefix(got+" ", x.sent+" ") || !strings.Contains(got+" ", "one two three ") {
					t.Errorf("sent %q", got)
				}
				for _, row := range b.rows() {
					if !row.Foreign || row.Refused != (x.answer.Status == 513) {
						t.Fatalf("left %+v", row)
					}
				}
			})
		})
	}
}

// TestStrangersBetween: strangers' bad messages among the good ones cost two tries; what is
// good of theirs arrives, too, behind the rest.
func TestStrangersBetween(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.fails = map[string]ua.Answer{}
		for i := range 4 {
			text := fmt.Sprint("bad", i)
			b.wire.fails[text] = ignored()
			b.keepForeign(text)
			b.keep(fmt.Sprint("k", i))
		}
		b.keepForeign("good")
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "bad0 k0 bad1 k1 k2 k3 bad2 bad3" {
			t.Errorf("sent %q", got)
		}
		b.wire.fails = nil
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies()[8:], " "); got != "bad0 bad1 bad2 bad3 good" || len(b.rows()) != 0 {
			t.Errorf("then sent %q, left %+v", got, b.rows())
		}
	})
}

// TestDeadPhoneIsAskedLittle: a phone that takes nothing is not asked for each stranger, nor
// for each friend.
func TestDeadPhoneIsAskedLittle(t *testing.T) {
	for in, want := range map[string]string{
		"s1 s2 s3 s4":       "s1 s2",
		"s1 s2 k1 k2 k3 s3": "s1 s2 k1 k2",
		"s1 k1 s2 k2 k3":    "s1 k1 k2",
		"k1 s1 k2 k3":       "k1 s1 k2",
		"k1 k2 s1 k3":       "k1 k2",
		"s1 k1":             "s1 k1",
	} {
		bubble(t, func(b *bench) {
			for text := range strings.FieldsSeq(in) {
				if text[0] == 's' {
					b.keepForeign(text)
				} else {
					b.keep(text)
				}
			}
			b.wire.answers = []ua.Answer{ignored()}
			b.registers()
			synctest.Wait()
			if got := strings.Join(b.wire.bodies(), " "); got != want {
				t.Errorf("of %q: sent %q, want %q", in, got, want)
			}
		})
	}
}

// TestScriptRefusesEverything: a script that refuses all, known senders' or not, is not asked
// without end.
func TestScriptRefusesEverything(t *testing.T) {
	bubble(t, func(b *bench) {
		for i := range 100 {
			b.keepForeign(fmt.Sprint("s", i))
			b.keep(fmt.Sprint("k", i))
		}
		b.wire.answers = []ua.Answer{{Status: 403}}
		b.registers()
		synctest.Wait()
		if n := len(b.wire.bodies()); n > 3*maxStepped {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestStrangersAndTheOtherPhone: a phone that registers while strangers' messages are tried, be it another one or the
// same, be it for every one of them, costs known senders two of these and no more; it gets the strangers', too.
func TestStrangersAndTheOtherPhone(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keepForeign("s1", "s2")
		b.keep("k1")
		b.wire.answers = []ua.Answer{ignored(), ignored(), taken()}
		b.phones.always()
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "s1 s1 k1 s2" {
			t.Errorf("sent %q", got)
		}
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies()[4:], " "); got != "s1" || len(b.rows()) != 0 {
			t.Errorf("then sent %q, left %+v", got, b.rows())
		}
	})
}

// TestStrangersAndRefreshes: however often the phone refreshes its registration while strangers' messages get no
// answer, the known one waits for two of them. What known senders left comes in order still.
func TestStrangersAndRefreshes(t *testing.T) {
	for _, every := range []time.Duration{5 * time.Second, 30 * time.Second, 10 * time.Minute} {
		bubble(t, func(b *bench) {
			b.wire.fails = map[string]ua.Answer{}
			for i := range 60 {
				text := fmt.Sprint("s", i)
				b.wire.fails[text] = ignored()
				b.keepForeign(text)
			}
			b.keep("k1", "k2")
			b.wire.delay = 15 * time.Second
			for range 100 {
				b.phones.come()
				b.registers()
				time.Sleep(every)
				synctest.Wait()
			}
			list := b.wire.bodies()
			if at := slices.Index(list, "k1"); at < 0 || at > enough || list[at+1] != "k2" {
				t.Errorf("REGISTER every %v: sent %q", every, list[:min(len(list), 10)])
			}
		})
	}
}

// TestStrangerInTheLastTurn: a phone that registers while a stranger's message is tried behind all others does not have
// these repeated without end.
func TestStrangerInTheLastTurn(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.fails = map[string]ua.Answer{"s1": ignored(), "s2": ignored(), "s3": ignored()}
		b.keepForeign("s1", "s2", "s3", "s4")
		b.keep("k1")
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "s1 s2 k1 s3 s4" {
			t.Fatalf("sent %q", got)
		}
		b.wire.sent = nil
		b.phones.always()
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "s1 s1 s2" && got != "s1 s1 s2 s3" {
			t.Errorf("then sent %q", got)
		}
	})
}

// TestDatabaseFailsAtAStranger: where the table cannot be changed the pass ends, whoever has
// sent the message.
func TestDatabaseFailsAtAStranger(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keepForeign("s1")
		b.keep("k1")
		b.silo.keeps = true
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "s1" {
			t.Errorf("sent %q", got)
		}
	})
}

var _ Silo = (*table)(nil)
