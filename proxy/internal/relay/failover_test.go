package relay

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/dns"
	"seraph/proxy/internal/dns/dnstest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// gateway is the name that the tests' zones serve.
const gateway = "gw.test"

// service is a zone in which the gateway has these SRV records, "udp 5060" each, the first
// one preferred; all lead to loopback.
func service(places ...string) []string {
	zone := []string{"here.test 300 IN A 127.0.0.1"}
	for i, p := range places {
		proto, port, _ := strings.Cut(p, " ")
		name := "_sip._" + proto + "." + gateway
		zone = append(zone, fmt.Sprintf("%s 300 IN SRV %d 1 %s here.test.", name, i+1, port),
			fmt.Sprintf(`%s 300 IN NAPTR %d 1 "s" "SIP+D2%s" "" %s.`, gateway, i+1, strings.ToUpper(proto[:1]), name))
	}
	return zone
}

// named makes the bench ask a name server with this zone, and send requests to the
// gateway; start begins.
func (b *bench) named(zone []string, uri string) *dnstest.Server {
	b.t.Helper()
	s := dnstest.New(b.t, zone...)
	b.engine.Attach(b.layer, transport.NewResolver(transport.ResolverConfig{DNS: dns.Config{
		Servers: []string{s.Addr}, Hosts: filepath.Join(b.t.TempDir(), "hosts"), ResolvConf: filepath.Join(b.t.TempDir(), "resolv.conf")}}))
	b.hooks.request = func(r *Request) {
		if r.LooseRoute() {
			_ = r.Relay()
			return
		}
		r.RecordRoute()
		_ = r.SetURI([]byte(uri))
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 478, Reason: "Told to the script"})
		}
	}
	return s
}

// udp is the place where the phone listens.
func (p *phone) place() string { return fmt.Sprint("udp ", p.port()) }

// closed is a TCP port of loopback that nobody listens on.
func closed(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func branchOf(t testing.TB, m *sip.Message) string {
	t.Helper()
	v, err := m.Via()
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Branch)
}

// TestNextPlace: a place that answers 503, or nothing, is followed by the next one of its
// service, in a branch of its own; the caller hears nothing of it (RFC 3263 §4.3).
func TestNextPlace(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"INVITE", "OPTIONS"} {
		for _, first := range []string{"503", "silent"} {
			t.Run(method+" "+first, func(t *testing.T) {
				b, alice, phones := prepare(t, 2, fast, func(c *Config) { c.Txn.FrTimer = 300 * time.Millisecond })
				b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
				b.start()
				alice.request(method, "sip:bob@example.org", "next", 1, "next", "")
				one := phones[0].expect(method + " sip:bob@" + gateway + " ")
				if first == "503" {
					phones[0].answer(one, 503, "x", "Retry-After: 600")
					if method == "INVITE" {
						phones[0].expect("ACK")
					}
				}
				two := phones[1].expectWithin(5*time.Second, method+" sip:bob@"+gateway+" ")
				if branchOf(t, one) == branchOf(t, two) {
					t.Error("both places got the same branch")
				}
				if value(one, sip.HdrCallID) != value(two, sip.HdrCallID) || value(one, sip.HdrCSeq) != value(two, sip.HdrCSeq) ||
					(two.Header(sip.HdrRecordRoute) != nil) != (method == "INVITE") || two.Next(two.Header(sip.HdrVia)) == nil {
					t.Errorf("the second place got\n%s", two.Buf)
				}
				phones[1].answer(two, 200, "bt")
				if m := alice.expect("SIP/2.0 2"); m.Status != 200 {
					t.Errorf("%s", m.Buf)
				}
				alice.nothing("SIP/2.0 5", 20*time.Millisecond)
				b.empty()
			})
		}
	}
}

