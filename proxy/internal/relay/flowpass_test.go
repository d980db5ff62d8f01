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
	bob.request("INFO", "sip:alice@192.0.2.9", "first", 2, "honest", "at", "Route: "+first)
	alice.expect("INFO")
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
