package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// toPhones relays initial requests to the phones, and the rest along its route.
func toPhones(phones *[]*phone) func(r *Request) {
	return func(r *Request) {
		if r.LooseRoute() {
			if err := r.Relay(); err != nil {
				_ = r.Reply(&sip.Reply{Status: 500})
			}
			return
		}
		if to, _ := r.Msg.To(); to.Tag != nil {
			_ = r.ReplyStateless(&sip.Reply{Status: 404})
			return
		}
		r.RecordRoute()
		for i, p := range *phones {
			uri := []byte(fmt.Sprintf("sip:bob@127.0.0.1:%d", p.port()))
			if i == 0 {
				_ = r.SetURI(uri)
			} else {
				_ = r.AddTarget(Target{URI: uri})
			}
		}
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 500})
		}
	}
}

func setup(t *testing.T, callees int, change ...func(*Config)) (*bench, *phone, []*phone) {
	t.Helper()
	b, alice, phones := prepare(t, callees, change...)
	b.start()
	return b, alice, phones
}

// prepare is setup of a bench that waits for start.
func prepare(t *testing.T, callees int, change ...func(*Config)) (*bench, *phone, []*phone) {
	t.Helper()
	var phones []*phone
	b := newBench(t, &hooks{request: toPhones(&phones)}, change...)
	for range callees {
		phones = append(phones, b.phone())
	}
	return b, b.phone(), phones
}

// empty waits until no server transaction is left. (A client transaction that got a
// refusal stays for Timer D, 32 s.)
func (b *bench) empty() {
	b.t.Helper()
	eventually(b.t, "transactions are left", func() bool { return b.engine.Transactions() == 0 })
}

// eventually waits until ok, at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); !ok(); <-look.C {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func TestCallIsRelayedAndRecordRouted(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "call-1", 1, "inv", "")
	alice.expect("SIP/2.0 100")
	inv := bob.expect("INVITE sip:bob@127.0.0.1")
	rr := value(inv, sip.HdrRecordRoute)
	if !strings.Contains(rr, fmt.Sprintf("<sip:%s;lr;srm=", b.addr)) {
		t.Fatalf("Record-Route %q", rr)
	}
	bob.answer(inv, 180, "bt")
	ringing := alice.expect("SIP/2.0 180")
	if n := strings.Count(string(ringing.Buf), "Via:"); n != 1 {
		t.Fatalf("%d Via lines went up, want 1: %s", n, ringing.Buf)
	}
	bob.answer(inv, 200, "bt")
	ok := alice.expect("SIP/2.0 200")
	route := "Route: " + value(ok, sip.HdrRecordRoute)
	contact := fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port())
	alice.request("ACK", contact, "call-1", 1, "ack", "bt", route)
	ack := bob.expect("ACK " + contact)
	if ack.Header(sip.HdrRoute) != nil {
		t.Fatalf("our Route stayed in: %s", ack.Buf)
	}
	alice.request("BYE", contact, "call-1", 2, "bye", "bt", route)
	bye := bob.expect("BYE " + contact)
	bob.answer(bye, 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}

func TestForkingCancelsTheOthers(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 3)
	alice.request("INVITE", "sip:bob@example.org", "fork", 1, "inv", "")
	var invites []*sip.Message
	for i, p := range phones {
		inv := p.expect("INVITE")
		invites = append(invites, inv)
		p.answer(inv, 180, fmt.Sprint("t", i))
	}
	phones[1].answer(invites[1], 200, "t1")
	for _, i := range []int{0, 2} {
		cancel := phones[i].expect("CANCEL")
		if !strings.Contains(value(cancel, sip.HdrReason), "cause=200") {
			t.Errorf("CANCEL without its Reason: %s", cancel.Buf)
		}
		phones[i].answer(cancel, 200, "c")
		phones[i].answer(invites[i], 487, fmt.Sprint("t", i))
		phones[i].expect("ACK")
	}
	alice.expect("SIP/2.0 200")
	phones[1].nothing("CANCEL", 100*time.Millisecond)
	// A second 2xx of another branch goes up as well (RFC 6026).
	phones[1].answer(invites[1], 200, "other")
	late := alice.expect("SIP/2.0 200")
	if to, _ := late.To(); string(to.Tag) != "other" {
		t.Errorf("late 2xx with tag %q", to.Tag)
	}
	b.empty()
}

