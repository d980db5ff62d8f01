package relay

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// lines makes n header lines.
func lines(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("X-Line-%d: %d", i, i))
	}
	return all
}

// TestMostHeaders: an INVITE with as many lines as may be goes out with more of them (Via,
// Record-Route); it is cancelled and its refusal acknowledged all the same.
func TestMostHeaders(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	alice.invite("most", lines(sip.MaxHeaders-7)...) // and Via, Max-Forwards, From, To, Call-ID, CSeq, Content-Length
	bob2 := func(want string) *sip.Message {
		_ = bob.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		buf := make([]byte, 65536)
		for {
			n, err := bob.conn.Read(buf)
			if err != nil {
				t.Fatalf("no %s came", want)
			}
			m := &sip.Message{}
			if strings.HasPrefix(string(buf[:n]), want) && m.ParseOwn(buf[:n]) == nil {
				return m
			}
		}
	}
	inv := bob2("INVITE")
	bob.answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.cancel("most")
	bob.answer(bob2("CANCEL"), 200, "bt")
	bob.answer(inv, 487, "bt")
	bob2("ACK")
	alice.expect("SIP/2.0 487")
	alice.ack("most")
	b.empty()
}

// TestRefusalWithMostHeaders: a refusal that a reply route has made too large goes up
// nevertheless, as it is, or as 500 if it cannot be read again.
func TestRefusalWithMostHeaders(t *testing.T) {
	t.Parallel()
	for added, want := range map[int]string{20: "SIP/2.0 404", 200: "SIP/2.0 404 Not Found"} {
		b, alice, phones := prepare(t, 2, fast)
		b.hooks.reply = func(r *Request) bool {
			r.Msg.Insert(r.Msg.HeadersEnd(), []byte(strings.Join(lines(added), "\r\n")+"\r\n"))
			return true
		}
		b.start()
		alice.invite("large")
		for _, p := range phones {
			p.answer(p.expect("INVITE"), 404, "bt", lines(sip.MaxHeaders-8)...) // and Via twice, Record-Route, From, To, Call-ID, CSeq, Content-Length
		}
		_ = alice.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		buf := make([]byte, 65536)
		for {
			n, err := alice.conn.Read(buf)
			if err != nil {
				t.Fatalf("%d lines added: no final reply", added)
			}
			if !strings.HasPrefix(string(buf[:n]), "SIP/2.0 1") {
				if !strings.HasPrefix(string(buf[:n]), want) {
					t.Errorf("%.40q", buf[:n])
				}
				break
			}
		}
		alice.ack("large")
		b.empty()
	}
}

// TestTooLargeToSend: a request that grows beyond a datagram is not sent; the script is told.
func TestTooLargeToSend(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	told := make(chan error, 1)
	b.hooks.request = func(r *Request) {
		r.RecordRoute()
		_ = r.SetURI([]byte(phones[0].uri()))
		err := r.Relay()
		told <- err
		if err != nil {
			_ = r.Reply(&sip.Reply{Status: 513})
		}
	}
	b.start()
	alice.invite("huge", "Subject: "+strings.Repeat("x", 65507-300))
	if err := <-told; !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("the script was told %v", err)
	}
	b.empty()
}

