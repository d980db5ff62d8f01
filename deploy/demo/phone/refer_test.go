package phone

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// referring brings a phone into a call and asks it to call bob.
func referring(t *testing.T, change func(*Config)) (*Phone, *peer, leg) {
	t.Helper()
	p, r := newPair(t, change)
	r.invite("click", heldOffer)
	l, _ := r.established()
	r.request("REFER", l, "Refer-To: <sip:bob@example.org;method=INVITE>\r\nReferred-By: <sip:alice@example.org>\r\n", "")
	r.expect("SIP/2.0 202")
	r.notified("active", "SIP/2.0 100 Trying")
	return p, r, l
}

// notified expects a NOTIFY, checks and answers it.
func (r *peer) notified(state, body string) message {
	r.t.Helper()
	m := r.expect("NOTIFY sip:ua-1@127.0.0.1")
	if !strings.HasPrefix(m.get("Subscription-State"), state) || strings.TrimSpace(m.body) != body {
		r.t.Fatalf("NOTIFY %q %q, want %q %q", m.get("Subscription-State"), m.body, state, body)
	}
	if m.get("Event") != "refer" || !strings.HasPrefix(m.get("Content-Type"), "message/sipfrag") {
		r.t.Errorf("NOTIFY with Event %q, Content-Type %q", m.get("Event"), m.get("Content-Type"))
	}
	r.reply(m, "200 OK", "", "", "")
	return m
}

// callee expects the phone's INVITE for bob, and lets it authenticate.
func (r *peer) callee() message {
	r.t.Helper()
	first := r.expect("INVITE sip:bob@example.org SIP/2.0")
	r.reply(first, "407 Proxy Authentication Required", "p", challengeWith("Proxy-Authenticate", "n7", ""), "")
	r.expect("ACK sip:bob@example.org")
	second := r.expect("INVITE sip:bob@example.org SIP/2.0")
	checkDigest(r.t, second.get("Proxy-Authorization"), "INVITE", "sesame", "n7")
	if second.get("Call-ID") != first.get("Call-ID") || second.get("CSeq") != "2 INVITE" {
		r.t.Errorf("repeated INVITE has Call-ID %q, CSeq %q", second.get("Call-ID"), second.get("CSeq"))
	}
	if second.get("Referred-By") != "<sip:alice@example.org>" {
		r.t.Errorf("Referred-By %q", second.get("Referred-By"))
	}
	return second
}

// picksUp answers an INVITE as bob would.
func (r *peer) picksUp(invite message, tag string) {
	r.t.Helper()
	r.reply(invite, "200 OK", tag, fmt.Sprintf("Contact: <sip:bob-%s@127.0.0.1:%d>\r\nContent-Type: application/sdp\r\n"+
		"Record-Route: <sip:192.0.2.1;lr>\r\nRecord-Route: <sip:127.0.0.1:%d;lr>\r\n", tag, r.port(), r.port()), heldOffer)
}

func TestReferConnects(t *testing.T) {
	p, r, l := referring(t, func(c *Config) { c.TalkFor = 50 * time.Millisecond })
	invite := r.callee()
	r.reply(invite, "180 Ringing", "bob", "", "")
	r.notified("active", "SIP/2.0 180 Ringing")
	r.picksUp(invite, "bob")
	ack := r.expect("ACK sip:bob-bob@127.0.0.1")
	if ack.get("CSeq") != "2 ACK" || strings.Join(ack.values("Route"), " ") !=
		fmt.Sprintf("<sip:127.0.0.1:%d;lr> <sip:192.0.2.1;lr>", r.port()) {
		t.Errorf("ACK:\n%s", text(ack))
	}
	final := r.notified("terminated", "SIP/2.0 200 OK")
	if final.get("CSeq") != "3 NOTIFY" {
		t.Errorf("third NOTIFY has CSeq %q", final.get("CSeq"))
	}
	r.request("BYE", l, "", "")
	r.expect("SIP/2.0 200")
	bye := r.expect("BYE sip:bob-bob@127.0.0.1") // TalkFor is over
	r.reply(bye, "200 OK", "", "", "")
	eventually(t, "no call left", idle(p))
}

// TestReferAfterBye: a controller that leaves early is still told the outcome.
func TestReferAfterBye(t *testing.T) {
	_, r, l := referring(t, nil)
	r.request("BYE", l, "", "")
	r.expect("SIP/2.0 200")
	invite := r.callee()
	r.reply(invite, "486 Busy Here", "bob", "", "")
	r.notified("terminated", "SIP/2.0 486 Busy Here")
}

func TestReferFails(t *testing.T) {
	for _, status := range []string{"486 Busy Here", "603 Decline", "480 Temporarily Unavailable", "407 Proxy Authentication Required"} {
		t.Run(status, func(t *testing.T) {
			_, r, _ := referring(t, nil)
			lines := ""
			if strings.HasPrefix(status, "407") {
				lines = challengeWith("Proxy-Authenticate", "n8", "")
			}
			r.reply(r.callee(), status, "bob", lines, "")
			r.expect("ACK")
			r.notified("terminated", "SIP/2.0 "+status)
		})
	}
}

