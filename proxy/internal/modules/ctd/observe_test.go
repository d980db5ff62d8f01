package ctd

import (
	"fmt"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// calling brings an attempt to where alice's phone calls bob, whose phone has
// the INVITE.
func (s *stand) calling(o outgoing, refer ...string) (id string, toBob *sip.Message) {
	s.t.Helper()
	id = s.dial()
	s.alice.answer(s.alice.referred(), 202, refer...)
	s.alice.call(o)
	toBob = s.bob.expect("INVITE")
	s.cancellable(id, true)
	return id, toBob
}

// TestOutcomeByTheRelay: a phone that sends no NOTIFY, because it said so or
// without a word.
func TestOutcomeByTheRelay(t *testing.T) {
	for _, c := range []struct {
		name    string
		refer   []string
		status  int
		state   ctlproto.CtdState
		outcome ctlproto.CtdOutcome
	}{
		{"answered, no subscription", []string{"Refer-Sub: false"}, 200, ctlproto.CtdConnected, ""},
		{"answered, no NOTIFY", nil, 200, ctlproto.CtdConnected, ""},
		{"busy, no subscription", []string{"Refer-Sub: false"}, 486, ctlproto.CtdFailed, ctlproto.OutcomeCalleeBusy},
		{"refused, no NOTIFY", nil, 603, ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused},
		{"off line, no NOTIFY", nil, 480, ctlproto.CtdFailed, ctlproto.OutcomeCalleeOffline},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			s.module.set.notifyWait = 200 * time.Millisecond
			id, toBob := s.calling(outgoing{}, c.refer...)
			s.bob.answer(toBob, 183)
			s.alice.expect("SIP/2.0 183")
			s.want(ctlproto.CtdRingingThem)
			s.bob.answer(toBob, c.status, s.bob.contact())
			if c.status >= 300 {
				s.bob.expect("ACK")
			}
			s.alice.expect("SIP/2.0 ")
			s.ended(id, c.state, c.outcome, c.status)
			s.alice.hangUp()
		})
	}
}

// TestNotifyAfterTheRelaySaw: the NOTIFY of a failure decides if it comes in time.
func TestNotifyAfterTheRelaySaw(t *testing.T) {
	s := newStand(t)
	id, toBob := s.calling(outgoing{})
	s.bob.answer(toBob, 486)
	s.bob.expect("ACK")
	s.alice.expect("SIP/2.0 486")
	s.cancellable(id, false)
	s.alice.notify("terminated", "486 Busy Here")
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeBusy, 486)
	s.alice.hangUp()
}

// TestPhoneTriesAgain: a challenge from beyond is no outcome.
func TestPhoneTriesAgain(t *testing.T) {
	s := newStand(t)
	id, toBob := s.calling(outgoing{callID: "first"})
	s.bob.answer(toBob, 401, `WWW-Authenticate: Digest realm="x", nonce="y"`)
	s.bob.expect("ACK")
	s.alice.expect("SIP/2.0 401")
	s.cancellable(id, false)
	s.alice.call(outgoing{callID: "second"})
	toBob = s.bob.expect("INVITE")
	s.cancellable(id, true)
	s.bob.answer(toBob, 200, s.bob.contact())
	s.alice.expect("SIP/2.0 200")
	s.want(ctlproto.CtdConnected)
	s.alice.notify("terminated", "200 OK")
	s.alice.hangUp()
}

