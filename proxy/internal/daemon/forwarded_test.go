package daemon

import (
	"fmt"
	"testing"

	"seraph/sql/store"
)

// TestForwardedCallIsHers: a call that somebody's rule forwards is, in every list, the call of
// whom it is forwarded to: she has answered or missed it; so has he missed it, if his phone was
// tried before and nobody has answered. One that leaves our domains, or whose
// first phone answers after all, is his.
func TestForwardedCallIsHers(t *testing.T) {
	const carolURI, outside = "sip:carol@" + testDomain, "sip:mobile@elsewhere.invalid"
	for _, x := range []struct {
		kind    string
		target  string
		answers bool
		owner   string
	}{
		{store.RuleAlways, carolURI, true, "carol"}, {store.RuleAlways, carolURI, false, "carol"},
		{store.RuleBusy, carolURI, true, "carol"}, {store.RuleBusy, carolURI, false, "carol"},
		{store.RuleOffline, carolURI, true, "carol"}, {store.RuleOffline, carolURI, false, "carol"},
		{store.RuleBusy, outside, false, "bob"}, {"", "", true, "bob"}, {"", "", false, "bob"},
	} {
		t.Run(fmt.Sprintf("%s %s, answered %v", x.kind, x.target, x.answers), func(t *testing.T) {
			s := newStand(t, "", "alice", "bob", "carol")
			alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
			carol.register()
			if x.kind != store.RuleOffline {
				bob.register()
			}
			if x.kind != "" {
				if err := s.db.CallRules.Set(t.Context(), store.CallRule{Owner: of("bob"), Kind: x.kind, Target: x.target, Enabled: true}); err != nil {
					t.Fatal(err)
				}
				if err := s.d.modules.Calls.Userblock.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			invite := alice.start("INVITE", bobURI(), "talk", "")
			callee := bob
			if x.kind == store.RuleBusy {
				bob.answer(bob.expect("INVITE"), 486)
			}
			if x.target == carolURI {
				callee = carol
			}
			switch {
			case x.target == outside: // where nobody is found: his own answer goes up
				alice.ack(invite, toTag(alice.expect("SIP/2.0 486")))
			case x.answers:
				callee.answer(callee.expect("INVITE"), 200)
				endTalk(alice, callee)
			default:
				ringing := callee.expect("INVITE")
				callee.answer(ringing, 180)
				alice.expect("SIP/2.0 180")
				alice.cancel(invite)
				callee.answer(callee.expect("CANCEL"), 200)
				callee.answer(ringing, 487)
				alice.ack(invite, toTag(alice.expect("SIP/2.0 487")))
			}
			s.probe(alice)
			for _, user := range []string{"bob", "carol"} {
				answered, missed := 0, 0
				if user == x.owner && x.answers {
					answered = 1
				} else if user == x.owner || user == "bob" && x.kind == store.RuleBusy && !x.answers { // his phone has rung, too
					missed = 1
				}
				const listed = "SELECT COUNT(*) FROM call_log WHERE callid = 'talk' AND callee_username = ? AND answered IS "
				if n := s.rows(listed+"NOT NULL", user); n != answered {
					t.Errorf("%s's list has %d answered calls, want %d", user, n, answered)
				}
				if n := s.rows(listed+"NULL", user); n != missed {
					t.Errorf("%s's list has %d missed calls, want %d", user, n, missed)
				}
				if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE callid = 'talk' AND dst_user = ?", user); n != missed {
					t.Errorf("missed_calls has %d rows of %s's, want %d", n, user, missed)
				}
				if n := s.rows("SELECT COUNT(*) FROM acc WHERE callid = 'talk' AND dst_user = ?", user); n != 2*answered {
					t.Errorf("acc has %d rows of %s's, want %d", n, user, 2*answered)
				}
			}
		})
	}
}
