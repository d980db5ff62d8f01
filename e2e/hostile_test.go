package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// hasty are settings by which what nobody ends is over soon.
const hasty = `
modparam("tm", "retr_timer1", 150)
modparam("tm", "fr_timer", 3)
modparam("tm", "fr_inv_timer", 5)
modparam("dialog", "default_timeout", 10)
modparam("dialog", "early_timeout", 10)
modparam("dialog", "noack_timeout", 10)
`

// hostile are peers that break the rules, behind the router and before it.
var hostile = []struct {
	name string
	play func(*testing.T, cast)
}{
	{"200 without To-tag", answerWithoutTag},
	{"answers after CANCEL", answersAfterCancel},
	{"forked 200s from one phone", forkedAnswers},
	{"contradicting answers", contradictingAnswers},
	{"answers that belong to nothing", forgedAnswers},
	{"BYE before ACK", byeBeforeAck},
	{"BYE of an early dialog", byeOfEarlyDialog},
	{"CSeq jumps", cseqJumps},
	{"nobody acknowledges", nobodyAcknowledges},
	{"both vanish after the answer", bothVanish},
	{"huge header counts", hugeHeaderCounts},
	{"rubbish", rubbish},
}

// TestHostile: whatever they do, the router goes on, and of them nothing is left after its
// time: no transaction, no dialog, no connection.
func TestHostile(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: defaultScript(t, hasty)})
	slow := slowConnections(t, s)
	for _, scene := range hostile {
		t.Run(scene.name, func(t *testing.T) {
			c := cast{t, s.For(t), variants[0]}
			scene.play(t, c)
			stillServes(t, c)
		})
	}
	t.Run("Content-Length lies on TCP", func(t *testing.T) { lengthLies(t, s.For(t)) })
	t.Run("10,000 calls that nobody answers", func(t *testing.T) { callsNobodyAnswers(t, cast{t, s.For(t), variants[0]}) })
	slow()
	nothingAtAll(t, s)
}

// nothingAtAll waits until transactions, dialogs and connections are gone.
func nothingAtAll(t *testing.T, s *stand.Stand) {
	t.Helper()
	s.NothingLeftNow()
	wait.For(t, 20*time.Second, "no dialog and no connection is left", func() error {
		stats := s.Statistics()
		for _, name := range []string{"dialog:active_dialogs", "dialog:early_dialogs", "core:connections", "core:waiters"} {
			if n, ok := stats[name]; !ok || n != 0 {
				return fmt.Errorf("%s = %d (%t); the dialogs are %s", name, n, ok, s.Ctl("", "dlg", "list", "-o", "json"))
			}
		}
		return nil
	})
}

// stillServes makes an ordinary call.
func stillServes(t *testing.T, c cast) {
	t.Helper()
	bob := c.callee()
	caller, _ := connect(t, c.caller(), bob)
	hangup(caller, bob)
}

// answerWithoutTag: a 200 needs a To-tag (RFC 3261 §8.2.6.2); without one the caller can
// make no dialog of it, but the router must not be harmed, and the call can end.
func answerWithoutTag(t *testing.T, c cast) {
	bob := c.callee()
	call := c.caller().Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	for range 3 {
		bob.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("To", invite.Get("To")) })
	}
	ok := call.Expects(200)
	if ok.ToTag() != "" {
		t.Errorf("the router made a tag: %q", ok.Get("To"))
	}
	call.Ack(ok)
}

// answersAfterCancel: 180, 200 and 486 after the CANCEL and after its 487.
func answersAfterCancel(t *testing.T, c cast) {
	call, phones, invites := c.rings(1)
	call.Cancel()
	bob := phones[0]
	cancel := bob.Expect(peer.Request("CANCEL"))
	bob.Reply(invites[0], 180, "Ringing", tag(bob))
	bob.Reply(cancel, 200, "OK")
	bob.Reply(invites[0], 487, "Request Terminated", tag(bob))
	bob.Expect(peer.Request("ACK"))
	final := call.Expects(487)
	call.AckFailure(final)
	bob.Reply(invites[0], 180, "Ringing", tag(bob))
	bob.Reply(invites[0], 486, "Busy Here", tag(bob))
	call.Quiet(200*time.Millisecond, peer.Response(486, "INVITE"))
	bob.Reply(cancel, 481, "Gone")
	bob.Reply(invites[0], 200, "OK", tag(bob)) // goes up or not: nobody is charged for it
}