// TestNotifyOfARetry: a phone that tells of a challenge or a redirection goes on with another INVITE, as
// long as its subscription is active; its first call is not hung up meanwhile.
func TestNotifyOfARetry(t *testing.T) {
	t.Run("by NOTIFY alone", func(t *testing.T) {
		s := newStand(t)
		s.module.set.byeDelay = 0
		id := s.dial()
		s.alice.answer(s.alice.referred(), 202)
		for _, status := range []string{"407 Proxy Authentication Required", "302 Moved Temporarily", "422 Session Interval Too Small", "180 Ringing"} {
			s.alice.notify("active", status)
		}
		if e := s.want(ctlproto.CtdRingingThem); e.Ended {
			t.Errorf("%+v", e)
		}
		s.alice.silent()
		s.alice.notify("terminated", "200 OK")
		s.ended(id, ctlproto.CtdConnected, "", 200)
		s.alice.hangUp()
	})
	t.Run("seen here", func(t *testing.T) {
		s := newStand(t)
		s.module.set.byeDelay = 0
		id := s.dial()
		s.alice.answer(s.alice.referred(), 202)
		s.alice.notify("active", "407 Proxy Authentication Required")
		s.alice.call(outgoing{})
		toBob := s.bob.expect("INVITE")
		s.cancellable(id, true)
		s.alice.notify("terminated", "401 Unauthorized") // of an INVITE before this one
		s.bob.answer(toBob, 200, s.bob.contact())
		s.alice.expect("SIP/2.0 200")
		s.ended(id, ctlproto.CtdConnected, "", 200)
		s.alice.hangUp()
	})
	for _, status := range []int{407, 302} {
		t.Run(fmt.Sprintf("seen here, and the phone gives up at %d", status), func(t *testing.T) {
			s := newStand(t)
			s.module.set.outcomeTimeout = 300 * time.Millisecond
			id, toBob := s.calling(outgoing{})
			s.alice.notify("terminated", "407 Proxy Authentication Required") // of an INVITE before this one
			s.bob.answer(toBob, status)
			s.bob.expect("ACK")
			s.alice.expect(fmt.Sprintf("SIP/2.0 %d", status))
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, status)
			s.alice.hangUp()
		})
	}
	t.Run("seen here, and more is to come", func(t *testing.T) {
		s := newStand(t)
		s.module.set.outcomeTimeout = 300 * time.Millisecond
		id, toBob := s.calling(outgoing{}) // its subscription is active: it would tell of the end
		s.bob.answer(toBob, 407)
		s.bob.expect("ACK")
		s.alice.expect("SIP/2.0 407")
		s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0)
		s.alice.hangUp()
	})
	for name, c := range map[string]struct {
		state, status string
		code          int
	}{
		"nothing more is heard": {"active", "302 Moved Temporarily", 302}, "the last word": {"terminated", "407 Proxy Authentication Required", 407},
		"a refusal that is final": {"active", "403 Forbidden", 403},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.module.set.outcomeTimeout = 300 * time.Millisecond
			id := s.dial()
			s.alice.answer(s.alice.referred(), 202)
			s.alice.notify(c.state, c.status)
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, c.code)
			s.alice.hangUp()
		})
	}
}

// TestRecognition: which INVITEs are taken for the caller's call to the callee.
func TestRecognition(t *testing.T) {
	for _, c := range []struct {
		name   string
		open   bool // nobody is authenticated
		byBob  bool // from another phone
		callee string
		call   outgoing
		want   bool
	}{
		{name: "same caller, no Referred-By", want: true},
		{name: "as another user, from the same phone", call: outgoing{user: "alice-desk"}, want: true},
		{name: "as another user, with Referred-By, from elsewhere", byBob: true,
			call: outgoing{user: "bob", lines: []string{"Referred-By: <sip:alice@example.org>"}}},
		{name: "as the caller, from another phone", byBob: true, call: outgoing{user: "alice"}, want: true},
		{name: "unauthenticated, by From", open: true, call: outgoing{user: "-"}, want: true},
		{name: "unauthenticated, by Referred-By", open: true, byBob: true,
			call: outgoing{user: "-", lines: []string{"Referred-By: \"A\" <sip:ALICE@Example.org;x=y>"}}, want: true},
		{name: "unauthenticated stranger", open: true, byBob: true, call: outgoing{user: "-"}},
		{name: "another callee", call: outgoing{target: "sip:alice@example.org"}},
		{name: "another port", call: outgoing{target: "sip:bob@example.org:5099"}},
		{name: "spelt differently", call: outgoing{target: "sip:b%6Fb@EXAMPLE.org;user=phone"}, want: true},
		{name: "a telephone number", callee: "tel:+49-30-1234", call: outgoing{target: "sip:+49301234@example.org"}, want: true},
		{name: "another number", callee: "tel:+49-30-1234", call: outgoing{target: "sip:+49301235@example.org"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			s.module.set.outcomeTimeout = 500 * time.Millisecond
			carol := s.phone("carol")
			s.script.mu.Lock()
			s.script.secret = !c.open
			for _, user := range []string{"bob", "b%6Fb", "alice@", "+49301234", "+49301235"} {
				s.script.phones[user], s.script.uris[user] = s.script.phones["carol"], "sip:carol@10.9.8.7"
			}
			s.script.mu.Unlock()
			if c.callee == "" {
				c.callee = "sip:bob@example.org"
			}
			id := s.dialTo(c.callee)
			s.alice.answer(s.alice.referred(), 202)
			s.script.mu.Lock()
			s.script.phones["alice"] = s.script.phones["carol"]
			s.script.mu.Unlock()
			from := s.alice
			if c.byBob {
				from = s.bob
			}
			from.call(c.call)
			invite := carol.expect("INVITE")
			if c.want {
				s.cancellable(id, true)
			}
			carol.answer(invite, 200, carol.contact())
			from.expect("SIP/2.0 200")
			if c.want {
				s.ended(id, ctlproto.CtdConnected, "", 200)
				s.alice.within("BYE", "")
				s.alice.expect("SIP/2.0 200")
				s.alice.notify("terminated", "200 OK")
				return
			}
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0)
			s.alice.hangUp()
		})
	}
}

