package msilo

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/ua"
)

// TestFriendWhileStrangersFail: a known sender's message that comes while a delivery is under way, at whatever point of
// it, waits for two failures of strangers' at most, whatever these have sent, and arrives without a further REGISTER.
func TestFriendWhileStrangersFail(t *testing.T) {
	const try, most = 15 * time.Second, 60
	row := func(format string, from, to int) (list []string) {
		for i := from; i < to; i++ {
			list = append(list, strings.Fields(strings.ReplaceAll(format, "N", fmt.Sprint(i)))...)
		}
		return list
	}
	for name, x := range map[string]struct {
		kept    []string // known senders' begin with k or n, which the script refuses
		bad     ua.Answer
		returns bool // the phone registers all the time
	}{
		"good ones between":                 {row("badN goodN", 0, 40), ignored(), false},
		"none between":                      {row("badN", 0, 40), ignored(), false},
		"known ones between":                {row("badN kN", 0, 40), ignored(), false},
		"some good":                         {row("badN badNb goodN", 0, 30), ignored(), false},
		"nothing is taken of strangers":     {row("badN goodN", 0, 40), ua.Answer{Status: 486, Bound: true, Relayed: true}, false},
		"the phone registers":               {row("badN goodN", 0, 40), ignored(), true},
		"the phone registers, known ones":   {row("badN kN", 0, 40), ignored(), true},
		"the script refuses known ones":     {append(row("nN", 0, 19), row("badN goodN", 0, 40)...), ignored(), false},
		"the same, and the phone registers": {append(row("nN", 0, 3), row("badN goodN", 0, 40)...), ignored(), true},
	} {
		t.Run(name, func(t *testing.T) {
			for tries := range most {
				bubble(t, func(b *bench) {
					b.wire.fails, b.wire.delay = map[string]ua.Answer{}, try
					for _, text := range x.kept {
						switch text[0] {
						case 'b':
							b.wire.fails[text] = x.bad
							b.keepForeign(text)
						case 'g':
							b.keepForeign(text)
						case 'n':
							b.wire.fails[text] = ua.Answer{Status: 403}
							b.keep(text)
						default:
							b.keep(text)
						}
					}
					if x.returns {
						b.phones.always()
					}
					b.registers()
					time.Sleep(time.Duration(tries)*try + try/2)
					synctest.Wait()
					before := len(b.wire.bodies())
					if before > tries {
						before-- // which is under way
					}
					b.known = true
					if b.stores("friend") != 202 {
						t.Fatal("not stored")
					}
					time.Sleep(2 * most * try)
					synctest.Wait()
					checkFriend(t, b.wire.bodies(), before)
				})
			}
		})
	}
}

// checkFriend checks how many strangers' messages have failed before a friend's got through, which was written when
// so many had been tried.
func checkFriend(t *testing.T, sent []string, before int) {
	t.Helper()
	bad := 0
	for _, text := range sent[before:] {
		switch {
		case strings.HasSuffix(text, "friend"):
			if bad > 2 {
				t.Errorf("written after %q, behind %d bad ones: %q", sent[:before], bad, sent[before:])
			}
			return
		case strings.HasPrefix(text, "bad"):
			bad++
		}
	}
	t.Errorf("written after %q, and not sent: %q", sent[:before], sent[before:])
}
