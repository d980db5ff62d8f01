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

// routed is a request within dialog "i" of "at" and "bt" with our entries in its Route, after LooseRoute.
func (b *bench) routed(t *testing.T, fromTag, toTag string, entries ...string) *Request {
	t.Helper()
	m := &sip.Message{}
	text := "INFO sip:b@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=" + fromTag + "\r\nTo: <sip:b@c>;tag=" + toTag +
		"\r\nCall-ID: i\r\nCSeq: 2 INFO\r\nRoute: " + strings.Join(entries, ", ") + "\r\n\r\n"
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	r := &Request{Engine: b.engine, Msg: m}
	r.Main.URI = m.RequestURI()
	r.LooseRoute()
	return r
}

// TestPassages: of a call that has passed here more than once the Route of the first pass says where the
// sender is and what its flow is, that of the last one where the other end is; the script finds the
// parameters of both. What is no pass of the dialog stays, and is where the request goes.
func TestPassages(t *testing.T) {
	b := newBench(t, &hooks{})
	at := func(n int) transport.Flow {
		return transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:5060", n))}
	}
	alice, home, bob := at(7), at(30), at(8)
	mark := func(f transport.Flow) endMark { return b.engine.mark(f.Remote.Addr()) }
	entry := func(change func(s *routeSeal), two bool, flow transport.Flow) string {
		s := routeSeal{kind: SealTracked, callID: []byte("i"), tag: []byte("at"), at: time.Now(), ends: [2]endMark{mark(alice), mark(home)}}
		change(&s)
		line := string(b.engine.appendRoute(nil, 0, false, &s, two, flow))
		return strings.TrimSuffix(strings.TrimPrefix(line, "Record-Route: "), "\r\n")
	}
	second := func(s *routeSeal) { s.ends = [2]endMark{mark(home), mark(bob)} }
	initiators := func(then func(*routeSeal)) func(*routeSeal) {
		return func(s *routeSeal) { s.initiators = true; then(s) }
	}
	first := func(*routeSeal) {}
	param := func(text string, then func(*routeSeal)) func(*routeSeal) {
		return func(s *routeSeal) { s.params = []byte(text); then(s) }
	}
	none := transport.Flow{}
	both := []string{entry(first, false, none), entry(second, false, none)}

	r := b.routed(t, "at", "bt", both...)
	if !r.InDialog || r.nextRoute != nil || r.seal.ends != [2]endMark{mark(alice), mark(bob)} || !r.byInitiator {
		t.Errorf("from the caller: %v, %q, %v", r.InDialog, r.nextRoute, r.seal.ends)
	}
	if r = b.routed(t, "bt", "at", both[1], both[0]); !r.InDialog || r.nextRoute != nil || r.seal.ends != [2]endMark{mark(alice), mark(bob)} || r.byInitiator {
		t.Errorf("from the callee: %v, %q, %v", r.InDialog, r.nextRoute, r.seal.ends)
	}

	// The router between has registered as a phone, and so have both ends: each pass names two flows.
	flows := []string{
		entry(initiators(first), true, alice), entry(first, true, home),
		entry(initiators(second), true, home), entry(second, true, bob),
	}
	if r = b.routed(t, "at", "bt", flows...); r.nextRoute != nil || r.routeFlow != bob || r.Main.Flow != bob || r.ownFlow != alice {
		t.Errorf("flows of the caller's: %q, to %v, own %v", r.nextRoute, r.Main.Flow, r.ownFlow)
	}
	if r = b.routed(t, "bt", "at", flows[3], flows[2], flows[1], flows[0]); r.nextRoute != nil || r.Main.Flow != alice || r.ownFlow != bob {
		t.Errorf("flows of the callee's: %q, to %v, own %v", r.nextRoute, r.Main.Flow, r.ownFlow)
	}
	if r = b.routed(t, "at", "bt", flows[0], flows[1], both[1]); r.nextRoute != nil || r.viaFlow || r.Main.Flow != none {
		t.Errorf("the last pass names no flow: %v", r.Main.Flow)
	}

	r = b.routed(t, "at", "bt", entry(param(";nat=yes", first), false, none), entry(param(";out=1", second), false, none))
	if got := string(r.params.given); got != ";nat=yes;out=1" {
		t.Errorf("parameters %q", got)
	}
	r = b.routed(t, "at", "bt", entry(param(";nat=yes", first), false, none), both[1])
	if got := string(r.params.given); got != ";nat=yes" {
		t.Errorf("parameters of the first pass %q", got)
	}

	long := []string{both[0]}
	for i := range maxVisits {
		long = append(long, entry(func(s *routeSeal) { s.ends = [2]endMark{endMark(i + 1), endMark(i + 2)} }, false, none))
	}
	for what, list := range map[string][]string{
		"the same entry":   {both[0], both[0]},
		"another dialog's": {both[0], entry(func(s *routeSeal) { s.callID = []byte("j") }, false, none)},
		"a subscription's": {both[0], entry(func(s *routeSeal) { s.kind = SealOther }, false, none)},
		"nobody's":         {both[0], "<sip:" + b.addr.String() + ";lr>"},
		"the other end's":  {both[0], entry(func(s *routeSeal) { s.tag = []byte("bt") }, false, none)},
		"too many":         long,
	} {
		r := b.routed(t, "at", "bt", list...)
		if last := list[len(list)-1]; string(r.nextRoute) != strings.Trim(last, "<>") || !r.InDialog || !r.byInitiator {
			t.Errorf("%s: the request goes to %q", what, r.nextRoute)
		}
		if what != "too many" && r.seal.ends != [2]endMark{mark(alice), mark(home)} {
			t.Errorf("%s: it counts", what)
		}
	}
}

// TestPassagesAllocateNothing: more than one pass costs no memory of its own.
func TestPassagesAllocateNothing(t *testing.T) {
	b := newBench(t, &hooks{})
	var list []string
	for i := range 2 {
		s := routeSeal{kind: SealTracked, callID: []byte("i"), tag: []byte("at"), at: time.Now(), ends: [2]endMark{endMark(i + 1), endMark(i + 2)}}
		list = append(list, strings.TrimSpace(strings.TrimPrefix(string(b.engine.appendRoute(nil, 0, false, &s, false, transport.Flow{})), "Record-Route: ")))
	}
	r := b.routed(t, "at", "bt", list...)
	mark := r.Msg.Mark()
	if n := testing.AllocsPerRun(100, func() {
		r.Msg.Rollback(mark)
		if !r.LooseRoute() || r.nextRoute != nil {
			t.Fatal("the request goes elsewhere")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