// forkedAnswers: a phone that forks by itself answers five times with five tags; each
// reaches the caller, who hangs each up (§13.2.2.4).
func forkedAnswers(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	seen := map[string]bool{}
	for i := range 5 {
		bob.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("To", fmt.Sprintf("%s;tag=fork-%d", invite.Get("To"), i)) })
		ok := call.Expects(200)
		seen[ok.ToTag()] = true
		d := call.Ack(ok)
		bob.Expect(peer.Request("ACK"))
		hangup(d, bob)
		alice.Expect(peer.Response(200, "BYE"))
	}
	if len(seen) != 5 {
		t.Errorf("of five answers the caller saw %v", seen)
	}
}

// contradictingAnswers: a refusal after the 200, a 200 after the refusal, everything at once.
func contradictingAnswers(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 200, "OK")
	for _, status := range []int{486, 603, 302, 180, 100} {
		bob.Reply(invite, status, "Changed My Mind")
	}
	d := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	alice.Quiet(200*time.Millisecond, peer.Match{Name: "a refusal", OK: func(m *peer.Message) bool { return m.Status() >= 300 }})
	hangup(d, bob)

	call = alice.Call(bob.AoR())
	invite = bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 486, "Busy Here")
	final := call.Expects(486)
	call.AckFailure(final)
	for _, status := range []int{500, 486, 180} {
		bob.Reply(invite, status, "Again")
	}
	alice.Quiet(200*time.Millisecond, peer.Final("INVITE"))
}

// forgedAnswers: responses with a branch of nobody, another method, another call, or no
// further Via, reach nobody.
func forgedAnswers(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	for _, forge := range []func(*peer.Message){
		func(m *peer.Message) { m.Set("CSeq", "77 MESSAGE") },
		func(m *peer.Message) {
			m.Set("Via", strings.Replace(m.Get("Via"), "branch=", "branch=z9hG4bKforged", 1))
		},
		func(m *peer.Message) { m.Fields = m.Fields[1:] }, // our own Via is gone
		func(m *peer.Message) { m.Set("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1") },
		func(m *peer.Message) { m.Start = "SIP/2.0 999 Odd" },
		func(m *peer.Message) { m.Del("Via") },
	} {
		bob.Reply(invite, 200, "OK", forge)
	}
	alice.Quiet(200*time.Millisecond, peer.Final("INVITE"))
	bob.Reply(invite, 486, "Busy Here")
	call.AckFailure(call.Expects(486))
}

// byeBeforeAck: the caller hangs up what he has not acknowledged.
func byeBeforeAck(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 200, "OK")
	d := alice.DialogOf(call.Invite, call.Expects(200))
	bye := d.Send("BYE")
	bob.Reply(bob.Expect(peer.Request("BYE")), 200, "OK")
	alice.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
	alice.Send(d.New("ACK").Set("CSeq", call.Invite.Get("CSeq")[:1]+" ACK"))
	alice.Send(d.New("BYE")) // a second one, for a dialog that is over
	alice.Expect(peer.Response(481, "BYE"))
	if n := alice.Count(peer.Final("ACK")); n != 0 {
		t.Error("an ACK was answered")
	}
}

// byeOfEarlyDialog: a BYE for a call that only rings is the callee's to answer.
func byeOfEarlyDialog(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 180, "Ringing")
	early := alice.DialogOf(call.Invite, call.Expects(180))
	early.Send("BYE")
	bob.Reply(bob.Expect(peer.Request("BYE")), 200, "OK")
	alice.Expect(peer.Response(200, "BYE"))
	bob.Reply(invite, 487, "Request Terminated")
	call.AckFailure(call.Expects(487))
}

