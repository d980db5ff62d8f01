package e2e_test

import (
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestRules: what alice says on her pages is what becomes of her calls, at once, between
// three real phones; and the list of calls tells what became of them.
func TestRules(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000})
	bob := phone(s, t, baresip.Account{User: "bob", Tone: 600})
	carol := phone(s, t, baresip.Account{User: "carol", AutoAnswer: true, Tone: 800})
	w := withPeople(t, s)

	w.Open("/user/account/rules")
	w.Shows("Calls ring your phones.")
	w.Tick("Forward if I do not answer")
	w.Fill("after so many seconds", "5")
	w.Fill("to (Forward if I do not answer)", "carol")
	w.Press("Save")
	w.Shows("Your rules are saved. They count from now on.")
	w.Shows("Calls ring your phones for 5 seconds, then go to Carol Adams.")
	bob.Dial("sip:alice@" + stand.Domain)
	alice.Rings()
	alice.Closes()
	carol.Talks()
	bob.Talks()
	carol.Hears(600)
	bob.Hangup("")
	carol.Closes()

	w.dialsTwoDigits(s, alice, carol)
	franz := s.Peer(peer.Config{Name: "franz", Domain: "elsewhere.example"})
	alice.Dial("sip:franz@" + franz.Address())
	franz.Reply(franz.Expect(peer.Request("INVITE")), 486, "Busy Here")
	alice.Closes()
	w.doesNotDisturb(bob)
	w.blocksBob(bob)
	w.seesCalls(s)
	s.NothingLeft()
}

// dialsTwoDigits gives carol the number 07 and dials it.
func (w site) dialsTwoDigits(_ *stand.Stand, alice, carol *baresip.Phone) {
	w.t.Helper()
	w.Open("/user/phone-book/speed-dial")
	w.Fill("Address of number 07", "carol")
	w.Fill("Address of number 08", "not an address")
	w.Press("Save all numbers")
	w.Shows("Nothing is saved yet")
	w.Fill("Address of number 08", "")
	w.Press("Save all numbers")
	w.Shows("They count from now on.")
	if got := w.Texts(`.ten[open] summary .badge [aria-hidden]`); len(got) != 1 || got[0] != "1" {
		w.t.Errorf("numbers in use: %q", got)
	}
	alice.Dial("sip:07@" + stand.Domain)
	alice.Talks()
	carol.Talks()
	carol.Hears(1000)
	nextSecond(w.t)
	nextSecond(w.t)
	carol.Hangup("")
	alice.Closes()
}

// doesNotDisturb keeps alice's phone quiet.
func (w site) doesNotDisturb(bob *baresip.Phone) {
	w.t.Helper()
	w.Open("/user/account/rules")
	w.Tick("Do not disturb")
	w.Tick("Forward if I do not answer")
	w.Press("Save")
	w.Shows("Your phones do not ring.")
	nextSecond(w.t)
	bob.Dial("sip:alice@" + stand.Domain)
	bob.Closes()
	w.Open("/user/account/rules")
	w.Tick("Do not disturb")
	w.Press("Save")
	w.Shows("Calls ring your phones.")
}

// blocksBob from the list of missed calls, tries the pattern, and lets him call in vain.
func (w site) blocksBob(bob *baresip.Phone) {
	w.t.Helper()
	wait.For(w.t, 10*time.Second, "the call that was not put through is in the list", func() error {
		w.Open("/user/missed")
		if w.Count("[data-aor='bob@"+stand.Domain+"']") == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	w.Press("Block Bob Keller")
	w.Shows("Block callers?")
	w.Press("Block")
	w.Shows("bob@" + stand.Domain + " is blocked.")
	w.Fill("Would this caller be refused?", "bob")
	w.Press("Try")
	w.Shows("Yes: bob is refused")
	before := w.missed()
	bob.Dial("sip:alice@" + stand.Domain)
	bob.Closes()
	if after := w.missed(); after != before {
		w.t.Errorf("%d missed calls, %d before the one of who is blocked", after, before)
	}
	w.Open("/user/account/rules")
	w.Press("Let through bob@" + stand.Domain)
	w.Shows("is let through again")
	w.Press("Undo")
	w.Shows("is blocked.")
}

// keepsCalls reads the file of the calls that alice made, in her own time zone.
func (w site) keepsCalls() {
	w.t.Helper()
	w.Open("/user/account")
	w.Fill("Time zone", "Asia/Tokyo")
	w.Press("Save")
	w.Shows("Your profile is saved.")
	file := strings.TrimPrefix(w.Download("/user/calls/export?kind=out"), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil || len(rows) != 3 {
		w.t.Fatalf("the file has %q, %v", file, err)
	}
	failed, talked := strings.Join(rows[1], " "), strings.Join(rows[2], " ")
	if !strings.Contains(failed, "+09:00 out  franz@127.0.0.1 not answered") || !strings.HasSuffix(failed, "486 Busy Here") {
		w.t.Errorf("the call that failed is %q", failed)
	}
	if seconds, err := strconv.Atoi(rows[2][7]); err != nil || seconds < 1 || seconds > 60 || rows[2][8] != "them" ||
		!strings.Contains(talked, "+09:00 out Carol Adams carol@example.org answered") {
		w.t.Errorf("the call with carol is %q", talked)
	}
}

// missed counts the missed calls of the page.
func (w site) missed() int {
	w.t.Helper()
	w.Open("/user/missed")
	return w.Count(".missed tbody tr")
}

// seesCalls finds all of it in the lists of calls: alice's and bob's.
func (w site) seesCalls(s *stand.Stand) {
	w.t.Helper()
	w.Open("/user/calls")
	w.Shows("Carol Adams hung up")
	w.Shows("missed")
	w.Shows("franz@127.0.0.1 was busy")
	seen := looked{w.Browser, w.t, map[string]string{}}
	for name, path := range map[string]string{
		"calls": "/user/calls", "rules": "/user/account/rules", "block": "/user/account/rules/block?pattern=*@example.net",
		"speed-dial": "/user/phone-book/speed-dial", "calls-none": "/user/calls?q=nobody",
	} {
		if name == "calls-none" {
			w.Open(path)
			seen.here(name)
			continue
		}
		seen.at(name, path)
	}
	w.Open("/user/calls?kind=out")
	rows := w.Texts(".calls tbody tr .two-lines.call-what")
	if len(rows) != 2 || !strings.Contains(rows[0], "486 Busy Here") || !strings.Contains(rows[1], "made") || !strings.Contains(rows[1], "0:0") {
		w.t.Errorf("alice's calls: %q", rows)
	}
	w.keepsCalls()
	// Bob made them all, and his list has them still when alice clears hers.
	w.Open("/user/calls")
	w.Press("Clear list")
	w.Press("Clear the list")
	w.Shows("There are no calls yet")
	other := signIn(w.t, s, "bob")
	other.Open("/user/calls?kind=out")
	other.Shows("you hung up")
	other.Shows("made")
}
