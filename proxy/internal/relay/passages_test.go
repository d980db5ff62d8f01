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

	// The ends are on TCP, so each pass has two entries with one MAC, which says nothing of host and transport.
	two := []string{entry(first, true, none), entry(first, true, none), entry(second, true, none), entry(second, true, none)}
	tcp := fmt.Sprint(":", b.engine.sockets[1].AdvertisedPort, ";transport=tcp;lr")
	for _, i := range []int{0, 3} {
		two[i] = strings.Replace(two[i], fmt.Sprint(":", b.addr.Port(), ";lr"), tcp, 1)
	}
	if r = b.routed(t, "at", "bt", two...); r.nextRoute != nil || r.seal.ends != [2]endMark{mark(alice), mark(bob)} || !r.byInitiator {
		t.Errorf("on two sockets: %q, %v", r.nextRoute, r.seal.ends)
	}

	// Our address alone is no pass, wherever it stands, and proves nothing.
	nobodys := "<sip:" + b.addr.String() + ";lr>"
	for _, list := range [][]string{{nobodys, both[0], both[1]}, {both[0], nobodys, both[1]}, {both[0], both[1], nobodys}} {
		if r = b.routed(t, "at", "bt", list...); !r.InDialog || r.nextRoute != nil || r.seal.ends != [2]endMark{mark(alice), mark(bob)} {
			t.Errorf("with our address: %v, %q, %v", r.InDialog, r.nextRoute, r.seal.ends)
		}
	}
	if r = b.routed(t, "at", "bt", nobodys, both[0], nobodys, "<sip:192.0.2.9;lr>"); string(r.nextRoute) != "sip:192.0.2.9;lr" || r.nextAt != 4 {
		t.Errorf("with our address the request goes to %q, entry %d", r.nextRoute, r.nextAt)
	}
	if r = b.routed(t, "at", "bt", nobodys, nobodys); r.InDialog || r.nextRoute != nil {
		t.Errorf("our address alone: %v, %q", r.InDialog, r.nextRoute)
	}

	long := []string{both[0]}
	for i := range maxVisits {
		long = append(long, entry(func(s *routeSeal) { s.ends = [2]endMark{endMark(i + 1), endMark(i + 2)} }, false, none))
	}
	for what, list := range map[string][]string{
		"the same entry":   {both[0], both[0]},
		"the same, noted":  {both[0], strings.Replace(both[0], ";lr", ";lr;x=1", 1)},
		"the same, of two": {both[0], both[1], strings.Replace(both[0], ";lr", ";lr;r2=on", 1)},
		"the same again":   {two[0], two[1], strings.Replace(two[0], ";lr", ";x=1;lr", 1)},
		"the first once":   {both[0], two[2], both[0]},
		"another dialog's": {both[0], entry(func(s *routeSeal) { s.callID = []byte("j") }, false, none)},
		"a subscription's": {both[0], entry(func(s *routeSeal) { s.kind = SealOther }, false, none)},
		"the other end's":  {both[0], entry(func(s *routeSeal) { s.tag = []byte("bt") }, false, none)},
		"too many":         long,
	} {
		r := b.routed(t, "at", "bt", list...)
		if last := list[len(list)-1]; string(r.nextRoute) != strings.Trim(last, "<>") || !r.InDialog || !r.byInitiator {
			t.Errorf("%s: the request goes to %q", what, r.nextRoute)
		}
		if what != "too many" && what != "the same, of two" && what != "the first once" && r.seal.ends != [2]endMark{mark(alice), mark(home)} {
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

// TestPassesSealedApart: two passes of an INVITE within one moment, between the same hosts, have different
// entries, and nobody dates a seal far ahead by entries that he writes himself.
func TestPassesSealedApart(t *testing.T) {
	b := newBench(t, &hooks{})
	now := time.Unix(0, time.Now().UnixNano()/int64(sealUnit)*int64(sealUnit))
	type change func(s *routeSeal)
	entry := func(change change) string {
		s := routeSeal{kind: SealTracked, callID: []byte("i"), tag: []byte("at"), at: now, ends: [2]endMark{1, 1}}
		change(&s)
		return string(b.engine.appendRoute(nil, 0, false, &s, false, transport.Flow{}))
	}
	at := func(units int) change { return func(s *routeSeal) { s.at = now.Add(time.Duration(units) * sealUnit) } }
	var many string
	for i := range 4 * maxVisits {
		many += entry(at(i))
	}
	for what, x := range map[string]struct {
		entries string
		want    int // by how many units the seal is later
	}{
		"the first pass":       {"", 0},
		"the second":           {entry(at(0)), 1},
		"the third":            {entry(at(1)) + entry(at(0)), 2},
		"in any order":         {entry(at(0)) + entry(at(1)), 2},
		"a moment later":       {entry(at(-1)), 0},
		"of other hosts":       {entry(func(s *routeSeal) { s.ends[1] = 2 }), 0},
		"of another kind":      {entry(func(s *routeSeal) { s.kind = SealOther }), 0},
		"another router first": {"Record-Route: <sip:192.0.2.30;lr>\r\n" + entry(at(0)), 0},
		"unreadable":           {"Record-Route: <sip:\r\n" + entry(at(0)), 0},
		"far ahead":            {entry(at(4 * maxVisits)), 0},
		"without end":          {many, maxVisits},
	} {
		m := &sip.Message{}
		text := "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=at\r\nTo: <sip:b@c>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n" + x.entries + "\r\n"
		if err := m.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		r := &Request{Engine: b.engine, Msg: m}
		s := routeSeal{kind: SealTracked, at: now.Add(sealUnit / 3), ends: [2]endMark{1, 1}}
		r.sealLater(&s)
		if got := int(s.at.Sub(now) / sealUnit); got != x.want {
			t.Errorf("%s: %d units later, want %d", what, got, x.want)
		}
	}
}
