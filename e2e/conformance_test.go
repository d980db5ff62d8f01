package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// conformance are the scenes of docs/conformance.md that TestRelay does not play, with the
// script that the router has of its own.
var conformance = []struct {
	name string
	play func(*testing.T, cast)
}{
	{"3xx goes up", redirectGoesUp},
	{"200 after 6xx", answerAfterDecline},
	{"a branch that cannot be reached", branchFails},
	{"CANCEL waits for the first reply", cancelBeforeRinging},
	{"stray and repeated CANCEL", strayCancels},
	{"ACK of each kind", acksOfEachKind},
	{"merged requests", mergedRequests},
	{"Proxy-Require and Require", requires},
	{"unknown scheme", unknownScheme},
	{"Max-Forwards", maxForwards},
	{"overlong", overlong},
	{"malformed", malformed},
	{"reliable provisional replies", reliableProvisional},
	{"session timers", sessionTimers},
	{"Reason", reasons},
	{"rport", replyGoesToSource},
	{"early dialogs of a fork", earlyDialogs},
	{"unknown method and headers", unknownMethod},
}

func TestConformance(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: defaultScript(t, `modparam("tm", "retr_timer1", 250)`)}) // waits less for what is over
	for _, scene := range conformance {
		t.Run(scene.name, func(t *testing.T) { scene.play(t, cast{t, s.For(t), variants[0]}) })
	}
	s.NothingLeft()
}

// rings calls an address with n phones; all of them ring.
func (c cast) rings(n int, edit ...func(*peer.Message)) (call *peer.Call, phones []*peer.Peer, invites []*peer.Message) {
	c.t.Helper()
	aor, phones := c.phones(n)
	call = c.caller().Call(aor, edit...)
	for _, p := range phones {
		invite := p.Expect(peer.Request("INVITE"))
		p.Reply(invite, 180, "Ringing", tag(p))
		invites = append(invites, invite)
	}
	for range phones {
		call.Expects(180)
	}
	return call, phones, invites
}

// redirectGoesUp: without a script that recurses, a 3xx is the caller's to follow (RFC 3261 §16.7 (4)).
func redirectGoesUp(t *testing.T, c cast) {
	call, phones, invites := c.rings(1)
	moved := "<sip:elsewhere@192.0.2.1>;q=0.7"
	phones[0].Reply(invites[0], 302, "Moved Temporarily", tag(phones[0]), func(m *peer.Message) { m.Add("Contact", moved) })
	final := call.Expects(302)
	if got := final.Get("Contact"); got != moved {
		t.Errorf("Contact of the 302 is %q, want %q", got, moved)
	}
	call.AckFailure(final)
	phones[0].Expect(peer.Request("ACK"))
}

// answerAfterDecline: a 6xx cancels the others, but a 200 that one of them has sent already
// still goes up, and the 6xx does not (§16.7 (5)).
func answerAfterDecline(t *testing.T, c cast) {
	call, phones, invites := c.rings(2)
	phones[0].Reply(invites[0], 600, "Busy Everywhere", tag(phones[0]))
	phones[0].Expect(peer.Request("ACK"))
	phones[1].Reply(phones[1].Expect(peer.Request("CANCEL")), 200, "OK")
	phones[1].Reply(invites[1], 200, "OK", tag(phones[1]))
	dialog := call.Ack(call.Expects(200))
	phones[1].Expect(peer.Request("ACK"))
	call.Quiet(200*time.Millisecond, peer.Response(600, "INVITE"))
	hangup(dialog, phones[1])
}

// branchFails: a phone whose address takes nothing any more harms none of the others.
func branchFails(t *testing.T, c cast) {
	name := newUser(c.s)
	gone := c.s.Peer(peer.Config{Name: name, Password: stand.Password(name), Network: "tcp"}).Registered()
	gone.Close()
	bob := c.phoneOf(name)
	call := c.caller().Call("sip:" + name + "@" + stand.Domain)
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 200, "OK")
	dialog := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	hangup(dialog, bob)
}