// TestNextPlaceInTheTimeToRing: a time to ring that is shorter than the one for silence
// ends a silent place too, and the next one has its turn.
func TestNextPlaceInTheTimeToRing(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, fast, func(c *Config) { c.Txn.FrTimer = time.Hour })
	b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
	relay := b.hooks.request
	b.hooks.request = func(r *Request) { r.SetTimers(200*time.Millisecond, 0); relay(r) }
	b.start()
	alice.invite("short")
	phones[0].expect("INVITE")
	phones[1].answer(phones[1].expectWithin(10*time.Second, "INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestNextPlaceKnowsTheOtherFlows: the proxy in front of a phone has two places; what the second
// one says of the phone's flow leads to the next flow, and is told, as if it were the first.
func TestNextPlaceKnowsTheOtherFlows(t *testing.T) {
	t.Parallel()
	failed := make(chan uint32, 1)
	b, alice, phones := prepare(t, 3, fast, func(c *Config) { c.FlowFailed = func(f *FailedFlow) { failed <- f.Group } })
	b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
	relay := b.hooks.request
	b.hooks.request = func(r *Request) {
		r.Main.Group, r.Callee = 7, []byte("bob@example.org")
		r.AddFlow(Target{URI: []byte(phones[2].uri()), Group: 7})
		relay(r)
	}
	b.start()
	alice.invite("flows")
	phones[0].answer(phones[0].expect("INVITE"), 503, "x")
	phones[1].answer(phones[1].expectWithin(5*time.Second, "INVITE"), 430, "x")
	phones[2].answer(phones[2].expectWithin(5*time.Second, "INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	if group := <-failed; group != 7 {
		t.Errorf("the flow of %d has failed", group)
	}
	b.empty()
}

// TestNextPlaceIsRemembered: the next call begins at the place that works.
func TestNextPlaceIsRemembered(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, fast)
	b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
	b.start()
	alice.invite("one")
	phones[0].answer(phones[0].expect("INVITE"), 503, "x")
	phones[0].expect("ACK")
	phones[1].answer(phones[1].expect("INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	alice.invite("two")
	inv := phones[1].expect("INVITE")
	for value(inv, sip.HdrCallID) != "two" {
		inv = phones[1].expect("INVITE")
	}
	phones[1].answer(inv, 486, "bt")
	alice.expect("SIP/2.0 486")
	alice.ack("two")
	phones[0].nothing("INVITE", 20*time.Millisecond)
	b.empty()
}

// TestSilentPlaceIsRemembered: nobody waits any more for the answer to a request that is no
// INVITE when the place has been silent for too long, but the next one begins elsewhere.
func TestSilentPlaceIsRemembered(t *testing.T) {
	t.Parallel()
	for name, armed := range map[string]int{"given up": 0, "a failure route waits": 1} {
		t.Run(name, func(t *testing.T) {
			b, alice, phones := prepare(t, 2, fast)
			b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
			relay := b.hooks.request
			b.hooks.request = func(r *Request) { r.OnFailure = armed; relay(r) }
			b.hooks.failure = func(r *Request, _ int) { _ = r.Reply(&sip.Reply{Status: 480}) }
			b.start()
			alice.request("MESSAGE", "sip:bob@example.org", "one", 1, "z9hG4bKone", "")
			phones[0].expect("MESSAGE")
			b.empty()
			alice.request("MESSAGE", "sip:bob@example.org", "two", 1, "z9hG4bKtwo", "")
			m := phones[1].expect("MESSAGE")
			if got := value(m, sip.HdrCallID); got != "two" {
				t.Errorf("the second place got %s", got)
			}
			phones[1].answer(m, 200, "bt")
			alice.expect("SIP/2.0 200")
			b.empty()
		})
	}
}

// TestRefusedConnection: where nobody listens the next place has its turn, over another
// transport, with the Via, Record-Route and length that this one needs.
func TestRefusedConnection(t *testing.T) {
	b, alice, phones := prepare(t, 1, fast)
	b.named(service(fmt.Sprint("tcp ", closed(t)), phones[0].place()), "sip:bob@"+gateway)
	b.start()
	alice.send("INVITE sip:bob@example.org SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKinv-tcp", alice.port()), "Max-Forwards: 70",
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: tcp", "CSeq: 1 INVITE")
	inv := phones[0].expect("INVITE sip:bob@" + gateway)
	if v, _ := inv.Via(); string(v.Transport) != "UDP" || v.Port != b.addr.Port() {
		t.Errorf("Via of the datagram: %s", value(inv, sip.HdrVia))
	}
	rr := inv.Header(sip.HdrRecordRoute)
	if rr == nil || inv.Next(rr) != nil || strings.Contains(string(inv.Value(rr)), "transport=") {
		t.Errorf("Record-Route of the datagram:\n%s", inv.Buf)
	}
	phones[0].answer(inv, 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestNoPlaceLeft: when all have failed the best of what they said goes up, our own 503s
// as 500 (RFC 3261 §16.7 step 6); the failure route hears of one failure.
func TestNoPlaceLeft(t *testing.T) {
	b, alice, phones := prepare(t, 3, fast)
	var ran atomic.Int32
	b.hooks.failure = func(r *Request, _ int) { ran.Add(1) }
	b.named(service(phones[0].place(), phones[1].place(), phones[2].place(), fmt.Sprint("tcp ", closed(t))), "sip:bob@"+gateway)
	relay := b.hooks.request
	b.hooks.request = func(r *Request) { r.OnFailure = 1; relay(r) }
	b.start()
	alice.invite("none")
	for _, p := range phones {
		p.answer(p.expect("INVITE"), 503, "x")
		p.expect("ACK")
	}
	alice.expect("SIP/2.0 500")
	alice.ack("none")
	b.empty()
	if n := ran.Load(); n != 1 {
		t.Errorf("the failure route ran %d times", n)
	}
}

// TestOtherAnswersAreAnswers: what is neither silence nor 503 is the callee's word.
func TestOtherAnswersAreAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{302, 404, 486, 500, 504, 603} {
		b, alice, phones := prepare(t, 2, fast)
		b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
		b.start()
		alice.invite("word")
		phones[0].answer(phones[0].expect("INVITE"), status, "x")
		alice.expect(fmt.Sprint("SIP/2.0 ", status))
		alice.ack("word")
		phones[1].nothing("INVITE", 0)
		b.empty()
	}
}

// TestNoNextPlaceOnceItRings: a phone that has rung is not called elsewhere because its
// connection breaks.
func TestNoNextPlaceOnceItRings(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	to, accept := b.listener()
	b.named(service(fmt.Sprint("tcp ", to.Port()), phones[0].place()), "sip:bob@"+gateway)
	b.start()
	alice.invite("rings")
	bob := accept()
	bob.answer(bob.expect("INVITE"), 180, "bt")
	alice.expect("SIP/2.0 180")
	_ = bob.conn.Close()
	alice.expect("SIP/2.0 500")
	alice.ack("rings")
	phones[0].nothing("INVITE", 0)
	b.empty()
}

// TestCancelledCallGoesNowhere: a caller who has given up is not called for elsewhere; and
// the CANCEL of a call that went on follows it.
func TestCancelledCallGoesNowhere(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, fast)
	b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
	b.start()
	alice.invite("gone")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "x")
	alice.expect("SIP/2.0 180")
	alice.cancel("gone")
	phones[0].answer(phones[0].expect("CANCEL"), 200, "x")
	phones[0].answer(inv, 503, "x")
	alice.expect("SIP/2.0 487")
	alice.ack("gone")
	phones[0].forget() // a CANCEL that was repeated meanwhile
	phones[1].nothing("INVITE", 0)

	alice.invite("follows")
	inv = phones[1].expect("INVITE") // the first place is blocked by now
	phones[1].answer(inv, 503, "x")
	inv = phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "x")
	alice.expect("SIP/2.0 180")
	alice.cancel("follows")
	cancel := phones[0].expect("CANCEL sip:bob@" + gateway)
	if branchOf(t, cancel) != branchOf(t, inv) {
		t.Error("the CANCEL has another branch than its INVITE")
	}
	phones[0].answer(cancel, 200, "x")
	phones[0].answer(inv, 487, "x")
	alice.expect("SIP/2.0 487")
	alice.ack("follows")
	b.empty()
}

// TestUnknownHost: what DNS does not know comes out of Relay, and nothing is left.
func TestUnknownHost(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 0, fast)
	b.named(nil, "sip:bob@nobody.test")
	b.start()
	alice.invite("unknown")
	alice.expect("SIP/2.0 478")
	alice.ack("unknown")
	b.empty()
}

// TestDeadNameServer: a dead name server costs a call to a name its time and an answer,
// and delays no call to a phone.
func TestDeadNameServer(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, calm)
	s := b.named(nil, "sip:bob@"+gateway)
	s.Silence()
	toName := b.hooks.request
	b.hooks.request = func(r *Request) {
		if id := string(r.Msg.CallID()); id != "name" {
			_ = r.SetURI([]byte(phones[0].uri()))
			_ = r.Relay()
			return
		}
		toName(r)
	}
	b.start()
	alice.invite("name")
	eventually(t, "the name server was not asked", func() bool { return s.Questions() > 0 })
	for i := range 20 {
		alice.invite(fmt.Sprint("phone-", i))
		inv := phones[0].expect("INVITE")
		phones[0].answer(inv, 486, "x")
		alice.expect("SIP/2.0 486")
		alice.ack(fmt.Sprint("phone-", i))
	}
	alice.cancel("name")
	alice.expect("SIP/2.0 200")
	alice.expectWithin(15*time.Second, "SIP/2.0 4") // 487 or 478: whichever comes first
	alice.ack("name")
	b.empty()
}

