package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestCallRules: what subscribers want to become of their calls, with the router's own
// script and the rules set by seraphctl, on each engine.
func TestCallRules(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) { callRules(t, engine) })
	}
}

func callRules(t *testing.T, engine stand.Engine) {
	s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"probe"}})
	for _, scene := range []struct {
		name string
		play func(t *testing.T, c cast)
	}{
		{"blocked", blockedCaller},
		{"always", forwardedAlways},
		{"busy", forwardedBusy},
		{"no answer", forwardedNoAnswer},
		{"offline", forwardedOffline},
		{"do not disturb", notDisturbed},
		{"two who forward to each other", forwardedInCircles},
		{"to who blocks the caller", forwardedToBlocker},
		{"out of our domains", forwardedAbroad},
	} {
		t.Run(scene.name, func(t *testing.T) { scene.play(t, cast{t: t, s: s.For(t), v: variants[1]}) })
	}
	s.NothingLeft()
}

// rule sets a rule of a user.
func (c cast) rule(p string, args ...string) {
	c.t.Helper()
	c.s.Ctl("", append([]string{"rule", "add", p + "@" + stand.Domain}, args...)...)
}

// answers lets a phone take a forwarded call to its end; the INVITE says who has
// forwarded it and why.
func answers(t *testing.T, call *peer.Call, callee *peer.Peer, diversion ...string) {
	t.Helper()
	invite := callee.Expect(peer.Request("INVITE"))
	got := invite.All("Diversion")
	if len(got) != len(diversion) {
		t.Fatalf("Diversion %q, want %q", got, diversion)
	}
	for i := range got {
		if got[i] != diversion[i] {
			t.Errorf("Diversion %q, want %q", got[i], diversion[i])
		}
	}
	callee.Reply(invite, 200, "OK", tag(callee))
	dialog := call.Ack(call.Expects(200))
	callee.Expect(peer.Request("ACK"))
	hangup(dialog, callee)
}

func diverted(by, reason string) string {
	return fmt.Sprintf("<sip:%s@%s>;reason=%s;counter=1", by, stand.Domain, reason)
}

func blockedCaller(t *testing.T, c cast) {
	bob, alice := c.callee(), c.caller()
	c.rule(bob.Name, "block", alice.Name[:len(alice.Name)-1]+"*@"+stand.Domain)
	call := alice.Call(bob.AoR())
	call.AckFailure(call.Expects(480))
	missedRows(t, c.s, bob.Name) // nothing
	stranger := c.s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	through := stranger.Call(bob.AoR())
	answers(t, through, bob)
	if n := bob.Count(peer.Request("INVITE")); n != 1 {
		t.Errorf("the callee has got %d INVITEs", n)
	}
}

func forwardedAlways(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "always", carol.AoR())
	answers(t, alice.Call(bob.AoR()), carol, diverted(bob.Name, "unconditional"))
	if bob.Count(peer.Request("INVITE")) != 0 {
		t.Error("the one who forwards every call has been called")
	}
	c.s.Ctl("", "rule", "rm", bob.Name+"@"+stand.Domain, "always")
	answers(t, alice.Call(bob.AoR()), bob)
}

func forwardedBusy(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "busy", carol.AoR())
	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	answers(t, call, carol, diverted(bob.Name, "user-busy"))
	// Another refusal goes back to the caller.
	call = alice.Call(bob.AoR())
	bob.Reply(bob.ExpectWithin(5*time.Second, peer.Request("INVITE").Of(call.Invite.CallID())), 603, "Decline")
	call.AckFailure(call.Expects(603))
}

func forwardedNoAnswer(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "noanswer", carol.AoR(), "--seconds", "5")
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	began := time.Now()
	bob.Reply(invite, 180, "Ringing", tag(bob))
	call.Expects(180)
	cancel := bob.ExpectWithin(30*time.Second, peer.Request("CANCEL"))
	if rang := time.Since(began); rang < 4*time.Second {
		t.Errorf("it rang %v only", rang)
	}
	bob.Reply(cancel, 200, "OK")
	bob.Reply(invite, 487, "Request Terminated", tag(bob))
	answers(t, call, carol, diverted(bob.Name, "no-answer"))
}