// TestCalleeRingsTooLong: the relay ends the ringing.
func TestCalleeRingsTooLong(t *testing.T) {
	s := newStand(t)
	s.module.set.calleeRingTimeout = 300 * time.Millisecond
	id, toBob := s.calling(outgoing{})
	s.bob.answer(toBob, 180)
	s.alice.expect("SIP/2.0 180")
	s.bob.answer(s.bob.expect("CANCEL"), 200)
	s.bob.answer(toBob, 487)
	s.bob.expect("ACK")
	s.alice.expect("SIP/2.0 487")
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, 487)
	s.alice.notify("terminated", "487 Request Terminated")
	s.alice.hangUp()
}

// TestOrdinaryCallsCostNothing: the observer does not allocate for a call that
// belongs to no attempt, whether or not attempts run meanwhile.
func TestOrdinaryCallsCostNothing(t *testing.T) {
	var m sip.Message
	if err := m.Parse([]byte("INVITE sip:carol@example.org SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n" +
		"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:carol@example.org>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" +
		"Referred-By: <sip:alice@example.org>\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	r := &relay.Request{Msg: &m}
	r.Auth = relay.Identity{User: []byte("alice"), Domain: []byte("example.org")}
	module := New(Config{})
	module.cfg.Local = func(string) bool { return true }
	a, err := module.newAttempt(ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	for _, watched := range []bool{false, true} {
		if watched {
			module.watch(a, transport.Flow{})
			module.tracking.Add(1)
		}
		if n := testing.AllocsPerRun(1000, func() {
			module.Relayed(r, &relay.Call{})
			module.Progress(&relay.Call{}, 180)
		}); n > 2 { // the two calls
			t.Errorf("watched %v: %v allocations", watched, n)
		}
	}
}

// TestStrangersCallDecidesNothing: where nobody is authenticated, an INVITE to the callee
// that names the caller counts only if it comes from where her phone is.
func TestStrangersCallDecidesNothing(t *testing.T) {
	s := newStand(t)
	s.script.mu.Lock()
	s.script.secret = false
	s.script.mu.Unlock()
	mallory := s.phone("@127.0.0.2")
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.want(ctlproto.CtdReferring)
	s.cancellable(id, false)
	mallory.call(outgoing{user: "-", lines: []string{"Referred-By: <sip:alice@example.org>"}})
	s.bob.answer(s.bob.expect("INVITE"), 486)
	mallory.expect("SIP/2.0 486")
	s.bob.expect("ACK")
	if st, _ := s.module.Status(id); st.State != ctlproto.CtdReferring || st.Cancellable {
		t.Errorf("a stranger's call made it %+v", st)
	}
	s.alice.notify("terminated", "603 Decline")
	s.alice.hangUp()
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, 603)
}

// TestPhoneGoneWithoutAWord: a phone that took the REFER, ended its subscription without
// an outcome and hung up is not waited for as long as one that may still tell.
func TestPhoneGoneWithoutAWord(t *testing.T) {
	s := newStand(t)
	s.module.set.outcomeTimeout, s.module.set.notifyWait = time.Minute, 100*time.Millisecond
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.alice.within("NOTIFY", "", "Event: refer", "Subscription-State: terminated")
	s.alice.expect("SIP/2.0 200")
	s.alice.within("BYE", "")
	s.alice.expect("SIP/2.0 200")
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0)
}

// TestUnknownTokenTakesNoMemory: a request for a Contact that never was ours, or of
// another dialog, gets 481 and leaves no transaction.
func TestUnknownTokenTakesNoMemory(t *testing.T) {
	s := newStand(t)
	for i := range 50 {
		fmt.Fprintf(s.bob.conn, "MESSAGE sip:ua-%024x@%v SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.8.7:5060;rport;branch=z9hG4bKu%d\r\n"+
			"From: <sip:x@example.org>;tag=1\r\nTo: <sip:y@example.org>;tag=2\r\nCall-ID: u%d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", i, s.addr, i, i)
		s.bob.expect("SIP/2.0 481")
	}
	if n := s.engine.Transactions(); n != 0 {
		t.Errorf("%d transactions were made", n)
	}
}