// cancelBeforeRinging: a phone that has answered nothing yet is not cancelled before it
// has (§9.1); the caller gets his 487 all the same.
func cancelBeforeRinging(t *testing.T, c cast) {
	bob := c.callee()
	call := c.caller().Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	call.Expects(100)
	call.Cancel()
	bob.Quiet(300*time.Millisecond, peer.Request("CANCEL"))
	bob.Reply(invite, 180, "Ringing", tag(bob))
	cancelled(t, bob, invite, "")
	call.AckFailure(call.Expects(487))
}

// strayCancels: every CANCEL of a call is answered and one goes on; that of no call is 481,
// and so is one of a call's Call-ID with another branch (§9.2).
func strayCancels(t *testing.T, c cast) {
	call, phones, invites := c.rings(1)
	stray := call.Invite.Clone()
	stray.Start = strings.Replace(stray.Start, "INVITE", "CANCEL", 1)
	stray.Body = nil
	call.Send(stray.Del("Content-Type").Del("Contact").Set("Via", call.Via()).Set("CSeq", "1 CANCEL"))
	call.Expect(peer.Response(481, "CANCEL"))
	phones[0].Quiet(200*time.Millisecond, peer.Request("CANCEL"))
	for range 3 {
		call.Cancel()
	}
	cancelled(t, phones[0], invites[0], "")
	call.AckFailure(call.Expects(487))
	call.Cancel() // after the end, within the transaction's time
	phones[0].Quiet(200*time.Millisecond, peer.Request("CANCEL"))
}

// acksOfEachKind: that of a 2xx goes to the callee (§13.2.2.4); that of a refusal ends here,
// repeated or not (§17.1.1.3); one of nothing is never answered.
func acksOfEachKind(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	caller, _ := connect(t, alice, bob)
	hangup(caller, bob)

	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	bob.Expect(peer.Request("ACK"))
	final := call.Expects(486)
	for range 3 {
		call.AckFailure(final)
	}
	stray := alice.NewRequest("ACK", bob.AoR()).Set("To", "<"+bob.AoR()+">;tag=never")
	alice.Send(stray)
	alice.Send(alice.NewRequest("ACK", bob.AoR()))
	bob.Quiet(500*time.Millisecond, peer.Request("ACK"))
	if n := alice.Count(peer.Final("ACK")); n != 0 {
		t.Errorf("%d answers to an ACK", n)
	}
}

// mergedRequests: a request that comes on two ways goes on twice; the callee is who
// refuses one (§8.2.2.2), and that one is refused to its own way.
func mergedRequests(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	first := bob.Expect(peer.Request("INVITE"))
	other := call.Invite.Clone().Set("Via", alice.Via())
	alice.Send(other)
	second := bob.Expect(peer.Request("INVITE"))
	bob.Reply(second, 482, "Request Merged", tag(bob))
	up := call.Expects(482)
	if up.Branch() != other.Branch() {
		t.Errorf("482 went to branch %q, the merged one came on %q", up.Branch(), other.Branch())
	}
	bob.Reply(first, 200, "OK")
	ok := call.Expects(200)
	if ok.Branch() != call.Invite.Branch() {
		t.Errorf("200 went to branch %q, not to that of the first INVITE", ok.Branch())
	}
	hangup(call.Ack(ok), bob)
	(&peer.Call{Peer: alice, Invite: other}).AckFailure(up)
}