func forwardedOffline(t *testing.T, c cast) {
	away, further, carol, alice := newUser(c.s), newUser(c.s), c.callee(), c.caller()
	c.rule(away, "offline", "sip:"+further+"@"+stand.Domain)
	c.rule(further, "offline", carol.AoR())
	answers(t, alice.Call("sip:"+away+"@"+stand.Domain), carol, diverted(further, "unavailable"), diverted(away, "unavailable"))
}

func notDisturbed(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "dnd")
	call := alice.Call(bob.AoR())
	call.AckFailure(call.Expects(480))
	missedRows(t, c.s, bob.Name, "480")
	c.rule(bob.Name, "offline", carol.AoR())
	answers(t, alice.Call(bob.AoR()), carol, diverted(bob.Name, "unavailable"))
	if bob.Count(peer.Request("INVITE")) != 0 {
		t.Error("the one who does not want to be disturbed has been called")
	}
}

func forwardedInCircles(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "always", carol.AoR())
	c.rule(carol.Name, "always", bob.AoR())
	c.rule(carol.Name, "busy", bob.AoR())
	call := alice.Call(bob.AoR())
	carol.Reply(carol.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	if bob.Count(peer.Request("INVITE")) != 0 {
		t.Error("the call came back to who had forwarded it")
	}
}

func forwardedToBlocker(t *testing.T, c cast) {
	bob, carol, alice := c.callee(), c.callee(), c.caller()
	c.rule(bob.Name, "always", carol.AoR())
	c.rule(carol.Name, "block", alice.Name+"@*")
	call := alice.Call(bob.AoR())
	call.AckFailure(call.Expects(480))
	if bob.Count(peer.Request("INVITE"))+carol.Count(peer.Request("INVITE")) != 0 {
		t.Error("somebody was called")
	}
}

// forwardedAbroad: a stranger calls one of ours, whose calls go elsewhere.
func forwardedAbroad(t *testing.T, c cast) {
	bob := newUser(c.s)
	mobile, stranger := c.s.Peer(peer.Config{Name: "mobile", Domain: "elsewhere.example"}), c.s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	c.rule(bob, "always", "sip:mobile@"+mobile.Address())
	answers(t, stranger.Call("sip:"+bob+"@"+stand.Domain), mobile, diverted(bob, "unconditional"))
	if !strings.HasPrefix(mobile.History()[0].Start, "INVITE sip:mobile@"+mobile.Address()) {
		t.Errorf("called %s", mobile.History()[0].Start)
	}
}

// TestCallRulesPhones: the rules between three real phones, which talk and hear each
// other after each way of forwarding.
func TestCallRulesPhones(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	bob := phone(s, t, baresip.Account{User: "bob", Tone: 600})
	carol := phone(s, t, baresip.Account{User: "carol", AutoAnswer: true, Tone: 800})
	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000})
	c := cast{t: t, s: s}
	talk := func() {
		t.Helper()
		alice.Talks()
		carol.Talks()
		carol.Hears(1000)
		alice.Hears(800)
		alice.Hangup("")
		carol.Closes()
	}

	c.rule("bob", "noanswer", "carol@"+stand.Domain, "--seconds", "5")
	alice.Dial("sip:bob@" + stand.Domain)
	bob.Rings()
	bob.Closes()
	talk()

	c.rule("bob", "busy", "carol@"+stand.Domain)
	alice.Dial("sip:bob@" + stand.Domain)
	bob.Rings()
	bob.Hangup("") // baresip answers 486
	bob.Closes()
	talk()

	c.rule("bob", "always", "carol@"+stand.Domain)
	alice.Dial("sip:bob@" + stand.Domain)
	talk()

	c.rule("bob", "block", "alice@"+stand.Domain)
	alice.Dial("sip:bob@" + stand.Domain)
	alice.Closes()

	bob.Quit() // and signs off
	s.Ctl("", "rule", "rm", "bob@"+stand.Domain, "block", "alice@"+stand.Domain)
	s.Ctl("", "rule", "rm", "bob@"+stand.Domain, "always")
	c.rule("bob", "offline", "carol@"+stand.Domain)
	alice.Dial("sip:bob@" + stand.Domain)
	talk()

	c.rule("carol", "dnd")
	alice.Dial("sip:carol@" + stand.Domain)
	alice.Closes()
	s.NothingLeft()
}