func TestCallerCancels(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "give-up", 1, "inv", "")
	inv := bob.expect("INVITE")
	alice.request("CANCEL", "sip:bob@example.org", "give-up", 1, "inv", "")
	alice.expect("SIP/2.0 200")
	bob.nothing("CANCEL", 60*time.Millisecond) // not before a provisional response
	bob.answer(inv, 180, "bt")
	cancel := bob.expect("CANCEL")
	bob.answer(cancel, 200, "bt")
	bob.answer(inv, 487, "bt")
	bob.expect("ACK")
	alice.expect("SIP/2.0 487")
	alice.request("ACK", "sip:bob@example.org", "give-up", 1, "inv", "bt")
	b.empty()
}

func TestStrayCancelIs481(t *testing.T) {
	_, alice, _ := setup(t, 1)
	alice.request("CANCEL", "sip:bob@example.org", "stray", 1, "none", "")
	alice.expect("SIP/2.0 481")
}

func TestRetransmissionsAreAbsorbed(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "again", 1, "inv", "")
	inv := bob.expect("INVITE")
	bob.answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.request("INVITE", "sip:bob@example.org", "again", 1, "inv", "")
	alice.expect("SIP/2.0 180")
	bob.nothing("INVITE", 60*time.Millisecond)
	bob.answer(inv, 486, "bt")
	bob.expect("ACK")
	alice.expect("SIP/2.0 486")
	alice.expect("SIP/2.0 486") // until the ACK comes
	alice.request("ACK", "sip:bob@example.org", "again", 1, "inv", "bt")
	b.empty()
}

func TestSilentCalleeIs408(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1)
	alice.request("INVITE", "sip:bob@example.org", "silent", 1, "inv", "")
	phones[0].expect("INVITE")
	phones[0].expect("INVITE") // retransmitted
	_ = alice.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range 5 { // 64·T1 is 3.2 s here, longer than one expect
		buf := make([]byte, 2048)
		n, err := alice.conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(buf[:n]), "SIP/2.0 408") {
			alice.request("ACK", "sip:bob@example.org", "silent", 1, "inv", "x")
			b.empty()
			return
		}
	}
	t.Fatal("no 408 came")
}

func TestForeignRouteIsNotFollowed(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1)
	bob := phones[0]
	forged := fmt.Sprintf("Route: <sip:%s;lr;srm=%s>", b.addr, strings.Repeat("0", 28))
	beyond := fmt.Sprintf("Route: <sip:127.0.0.1:%d;lr>", bob.port())
	for i, routes := range [][]string{{forged}, {forged, beyond}, {beyond}, {beyond, forged}} {
		alice.request("BYE", fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), fmt.Sprint("forged", i), 1, fmt.Sprint("b", i), "bt", routes...)
		alice.expect("SIP/2.0 404")
	}
	bob.nothing("BYE", 100*time.Millisecond)
}

// TestRefusalProvesNothing: a refusal goes up without our Record-Route, whose MAC would
// take later requests of its receiver through us, and keeps that of others.
func TestRefusalProvesNothing(t *testing.T) {
	_, alice, phones := setup(t, 1)
	alice.request("INVITE", "sip:bob@example.org", "refused", 1, "refused", "")
	phones[0].answer(phones[0].expect("INVITE"), 486, "bt", "Record-Route: <sip:192.0.2.1;lr>")
	up := alice.expect("SIP/2.0 486")
	if rr := value(up, sip.HdrRecordRoute); rr != "<sip:192.0.2.1;lr>" || strings.Contains(string(up.Buf), routeParam+"=") {
		t.Errorf("the refusal went up as\n%s", up.Buf)
	}
}