// cseqJumps: requests whose CSeq leaps and falls pass: order is the phones' business.
func cseqJumps(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	d, _ := connect(t, alice, bob)
	for _, n := range []int{2147483000, 3, 900, 4, 5} {
		info := d.New("INFO").Set("CSeq", fmt.Sprintf("%d INFO", n))
		alice.Send(info)
		got := bob.Expect(peer.Request("INFO"))
		if got.Get("CSeq") != info.Get("CSeq") {
			t.Errorf("CSeq %q became %q", info.Get("CSeq"), got.Get("CSeq"))
		}
		bob.Reply(got, 500, "Out of Order")
		alice.Expect(peer.Response(500, "INFO"))
	}
	alice.Send(d.New("INFO").Set("CSeq", "4294967295 INFO")) // beyond 2^31 (RFC 3261 §8.1.1.5)
	alice.Expect(peer.Response(400, "INFO"))
	hangup(d, bob)
}

// nobodyAcknowledges: a refusal that the caller never acknowledges, and a 200 too.
func nobodyAcknowledges(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.Expects(486)
	call.Expects(486) // repeated, as nobody acknowledges (§17.2.1)
	call = alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 200, "OK")
	call.Expects(200)
}

// bothVanish: a call that is up and of which nobody is heard again ends by its timer.
func bothVanish(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	connect(t, alice, bob)
	alice.Close()
	bob.Close()
}

// hugeHeaderCounts: 100 headers pass; thousands are refused or dropped, by datagram and stream.
func hugeHeaderCounts(t *testing.T, c cast) {
	bob := c.callee()
	alice := c.caller()
	many := func(n int) *peer.Message {
		m := alice.NewRequest("OPTIONS", bob.AoR())
		for i := range n {
			m.Add("X", fmt.Sprint(i))
		}
		return m
	}
	alice.Send(many(100))
	got := bob.Expect(peer.Request("OPTIONS"))
	if n := len(got.All("X")); n != 100 {
		t.Errorf("%d of 100 headers came through", n)
	}
	bob.Reply(got, 200, "OK")
	alice.Expect(peer.Response(200, "OPTIONS"))
	for _, n := range []int{200, 2000, 6000} {
		m := alice.Send(many(n))
		final := alice.Expect(peer.Final("OPTIONS").Of(m.CallID()))
		if s := final.Status(); s != 400 && s != 513 {
			t.Errorf("%d headers were answered %q", n, final.Start)
		}
	}
	bob.Quiet(200*time.Millisecond, peer.Request("OPTIONS"))
}

// rubbish is what port scanners send.
func rubbish(t *testing.T, c cast) {
	alice := c.caller()
	for _, text := range []string{
		"", "\r\n\r\n", "\x00", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0\r\n\r\n", "INVITE", "INVITE sip:a SIP/2.0\r\n\r\n",
		strings.Repeat("A", 60000), strings.Repeat("\r\n", 30000), strings.Repeat("V: SIP/2.0/UDP a\r\n", 3000),
		"\x00\x01\x00\x08\x21\x12\xa4\x42short", "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP " + alice.Address() + ";branch=" + strings.Repeat(";", 50000) + "\r\n\r\n",
	} {
		alice.SendRaw([]byte(text))
	}
}

