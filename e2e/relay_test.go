package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// scenes are the call tests; each is played in every variant.
var scenes = []struct {
	name string
	play func(*testing.T, cast)
}{
	{"record-routed call", callRecordRouted},
	{"hang-up by the callee", hangupByCallee},
	{"busy", busy},
	{"fork to three, one answers", forkToThree},
	{"fork, best reply", forkBestReply},
	{"fork, 603 ends all", forkDeclined},
	{"cancel by the caller", cancelByCaller},
	{"200 crosses CANCEL", answerCrossesCancel},
	{"late and second 2xx", lateSecondAnswer},
	{"repeated 2xx", repeatedAnswer},
	{"retransmissions", retransmissions},
	{"INFO both ways", requestsBothWays},
}

func TestRelay(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	for _, scene := range scenes {
		for _, v := range variants {
			t.Run(scene.name+"/"+v.name, func(t *testing.T) {
				scene.play(t, cast{t, s.For(t), v})
			})
		}
	}
	s.NothingLeft()
}

// callRecordRouted: INVITE 100 180 200 ACK BYE 200, the later requests through the
// router because of its Record-Route, and only by its Record-Route.
func callRecordRouted(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	wantRelayed(t, call.Invite, invite)
	bob.Reply(invite, 180, "Ringing")
	call.Expects(180)
	answer := bob.Reply(invite, 200, "OK")
	ok := call.Expects(200)
	if got, want := ok.ToTag(), answer.ToTag(); got != want {
		t.Errorf("To tag of the 200 is %q, sent was %q", got, want)
	}
	if len(ok.All("Via")) != 1 {
		t.Errorf("200 has Via %q; only the caller's own may be left", ok.All("Via"))
	}
	dialog := call.Ack(ok)
	ack := bob.Expect(peer.Request("ACK"))
	if routes := ack.All("Route"); len(routes) != 0 {
		t.Errorf("ACK reached the callee with Route %q", routes)
	}
	bye := dialog.Send("BYE")
	got := bob.Expect(peer.Request("BYE"))
	wantForwards(t, bye, got)
	bob.Reply(got, 200, "OK")
	alice.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
}

// wantRelayed checks what a relay has to do to a request (RFC 3261 §16.6).
func wantRelayed(t *testing.T, sent, got *peer.Message) {
	t.Helper()
	wantForwards(t, sent, got)
	if n := len(got.All("Via")); n != 2 {
		t.Errorf("relayed request has %d Via, want 2: %q", n, got.All("Via"))
	}
	if len(got.All("Record-Route")) == 0 {
		t.Error("relayed INVITE has no Record-Route")
	}
	for _, rr := range got.All("Record-Route") {
		if !strings.Contains(rr, ";lr") {
			t.Errorf("Record-Route %q has no lr", rr)
		}
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Content-Type"} {
		if sent.Get(name) != got.Get(name) {
			t.Errorf("%s was %q, became %q", name, sent.Get(name), got.Get(name))
		}
	}
	if string(sent.Body) != string(got.Body) {
		t.Errorf("the body changed to %q", got.Body)
	}
}

// wantForwards checks that Max-Forwards went down by one.
func wantForwards(t *testing.T, sent, got *peer.Message) {
	t.Helper()
	before, err := strconv.Atoi(sent.Get("Max-Forwards"))
	if err != nil {
		t.Fatal(err)
	}
	if after := got.Get("Max-Forwards"); after != strconv.Itoa(before-1) {
		t.Errorf("Max-Forwards of %s went from %d to %q", got.Method(), before, after)
	}
}

func hangupByCallee(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	_, callee := connect(t, alice, bob)
	bye := callee.Send("BYE")
	got := alice.Expect(peer.Request("BYE"))
	wantForwards(t, bye, got)
	alice.Reply(got, 200, "OK")
	bob.Expect(peer.Response(200, "BYE"))
}

// connect brings a call between two peers to the ACK and returns both sides' dialogs.
func connect(t *testing.T, alice, bob *peer.Peer) (caller, callee *peer.Dialog) {
	t.Helper()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := bob.Reply(invite, 200, "OK")
	caller = call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
	return caller, bob.DialogAt(invite, answer)
}