// TestUnsupportedIs420: an extension that a proxy has to understand (RFC 3261 §16.3).
func TestUnsupportedIs420(t *testing.T) {
	t.Parallel()
	_, alice, phones := setup(t, 1)
	alice.request("INVITE", "sip:bob@example.org", "ext", 1, "ext", "", "Proxy-Require: foo")
	refused := alice.expect("SIP/2.0 420")
	if h := refused.Named("Unsupported"); h == nil || string(refused.Value(h)) != "foo" {
		t.Errorf("the refusal does not name what is not supported:\n%s", refused.Buf)
	}
	phones[0].nothing("INVITE", 60*time.Millisecond)
}

// TestResponseToAnotherMethod does not end the INVITE (RFC 3261 §17.1.3).
func TestResponseToAnotherMethod(t *testing.T) {
	t.Parallel()
	_, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "method", 1, "method", "")
	inv := bob.expect("INVITE")
	wrong := strings.Replace(string(inv.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt")})), "1 INVITE", "1 BYE", 1)
	if _, err := bob.conn.WriteToUDPAddrPort([]byte(wrong), bob.to); err != nil {
		t.Fatal(err)
	}
	alice.nothing("SIP/2.0 200", 60*time.Millisecond)
	bob.answer(inv, 486, "bt")
	alice.expect("SIP/2.0 486")
}

// TestRoutesInOneLine: entries of ours that stand in one Route line leave no empty
// line behind (RFC 3261 §20.34 wants a value), and one beside them stays.
func TestRoutesInOneLine(t *testing.T) {
	_, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "lines", 1, "inv", "")
	rr := value(bob.expect("INVITE"), sip.HdrRecordRoute)
	two := strings.Replace(rr, ";lr", ";lr;r2=on", 1)
	beyond := fmt.Sprintf("<sip:127.0.0.1:%d;lr>", bob.port())
	contact := fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port())
	for i, c := range []struct{ route, left string }{
		{"Route: " + two + ", " + rr, ""},
		{"Route: " + two + "," + rr + ", " + beyond, beyond},
		{"Route: " + two + "\r\nRoute: " + rr + ", " + beyond, beyond},
	} {
		alice.request("INFO", contact, "lines", 2+i, fmt.Sprint("info", i), "bt", c.route)
		info := bob.expect("INFO")
		if got := value(info, sip.HdrRoute); got != c.left || c.left == "" && info.Header(sip.HdrRoute) != nil {
			t.Errorf("%s\nleft %q, want %q in:\n%s", c.route, got, c.left, info.Buf)
		}
		bob.answer(info, 200, "bt")
	}
}

func TestRouteOfAnotherDialogIsRefused(t *testing.T) {
	t.Parallel()
	_, alice, phones := setup(t, 1)
	bob := phones[0]
	alice.request("INVITE", "sip:bob@example.org", "mine", 1, "inv", "")
	inv := bob.expect("INVITE")
	route := "Route: " + value(inv, sip.HdrRecordRoute)
	alice.request("BYE", fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), "not-mine", 1, "b", "bt", route)
	alice.expect("SIP/2.0 404")
	bob.nothing("BYE", 60*time.Millisecond)
}

func TestChallengesAreMerged(t *testing.T) {
	_, alice, phones := setup(t, 2)
	alice.request("INVITE", "sip:bob@example.org", "merge", 1, "inv", "")
	for i, p := range phones {
		p.answer(p.expect("INVITE"), 407, fmt.Sprint("t", i),
			fmt.Sprintf(`Proxy-Authenticate: Digest realm="r%d", nonce="n"`, i))
	}
	up := alice.expect("SIP/2.0 407")
	if s := string(up.Buf); !strings.Contains(s, `realm="r0"`) || !strings.Contains(s, `realm="r1"`) {
		t.Fatalf("challenges are missing: %s", s)
	}
}

func TestMalformedRequestIs400(t *testing.T) {
	_, alice, _ := setup(t, 1)
	alice.send("INVITE sip:bob@example.org SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKx", alice.port()),
		"From: <sip:a@b>;tag=1", "To: <sip:bob@example.org>", "Call-ID: bad", "CSeq: 1 OPTIONS", "Content-Length: 0")
	alice.expect("SIP/2.0 400 Bad Request: malformed CSeq")
}
