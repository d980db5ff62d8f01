package relay

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestRecordRouteTokenIsNoPass: what a stranger reads in the Record-Route of one call leads
// him to that phone in that dialog, and nowhere outside of it: not with the seal, without
// it, in another dialog of his own, or with its token taken for that of a Path.
func TestRecordRouteTokenIsNoPass(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	bob := phones[0]
	b.hooks.request = func(r *Request) {
		if !r.LooseRoute() {
			if to, _ := r.Msg.To(); to.Tag != nil || r.Msg.Header(sip.HdrContact) == nil {
				_ = r.Reply(&sip.Reply{Status: 403})
				return
			}
			r.RecordRoute()
			_ = r.SetURI([]byte(bob.uri()))
		}
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 478, Reason: err.Error()})
		}
	}
	b.start()
	call := func(callID string) string {
		alice.request("INVITE", bob.uri(), callID, 1, callID, "", fmt.Sprintf("Contact: <sip:alice@127.0.0.1:%d;ob>", alice.port()))
		bob.answer(bob.expect("INVITE"), 200, "bt")
		return value(alice.expect("SIP/2.0 200"), sip.HdrRecordRoute)
	}
	first, second := call("first"), call("second")
	user := func(route string) string {
		name, _, found := strings.Cut(strings.TrimPrefix(route, "<sip:"), "@")
		if !found {
			t.Fatalf("no token in %q", route)
		}
		return name
	}
	bare := "<sip:" + user(first) + "@" + b.addr.String() + ";lr>"
	mixed := strings.Replace(second, user(second), user(first), 1)
	if user(first) == user(second) { // a token may be the same for two calls of one flow
		mixed = strings.Replace(second, user(second)+"@", "", 1)
	}
	stranger := b.phone()
	for i, c := range []struct{ name, route, callID, toTag string }{
		{"the whole entry", first, "first", ""},
		{"in a dialog that is none", first, "none", "bt"},
		{"the token alone", bare, "alone", ""},
		{"the token alone, in the dialog", bare, "first", "bt"},
		{"another dialog's token", mixed, "second", "bt"},
	} {
		stranger.request("MESSAGE", bob.uri(), c.callID, 10+i, fmt.Sprint("pass-", i), c.toTag, "Route: "+c.route)
		if m := stranger.expect("SIP/2.0"); m.Status != 403 && m.Status != 478 {
			t.Errorf("%s: answered %d", c.name, m.Status)
		}
	}
	alice.nothing("MESSAGE", 50*time.Millisecond)
	bob.nothing("MESSAGE", 50*time.Millisecond)
	// The called phone itself follows it.
	bob.within("INFO", "sip:alice@192.0.2.9", "first", "bt", "at", first)
	alice.expect("INFO")
}

// within is a request of either end within a dialog.
func (p *phone) within(method, uri, callID, fromTag, toTag, route string) {
	p.t.Helper()
	p.send(method+" "+uri+" SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%d", p.port(), time.Now().UnixNano()),
		"Max-Forwards: 70", "From: <sip:from@example.org>;tag="+fromTag, "To: <sip:to@example.org>;tag="+toTag, "Call-ID: "+callID, "CSeq: 7 "+method,
		"Route: "+route, "Content-Length: 0")
}