// requires: what a proxy must understand and does not is 420 with Unsupported (§16.3 (5));
// what the callee must understand is the callee's business (§8.2.2.3).
func requires(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR(), func(m *peer.Message) { m.Add("Proxy-Require", "privacy, x-teleport") })
	final := call.Expects(420)
	if got := final.Get("Unsupported"); !strings.Contains(got, "x-teleport") {
		t.Errorf("Unsupported of the 420 is %q", got)
	}
	call.AckFailure(final)
	bob.Quiet(200*time.Millisecond, peer.Request("INVITE"))

	m := alice.NewRequest("OPTIONS", bob.AoR()).Add("Require", "x-teleport")
	alice.Send(m)
	got := bob.Expect(peer.Request("OPTIONS"))
	if got.Get("Require") != "x-teleport" {
		t.Errorf("Require became %q", got.Get("Require"))
	}
	bob.Reply(got, 420, "Bad Extension", func(m *peer.Message) { m.Add("Unsupported", "x-teleport") })
	if up := alice.Expect(peer.Response(420, "OPTIONS")); up.Get("Unsupported") != "x-teleport" {
		t.Errorf("the callee's 420 came up with Unsupported %q", up.Get("Unsupported"))
	}
}

// unknownScheme is 416 (§16.3 (2)).
func unknownScheme(t *testing.T, c cast) {
	alice := c.caller()
	for _, uri := range []string{"http://example.org/", "nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002"} {
		m := alice.NewRequest("OPTIONS", uri).Set("To", "<sip:bob@example.org>")
		if final := alice.Do(m); final.Status() != 416 {
			t.Errorf("OPTIONS %s was answered %q, want 416", uri, final.Start)
		}
	}
}

// maxForwards: 0 ends the way with 483, but an OPTIONS has arrived (§16.3 (3), §11).
func maxForwards(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	for _, method := range []string{"INVITE", "MESSAGE", "SUBSCRIBE"} {
		m := alice.NewRequest(method, bob.AoR()).Set("Max-Forwards", "0").Add("Contact", "<"+alice.ContactURI()+">")
		final := alice.Do(m)
		if final.Status() != 483 {
			t.Errorf("%s with Max-Forwards 0 was answered %q, want 483", method, final.Start)
		}
		if method == "INVITE" {
			(&peer.Call{Peer: alice, Invite: m}).AckFailure(final)
		}
	}
	if final := alice.Do(alice.NewRequest("OPTIONS", bob.AoR()).Set("Max-Forwards", "0")); final.Status() != 200 {
		t.Errorf("OPTIONS with Max-Forwards 0 was answered %q, want 200", final.Start)
	}
	for _, odd := range []string{"256", "-1", "many", "1, 2"} {
		if final := alice.Do(alice.NewRequest("MESSAGE", bob.AoR()).Set("Max-Forwards", odd)); final.Status() != 400 {
			t.Errorf("Max-Forwards %q was answered %q, want 400", odd, final.Start)
		}
	}
	alice.Send(alice.NewRequest("MESSAGE", bob.AoR()).Del("Max-Forwards"))
	got := bob.Expect(peer.Request("MESSAGE"))
	if got.Get("Max-Forwards") == "" {
		t.Error("a request without Max-Forwards went on without one (§16.6 (3))")
	}
	bob.Reply(got, 200, "OK")
	alice.Expect(peer.Response(200, "MESSAGE"))
}

// overlong is 513 (§21.5.7).
func overlong(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	m := alice.NewRequest("MESSAGE", bob.AoR()).Add("Content-Type", "text/plain")
	m.Body = []byte(strings.Repeat("words ", 4000))
	if final := alice.Do(m); final.Status() != 513 {
		t.Errorf("a MESSAGE of 24 kB was answered %q, want 513", final.Start)
	}
	bob.Quiet(200*time.Millisecond, peer.Request("MESSAGE"))
}

