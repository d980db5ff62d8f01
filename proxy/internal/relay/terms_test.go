package relay

import (
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// TestWhatRelayLeaves: Relay leaves the terms with the call, and an answer of the router's own only what the accounts want to
// know. Neither takes back what some route has wished meanwhile. A failure route has all of it.
func TestWhatRelayLeaves(t *testing.T) {
	b := newBench(t, &hooks{})
	text := []byte("INFO sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nRoute: <sip:192.0.2.9;lr>\r\n" +
		"From: <sip:alice@example.org>;tag=at\r\nTo: <sip:bob@example.org>;tag=bt\r\nCall-ID: 1\r\nCSeq: 2 INFO\r\n\r\n")
	r := &Request{Engine: b.engine, Msg: &sip.Message{}}
	if err := r.Msg.Parse(text); err != nil {
		t.Fatal(err)
	}
	r.terms = terms{
		OnReply: 1, Flags: 2, RecordRouted: true, InDialog: true, byInitiator: true, secured: true, nextAt: 1,
		seal: Seal{Kind: SealTracked}, bounds: bounds{set: true}, fr: 3, frInv: 4,
	}
	c := &Call{engine: b.engine}
	wished := wishes{forceRPort: true, noConnect: true, noConnectBack: true, heedPhones: true}
	c.wishes = wished
	if r.remember(c); c.terms != (terms{Flags: 2, InDialog: true}) {
		t.Errorf("an answer leaves %+v", c.terms)
	}
	want := r.terms
	want.nextAt = 0 // nothing is left of the Route
	if r.freeze(c); c.terms != want {
		t.Errorf("Relay leaves %+v", c.terms)
	}
	r.nextRoute = []byte("sip:192.0.2.9;lr")
	if r.freeze(c); c.terms != r.terms {
		t.Errorf("Relay along a Route leaves %+v", c.terms)
	}
	if c.wishes != wished {
		t.Errorf("of the wishes Relay leaves %+v", c.wishes)
	}
	again := &Request{Engine: b.engine}
	if !c.restore(again, nil, &txn.Buffer{B: text}) || again.terms != r.terms || again.wishes != wished || string(again.nextRoute) != string(r.nextRoute) {
		t.Errorf("a failure route has %+v, %+v, along %q", again.terms, again.wishes, again.nextRoute)
	}
	if again.reset(nil, r.Msg, c.from); again.terms != (terms{}) || again.wishes != (wishes{}) || again.nextRoute != nil {
		t.Errorf("the next message has %+v, %+v, along %q", again.terms, again.wishes, again.nextRoute)
	}
}
