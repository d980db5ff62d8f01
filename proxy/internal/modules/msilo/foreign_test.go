package msilo

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

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

// TestStrangersAndTheOtherPhone: a phone that comes while a stranger's message is tried gets
// everything in order.
func TestStrangersAndTheOtherPhone(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keepForeign("s1", "s2")
		b.keep("k1")
		b.wire.answers = []ua.Answer{ignored(), ignored(), taken()}
		b.phones.always()
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "s1 s1 s1 s2 k1" || len(b.rows()) != 0 {
			t.Errorf("sent %q, left %+v", got, b.rows())
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
