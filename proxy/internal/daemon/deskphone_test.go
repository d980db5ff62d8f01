package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/deploy"
	"seraph/sql/store"
)

// plays answers the MESSAGEs that come to phones, each as it says for the text, 0 for nothing, until the store of bob is
// as it should be. The texts come back that were answered 200, in their order.
func (s *stand) plays(what string, phones map[*phone]func(text string) int, until func(silo []store.SiloMessage) bool) (taken []string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !until(s.siloOf("bob")); {
		if time.Now().After(end) {
			s.t.Fatalf("%s: the silo has %+v", what, s.siloOf("bob"))
		}
		for p, says := range phones {
			m := p.within(10*time.Millisecond, "MESSAGE")
			if m == nil {
				continue
			}
			_, text, _ := strings.Cut(string(m.Body()), "] ")
			status := says(text)
			if status > 0 {
				p.answer(m, status)
			}
			if status == 200 {
				taken = append(taken, text)
			}
		}
	}
	return taken
}

// always is a phone that says the same to every message.
func always(status int) func(string) int { return func(string) int { return status } }

// TestOneMessageBesideADeskPhone: a desk phone answers 405, as it knows no messages, and the soft phone does not take one
// of them. The others come at the same REGISTER, whatever the soft phone makes of that one.
func TestOneMessageBesideADeskPhone(t *testing.T) {
	for _, status := range []int{0, 413, 486, 488, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := newStand(t, shortTimer(), "alice", "bob")
			alice, desk, soft := s.phone("alice"), s.phone("bob"), s.phone("bob")
			leave(alice, "big", "two", "three")
			desk.register("Allow: INVITE, ACK, BYE")
			soft.register("Allow: INVITE, MESSAGE")
			taken := s.plays("one is left", map[*phone]func(string) int{desk: always(405), soft: func(text string) int {
				if text == "big" {
					return status
				}
				return 200
			}}, func(silo []store.SiloMessage) bool { return len(silo) == 1 })
			if m := s.siloOf("bob")[0]; !slices.Equal(slices.Compact(taken), []string{"two", "three"}) || string(m.Body) != "big" || m.Attempts != 1 || m.LastCode != 405 || m.Refused {
				t.Errorf("the soft phone took %q, left is %+v", taken, m)
			}
		})
	}
}

// TestPhoneThatKnowsNoMessages: that the only phone answers 405 says nothing of a message: it keeps its place. Beside one
// that is silent or busy it says nothing either, and the one that takes messages gets all in order.
func TestPhoneThatKnowsNoMessages(t *testing.T) {
	for _, x := range []struct {
		name  string
		allow string // of the desk phone
		other int    // what the soft phone answers; 0: nothing, -1: there is none yet
		tried []int  // how often each was, in the end
	}{
		{"silent", "Allow: INVITE, ACK, BYE", 0, []int{1, 1}},
		{"busy", "Allow: INVITE, ACK, BYE", 486, []int{1, 1}},
		{"not there", "Supported: path", -1, []int{1, 0}}, // who says nothing may take messages
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newStand(t, shortTimer(), "alice", "bob")
			alice, desk, soft := s.phone("alice"), s.phone("bob"), s.phone("bob")
			leave(alice, "one", "two")
			desk.register(x.allow)
			phones := map[*phone]func(string) int{desk: always(405)}
			if x.other >= 0 {
				soft.register("Allow: INVITE, MESSAGE")
				phones[soft] = always(x.other)
			}
			s.plays("all were tried", phones, func(silo []store.SiloMessage) bool {
				for i, m := range silo {
					if m.Refused || m.Attempts > x.tried[i] {
						t.Fatalf("message %d is %+v", i, m)
					}
				}
				return silo[0].LastCode == 405 && silo[0].Attempts == x.tried[0] && silo[1].Attempts == x.tried[1]
			})
			later := s.phone("bob")
			desk.register("Contact: *", "Expires: 0")
			later.register("Allow: INVITE, MESSAGE")
			later.gets("one", "two")
			s.emptySilo("bob")
		})
	}
}

// TestAllPhonesRefuse: what all phones refuse is sent max_attempts times and then no more, and at once no more if one
// speaks for all; a phone that is silent beside one that refuses keeps it from being refused.
func TestAllPhonesRefuse(t *testing.T) {
	for _, x := range []struct {
		first, second int
		attempts      int
		refused       bool
	}{{415, 488, 3, true}, {603, 404, 1, true}, {405, 415, 3, true}, {415, 486, 4, false}} {
		t.Run(fmt.Sprint(x.first, x.second), func(t *testing.T) {
			s := newStand(t, "", "alice", "bob")
			alice, first, second := s.phone("alice"), s.phone("bob"), s.phone("bob")
			leave(alice, "one")
			first.register("Allow: INVITE, ACK, BYE")
			phones := map[*phone]func(string) int{first: always(x.first), second: always(x.second)}
			for i := range x.attempts {
				second.register("Allow: INVITE, MESSAGE")
				s.plays("it was tried", phones, func(silo []store.SiloMessage) bool { return silo[0].Attempts == i+1 })
			}
			if m := s.siloOf("bob")[0]; m.Refused != x.refused {
				t.Errorf("left is %+v", m)
			}
			second.register("Allow: INVITE, MESSAGE")
			if m := second.within(300*time.Millisecond, "MESSAGE"); (m != nil) == x.refused {
				t.Errorf("then there came %v", m)
			}
		})
	}
}

// TestStoredAfterTwoLookups: a script that looks for another address of his in vain first keeps a message for whose phone
// could not take it, and lets a new one wait behind those that are being delivered to him.
func TestStoredAfterTwoLookups(t *testing.T) {
	const lookup = `if (!lookup("location")) {`
	script := strings.Replace(deploy.Script(), lookup, `if (method == "MESSAGE") { rewriteuser("bob-home"); lookup("location"); revert_uri(); };
	`+lookup, 1)
	s := newStand(t, script, "alice", "bob", "bob-home")
	alice, bob := s.phone("alice"), s.phone("bob")
	bob.register()
	alice.start("MESSAGE", bobURI(), "busy", "busy")
	bob.answer(bob.expect("MESSAGE"), 480)
	alice.expect("SIP/2.0 202")
	if mine, home := s.siloOf("bob"), s.siloOf("bob-home"); len(mine) != 1 || len(home) != 0 {
		t.Fatalf("bob has %+v, bob-home %+v", mine, home)
	}
	bob.register()
	m := bob.expect("MESSAGE")
	alice.start("MESSAGE", bobURI(), "meanwhile", "meanwhile")
	alice.expect("SIP/2.0 202")
	bob.answer(m, 200)
	bob.gets("meanwhile")
	s.emptySilo("bob")
}