// TestOneSourceWaits: a source that asks for name upon name waits for a share of the places
// only, and the others have theirs.
func TestOneSourceWaits(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 0, fast)
	b.engine.sourceWaits = 2
	// Addresses share slots; one in a thousand pairs would.
	slot := func(last byte) uint64 {
		return maphash.Comparable(b.engine.tagSeed, netip.AddrFrom4([4]byte{127, 0, 0, last})) % sourceSlots
	}
	last := byte(2)
	for slot(last) == slot(1) {
		last++
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, last)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other := &phone{t: t, conn: c, to: b.addr}
	s := b.named(nil, "sip:bob@"+gateway)
	s.Silence()
	b.start()
	for i := range 2 {
		alice.invite(fmt.Sprint("waits-", i))
	}
	waiting := func(n int) func() bool { return func() bool { return b.layer.Stats().Waiters == n } }
	eventually(t, "two requests do not wait", waiting(2))
	alice.invite("one-too-many")
	if m := alice.expect("SIP/2.0 478"); value(m, sip.HdrCallID) != "one-too-many" {
		t.Errorf("refused was\n%s", m.Buf)
	}
	alice.ack("one-too-many")
	other.invite("other")
	eventually(t, "the other source does not wait", waiting(3))
	for i := range 2 {
		alice.expectWithin(15*time.Second, "SIP/2.0 478")
		alice.ack(fmt.Sprint("waits-", i))
	}
	other.expectWithin(15*time.Second, "SIP/2.0 478")
	b.empty()
}

