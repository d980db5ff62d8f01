package phone

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAnswer(t *testing.T) {
	p, r := newPair(t, func(c *Config) { c.RingFor = 20 * time.Millisecond })
	invite := r.invite("answer", heldOffer)
	ringing := r.expect("SIP/2.0 180")
	l, ok := r.established()
	if ringing.get("To") != ok.get("To") || !strings.Contains(ok.get("To"), ";tag=") {
		t.Errorf("To is %q in the 180 and %q in the 200", ringing.get("To"), ok.get("To"))
	}
	if got, want := strings.Join(ok.values("Record-Route"), ", "), invite.get("Record-Route"); got != want {
		t.Errorf("Record-Route %q, want %q", got, want)
	}
	for _, want := range []string{fmt.Sprintf("m=audio %d RTP/AVP 0\r\n", p.mediaPort()), "a=inactive\r\n", "c=IN IP4 127.0.0.1\r\n"} {
		if !strings.Contains(ok.body, want) {
			t.Errorf("answer lacks %q:\n%s", want, ok.body)
		}
	}

	// A re-INVITE takes the call off hold; the description gets its next version.
	r.request("INVITE", l, "Content-Type: application/sdp\r\n", strings.Replace(heldOffer, "0.0.0.0", "127.0.0.1", 1))
	_, again := r.established()
	if !strings.Contains(again.body, "a=recvonly\r\n") || origin(again.body) == origin(ok.body) {
		t.Errorf("answer to the re-INVITE:\n%safter:\n%s", again.body, ok.body)
	}

	bye := r.request("BYE", l, "", "")
	r.expect("SIP/2.0 200")
	eventually(t, "no call left", idle(p))
	r.send(text(bye)) // repeated: the transaction answers
	r.expect("SIP/2.0 200")
	r.request("BYE", l, "", "")
	r.expect("SIP/2.0 481")
}

// text writes a message again as it was.
func text(m message) string {
	var b strings.Builder
	b.WriteString(m.start + "\r\n")
	for _, h := range m.headers {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	return b.String() + "\r\n" + m.body
}

func origin(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "\no=")
	line, _, _ := strings.Cut(rest, "\r\n")
	return line
}

func TestAnswerWithoutOffer(t *testing.T) {
	_, r := newPair(t, nil)
	r.invite("late", "")
	_, ok := r.established()
	if !strings.Contains(ok.body, "RTP/AVP 0 8\r\n") {
		t.Errorf("no offer of our own:\n%s", ok.body)
	}
}

func TestAnswerIsRepeatedUntilAck(t *testing.T) {
	_, r := newPair(t, nil)
	r.invite("noack", heldOffer)
	first := r.expect("SIP/2.0 200")
	second := r.expect("SIP/2.0 200") // after T1, half a second
	if text(first) != text(second) {
		t.Errorf("repeated as\n%s\nafter\n%s", text(second), text(first))
	}
}

func TestCancelWhileRinging(t *testing.T) {
	p, r := newPair(t, func(c *Config) { c.RingFor = time.Minute })
	invite := r.invite("cancel", heldOffer)
	ringing := r.expect("SIP/2.0 180")
	r.send("CANCEL " + strings.TrimPrefix(text(invite), "INVITE "))
	// sipgo answers the CANCEL; what it answers the INVITE must bear the same tag as the 180.
	r.expect("SIP/2.0 200")
	ended := r.expectNot("SIP/2.0 487", "SIP/2.0 200")
	if ended.get("To") != ringing.get("To") {
		t.Errorf("487 has To %q, the 180 had %q", ended.get("To"), ringing.get("To"))
	}
	eventually(t, "no call left", idle(p))
}

func TestRefusals(t *testing.T) {
	video := strings.Replace(heldOffer, "m=audio", "m=video", 1)
	l := leg{callID: "none", own: "<sip:x@example.org>;tag=1", phone: "<sip:alice@example.org>", target: "sip:alice@h"}
	inside := l
	inside.phone += ";tag=unknown"
	for _, c := range []struct {
		name, want string
		send       func(r *peer)
	}{
		{"no audio", "488", func(r *peer) { r.invite("video", video) }},
		{"not a description", "488", func(r *peer) { r.invite("junk", "hello") }},
		{"extension", "420", func(r *peer) { r.request("INVITE", l, "Require: 100rel\r\n", heldOffer) }},
		{"stray BYE", "481", func(r *peer) { r.request("BYE", inside, "", "") }},
		{"stray re-INVITE", "481", func(r *peer) { r.request("INVITE", inside, "", heldOffer) }},
		{"stray CANCEL", "481", func(r *peer) { r.request("CANCEL", l, "", "") }},
		{"REFER outside a dialog", "603", func(r *peer) { r.request("REFER", l, "Refer-To: <sip:bob@example.org>\r\n", "") }},
		{"unknown method", "405", func(r *peer) { r.request("PUBLISH", l, "", "") }},
		{"OPTIONS", "200", func(r *peer) { r.request("OPTIONS", l, "", "") }},
		{"MESSAGE", "200", func(r *peer) { r.request("MESSAGE", l, "Content-Type: text/plain\r\n", "hi") }},
		{"MESSAGE of another type", "415", func(r *peer) { r.request("MESSAGE", l, "Content-Type: image/png\r\n", "x") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := newPair(t, nil)
			c.send(r)
			r.expectNot("SIP/2.0 "+c.want, "SIP/2.0 180")
			eventually(t, "no call left", idle(p))
		})
	}
}

func TestBusyBeyondMaxCalls(t *testing.T) {
	_, r := newPair(t, func(c *Config) { c.RingFor = time.Minute })
	for i := range maxCalls {
		r.invite(fmt.Sprintf("many-%d", i), heldOffer)
		r.expect("SIP/2.0 180")
	}
	r.invite("one-too-many", heldOffer)
	r.expect("SIP/2.0 486")
}

func TestSwitchedOffWhileRinging(t *testing.T) {
	p, r := newPair(t, func(c *Config) { c.RingFor = time.Minute })
	r.invite("off", heldOffer)
	r.expect("SIP/2.0 180")
	p.end() // what Close does first
	r.expect("SIP/2.0 480")
}

func TestSwitchedOffInCall(t *testing.T) {
	p, r := newPair(t, nil)
	r.invite("off", heldOffer)
	r.established()
	done := make(chan error, 1)
	go func() { done <- p.Close() }()
	bye := r.expect("BYE sip:ua-1@127.0.0.1")
	if got := strings.Join(bye.values("Route"), ","); !strings.Contains(got, ";lr;n=1>,<sip:192.0.2.1;lr>") {
		t.Errorf("BYE has Route %q", got)
	}
	r.reply(bye, "200 OK", "", "", "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
