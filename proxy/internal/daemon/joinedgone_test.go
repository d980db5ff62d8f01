package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/deploy"
	"seraph/proxy/internal/sip"
)

const joinedSDP = "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// TestJoinedPhoneGone: of a call that the router has joined by third-party call control both phones are
// asked by ka_timer, and one that is gone ends it, although neither speaks with the other.
func TestJoinedPhoneGone(t *testing.T) {
	for name, x := range map[string]struct {
		gone   string
		status int // 0: it is silent
	}{
		"the caller's is silent": {"alice", 0}, "the caller's has forgotten the call": {"alice", 481}, "the callee's is silent": {"bob", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			s := newStand(t, strings.Replace(deploy.Script(), "\nroute {",
				"\nmodparam(\"dialog\", \"ka_timer\", 1)\nmodparam(\"tm\", \"retr_timer1\", 100)\nroute {", 1), "alice", "bob")
			alice, bob := s.phone("alice"), s.phone("bob")
			alice.register()
			bob.register()
			withSDP := func(p *phone, invite *sip.Message) {
				p.send(invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("t" + p.user), RecordRoute: true,
					Extra:       []byte(fmt.Sprintf("Contact: <sip:%s@127.0.0.1:%d>\r\n", p.user, p.port())),
					ContentType: "application/sdp", Body: []byte(joinedSDP)}))
			}
			if _, err := s.d.modules.Ctd.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@" + testDomain, Callee: bobURI()}); err != nil {
				t.Fatal(err)
			}
			alice.answer(alice.expect("INVITE"), 200)
			alice.expect("ACK")
			alice.answer(alice.expect("REFER"), 405)
			withSDP(bob, bob.expect("INVITE"))
			withSDP(alice, alice.expect("INVITE"))
			bob.expect("ACK")
			for range 2 { // rounds in which both are there
				bob.answer(bob.expect("OPTIONS"), 200)
				alice.answer(alice.expect("OPTIONS"), 501)
			}
			if n := s.d.modules.Dialog.Active(); n.All != 1 {
				t.Fatalf("%+v, want the call", n)
			}
			stays, goes := bob, alice
			if x.gone == "bob" {
				stays, goes = alice, bob
			}
			var bye *sip.Message
			for late := time.Now().Add(2 * time.Minute); bye == nil && time.Now().Before(late); {
				if m := stays.within(50*time.Millisecond, "OPTIONS"); m != nil {
					stays.answer(m, 200)
				}
				if m := goes.within(50*time.Millisecond, "OPTIONS"); m != nil && x.status != 0 {
					goes.answer(m, x.status)
				}
				bye = stays.within(50*time.Millisecond, "BYE")
			}
			if bye == nil {
				t.Fatal("the phone that is left is not hung up")
			}
			stays.answer(bye, 200)
			s.wait("one row of its end", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE'") == 1 })
			s.wait("the end of the call", func() bool { return s.d.modules.Dialog.Active().All == 0 && s.d.agent.Dialogs() == 0 })
		})
	}
}
