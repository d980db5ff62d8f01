package relay

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestMergedRequests: one request that reaches us on two ways is two for a proxy: who
// merges them is the callee, who answers one of them 482 (RFC 3261 §8.2.2.2), which does
// not spoil the other.
func TestMergedRequests(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	send := func(branch string) {
		alice.request("INVITE", "sip:bob@example.org", "merged", 1, branch, "")
	}
	send("way-1")
	first := bob.expect("INVITE")
	send("way-2")
	second := bob.expect("INVITE")
	if branchOf(t, first) == branchOf(t, second) {
		t.Error("both ways have one branch")
	}
	bob.answer(second, 482, "x")
	bob.expect("ACK")
	if up := alice.expect("SIP/2.0 482"); branchOf(t, up) != "z9hG4bKway-2" {
		t.Errorf("482 went to\n%s", up.Buf)
	}
	bob.answer(first, 200, "x")
	if up := alice.expect("SIP/2.0 200"); branchOf(t, up) != "z9hG4bKway-1" {
		t.Errorf("200 went to\n%s", up.Buf)
	}
	alice.request("ACK", "sip:bob@example.org", "merged", 1, "way-2", "x")
	b.empty()
}

// TestSpiral: a request that comes back with another Request-URI is no loop, and passes.
func TestSpiral(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.request = func(r *Request) {
		switch next := map[string]string{"alias@example.org": "forward@example.org", "forward@example.org": "bob@example.org"}[strings.TrimPrefix(string(r.Main.URI), "sip:")]; next {
		case "":
			_ = r.SetURI([]byte(phones[0].uri()))
		default:
			_ = r.SetURI([]byte("sip:" + next))
			r.Main.Next = fmt.Appendf(nil, "sip:%v", b.addr)
		}
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 482})
		}
	}
	b.start()
	alice.request("MESSAGE", "sip:alias@example.org", "spiral", 1, "spiral", "")
	m := phones[0].expect("MESSAGE " + phones[0].uri())
	vias := 0
	for v := m.Values(sip.HdrVia); v.Next() != nil; {
		vias++
	}
	if vias != 4 {
		t.Errorf("%d Vias at the end of a way over three visits", vias)
	}
	phones[0].answer(m, 200, "x")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestRepeatedCancel: each CANCEL is answered, the callee gets one.
func TestRepeatedCancel(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("again")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	for range 3 {
		alice.cancel("again")
		if m := alice.expect("SIP/2.0 200"); !strings.HasSuffix(value(m, sip.HdrCSeq), "CANCEL") {
			t.Errorf("%s", m.Buf)
		}
	}
	cancel := phones[0].expect("CANCEL")
	phones[0].answer(cancel, 200, "bt")
	phones[0].nothing("CANCEL", 40*time.Millisecond)
	phones[0].answer(inv, 487, "bt")
	alice.expect("SIP/2.0 487")
	alice.cancel("again") // after the end it is answered too, and changes nothing
	alice.expect("SIP/2.0 200")
	alice.ack("again")
	b.empty()
}

// TestCancelOfAnotherMethod is answered, and does nothing (RFC 3261 §9.1): only an INVITE
// can be cancelled.
func TestCancelOfAnotherMethod(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.request("MESSAGE", "sip:bob@example.org", "m", 1, "m", "")
	m := phones[0].expect("MESSAGE")
	alice.request("CANCEL", "sip:bob@example.org", "m", 1, "m", "")
	alice.expect("SIP/2.0 481")
	phones[0].nothing("CANCEL", 30*time.Millisecond)
	phones[0].answer(m, 200, "x")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestEveryReasonOfCancel: a Reason for each protocol goes with our CANCEL (RFC 3326 §2).
func TestEveryReasonOfCancel(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("why")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.request("CANCEL", "sip:bob@example.org", "why", 1, "inv-why", "", `Reason: Q.850;cause=16;text="Terminated"`, `Reason: SIP;cause=600`)
	cancel := phones[0].expect("CANCEL")
	h := cancel.Header(sip.HdrReason)
	if h == nil || cancel.Next(h) == nil || string(cancel.Value(h)) != `Q.850;cause=16;text="Terminated"` || string(cancel.Value(cancel.Next(h))) != "SIP;cause=600" {
		t.Errorf("CANCEL\n%s", cancel.Buf)
	}
	phones[0].answer(cancel, 200, "bt")
	phones[0].answer(inv, 487, "bt")
	alice.expect("SIP/2.0 487")
	alice.ack("why")
	b.empty()
}

// TestAcks: an ACK of each kind. That of a 2xx is a request of its own, which passes (RFC
// 3261 §13.2.2.4); that of a refusal ends here, ours goes to the callee (§17.1.1.3); that
// of nothing is nobody's, and is not answered.
func TestAcks(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	bob := phones[0]
	relay := b.hooks.request
	b.hooks.request = func(r *Request) {
		if r.Msg.Method == sip.ACK && !r.LooseRoute() {
			return
		}
		relay(r)
	}
	b.start()
	good := dialog(alice, bob, "acked") // INVITE, 200, and the route of its ACK
	alice.request("ACK", bob.uri(), "acked", 1, "ack-acked", "bt", "Route: "+good)
	bob.expect("ACK " + bob.uri())
	alice.invite("refused")
	bob.answer(bob.expect("INVITE"), 486, "bt")
	ack := bob.expect("ACK")
	if cs := value(ack, sip.HdrCSeq); cs != "1 ACK" || value(ack, sip.HdrCallID) != "refused" {
		t.Errorf("our ACK is\n%s", ack.Buf)
	}
	alice.expect("SIP/2.0 486")
	alice.ack("refused")
	alice.request("ACK", "sip:bob@example.org", "stray", 1, "stray", "nobody")
	alice.nothing("SIP/2.0", 30*time.Millisecond)
	bob.nothing("ACK", 0)
	b.empty()
}

// TestHostileAnswers: what a callee may send that no callee should; the caller gets what
// can be made of it, and nothing is left.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	alice.invite("untagged")
	inv := bob.expect("INVITE")
	raw := strings.ReplaceAll(string(inv.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("cut")})), ";tag=cut", "")
	_, _ = bob.conn.WriteToUDPAddrPort([]byte(raw), b.addr)
	alice.expect("SIP/2.0 200") // the caller can make nothing of it; we made nothing of it either
	for i := range 30 {         // as many forks as somebody likes
		bob.answer(inv, 200, fmt.Sprint("fork-", i))
		alice.expect("SIP/2.0 200")
	}
	for _, status := range []int{100, 180, 199, 300, 487, 699} {
		bob.answer(inv, status, "late")
	}
	alice.nothing("SIP/2.0", 40*time.Millisecond)
	for _, text := range []string{"SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 000 x\r\n" + "Via: SIP/2.0/UDP x\r\n\r\n", "SIP/2.0 200\r\n"} {
		_, _ = bob.conn.WriteToUDPAddrPort([]byte(text), b.addr)
	}
	alice.request("BYE", "sip:bob@example.org", "untagged", 9, "bye-before-ack", "fork-1") // not our dialog: no Route
	alice.expect("SIP/2.0 404")
	b.empty()
}