// malformed is 400, and the reason says what is wrong (§21.4.1).
func malformed(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	for _, fault := range []struct {
		name   string
		change func(*peer.Message)
	}{
		{"CSeq of another method", func(m *peer.Message) { m.Set("CSeq", "1 INVITE") }},
		{"CSeq over 2^32", func(m *peer.Message) { m.Set("CSeq", "36893488147419103232 MESSAGE") }},
		{"From that does not close", func(m *peer.Message) { m.Set("From", "<sip:walter@elsewhere.example;tag=1") }},
		{"To with a quote that does not close", func(m *peer.Message) { m.Set("To", `"Mr. <`+bob.AoR()+">") }},
		{"two Call-IDs", func(m *peer.Message) { m.Add("Call-ID", "another") }},
		{"no From", func(m *peer.Message) { m.Del("From") }},
		{"Request-URI without a host", func(m *peer.Message) { m.Start = "MESSAGE sip: SIP/2.0" }},
		{"Expires that is no number", func(m *peer.Message) { m.Add("Expires", "soon") }},
	} {
		m := alice.NewRequest("MESSAGE", bob.AoR())
		id := m.CallID()
		fault.change(m)
		alice.Send(m)
		final := alice.Expect(peer.Match{Name: "a final answer to " + fault.name, OK: func(m *peer.Message) bool {
			return !m.IsRequest() && m.Status() >= 200 && m.CallID() == id
		}})
		if final.Status() != 400 || strings.TrimSpace(final.Start) == "SIP/2.0 400 Bad Request" {
			t.Errorf("%s was answered %q, want a 400 that says what is wrong", fault.name, final.Start)
		}
	}
	bob.Quiet(200*time.Millisecond, peer.Request("MESSAGE"))
}

// reliableProvisional: 100rel is between the phones: RSeq, RAck, Require and the PRACK pass
// untouched, each 183 once (RFC 3262).
func reliableProvisional(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR(), func(m *peer.Message) { m.Add("Supported", "100rel") })
	invite := bob.Expect(peer.Request("INVITE"))
	if got := invite.Get("Supported"); got != "100rel" {
		t.Errorf("Supported became %q", got)
	}
	var early *peer.Dialog
	for seq := 9021; seq < 9023; seq++ {
		bob.Reply(invite, 183, "Session Progress", func(m *peer.Message) {
			m.Add("Require", "100rel").Add("RSeq", fmt.Sprint(seq))
		})
		up := call.Expects(183)
		if up.Get("RSeq") != fmt.Sprint(seq) || up.Get("Require") != "100rel" || len(up.All("Record-Route")) == 0 {
			t.Errorf("183 came up with RSeq %q, Require %q, Record-Route %q", up.Get("RSeq"), up.Get("Require"), up.All("Record-Route"))
		}
		if early == nil {
			early = alice.DialogOf(call.Invite, up)
		}
		n, _ := call.Invite.CSeq()
		prack := early.New("PRACK").Add("RAck", fmt.Sprintf("%d %d INVITE", seq, n))
		alice.Send(prack)
		got := bob.Expect(peer.Request("PRACK"))
		if got.Get("RAck") != prack.Get("RAck") {
			t.Errorf("RAck %q became %q", prack.Get("RAck"), got.Get("RAck"))
		}
		bob.Reply(got, 200, "OK")
		alice.Expect(peer.Response(200, "PRACK"))
	}
	bob.Reply(invite, 200, "OK")
	ok := call.Expects(200)
	alice.Quiet(200*time.Millisecond, peer.Response(183, "INVITE"))
	early.Send("ACK").Set("CSeq", ok.Get("CSeq"))
	n, _ := call.Invite.CSeq()
	ack := early.New("ACK").Set("CSeq", fmt.Sprintf("%d ACK", n))
	alice.Send(ack)
	bob.Expect(peer.Request("ACK").With(n))
	hangup(early, bob)
}