// lengthLies: a Content-Length that is too small makes rubbish of the rest, one that is too
// large waits for it; the connection is closed, whatever is done, and others are not harmed.
func lengthLies(t *testing.T, s *stand.Stand) {
	request := func(length string) string {
		return "OPTIONS sip:" + stand.Domain + " SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK" + peer.Token() + "\r\nMax-Forwards: 70\r\n" +
			"From: <sip:eve@example.net>;tag=1\r\nTo: <sip:" + stand.Domain + ">\r\nCall-ID: " + peer.Token() + "\r\nCSeq: 1 OPTIONS\r\n" + length + "\r\nbody and more of it"
	}
	var all sync.WaitGroup
	for _, c := range []struct{ name, text, answer string }{
		{"too small", request("Content-Length: 4\r\n"), "SIP/2.0 200"},
		{"zero", request("Content-Length: 0\r\n"), "SIP/2.0 200"},
		{"too large", request("Content-Length: 4000\r\n"), ""},
		{"beyond all bounds", request("Content-Length: 99999999999999999999\r\n"), "SIP/2.0 400"},
		{"larger than a message may be", request("Content-Length: 2000000\r\n"), "SIP/2.0 513"},
		{"negative", request("Content-Length: -5\r\n"), "SIP/2.0 400"},
		{"not a number", request("Content-Length: four\r\n"), "SIP/2.0 400"},
		{"two of them", request("Content-Length: 4\r\nl: 19\r\n"), "SIP/2.0 400"},
		{"none", request(""), "SIP/2.0 400"},
		{"headers without end", strings.Repeat("X: y\r\n", 20000), ""},
	} {
		all.Add(1)
		go func() {
			defer all.Done()
			got, closed := untilClosed(s.Address(), []byte(c.text), 0)
			if !closed || !bytes.HasPrefix(got, []byte(c.answer)) {
				t.Errorf("%s: closed is %t, the answer %.60q, want %q", c.name, closed, got, c.answer)
			}
		}()
	}
	all.Wait()
}

// untilClosed sends text, all at once or a byte after each pause, and reads until the router
// closes the connection, 25 s at most.
func untilClosed(address string, text []byte, pause time.Duration) (got []byte, closed bool) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(25 * time.Second))
	go func() {
		if pause == 0 {
			_, _ = conn.Write(text) // may be refused in the middle
			return
		}
		beat := time.NewTicker(pause)
		defer beat.Stop()
		for i := range text {
			if _, err := conn.Write(text[i : i+1]); err != nil {
				return
			}
			<-beat.C
		}
	}()
	got, err = io.ReadAll(conn)
	var e net.Error
	return got, !errors.As(err, &e) || !e.Timeout()
}

// slowConnections opens a few that send a byte each second; the function it returns waits
// until the router has closed them all.
func slowConnections(t *testing.T, s *stand.Stand) (wait func()) {
	var all sync.WaitGroup
	for range 5 {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, closed := untilClosed(s.Address(), []byte("OPTIONS sip:"+stand.Domain+" SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n"), time.Second); !closed {
				t.Error("a connection that sends a byte each second stays open")
			}
		}()
	}
	return all.Wait
}

// callsNobodyAnswers: thousands of calls to a phone that says nothing end by their timer, and
// give back what they took.
func callsNobodyAnswers(t *testing.T, c cast) {
	bob := c.callee()
	quiet := bob.LocalPort()
	bob.Close()
	sink, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	alice := c.caller()
	before := c.s.Statistics()
	for i := range 10000 {
		m := alice.NewRequest("INVITE", bob.AoR()).Add("Contact", "<"+alice.ContactURI()+">")
		alice.Send(m)
		if i%100 == 99 { // as fast as the router reads
			wait.For(t, 10*time.Second, "the router reads", func() error {
				if n := c.s.Statistics()["core:rcv_requests"] - before["core:rcv_requests"]; n < int64(i-400) {
					return fmt.Errorf("%d of %d requests", n, i+1)
				}
				return nil
			})
		}
	}
	var most map[string]int64
	wait.For(t, 10*time.Second, "the calls get as far as the phone", func() error {
		most = c.s.Statistics()
		if n := most["tm:total"] - before["tm:total"]; n < 9900 {
			return fmt.Errorf("%d transactions", n)
		}
		return nil
	})
	stillServes(t, c)
	if grown := most["core:heap_bytes"] - before["core:heap_bytes"]; grown > 200<<20 {
		t.Errorf("10,000 calls take %d MB", grown>>20)
	}
	if g := most["core:goroutines"] - before["core:goroutines"]; g > 50 {
		t.Errorf("%d goroutines more than before: one each call?", g)
	}
}
