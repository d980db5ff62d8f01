package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// Addresses of the afternoon.
const (
	aliceAddress = "alice@" + stand.Domain
	bobAddress   = "bob@" + stand.Domain
	carolAddress = "carol@" + stand.Domain
)

// afternoon is two people with a browser and a phone each, and carol, who has a phone.
type afternoon struct {
	t                             *testing.T
	s                             *stand.Stand
	alice, bob                    site
	alicePhone, bobPhone, carolOn *baresip.Phone
}

// TestAfternoon is a whole afternoon of alice's and bob's, each in a browser and with a
// real phone: they come, talk, refuse, miss and call back; write to each other while
// they are away; block and forward; move to other time zones and into another language;
// take their data along, and one of them goes for good. Nobody reloads a page to hear
// of what the other one does.
func TestAfternoon(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			a := &afternoon{t: t, s: stand.Start(t, stand.Options{Engine: engine, Users: []string{"alice", "bob", "carol"}})}
			began := time.Now()
			for _, scene := range []struct {
				name string
				play func()
			}{
				{"they come", a.come},
				{"they talk", a.talk},
				{"bob refuses a call", a.refuse},
				{"bob misses a call and calls back", a.miss},
				{"they write while they are away", a.write},
				{"alice blocks carol", a.block},
				{"alice forwards, bob dials two digits", a.forward},
				{"both move to other time zones", a.travel},
				{"bob reads German", a.translate},
				{"alice takes her data along", a.takeAlong},
				{"alice goes for good", a.leave},
			} {
				scene.play()
				t.Logf("%5.1f s  %s", time.Since(began).Seconds(), scene.name)
			}
			a.s.NothingLeft()
		})
	}
}

// phoneOf switches a phone on; what it plays tells whose it is.
func (a *afternoon) phoneOf(user string, tone int, answers bool) *baresip.Phone {
	a.t.Helper()
	return phone(a.s, a.t, baresip.Account{User: user, Tone: tone, AutoAnswer: answers})
}

// Tones of the phones, in Hz.
const (
	bobTone   = 600
	carolTone = 800
	aliceTone = 1000
)

// named writes somebody's name into the profile.
func (w site) named(first, last string) {
	w.t.Helper()
	w.Open("/user/account")
	w.Fill("First name", first)
	w.Fill("Last name", last)
	w.Press("Save")
	w.Shows("Your profile is saved.")
}

// come: both sign in; alice writes bob into her phone book, bob brings his along as a
// file. Their phones register, and each sees the other come.
func (a *afternoon) come() {
	a.alice, a.bob = signIn(a.t, a.s, "alice"), signIn(a.t, a.s, "bob")
	a.alice.named("Alice", "Marsh")
	a.alice.adds("Bob", "Keller", bobAddress)
	a.bob.named("Bob", "Keller")
	a.bob.Open("/user/phone-book/import")
	a.bob.Choose("File", "people.vcf", "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Alice Marsh\r\nN:Marsh;Alice;;;\r\nIMPP:sip:"+aliceAddress+"\r\nEND:VCARD\r\n"+
		"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Carol Adams\r\nN:Adams;Carol;;;\r\nX-SIP:sip:"+carolAddress+"\r\nEND:VCARD\r\n")
	a.bob.Press("Look at the file")
	a.bob.Shows("2 new. 0 changed.")
	a.bob.Press("Import")
	a.bob.Shows("Imported: 2 new, 0 changed.")
	for _, w := range []site{a.alice, a.bob} {
		w.Open("/user/phone-book")
		w.Marks()
	}
	a.alice.Status(bobAddress, "offline", back)
	a.bobPhone = a.phoneOf("bob", bobTone, false)
	a.alicePhone = a.phoneOf("alice", aliceTone, false)
	a.alice.Status(bobAddress, "online", back)
	a.bob.Status(aliceAddress, "online", back)
	a.bob.Status(carolAddress, "offline", back)
}

// clicks presses somebody's call control; the own phone rings and is picked up, theirs
// rings.
func (w site) clicks(name string, own, their *baresip.Phone) {
	w.t.Helper()
	own.Forget()
	their.Forget()
	w.Press("Call " + name)
	own.Rings()
	w.Shows("Your phone rings")
	own.Accept()
	their.Rings()
}

// hearEachOther checks that both hear the other one's tone, and ends the call.
func (a *afternoon) hearEachOther(ends, other *baresip.Phone) {
	a.t.Helper()
	ends.Hears(other.Tone)
	other.Hears(ends.Tone)
	ends.Hangup("")
	other.Closes()
}