// TestManyBranches: a request has at most MaxBranches, and each that rings is cancelled.
func TestManyBranches(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	full := make(chan error, 1)
	b.hooks.request = func(r *Request) {
		_ = r.SetURI([]byte(phones[0].uri()))
		var err error
		for err == nil {
			err = r.AddTarget(Target{URI: []byte(phones[0].uri())})
		}
		full <- err
		_ = r.Relay()
	}
	b.start()
	alice.invite("many")
	if err := <-full; !errors.Is(err, ErrTooManyBranches) {
		t.Errorf("the script was told %v", err)
	}
	branches := map[string]bool{}
	var all []*sip.Message
	for range MaxBranches {
		inv := phones[0].expect("INVITE")
		v, _ := inv.Via()
		branches[string(v.Branch)] = true
		all = append(all, inv)
	}
	if len(branches) != MaxBranches {
		t.Fatalf("%d branches, want %d", len(branches), MaxBranches)
	}
	for i, inv := range all[1:] {
		phones[0].answer(inv, 180, fmt.Sprint("t", i))
	}
	phones[0].answer(all[0], 200, "answer")
	for range MaxBranches - 1 {
		phones[0].expect("CANCEL")
	}
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestHostileRequests: nothing of these is relayed, and the router still works after them.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	b, mallory, phones := setup(t, 1, fast)
	base := func(change func(h map[string]string)) string {
		h := map[string]string{"Via": "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx", "From": "<sip:a@b>;tag=1", "To": "<sip:bob@example.org>",
			"Call-ID": "hostile", "CSeq": "1 INVITE", "Content-Length": "0"}
		change(h)
		s := "INVITE sip:bob@example.org SIP/2.0\r\n"
		for k, v := range h {
			if v != "" {
				s += k + ": " + v + "\r\n"
			}
		}
		return s + "\r\n"
	}
	for _, field := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		_, _ = mallory.conn.WriteToUDPAddrPort([]byte(base(func(h map[string]string) { h[field] = "" })), b.addr)
	}
	for k, v := range map[string]string{
		"Via": "SIP/2.0/UDP", "From": "<sip:a@b", "To": "\"", "CSeq": "99999999999 INVITE", "Content-Length": "5000",
		"Content-Length ": "-1", "Via ": "SIP/2.0/UDP [::1;branch=x", "CSeq ": "1 BYE",
	} {
		_, _ = mallory.conn.WriteToUDPAddrPort([]byte(base(func(h map[string]string) { h[strings.TrimSpace(k)] = v })), b.addr)
	}
	for _, raw := range []string{"\r\n\r\nx", "INVITE", "INVITE sip:x SIP/2.0\r\n", "SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 999 x\r\nVia: x\r\n\r\n",
		strings.Repeat("\x00", 60000), strings.Repeat("Via: x\r\n", 5000), "INVITE sip:x SIP/2.0\r\n" + strings.Repeat("a:\r\n", 200) + "\r\n"} {
		_, _ = mallory.conn.WriteToUDPAddrPort([]byte(raw), b.addr)
	}
	for i, rport := range []string{";rport=x", ";rport=70000", ";rport=;rport=1;received=1.2.3.4;received=\"a;b\"", ";;;", ";branch", ";branch=", ";ttl=1;maddr=0"} {
		mallory.send("INVITE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d%s", mallory.port(), rport),
			"From: <sip:a@b>;tag=1", "To: <sip:bob@example.org>", fmt.Sprint("Call-ID: via", i), "CSeq: 1 INVITE")
		inv := phones[0].expect("INVITE") // odd, but legal enough to pass
		phones[0].answer(inv, 486, "bt")
		phones[0].expect("ACK")
		mallory.expect("SIP/2.0 486")
		mallory.send("ACK sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d%s", mallory.port(), rport),
			"From: <sip:a@b>;tag=1", "To: <sip:bob@example.org>;tag=bt", fmt.Sprint("Call-ID: via", i), "CSeq: 1 ACK")
	}
	b.empty()
}

// TestNothingIsLeft: after calls that end in every way, one after the other, no goroutine
// is left, and the memory of one call has served them all.
func TestNothingIsLeft(t *testing.T) {
	b, alice, phones := setup(t, 2, calm)
	before := 0
	for i := range 6 {
		id := fmt.Sprint("left-", i)
		alice.invite(id)
		a, c := phones[0].expect("INVITE"), phones[1].expect("INVITE")
		phones[0].answer(a, 180, "a")
		phones[1].answer(c, 180, "c")
		alice.expect("SIP/2.0 180")
		if i%2 == 0 {
			phones[0].answer(a, 200, "a")
			phones[1].answer(phones[1].expect("CANCEL"), 200, "c")
			phones[1].answer(c, 200, "c") // crossed
		} else {
			alice.cancel(id)
			for j, p := range phones {
				p.answer(p.expect("CANCEL"), 200, "t")
				p.answer([]*sip.Message{a, c}[j], 200, "t")
			}
		}
		alice.expect("SIP/2.0 200")
		b.empty()
		eventually(t, "client transactions are left", func() bool { _, n := b.engine.Table().Current(); return n == 0 })
		if i == 0 {
			before = runtime.NumGoroutine()
		}
	}
	eventually(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before })
	eventually(t, "calls are left", func() bool { return b.engine.idle() == [3]int{1, 2, 2} })
}

// idle counts what lies in the free lists: calls, branches, CANCELs.
func (e *Engine) idle() [3]int {
	return [...]int{e.calls.Idle(), e.branches.Idle(), e.cancels.Idle()}
}
