package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/deploy"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// rules puts call rules in force.
func (s *stand) rules(rules ...store.CallRule) {
	s.t.Helper()
	for _, r := range rules {
		r.Enabled = true
		if err := s.db.CallRules.Set(s.t.Context(), r); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.d.modules.Calls.Userblock.Reload(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// TestRulesOfPhones: of somebody with two phones, one that rang until its time was over says
// that he did not answer, else one that is busy that he is; one that declines speaks for all.
// Whoever the call has gone on to has rules of his own: they go by what his phones say. All
// calls are under way at once, because it takes a while until they have rung long enough.
func TestRulesOfPhones(t *testing.T) {
	const rings, silent = 0, -1 // until it is cancelled
	scenes := []struct {
		name   string
		rules  string // "whose kind to"; a, b, c, d stand for people, of whom a is called
		phones map[string][]int
		called string // who is called beside a, in that order
		answer int    // what the caller gets in the end
	}{
		{"no answer beside busy", "a noanswer b", map[string][]int{"a": {486, rings}, "b": {486}}, "b", 486},
		{"no answer beside a stale phone", "a noanswer b", map[string][]int{"a": {404, rings}, "b": {486}}, "b", 404},
		{"both, and a rule for each", "a noanswer b,a busy c", map[string][]int{"a": {486, rings}, "b": {603}, "c": {486}}, "b", 603},
		{"both, and a rule for busy", "a busy c", map[string][]int{"a": {486, rings}, "c": {603}}, "c", 603},
		{"busy beside away", "a busy b,a offline c", map[string][]int{"a": {480, 486}, "b": {603}, "c": {486}}, "b", 603},
		{"busy beside a dead phone", "a noanswer b,a busy c,a offline d", map[string][]int{"a": {486, silent}, "b": {486}, "c": {603}, "d": {486}}, "c", 603},
		{"stale beside a dead phone", "a busy b,a offline c", map[string][]int{"a": {404, silent}, "b": {486}, "c": {603}}, "c", 603},
		{"dead, and a rule for no answer", "a offline b,a noanswer c", map[string][]int{"a": {silent}, "b": {486}, "c": {603}}, "c", 603},
		{"busy, no rule for it", "a noanswer b,a offline c", map[string][]int{"a": {486}, "b": {486}, "c": {486}}, "", 486},
		{"declined", "a noanswer b,a busy c,a offline d", map[string][]int{"a": {603, rings}, "b": {486}, "c": {486}, "d": {486}}, "", 603},
		{"busy, and the next one does not answer", "a busy b,b noanswer c", map[string][]int{"a": {486}, "b": {rings}, "c": {404}}, "b c", 404},
		{"away, and the next one is busy", "a offline b,b busy c", map[string][]int{"a": {480}, "b": {486}, "c": {404}}, "b c", 404},
		{"no answer, and the next one is busy", "a noanswer b,b noanswer d,b busy c", map[string][]int{"a": {rings}, "b": {486}, "c": {404}, "d": {486}}, "b c", 404},
		{"busy, and the next one has no rule", "a busy b,a noanswer c", map[string][]int{"a": {486}, "b": {480}, "c": {404}}, "b", 480},
	}
	users := []string{"alice"}
	for i := range scenes {
		for _, who := range "abcd" {
			users = append(users, fmt.Sprintf("%c%d", who, i))
		}
	}
	// Everything rings for two seconds; the rules say five at least.
	s := newStand(t, strings.Replace(deploy.Script(), "ub_no_answer_timeout();", "t_set_fr(\"2000\");", 1), users...)
	var rules []store.CallRule
	for i, x := range scenes {
		for one := range strings.SplitSeq(x.rules, ",") {
			w := strings.Fields(one)
			rules = append(rules, store.CallRule{Owner: of(fmt.Sprint(w[0], i)), Kind: w[1], Target: fmt.Sprintf("sip:%s%d@%s", w[2], i, testDomain)})
		}
	}
	s.rules(rules...)
	alice := s.phone("alice")
	called := make(chan string, 100)
	for i, x := range scenes {
		for who, says := range x.phones {
			for _, status := range says {
				p := s.phone(fmt.Sprint(who, i))
				p.register()
				go p.plays(status, called)
			}
		}
	}
	calls, answers := map[string]*sip.Message{}, map[string]int{}
	for i := range scenes {
		id := fmt.Sprint("call-", i)
		calls[id] = alice.start("INVITE", fmt.Sprintf("sip:a%d@%s", i, testDomain), id, "")
	}
	for len(answers) < len(scenes) {
		if m := alice.expect("SIP/2.0 "); m.Status >= 300 {
			answers[string(m.CallID())] = m.Status
			alice.ack(calls[string(m.CallID())], toTag(m))
		}
	}
	got := map[string]string{}
	for len(called) > 0 {
		who := <-called
		got[who[1:]] += who[:1] + " "
	}
	for i, x := range scenes {
		if n := answers[fmt.Sprint("call-", i)]; n != x.answer {
			t.Errorf("%s: the caller gets %d, want %d", x.name, n, x.answer)
		}
		want := strings.Repeat("a ", len(x.phones["a"])) + x.called
		if list := strings.TrimSpace(got[fmt.Sprint(i)]); list != strings.TrimSpace(want) {
			t.Errorf("%s: called are %q, want %q", x.name, list, want)
		}
	}
}

// plays is a phone that answers each call with a status, or rings until it is cancelled if that
// is 0, or says nothing if it is less. Its user goes into called. It ends with its socket.
func (p *phone) plays(status int, called chan<- string) {
	var ringing *sip.Message
	seen := map[string]bool{}
	for buf := make([]byte, 65536); ; {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m := &sip.Message{}
		if m.Parse(append([]byte(nil), buf[:n]...)) != nil || !m.IsRequest {
			continue
		}
		switch id := string(m.CallID()); m.Method {
		case sip.INVITE:
			if !seen[id] {
				seen[id] = true
				called <- p.user
			}
			switch ringing = m; {
			case status == 0:
				p.answer(m, 180)
			case status > 0:
				p.answer(m, status)
			}
		case sip.CANCEL:
			p.answer(m, 200)
			p.answer(ringing, 487)
		}
	}
}

// TestForwardToAlias: who forwards to somebody's alias has calls ring there, and they are hers
// in every list; an alias of his own he cannot forward to, and his phones ring.
func TestForwardToAlias(t *testing.T) {
	s := newStand(t, "", "alice", "ben", "bea", "bob", "carol", "dave")
	for alias, who := range map[string]string{"100": "carol", "200": "dave"} {
		if err := s.db.Aliases.Add(t.Context(), of(alias), of(who)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.d.modules.Alias.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	const to100, to200 = "sip:100@" + testDomain, "sip:200@" + testDomain
	s.rules(store.CallRule{Owner: of("ben"), Kind: store.RuleAlways, Target: to100}, store.CallRule{Owner: of("bea"), Kind: store.RuleOffline, Target: to100},
		store.CallRule{Owner: of("bob"), Kind: store.RuleBusy, Target: to100}, store.CallRule{Owner: of("dave"), Kind: store.RuleAlways, Target: to200})
	alice, bob, carol, dave := s.phone("alice"), s.phone("bob"), s.phone("carol"), s.phone("dave")
	for _, p := range []*phone{bob, carol, dave} {
		p.register()
	}
	for _, user := range []string{"ben", "bea", "bob", "dave"} {
		invite, rings := alice.start("INVITE", "sip:"+user+"@"+testDomain, "talk-"+user, ""), carol
		switch user {
		case "bob":
			bob.answer(bob.expect("INVITE"), 486)
		case "dave":
			rings = dave
		}
		rings.answer(rings.expect("INVITE"), 480)
		alice.ack(invite, toTag(alice.expect("SIP/2.0 480")))
		s.probe(alice)
		for _, query := range []string{"SELECT COUNT(*) FROM call_log WHERE callid = ? AND callee_username = ?", "SELECT COUNT(*) FROM missed_calls WHERE callid = ? AND dst_user = ?"} {
			if n := s.rows(query, "talk-"+user, rings.user); n != 1 {
				t.Errorf("the call to %s: %d rows of %s's by %q", user, n, rings.user, query)
			}
		}
	}
}

// TestForwardToSips: a call that is forwarded to a sips address rings no phone without TLS, as one to
// it does not, be the address an alias or the call forwarded once more; nor does a short number's.
func TestForwardToSips(t *testing.T) {
	s := newStand(t, "", "alice", "ben", "bob", "carol", "dave")
	err := errors.Join(s.db.Aliases.Add(t.Context(), of("100"), of("carol")),
		s.db.SpeedDials.Add(t.Context(), store.SpeedDial{Owner: of("alice"), Dialed: of("22"), URI: "sips:100@" + testDomain}),
		s.d.modules.Alias.Reload(t.Context()), s.d.modules.Calls.Speeddial.Reload(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	alice, bob, carol, dave := s.phone("alice"), s.phone("bob"), s.phone("carol"), s.phone("dave")
	for _, p := range []*phone{bob, carol, dave} {
		p.register()
	}
	s.rules(store.CallRule{Owner: of("ben"), Kind: store.RuleAlways, Target: "sips:100@" + testDomain},
		store.CallRule{Owner: of("bob"), Kind: store.RuleBusy, Target: "sips:carol@" + testDomain})
	for i, user := range []string{"ben", "bob", "22", "bob"} {
		if i == 3 { // and on to where TLS is not asked for
			s.rules(store.CallRule{Owner: of("carol"), Kind: store.RuleAlways, Target: "sip:dave@" + testDomain})
		}
		invite := alice.start("INVITE", "sip:"+user+"@"+testDomain, fmt.Sprint("talk-", i), "")
		if user == "bob" {
			bob.answer(bob.expect("INVITE"), 486)
		}
		want := "SIP/2.0 480"
		if user == "bob" {
			want = "SIP/2.0 486" // he has been called, and the call cannot be sent on
		}
		alice.ack(invite, toTag(alice.expect(want)))
	}
	for _, p := range []*phone{carol, dave} {
		if m := p.within(50*time.Millisecond, "INVITE"); m != nil {
			t.Errorf("%s's phone on UDP rings: %.60q", p.user, m.Buf)
		}
	}
	s.rules(store.CallRule{Owner: of("bob"), Kind: store.RuleBusy, Target: "sip:dave@" + testDomain})
	invite := alice.start("INVITE", bobURI(), "plain", "") // what was is no matter for the next call
	bob.answer(bob.expect("INVITE"), 486)
	dave.answer(dave.expect("INVITE"), 486)
	alice.ack(invite, toTag(alice.expect("SIP/2.0 486")))
}

// TestBlockOfANeighbour: 10-01 and 1001 are two accounts. Whoever blocks one, by the row of a call,
// hears the other.
func TestBlockOfANeighbour(t *testing.T) {
	s := newStand(t, "", "alice", "10-01", "1001", "12", "1.2")
	alice := s.phone("alice")
	alice.register()
	for _, user := range []string{"10-01", "12"} {
		s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: store.PatternOf("sip:" + user + "@" + testDomain)})
	}
	for user, want := range map[string]bool{"10-01": false, "1001": true, "12": false, "1.2": true} {
		s.phone(user).reaches(alice, "sip:alice@"+testDomain, "of-"+user, want)
	}
}