// TestBusyGatewayInAnOutage: calls to a gateway that is known reach it while no name server
// answers, and do not wait, so that there is no bound on how many of one PBX do.
func TestBusyGatewayInAnOutage(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, calm)
	s := b.named(service(phones[0].place()), "sip:bob@"+gateway)
	resolver := transport.NewResolver(transport.ResolverConfig{DNS: dns.Config{
		Servers: []string{s.Addr}, Hosts: filepath.Join(t.TempDir(), "hosts"), ResolvConf: filepath.Join(t.TempDir(), "resolv.conf"),
		MinTTL: 200 * time.Millisecond, MaxTTL: 200 * time.Millisecond, Patience: 5 * time.Second}}) // an old way serves for three times that
	b.engine.Attach(b.layer, resolver)
	b.engine.sourceWaits = 2
	b.start()
	busy := func(n int) { // n calls come, and get their answers
		t.Helper()
		for came := map[string]bool{}; len(came) < n; {
			if inv := phones[0].expect("INVITE"); !came[value(inv, sip.HdrCallID)] {
				came[value(inv, sip.HdrCallID)] = true
				phones[0].answer(inv, 486, "x")
			}
		}
		for range n {
			alice.ack(value(alice.expect("SIP/2.0 486"), sip.HdrCallID))
		}
	}
	alice.invite("before")
	busy(1)
	s.Silence()
	eventually(t, "what was known does not end", func() bool {
		_, _, known := resolver.DNS().Cached("here.test", dns.A) // what was asked last
		return !known
	})
	for i := range 8 {
		alice.invite(fmt.Sprint("call-", i))
	}
	busy(8)
	b.empty()
}