func busy(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 486, "Busy Here")
	final := call.Expects(486)
	call.AckFailure(final)
	// The ACK of the callee's 486 is the router's own (§17.1.1.3): same branch.
	ack := bob.Expect(peer.Request("ACK"))
	if ack.Branch() != invite.Branch() {
		t.Errorf("ACK has branch %q, the INVITE had %q", ack.Branch(), invite.Branch())
	}
	bob.Quiet(700*time.Millisecond, peer.Request("ACK"))
}

func forkToThree(t *testing.T, c cast) {
	aor, phones := c.phones(3)
	alice := c.caller()
	call := alice.Call(aor)
	var invites []*peer.Message
	for _, p := range phones {
		invite := p.Expect(peer.Request("INVITE"))
		p.Reply(invite, 180, "Ringing", tag(p))
		invites = append(invites, invite)
	}
	for range phones {
		call.Expects(180)
	}
	phones[1].Reply(invites[1], 200, "OK", tag(phones[1]))
	ok := call.Expects(200)
	dialog := call.Ack(ok)
	phones[1].Expect(peer.Request("ACK"))
	for _, i := range []int{0, 2} {
		cancelled(t, phones[i], invites[i], "Call completed elsewhere")
	}
	phones[1].Quiet(200*time.Millisecond, peer.Request("CANCEL"))
	alice.Quiet(200*time.Millisecond, peer.Response(487, "INVITE"))
	hangup(dialog, phones[1])
}

// tag gives every phone of one user a To tag of its own.
func tag(p *peer.Peer) func(*peer.Message) {
	return func(m *peer.Message) {
		to := m.Get("To")
		if i := strings.Index(to, ";tag="); i >= 0 {
			m.Set("To", to[:i]+";tag=at-"+strings.ReplaceAll(p.Address(), ":", "."))
		}
	}
}

// cancelled plays a ringing phone that is cancelled: 200, 487, ACK. The CANCEL has
// to be that of the INVITE (§9.1) and, where why is given, to say why.
func cancelled(t *testing.T, p *peer.Peer, invite *peer.Message, why string) {
	t.Helper()
	cancel := p.Expect(peer.Request("CANCEL"))
	if cancel.Branch() != invite.Branch() || cancel.URI() != invite.URI() {
		t.Errorf("CANCEL %s %s does not match INVITE %s %s", cancel.URI(), cancel.Branch(), invite.URI(), invite.Branch())
	}
	if n := len(cancel.All("Via")); n != 1 {
		t.Errorf("CANCEL has %d Via, want one", n)
	}
	if why != "" && !stand.OnKamailio() && !strings.Contains(cancel.Get("Reason"), why) {
		t.Errorf("CANCEL has Reason %q, want %q", cancel.Get("Reason"), why)
	}
	p.Reply(cancel, 200, "OK")
	p.Reply(invite, 487, "Request Terminated", tag(p))
	p.Expect(peer.Request("ACK"))
}

func hangup(d *peer.Dialog, other *peer.Peer) {
	bye := d.Send("BYE")
	other.Reply(other.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
}

func forkBestReply(t *testing.T, c cast) {
	aor, phones := c.phones(3)
	alice := c.caller()
	call := alice.Call(aor)
	for i, status := range []int{503, 486, 500} {
		invite := phones[i].Expect(peer.Request("INVITE"))
		phones[i].Reply(invite, status, "No", tag(phones[i]))
		phones[i].Expect(peer.Request("ACK"))
	}
	// §16.7 (6): the lowest class wins.
	call.AckFailure(call.Expects(486))
}

func forkDeclined(t *testing.T, c cast) {
	aor, phones := c.phones(2)
	alice := c.caller()
	call := alice.Call(aor)
	var invites []*peer.Message
	for _, p := range phones {
		invite := p.Expect(peer.Request("INVITE"))
		p.Reply(invite, 180, "Ringing", tag(p))
		invites = append(invites, invite)
	}
	phones[0].Reply(invites[0], 603, "Decline", tag(phones[0]))
	cancelled(t, phones[1], invites[1], "")
	call.AckFailure(call.Expects(603))
}

func cancelByCaller(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 180, "Ringing", tag(bob))
	call.Expects(180)
	call.Cancel()
	cancelled(t, bob, invite, "")
	call.AckFailure(call.Expects(487))
}