// talk: alice clicks, both phones ring one after the other, they talk. Both find the
// call in their lists.
func (a *afternoon) talk() {
	a.alice.clicks("Bob Keller", a.alicePhone, a.bobPhone)
	a.alice.Shows("Bob's phone rings")
	a.bobPhone.Accept()
	a.bobPhone.Talks()
	a.alice.Shows("You are connected with Bob.")
	a.hearEachOther(a.alicePhone, a.bobPhone)
	a.alice.listsCall(bobAddress, "made", "answered, you hung up")
	a.bob.listsCall(aliceAddress, "received", "answered, Alice Marsh hung up")
	a.bob.badges(0, 0)
}

// listsCall waits until the newest call of the page of all calls is one with somebody,
// says which way it went, and how it ended.
func (w site) listsCall(address, way, result string) {
	w.t.Helper()
	wait.For(w.t, back, "the call with "+address+" in the list", func() error {
		w.Open("/user/calls")
		rows := w.Texts(`.calls tbody tr:first-child[data-aor="` + address + `"] .call-what`)
		if len(rows) != 1 || !strings.Contains(oneLine(rows[0]), way) || !strings.Contains(oneLine(rows[0]), result) {
			return fmt.Errorf("the newest is %q, want %s: %s", w.Texts(".calls tbody tr:first-child .call-what"), way, result)
		}
		return nil
	})
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// refuse: bob refuses, which this phone of his words as "486 Rejected". Alice's card and
// both lists say so in plain words, and bob's open page counts it.
func (a *afternoon) refuse() {
	a.bob.Open("/user/phone-book")
	a.bob.Marks()
	a.alice.Open("/user/phone-book")
	a.alice.clicks("Bob Keller", a.alicePhone, a.bobPhone)
	a.bobPhone.Hangup("")
	a.alice.Shows("Bob's phone is busy.")
	if a.alice.Has("486") {
		a.t.Error("the card tells the code before anybody has asked for it")
	}
	a.alice.Press("Technical reason")
	a.alice.Shows("486")
	a.bob.badges(1, 0)
	a.bob.StillThere()
	a.alice.listsCall(bobAddress, "made", "Bob Keller was busy")
	a.bob.listsCall(aliceAddress, "missed", "your phone was busy")
}

// miss: alice dials on her phone and gives up. Bob's open page counts it; he looks, and
// calls back by a click on the row.
func (a *afternoon) miss() {
	a.bob.Open("/user/account")
	a.bob.Marks()
	a.bobPhone.Forget()
	a.alicePhone.Forget()
	a.alicePhone.Dial("sip:" + bobAddress)
	a.bobPhone.Rings()
	a.alicePhone.Hangup("")
	a.bobPhone.Closes()
	a.bob.badges(2, 0)
	a.bob.StillThere()
	a.bob.Press("Missed calls 2 new")
	a.bob.Shows("the caller gave up")
	a.bob.badges(0, 0)
	a.bob.Shows("your phone was busy") // the one before
	if n := a.bob.Count(`.missed tbody tr[data-aor="` + aliceAddress + `"]`); n != 2 {
		a.t.Errorf("%d rows of alice's missed calls, want 2", n)
	}
	a.bob.Status(aliceAddress, "online", back)
	a.bob.clicks("Alice Marsh", a.bobPhone, a.alicePhone)
	a.bob.Shows("Alice's phone rings")
	a.alicePhone.Accept()
	a.bob.Shows("You are connected with Alice.")
	a.hearEachOther(a.bobPhone, a.alicePhone)
	a.alice.listsCall(bobAddress, "received", "Bob Keller hung up")
}

// What they write.
const (
	aliceWrites = "Back at <b>five</b>? The key is under the mat."
	bobWrites   = "Half past. Thank you & see you."
)

// write: bob's phone is off. What alice writes is kept; his open page counts it, he
// reads it there and answers. Alice has switched hers off meanwhile, so her page counts,
// too. When the phones are back, each gets what was written.
func (a *afternoon) write() {
	a.alice.Open("/user/phone-book")
	a.bob.Open("/user/phone-book")
	a.bob.Marks()
	a.bobPhone.Quit()
	a.alice.Status(bobAddress, "offline", back)
	a.alice.Press("Send a message to Bob Keller")
	a.alice.Shows("New message")
	a.alice.Fill("Message", aliceWrites)
	a.alice.Press("Send")
	a.alice.Shows("is not on line. Your message is kept")
	a.bob.badges(0, 1)
	a.bob.StillThere()
	a.alice.Open("/user/phone-book")
	a.alice.Marks()
	a.alicePhone.Quit()
	a.bob.Press("Messages 1 unread")
	a.bob.Shows(aliceWrites)
	a.bob.Press("Reply to Alice Marsh")
	a.bob.Shows("New message")
	a.bob.Fill("Message", bobWrites)
	a.bob.Press("Send")
	a.bob.Shows("is not on line. Your message is kept")
	a.alice.badges(0, 1)
	a.alice.StillThere()
	a.alice.Press("Messages 1 unread")
	a.alice.Shows(bobWrites)
	a.alice.Press("Mark read from Bob Keller")
	a.alice.badges(0, 0)

	a.bobPhone = a.phoneOf("bob", bobTone, false)
	a.alicePhone = a.phoneOf("alice", aliceTone, false)
	a.alice.ShowsWithin(back, "No messages are waiting") // without a reload
	siloEmpties(a.t, a.s, "bob")
	gets(a.t, a.bobPhone, aliceWrites)
	gets(a.t, a.alicePhone, bobWrites)
	a.bob.badges(0, 0)
}

// gets waits until a phone's trace has a message with a text.
func gets(t *testing.T, p *baresip.Phone, text string) {
	t.Helper()
	wait.For(t, back, p.User+"'s phone has the message", func() error {
		for _, l := range p.Trace() {
			if strings.HasPrefix(l.Start, "MESSAGE ") && strings.Contains(l.Head, text) {
				return nil
			}
		}
		return errors.New("it has not")
	})
}

// block: carol calls and alice does not want her. From the row of the list she is
// blocked: neither her calls nor what she writes arrive, and no list has them.
func (a *afternoon) block() {
	a.carolOn = a.phoneOf("carol", carolTone, true)
	a.alice.Open("/user/account")
	a.alice.Marks()
	a.alicePhone.Forget()
	a.carolOn.Dial("sip:" + aliceAddress)
	a.alicePhone.Rings()
	a.alicePhone.Hangup("")
	a.carolOn.Closes()
	a.alice.badges(1, 0)
	a.alice.StillThere()
	a.alice.Open("/user/missed")
	a.alice.Press("Block " + carolAddress)
	a.alice.Shows("Block callers?")
	a.alice.Press("Block")
	a.alice.Shows(carolAddress + " is blocked.")
	a.carolOn.Forget()
	a.alicePhone.Forget()
	a.carolOn.Dial("sip:" + aliceAddress)
	a.carolOn.Closes()
	a.alicePhone.HasNotRung()
	carol := a.s.Peer(peer.Config{Name: "carol", Password: stand.Password("carol")})
	if status := leave(carol, "sip:"+aliceAddress, "Let me explain."); status != 480 {
		a.t.Errorf("what carol writes is answered %d, want 480", status)
	}
	if n := silo(a.s, "alice"); n != 0 {
		a.t.Errorf("%d messages are kept of who is blocked", n)
	}
}

// forward: alice sends calls on to carol that she does not answer. Bob gives alice a
// short number and dials it: alice's phone rings, then carol answers.
func (a *afternoon) forward() {
	a.alice.Open("/user/account/rules")
	a.alice.Tick("Forward if I do not answer")
	a.alice.Fill("after so many seconds", "5")
	a.alice.Fill("to (Forward if I do not answer)", "carol")
	a.alice.Press("Save")
	a.alice.Shows("Your rules are saved. They count from now on.")
	a.alice.Shows("Calls ring your phones for 5 seconds, then go to carol")
	a.bob.Open("/user/phone-book/speed-dial")
	a.bob.Fill("Address of number 07", "alice")
	a.bob.Press("Save all numbers")
	a.bob.Shows("They count from now on.")
	for _, p := range []*baresip.Phone{a.alicePhone, a.bobPhone, a.carolOn} {
		p.Forget()
	}
	a.bobPhone.Dial("sip:07@" + stand.Domain)
	a.alicePhone.Rings()
	a.alicePhone.Closes()
	a.carolOn.Talks()
	a.bobPhone.Talks()
	a.hearEachOther(a.bobPhone, a.carolOn)
	a.bob.listsCall(carolAddress, "made", "you hung up") // alice has it forwarded
	a.alice.Open("/user/calls")
	if n := a.alice.Count(`.calls tbody tr[data-aor="` + carolAddress + `"]`); n != 1 {
		a.t.Errorf("alice's list has %d calls of carol's, want the one before she was blocked", n)
	}
}
