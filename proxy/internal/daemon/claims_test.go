package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// ownCallsOf are the calls that a user has on the page "Calls".
func (s *stand) ownCallsOf(user string) []store.Call {
	s.t.Helper()
	list, _, err := s.db.Calls.ListOwn(s.t.Context(), of(user), store.OwnCalls{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestNobodyCallsAsOneOfOurs: who has no password rings nobody, and writes nobody, under a name that is read
// as one of ours, of whatever scheme; and what names no host is malformed. From elsewhere he may.
func TestNobodyCallsAsOneOfOurs(t *testing.T) {
	const examples = "../../../deploy/examples/"
	for _, script := range []string{"", "minimal.cfg", "nat.cfg"} {
		text := ""
		if script != "" {
			b, err := os.ReadFile(examples + script)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		t.Run("script "+script, func(t *testing.T) {
			s := newStand(t, text, "alice", "bob")
			bob := s.phone("bob")
			bob.register()
			for i, x := range []struct {
				from   string
				status int
			}{
				{"<im:alice@" + testDomain + ">", 407}, {"<pres:alice@" + testDomain + ">", 407}, {"<mailto:alice@" + testDomain + ">", 407},
				{"<xmpp:alice@" + testDomain + ".>", 407}, {"<tel:alice;x@" + testDomain + ">", 407}, {"<tel:1;@" + testDomain + ">", 407},
				{"<sip:alice@" + testDomain + ".>", 407},
				{"<sip:alice@" + testDomain + "..>", 400}, {"<sip:alice@." + testDomain + ">", 400}, {"<sips:..>", 400},
				{"<sip:eve@elsewhere.example>", 486}, {"<im:eve@elsewhere.example>", 486}, {"<sip:eve@elsewhere.example.>", 486},
			} {
				for _, method := range []string{"INVITE", "MESSAGE"} {
					id := fmt.Sprintf("claims-%s-%d", method, i)
					eve := s.phone("eve") // one each: what is not acknowledged is sent again
					eve.send(eve.request(method, bobURI(), id, 1, "hello", "From: "+x.from+";tag=e"))
					if x.status == 486 {
						bob.answer(bob.expect(method), 486)
					}
					if got := eve.expect("SIP/2.0 4"); got.Status != x.status {
						t.Errorf("%s from %s is answered %d, want %d", method, x.from, got.Status, x.status)
					}
				}
			}
			if m := bob.within(50*time.Millisecond, "INVITE"); m != nil {
				t.Errorf("bob got\n%s", m.Buf)
			}
			if n := s.rows("SELECT COUNT(*) FROM silo"); n != 0 {
				t.Errorf("%d messages were stored", n)
			}
			if script == "" {
				s.probe(s.phone("bob")) // behind the others
			}
			if list := s.ownCallsOf("alice"); len(list) != 0 {
				t.Errorf("alice has made the calls %+v", list)
			}
			for _, c := range s.missedBy("bob") {
				if c.Caller.Domain == testDomain {
					t.Errorf("bob has missed a call of %s", c.Caller)
				}
			}
		})
	}
}

// TestOneOfOursInAnotherScheme: a password is good for the SIP address that it belongs to, and for no name
// that is read as another one's.
func TestOneOfOursInAnotherScheme(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "mallory")
	bob, mallory := s.phone("bob"), s.phone("mallory")
	bob.register()
	s.rules(store.CallRule{Owner: of("bob"), Kind: store.RuleBlock, Pattern: "mallory@" + testDomain})
	for i, from := range []string{"<im:alice@" + testDomain + ">", "<im:mallory@" + testDomain + ">", "<tel:1;@" + testDomain + ">"} {
		mallory.start("INVITE", bobURI(), fmt.Sprintf("other-%d", i), "", "From: "+from+";tag=m")
		if got := mallory.expect("SIP/2.0 4"); got.Status != 403 {
			t.Errorf("a call of mallory's from %s is answered %d, want 403", from, got.Status)
		}
	}
	if m := bob.within(50*time.Millisecond, "INVITE"); m != nil {
		t.Errorf("bob got\n%s", m.Buf)
	}
}

// TestBYENamesNobodyElse: the rows of a call in acc name its two ends, whoever From of the BYE says has sent it.
func TestBYENamesNobodyElse(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	bob.register()
	for id, byBob := range map[string]bool{"hers": false, "his": true} {
		alice.start("INVITE", bobURI(), id, "")
		invite := bob.expect("INVITE ")
		bob.answer(invite, 200)
		ok := alice.expect("SIP/2.0 200")
		route, to := "Route: "+string(ok.HeaderValue(sip.HdrRecordRoute)), "To: <"+bobURI()+">;tag="+toTag(ok)
		toBob, toAlice := fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
		alice.send(alice.request("ACK", toBob, id, 2, "", to, route))
		bob.expect("ACK ")
		from, src, dst := alice, "alice", "bob"
		bye := alice.request("BYE", toBob, id, 3, "", to, route, "From: <sip:victim@example.org>;tag=f"+id)
		if byBob {
			from, src, dst = bob, "bob", "alice"
			bye = bob.request("BYE", toAlice, id, 1, "", route, "From: <sip:victim@example.org>;tag="+toTag(ok), "To: <sip:other@example.org>;tag=f"+id)
		}
		from.send(bye)
		if byBob {
			alice.answer(alice.expect("BYE "), 200)
		} else {
			bob.answer(bob.expect("BYE "), 200)
		}
		from.expect("SIP/2.0 200")
		s.wait("the row of the BYE", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = ?", id) == 1 })
		if n := s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = ? AND src_user = ? AND src_domain = ? AND dst_user = ?", id, src, testDomain, dst); n != 1 {
			t.Errorf("%s: the row of the BYE names somebody else", id)
		}
		s.wait("the call in alice's list", func() bool { return len(s.ownCallsOf("alice")) > 0 }) // behind the row in acc
	}
}