// TestOneNetworkWaits: the addresses of one subscriber's IPv6 network wait as one source, and
// those of other networks have their own places.
func TestOneNetworkWaits(t *testing.T) {
	b, _, _ := prepare(t, 0, fast)
	b.engine.sourceWaits = 2
	from := func(host string) *Request {
		return &Request{Engine: b.engine, From: transport.Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr(host), 5060)}}
	}
	for i, want := range []bool{true, true, false, false} {
		if got := from(fmt.Sprintf("2001:db8:0:7:%x::1", i)).queue(); got != want {
			t.Errorf("address %d of the network waits: %v", i, got)
		}
	}
	apart := func(host string) bool { // addresses share slots; one in a thousand pairs does
		return from(host).waiting() != from("2001:db8:0:7::1").waiting()
	}
	for _, format := range []string{"2001:db8:0:%x::1", "192.0.2.%d"} {
		free := 0
		for i := range 8 {
			if host := fmt.Sprintf(format, 16+i); !apart(host) || from(host).queue() {
				free++
			}
		}
		if free < 7 { // two of them share a slot at most, and wait there both
			t.Errorf("of 8 others like %s only %d may wait", format, free)
		}
	}
	from("2001:db8:0:7:ffff::9").leave()
	if !from("2001:db8:0:7:5::1").queue() {
		t.Error("a place that was left is not free")
	}
}

// TestLargeRequestToAName goes over TCP (RFC 3261 §18.1.1), and as a datagram where nobody
// listens there.
func TestLargeRequestToAName(t *testing.T) {
	b, alice, _ := prepare(t, 0, fast)
	phone, ln := b.withTCP()
	b.named(service(phone.place()), "sip:bob@"+gateway)
	b.start()
	padding := "Subject: " + strings.Repeat("x", maxDatagram)
	alice.invite("large", padding)
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	bob := newStream(t, c)
	inv := bob.expect("INVITE")
	if v, _ := inv.Via(); string(v.Transport) != "TCP" {
		t.Errorf("Via %s", value(inv, sip.HdrVia))
	}
	bob.answer(inv, 486, "x")
	alice.expect("SIP/2.0 486")
	alice.ack("large")
	_ = ln.Close()
	_ = c.Close()
	phone.nothing("INVITE", 0)
	alice.invite("large-2", padding)
	inv = phone.expect("INVITE")
	if v, _ := inv.Via(); string(v.Transport) != "UDP" {
		t.Errorf("Via %s", value(inv, sip.HdrVia))
	}
	phone.answer(inv, 486, "x")
	alice.expect("SIP/2.0 486")
	alice.ack("large-2")
	b.empty()
}

// TestManyPlacesEnd: a service of which every place fails ends after MaxHops of them.
func TestManyPlacesEnd(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	var zone []string
	for i := range 20 {
		zone = append(zone, fmt.Sprintf("here%d.test 300 IN A 127.0.0.%d", i, i+1),
			fmt.Sprintf("_sip._udp.%s 300 IN SRV %d 1 %d here%d.test.", gateway, i, phones[0].port(), i))
	}
	b.named(zone, "sip:bob@"+gateway) // the phone listens at 127.0.0.1 alone; the others are silent
	b.start()
	alice.invite("many")
	phones[0].answer(phones[0].expect("INVITE"), 503, "x")
	alice.expectWithin(20*time.Second, "SIP/2.0 408")
	alice.ack("many")
	b.empty()
}

// TestLost: which errors of sending another place may be better at.
func TestLost(t *testing.T) {
	for err, want := range map[error]bool{
		transport.ErrFlowGone: true, errors.New("connection refused"): true,
		transport.ErrTooLarge: false, transport.ErrQueueFull: false, transport.ErrNoSocket: false, transport.ErrClosed: false,
	} {
		if lost(err) != want {
			t.Errorf("%v: %v", err, lost(err))
		}
	}
}