func TestReferGivesUp(t *testing.T) {
	_, r, _ := referring(t, func(c *Config) { c.GiveUp = 50 * time.Millisecond })
	invite := r.callee()
	r.reply(invite, "180 Ringing", "bob", "", "")
	r.notified("active", "SIP/2.0 180 Ringing")
	cancel := r.expect("CANCEL sip:bob@example.org")
	if cancel.get("Via") != invite.get("Via") || cancel.get("CSeq") != "2 CANCEL" {
		t.Errorf("CANCEL:\n%s\nof\n%s", text(cancel), text(invite))
	}
	r.reply(cancel, "200 OK", "bob", "", "")
	r.reply(invite, "487 Request Terminated", "bob", "", "")
	r.notified("terminated", "SIP/2.0 487 Request Terminated")
}

// TestAnswerCrossesCancel: bob picks up while the CANCEL is under way; the call is ended by BYE.
func TestAnswerCrossesCancel(t *testing.T) {
	p, r, _ := referring(t, func(c *Config) { c.GiveUp = 50 * time.Millisecond })
	invite := r.callee()
	r.reply(invite, "180 Ringing", "bob", "", "")
	r.notified("active", "SIP/2.0 180 Ringing")
	cancel := r.expect("CANCEL")
	r.picksUp(invite, "bob")
	r.reply(cancel, "200 OK", "bob", "", "")
	r.expect("ACK sip:bob-bob@127.0.0.1")
	r.reply(r.expect("BYE sip:bob-bob@127.0.0.1"), "200 OK", "", "", "")
	r.notified("terminated", "SIP/2.0 487 Request Terminated")
	eventually(t, "only the controller's call left", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.calls) == 1
	})
}

// TestSecondAnswer: a 200 of another branch is acknowledged and hung up; the first one repeated
// gets its ACK again.
func TestSecondAnswer(t *testing.T) {
	_, r, _ := referring(t, nil)
	invite := r.callee()
	r.picksUp(invite, "bob")
	r.expect("ACK sip:bob-bob@127.0.0.1")
	r.notified("terminated", "SIP/2.0 200 OK")
	r.picksUp(invite, "bob2")
	r.expect("ACK sip:bob-bob2@127.0.0.1")
	r.reply(r.expect("BYE sip:bob-bob2@127.0.0.1"), "200 OK", "", "", "")
	r.picksUp(invite, "bob")
	clear(r.seen)
	r.expect("ACK sip:bob-bob@127.0.0.1")
}

func TestReferRefused(t *testing.T) {
	_, r := newPair(t, nil)
	r.invite("click", heldOffer)
	l, _ := r.established()
	r.expect("SIP/2.0 180")
	for _, c := range []struct{ lines, want string }{
		{"", "400"},
		{"Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n", "400"},
		{"Refer-To: <tel:+123>\r\n", "603"},
		{"r: sip:bob@example.org\r\nRefer-To: <sip:c@d>\r\n", "400"},
		{"r: <tel:+123>\r\n", "603"},
		{"Refer-To: <sip:bob@example.org?Replaces=x>\r\n", "603"},
		{"Refer-To: <sip:bob@example.org>\r\nRequire: norefersub\r\n", "420"},
	} {
		r.request("REFER", l, c.lines, "")
		if m := r.expect("SIP/2.0 "); !strings.HasPrefix(m.start, "SIP/2.0 "+c.want) {
			t.Errorf("REFER with %q: %q, want %s", c.lines, m.start, c.want)
		}
	}

	r.request("REFER", l, "Refer-To: <sip:bob@example.org>\r\n", "")
	r.expect("SIP/2.0 202")
	r.notified("active", "SIP/2.0 100 Trying")
	r.request("REFER", l, "Refer-To: <sip:carol@example.org>\r\n", "")
	r.expect("SIP/2.0 491")
	stale := r.seq
	r.seq = 1 // older than everything before
	r.request("BYE", l, "", "")
	r.expect("SIP/2.0 500")
	r.seq = stale
}

func TestSwitchedOffWhileCalling(t *testing.T) {
	p, r, _ := referring(t, nil)
	invite := r.callee()
	r.reply(invite, "180 Ringing", "bob", "", "")
	r.notified("active", "SIP/2.0 180 Ringing")
	done, closed := make(chan error, 1), make(chan struct{})
	go func() { done <- p.Close() }()
	// In any order: it hangs up the controller, cancels bob, and tells the outcome.
	r.patience(5 * time.Second)
	go func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(closed)
		r.patience(0)
	}()
	got := map[string]bool{}
	for {
		m, ok := r.next()
		if !ok {
			break
		}
		got[m.method()] = true
		if m.method() != "ACK" {
			r.reply(m, "200 OK", "bob", "", "")
		}
		if m.method() == "CANCEL" {
			r.reply(invite, "487 Request Terminated", "bob", "", "")
		}
	}
	<-closed
	for _, method := range []string{"BYE", "CANCEL", "NOTIFY"} {
		if !got[method] {
			t.Errorf("no %s", method)
		}
	}
}