// sessionTimers: Session-Expires, Min-SE, a 422 and the UPDATE pass untouched (RFC 4028).
func sessionTimers(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	short := alice.Call(bob.AoR(), func(m *peer.Message) { m.Add("Supported", "timer").Add("Session-Expires", "30") })
	invite := bob.Expect(peer.Request("INVITE"))
	if invite.Get("Session-Expires") != "30" || invite.Get("Min-SE") != "" {
		t.Errorf("Session-Expires became %q, Min-SE %q", invite.Get("Session-Expires"), invite.Get("Min-SE"))
	}
	bob.Reply(invite, 422, "Session Interval Too Small", func(m *peer.Message) { m.Add("Min-SE", "90") })
	final := short.Expects(422)
	if final.Get("Min-SE") != "90" {
		t.Errorf("Min-SE of the 422 became %q", final.Get("Min-SE"))
	}
	short.AckFailure(final)

	call := alice.Call(bob.AoR(), func(m *peer.Message) {
		m.Add("Supported", "timer").Add("Session-Expires", "1800;refresher=uac").Add("Min-SE", "90")
	})
	invite = bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	for _, name := range []string{"Session-Expires", "Min-SE", "Supported"} {
		if invite.Get(name) != call.Invite.Get(name) {
			t.Errorf("%s %q became %q", name, call.Invite.Get(name), invite.Get(name))
		}
	}
	bob.Reply(invite, 200, "OK", func(m *peer.Message) { m.Add("Require", "timer").Add("Session-Expires", "1800;refresher=uac") })
	ok := call.Expects(200)
	if ok.Get("Session-Expires") != "1800;refresher=uac" || ok.Get("Require") != "timer" {
		t.Errorf("200 came up with Session-Expires %q, Require %q", ok.Get("Session-Expires"), ok.Get("Require"))
	}
	dialog := call.Ack(ok)
	bob.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
	update := dialog.New("UPDATE").Add("Session-Expires", "1800;refresher=uac")
	alice.Send(update)
	got := bob.Expect(peer.Request("UPDATE"))
	if got.Get("Session-Expires") != update.Get("Session-Expires") {
		t.Errorf("Session-Expires of the UPDATE became %q", got.Get("Session-Expires"))
	}
	bob.Reply(got, 200, "OK")
	alice.Expect(peer.Response(200, "UPDATE"))
	hangup(dialog, bob)
}

// reasons: the Reason of a BYE and of a caller's CANCEL reach the callee, that of a reply
// the caller (RFC 3326, RFC 6432).
func reasons(t *testing.T, c cast) {
	const why = `Q.850;cause=16;text="Normal call clearing"`
	bob := c.callee()
	alice := c.caller()
	caller, _ := connect(t, alice, bob)
	bye := caller.New("BYE").Add("Reason", why)
	alice.Send(bye)
	got := bob.Expect(peer.Request("BYE"))
	if got.Get("Reason") != why {
		t.Errorf("Reason of the BYE became %q", got.Get("Reason"))
	}
	bob.Reply(got, 200, "OK")
	alice.Expect(peer.Response(200, "BYE"))

	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 503, "Service Unavailable", func(m *peer.Message) { m.Add("Reason", why) })
	final := call.Expects(500) // a 503 from below does not go up (§16.7 (6))
	call.AckFailure(final)

	call = alice.Call(bob.AoR())
	invite = bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 404, "Not Found", func(m *peer.Message) { m.Add("Reason", why) })
	if final = call.Expects(404); final.Get("Reason") != why {
		t.Errorf("Reason of the 404 became %q", final.Get("Reason"))
	}
	call.AckFailure(final)

	ringing, phones, invites := c.rings(1)
	n, _ := ringing.Invite.CSeq()
	cancel := &peer.Message{Start: "CANCEL " + ringing.Invite.URI() + " SIP/2.0"}
	for _, name := range []string{"Via", "From", "To", "Call-ID"} {
		cancel.Add(name, ringing.Invite.Get(name))
	}
	ringing.Send(cancel.Add("Max-Forwards", "70").Add("CSeq", fmt.Sprintf("%d CANCEL", n)).Add("Reason", why))
	ringing.Expect(peer.Response(200, "CANCEL"))
	cancelled(t, phones[0], invites[0], "Normal call clearing")
	ringing.AckFailure(ringing.Expects(487))
}

