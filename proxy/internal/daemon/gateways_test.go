package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/dns/dnstest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// TestGatewayIsNoPhone: who calls his own other phone and names a peer of the table address
// as where he is reached does not have it called in the router's name by a re-INVITE of
// that phone. Any other host may be named.
func TestGatewayIsNoPhone(t *testing.T) {
	r := newRig(t, transport.UDP, "")
	if err := r.d.db.Addresses.Add(t.Context(), store.Address{Group: 1, IP: "192.0.2.10"}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.modules.Guards.Permissions.ReloadAddresses(t.Context()); err != nil {
		t.Fatal(err)
	}
	alicePort, bobPort := r.port(), r.port()
	alice, bob := r.flow(uint16(alicePort)), r.flow(uint16(bobPort))
	r.register("bob", bobPort)
	for host, passes := range map[string]bool{"192.0.2.10": false, "192.0.2.99": true} {
		id, uri, target := "own-"+host, bobURI(), "sip:0900@"+host
		contact := "Contact: <" + target + ">\r\n"
		r.receive(alice, []byte(r.head("INVITE", uri, "alice", alicePort, 1, id, id+"1")+contact+noBody))
		nonce := challengeNonce(t, r.the("SIP/2.0 407"))
		r.receive(alice, []byte(r.head("INVITE", uri, "alice", alicePort, 2, id, id+"2")+contact+
			"Proxy-Authorization: "+digest("INVITE", uri, "alice", nonce, 1)+"\r\n"+noBody))
		invite := parse(t, &sip.Message{}, append([]byte(nil), r.the("INVITE ")...))
		route := "Route: " + string(invite.HeaderValue(sip.HdrRecordRoute)) + "\r\n"
		answer := sip.Reply{Status: 200, ToTag: tagOfBob, RecordRoute: true, Extra: []byte(r.contact("bob", bobPort))}
		r.receive(bob, invite.AppendReply(nil, &answer))
		r.the("SIP/2.0 200")
		for i, method := range []string{"INVITE", "INFO"} {
			r.receive(bob, []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s%d;rport\r\nMax-Forwards: 70\r\n"+
				"From: <%s>;tag=bt\r\nTo: <sip:alice@%s>;tag=f%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%s%s", method, target, bobPort, id, i, uri, testDomain, id, id, i+1, method, route, noBody)))
			sent := ""
			for _, o := range r.sent[:r.n] {
				line, _, _ := strings.Cut(string(o.msg), "\r\n")
				sent += line + " to " + o.to.Remote.String() + "\n"
			}
			if got := strings.Contains(sent, method+" sip:0900@"); got != passes || !passes && !strings.HasPrefix(sent, "SIP/2.0 4") {
				t.Errorf("%s to %s: sent was\n%s", method, host, sent)
			}
		}
	}
}

// tagOfBob is that of the callee in these calls.
var tagOfBob = []byte("bt")

// TestGatewaysOfTheScript: a script that has no list of gateways or peers asks for none.
func TestGatewaysOfTheScript(t *testing.T) {
	without := newStand(t, "listen=udp:127.0.0.1:0\nloadmodule \"sl.so\"\nroute { sl_send_reply(\"404\", \"Not Found\"); }\n")
	if without.d.gateways() != nil || without.d.knownGateways() != nil {
		t.Error("gateways without a module that knows any")
	}
	with := newStand(t, "")
	for _, f := range []func(netip.Addr) bool{with.d.gateways(), with.d.knownGateways()} {
		if f == nil || f(netip.MustParseAddr("192.0.2.10")) {
			t.Error("the embedded script knows no gateways, or too many")
		}
	}
}

// TestKnownGatewaysBesideANameless: while no name server tells where one gateway is, every host
// may be one for calls, but those whose addresses stand in a table are no strangers to the table of
// connections, and nobody else is let in as one.
func TestKnownGatewaysBesideANameless(t *testing.T) {
	server := dnstest.New(t)
	server.Silence()
	s := newStand(t, fmt.Sprintf("dns_server=%q\nloadmodule \"sl.so\"\nloadmodule \"dispatcher.so\"\nroute { sl_send_reply(\"404\", \"Not Found\"); }\n", server.Addr))
	for _, uri := range []string{"sip:192.0.2.10", "sip:gw.test"} {
		if err := s.db.Dispatcher.Add(t.Context(), store.Gateway{Set: 1, URI: uri}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.d.modules.Calls.Dispatcher.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	numbered, other := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.99")
	if gateway := s.d.gateways(); !gateway(numbered) || !gateway(other) {
		t.Error("a host that may be a gateway is none")
	}
	known := s.d.knownGateways()
	if !known(numbered) {
		t.Error("a gateway with a number is a stranger because another has a name")
	}
	if known(other) {
		t.Error("a host that may be a gateway is let in as one")
	}
}