// TestOwnTokenIsNotFollowed: a phone whose port has changed in the call brings its own token. Its
// requests go to the other end, whoever called, and not to where it was; nor does who writes in
// the name of the other end get a token of his own for that.
func TestOwnTokenIsNotFollowed(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, fast)
	bob, moved := phones[0], phones[1]
	b.hooks.request = func(r *Request) {
		if !r.LooseRoute() {
			_ = r.SetURI([]byte(bob.uri()))
			r.Main.Flow = transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.AddrPortFrom(b.addr.Addr(), uint16(bob.port()))}
			r.Main.Group = 1 // registered with an instance, so that the Route has bob's flow, too
		}
		r.RecordRoute()
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 478, Reason: err.Error()})
		}
	}
	b.start()
	alice.request("INVITE", bob.uri(), "own", 1, "own", "", fmt.Sprintf("Contact: <sip:alice@127.0.0.1:%d;ob>", alice.port()))
	bob.answer(bob.expect("INVITE"), 200, "bt")
	m := alice.expect("SIP/2.0 200")
	var list []string
	for values := m.Values(sip.HdrRecordRoute); ; {
		v := values.Next()
		if v == nil {
			break
		}
		list = append(list, string(v))
	}
	if len(list) != 2 || strings.Count(list[0]+list[1], ";ob") != 2 {
		t.Fatalf("the Route is %q", list)
	}
	back := list[0] + ", " + list[1]
	forth := list[1] + ", " + list[0]
	for _, x := range []struct {
		what, from, to, route string
		at                    *phone
	}{
		{"the caller, moved", "at", "bt", forth, bob}, {"the callee, moved", "bt", "at", back, alice},
		{"the caller, with the callee's order", "at", "bt", back, bob}, {"the callee, with the caller's", "bt", "at", forth, alice},
	} {
		moved.within("INFO", "sip:nobody@192.0.2.9", "own", x.from, x.to, x.route)
		got := x.at.expect("INFO")
		if user := value(got, sip.HdrRecordRoute); !strings.Contains(user, ";ob") {
			t.Errorf("%s: Record-Route %q", x.what, user)
		}
		x.at.answer(got, 200, "")
		moved.expect("SIP/2.0 200")
	}
	// His own token alone leads him by the Request-URI.
	moved.within("UPDATE", bob.uri(), "own", "at", "bt", list[1])
	bob.answer(bob.expect("UPDATE"), 200, "")
	alice.nothing("UPDATE", 50*time.Millisecond)

	// A re-INVITE in the name of the called end, with ;ob in its Contact.
	moved.send("INVITE "+alice.uri()+" SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-re", moved.port()),
		"Max-Forwards: 70", "From: <sip:from@example.org>;tag=bt", "To: <sip:to@example.org>;tag=at", "Call-ID: own", "CSeq: 8 INVITE",
		"Route: "+list[1], fmt.Sprintf("Contact: <sip:bob@127.0.0.1:%d;ob>", moved.port()), "Content-Length: 0")
	got := alice.expect("INVITE")
	for values := got.Values(sip.HdrRecordRoute); ; {
		v := values.Next()
		if v == nil {
			break
		}
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(v, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !u.HasUser {
			continue
		}
		if tok, ok := b.engine.parseFlowToken(u.User, routeUse); !ok || int(tok.flow.Remote.Port()) == moved.port() {
			t.Errorf("whoever writes in bob's name gets a token for %v", tok.flow)
		}
	}
}

// TestFlowRouteAllocatesNothing: neither writing nor proving an entry with a token costs memory.
func TestFlowRouteAllocatesNothing(t *testing.T) {
	b := newBench(t, &hooks{})
	flow := transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.MustParseAddrPort("192.0.2.1:5060")}
	m := &sip.Message{}
	if err := m.Parse([]byte("BYE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=at\r\nTo: <sip:b@c>;tag=bt\r\nCall-ID: i\r\nCSeq: 2 BYE\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	r := &Request{Engine: b.engine, Msg: m}
	seal := routeSeal{kind: SealUntracked, callID: m.CallID(), tag: []byte("at"), at: time.Now()}
	line := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		line = b.engine.appendRoute(line[:0], 0, false, &seal, false, flow)
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(line[len("Record-Route: "):len(line)-2], &a) != nil || sip.ParseURI(a.URI, &u) != nil || !b.engine.ourRoute(&u) || !r.genuine(&u) {
			t.Fatalf("%s is not genuine", line)
		}
		if r.takeFlow(&u, true, true); !r.viaFlow || r.Main.Flow != flow {
			t.Fatalf("%s leads to %v", line, r.Main.Flow)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