// replyGoesToSource: received and rport name where a request came from, and the reply goes
// there, whatever Via says (RFC 3581 §4, RFC 3261 §18.2.1).
func replyGoesToSource(t *testing.T, c cast) {
	alice := c.s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example", Claim: "192.0.2.77:7777"})
	final := alice.Do(alice.NewRequest("OPTIONS", "sip:"+stand.Domain))
	via := final.All("Via")[0]
	if got, want := peer.Param(via, "rport"), fmt.Sprint(alice.LocalPort()); got != want {
		t.Errorf("rport is %q, want %s: %s", got, want, via)
	}
	if got := peer.Param(via, "received"); got != alice.IP {
		t.Errorf("received is %q: %s", got, via)
	}
}

// earlyDialogs: the provisional replies of all branches go up, each with its own tag, and
// what belongs to one early dialog reaches that phone (§16.7 (5), §12).
func earlyDialogs(t *testing.T, c cast) {
	aor, phones := c.phones(2)
	alice := c.caller()
	call := alice.Call(aor)
	var invites []*peer.Message
	early := map[string]*peer.Dialog{}
	for _, p := range phones {
		invite := p.Expect(peer.Request("INVITE"))
		p.Reply(invite, 183, "Session Progress", tag(p))
		invites = append(invites, invite)
		up := call.Expects(183)
		early[p.Address()] = alice.DialogOf(call.Invite, up)
	}
	if a, b := early[phones[0].Address()].Remote, early[phones[1].Address()].Remote; a == b {
		t.Errorf("both early dialogs have %q", a)
	}
	for _, p := range phones {
		update := early[p.Address()].Send("UPDATE")
		got := p.Expect(peer.Request("UPDATE"))
		if got.Get("To") != update.Get("To") {
			t.Errorf("the UPDATE for %q reached %q", update.Get("To"), p.Address())
		}
		p.Reply(got, 200, "OK")
		alice.Expect(peer.Response(200, "UPDATE"))
	}
	phones[0].Reply(invites[0], 486, "Busy Here", tag(phones[0]))
	phones[0].Expect(peer.Request("ACK"))
	phones[1].Reply(invites[1], 486, "Busy Here", tag(phones[1]))
	phones[1].Expect(peer.Request("ACK"))
	call.AckFailure(call.Expects(486))
}

// unknownMethod: a proxy relays what it does not know, headers and body untouched (§16.3,
// §16.6 (1)).
func unknownMethod(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.callee() // one of ours: a stranger may send what the script names, and no more
	m := alice.NewRequest("TELEPORT", bob.AoR()).Add("X-Odd", `;;,,"a;b" <x>`).Add("Content-Type", "application/x-odd;v=\"1\"")
	m.Body = []byte("\x00\x01\xff binary\r\n\r\n")
	challenged := wantStatus(t, alice.Do(m), 407)
	alice.Send(alice.Answer(m, challenged, peer.Credentials{User: alice.Name, Password: alice.Password}))
	got := bob.Expect(peer.Request("TELEPORT"))
	for _, name := range []string{"X-Odd", "Content-Type"} {
		if got.Get(name) != m.Get(name) {
			t.Errorf("%s %q became %q", name, m.Get(name), got.Get(name))
		}
	}
	if string(got.Body) != string(m.Body) {
		t.Errorf("the body became %q", got.Body)
	}
	bob.Reply(got, 299, "Beamed", func(m *peer.Message) { m.Add("X-Odd", "back") })
	if up := alice.Expect(peer.Response(299, "TELEPORT")); up.Get("X-Odd") != "back" || !strings.HasSuffix(up.Start, "Beamed") {
		t.Errorf("the answer came up as %q with X-Odd %q", up.Start, up.Get("X-Odd"))
	}
}