func answerCrossesCancel(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 180, "Ringing")
	call.Expects(180)
	call.Cancel()
	cancel := bob.Expect(peer.Request("CANCEL"))
	bob.Reply(cancel, 200, "OK")
	bob.Reply(invite, 200, "OK") // it had been answered before the CANCEL came
	dialog := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	hangup(dialog, bob)
}

// lateSecondAnswer: both phones of a fork answer; the caller learns of both
// (RFC 6026, §16.7 (5)) and hangs one up.
func lateSecondAnswer(t *testing.T, c cast) {
	aor, phones := c.phones(2)
	alice := c.caller()
	call := alice.Call(aor)
	var invites []*peer.Message
	for _, p := range phones {
		invite := p.Expect(peer.Request("INVITE"))
		p.Reply(invite, 180, "Ringing", tag(p))
		invites = append(invites, invite)
	}
	phones[0].Reply(invites[0], 200, "OK", tag(phones[0]))
	first := call.Expects(200)
	one := call.Ack(first)
	phones[0].Expect(peer.Request("ACK"))
	phones[1].Reply(phones[1].Expect(peer.Request("CANCEL")), 200, "OK")
	phones[1].Reply(invites[1], 200, "OK", tag(phones[1]))
	second := call.Expects(200)
	if first.ToTag() == second.ToTag() {
		t.Fatalf("both 200 have To tag %q", first.ToTag())
	}
	two := call.Ack(second)
	phones[1].Expect(peer.Request("ACK"))
	hangup(two, phones[1])
	hangup(one, phones[0])
}

// repeatedAnswer: a 200 that the callee repeats because no ACK came reaches the
// caller again (RFC 6026).
func repeatedAnswer(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 200, "OK")
	ok := call.Expects(200)
	bob.Reply(invite, 200, "OK")
	call.Expects(200)
	dialog := call.Ack(ok)
	bob.Expect(peer.Request("ACK"))
	dialog.Send("ACK") // the caller's answer to the repeated 200
	bob.Expect(peer.Request("ACK"))
	hangup(dialog, bob)
}

// retransmissions: what the caller repeats is absorbed; what a silent callee does
// not answer is repeated by the router on UDP (§17.1.1.2), never on TCP.
func retransmissions(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	if c.v.network == "udp" {
		again := bob.Expect(peer.Request("INVITE"))
		if again.Branch() != invite.Branch() {
			t.Errorf("the router repeated its INVITE with branch %q, first %q", again.Branch(), invite.Branch())
		}
	} else {
		bob.Quiet(700*time.Millisecond, peer.Request("INVITE"))
	}
	bob.Reply(invite, 180, "Ringing")
	call.Expects(180)
	before := bob.Count(peer.Request("INVITE"))
	alice.Send(call.Invite)
	call.Expects(180) // the last provisional, from the router's memory
	if after := bob.Count(peer.Request("INVITE")); after != before {
		t.Errorf("a repeated INVITE was relayed")
	}
	bob.Reply(invite, 200, "OK")
	dialog := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	bye := dialog.Send("BYE")
	bob.Reply(bob.Expect(peer.Request("BYE")), 200, "OK")
	alice.Expect(peer.Response(200, "BYE"))
	alice.Send(bye)
	alice.Expect(peer.Response(200, "BYE"))
	bob.Quiet(200*time.Millisecond, peer.Request("BYE"))
}

// requestsBothWays: a dialog's requests cross in order, bodies whole.
func requestsBothWays(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	caller, callee := connect(t, alice, bob)
	for i := range 5 {
		info := caller.New("INFO").Add("Content-Type", "text/plain")
		info.Body = fmt.Appendf(nil, "digit %d", i)
		alice.Send(info)
		got := bob.Expect(peer.Request("INFO"))
		if string(got.Body) != string(info.Body) {
			t.Errorf("INFO %d arrived with body %q", i, got.Body)
		}
		bob.Reply(got, 200, "OK")
		alice.Expect(peer.Response(200, "INFO"))

		bob.Send(callee.New("INFO"))
		alice.Reply(alice.Expect(peer.Request("INFO")), 200, "OK")
		bob.Expect(peer.Response(200, "INFO"))
	}
	hangup(caller, bob)
}