// TestReplyAfterTheConnection: a reply whose connection has closed goes on a new one, to
// the port that the Via of its request names (RFC 3261 §18.2.2).
func TestReplyAfterTheConnection(t *testing.T) {
	t.Parallel()
	b, _, phones := setup(t, 1, fast)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	caller := b.dial()
	caller.write(strings.Join([]string{"MESSAGE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bKgone", ln.Addr()),
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: gone", "CSeq: 1 MESSAGE", "Content-Length: 0"}, "\r\n") + "\r\n\r\n")
	m := phones[0].expect("MESSAGE")
	_ = caller.conn.Close()
	eventually(t, "the connection stays", func() bool { return b.layer.Stats().Conns == 0 })
	phones[0].answer(m, 200, "bt")
	_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(5 * time.Second))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal("nobody connected: ", err)
	}
	if ok := newStream(t, c).expect("SIP/2.0 200"); value(ok, sip.HdrCallID) != "gone" {
		t.Errorf("%s", ok.Buf)
	}
	b.empty()
}

// TestOverlong: what is longer than we take is answered 513 where it can be read so far.
func TestOverlong(t *testing.T) {
	b, _, _ := prepare(t, 0, fast)
	b.hooks.request = func(r *Request) { t.Error("the script ran") }
	b.start()
	caller := b.dial()
	caller.write(strings.Join([]string{"MESSAGE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bKlong", caller.conn.LocalAddr()),
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: long", "CSeq: 1 MESSAGE", "Content-Length: 10000000"}, "\r\n") + "\r\n\r\n")
	caller.expect("SIP/2.0 513")
	b.empty()
}

// TestTimersOfOneCall: t_set_fr's, for silence and for ringing, against general ones that
// are far longer.
func TestTimersOfOneCall(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, func(c *Config) { c.Txn.FrTimer, c.TimerC = time.Hour, time.Hour })
	b.hooks.request = func(r *Request) {
		r.SetTimers(100*time.Millisecond, 60*time.Millisecond)
		_ = r.SetURI([]byte(phones[0].uri()))
		_ = r.Relay()
	}
	b.start()
	alice.invite("silent")
	phones[0].expect("INVITE")
	alice.expectWithin(10*time.Second, "SIP/2.0 408")
	alice.ack("silent")
	alice.invite("rings")
	inv := phones[0].expect("INVITE")
	for value(inv, sip.HdrCallID) != "rings" {
		inv = phones[0].expect("INVITE")
	}
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	phones[0].answer(phones[0].expectWithin(10*time.Second, "CANCEL"), 200, "bt")
	phones[0].answer(inv, 487, "bt")
	alice.expect("SIP/2.0 408")
	alice.ack("rings")
}

// TestTimedOut: a failure route can tell silence from a 408 of the callee's.
func TestTimedOut(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"silent": true, "408 of the callee": false} {
		t.Run(name, func(t *testing.T) {
			told := make(chan bool, 1)
			b, alice, phones := withFailure(t, func(_ []*phone, r *Request) { told <- r.TimedOut() })
			alice.invite("who")
			inv := phones[0].expect("INVITE")
			if !silent {
				phones[0].answer(inv, 408, "x")
			}
			alice.expectWithin(5*time.Second, "SIP/2.0 408")
			if got := <-told; got != silent {
				t.Errorf("TimedOut is %v", got)
			}
			alice.ack("who")
			b.empty()
		})
	}
}
