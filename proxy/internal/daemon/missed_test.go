package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func of(user string) aor.AOR { return aor.AOR{User: user, Domain: testDomain} }

// shortRinging is the embedded script with short timers.
const shortRinging = "modparam(\"tm\", \"fr_inv_timer\", 1)\nmodparam(\"tm\", \"fr_timer\", 1)\n"

func bobURI() string { return "sip:bob@" + testDomain }

// TestMissedCalls: what makes a row and what does not, in both tables.
func TestMissedCalls(t *testing.T) {
	for _, x := range []struct {
		name  string
		call  func(s *stand, alice, bob *phone)
		codes string // of the rows
	}{
		{"busy", refuseWith(486), "486"},
		{"declined", refuseWith(603), "603"},
		{"not acceptable", refuseWith(488), "488"},
		{"a loop", refuseWith(482), ""},
		{"too many hops", refuseWith(483), ""},
		{"address incomplete", refuseWith(484), ""},
		{"bad extension", refuseWith(420), ""},
		{"pending", refuseWith(491), ""},
		{"session timer too small", refuseWith(422), ""},
		{"moved", refuseWith(302), ""},
		{"refused, tried again, answered", func(_ *stand, alice, bob *phone) {
			invite := alice.start("INVITE", bobURI(), "again", "")
			bob.answer(bob.expect("INVITE"), 480)
			alice.ack(invite, toTag(alice.expect("SIP/2.0 480")))
			bob.expect("ACK")
			alice.start("INVITE", bobURI(), "again", "")
			bob.answer(bob.expect("INVITE"), 200)
			alice.expect("SIP/2.0 200")
		}, ""},
		{"a challenge of the phone's", refuseWith(407), ""},
		{"given up", func(_ *stand, alice, bob *phone) { giveUp(alice, bob) }, "487"},
		{"answered elsewhere", func(_ *stand, alice, bob *phone) {
			giveUp(alice, bob, `Reason: SIP;cause=200;text="Call completed elsewhere"`)
		}, ""},
		{"timed out", func(_ *stand, alice, bob *phone) {
			invite := alice.start("INVITE", bobURI(), "late", "")
			ringing := bob.expect("INVITE")
			bob.answer(ringing, 180)
			bob.answer(bob.expect("CANCEL"), 200)
			bob.answer(ringing, 487)
			final := alice.expect("SIP/2.0 408")
			alice.ack(invite, toTag(final))
		}, "408"},
		{"answered", func(_ *stand, alice, bob *phone) { talk(alice, bob) }, ""},
		{"not on line", func(s *stand, alice, bob *phone) {
			bob.register("Contact: *", "Expires: 0")
			refusedAtOnce(alice, bobURI(), "480")
		}, "480"},
		{"not on line, asked twice", func(s *stand, _, bob *phone) {
			bob.register("Contact: *", "Expires: 0")
			eve := s.phone("eve")
			msg := eve.request("INVITE", bobURI(), "twice", 1, "", "From: <sip:eve@elsewhere.example>;tag=1")
			eve.send(msg)
			eve.expect("SIP/2.0 480")
			eve.send(msg)
			eve.expect("SIP/2.0 480")
		}, "480"},
		{"nobody of that name", func(_ *stand, alice, _ *phone) { refusedAtOnce(alice, "sip:nobody@"+testDomain, "480") }, ""},
		{"no credentials", func(_ *stand, alice, _ *phone) {
			alice.send(alice.request("INVITE", bobURI(), "bare", 1, ""))
			alice.expect("SIP/2.0 407")
		}, ""},
		{"refused before lookup", func(_ *stand, alice, _ *phone) {
			alice.send(alice.request("INVITE", bobURI(), "hops", 1, "", "Max-Forwards: 0"))
			alice.expect("SIP/2.0 4")
		}, ""},
		{"two phones, one answers", func(s *stand, alice, bob *phone) {
			second := s.phone("bob")
			second.register()
			alice.start("INVITE", bobURI(), "two", "")
			ringing := bob.expect("INVITE")
			bob.answer(ringing, 180)
			second.answer(second.expect("INVITE"), 200)
			alice.expect("SIP/2.0 200")
			bob.answer(bob.expect("CANCEL"), 200)
			bob.answer(ringing, 487)
		}, ""},
		{"two phones, both refuse", func(s *stand, alice, bob *phone) {
			second := s.phone("bob")
			second.register()
			invite := alice.start("INVITE", bobURI(), "both", "")
			bob.answer(bob.expect("INVITE"), 486)
			second.answer(second.expect("INVITE"), 486)
			alice.ack(invite, toTag(alice.expect("SIP/2.0 486")))
		}, "486"},
		{"click-to-dial's own leg", func(s *stand, _, bob *phone) {
			if _, err := s.d.modules.Ctd.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "bob@" + testDomain, Callee: "sip:alice@" + testDomain}); err != nil {
				t.Fatal(err)
			}
			bob.answer(bob.expect("INVITE"), 486)
			bob.expect("ACK")
		}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newStand(t, withTimers(), "alice", "bob")
			alice, bob := s.phone("alice"), s.phone("bob")
			bob.register()
			began := time.Now()
			x.call(s, alice, bob)
			// A call that surely is missed comes last, so that all before it are written.
			s.probe(alice)
			calls := s.missedBy("bob")
			var codes []string
			for _, c := range calls {
				codes = append(codes, fmt.Sprint(c.Code))
				if c.Started.Before(began.Add(-2*time.Second)) || c.Started.After(time.Now().Add(time.Second)) {
					t.Errorf("the call began %v, at %v it was made", c.Started, began)
				}
			}
			if got := strings.Join(codes, " "); got != x.codes {
				t.Errorf("in call_log bob has missed %q, want %q", got, x.codes)
			}
			if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE dst_user = 'bob'"); n != len(strings.Fields(x.codes)) {
				t.Errorf("missed_calls has %d rows of bob's, want %q", n, x.codes)
			}
		})
	}
}

// withTimers is the embedded script in which nobody rings for long.
func withTimers() string {
	return strings.Replace(embeddedText(), "\nroute", "\n"+shortRinging+"\nroute", 1)
}

func embeddedText() string {
	_, text, err := readScript("")
	if err != nil {
		panic(err) // it is in the binary
	}
	return string(text)
}

func toTag(m *sip.Message) string {
	to, err := m.To()
	if err != nil {
		return ""
	}
	return string(to.Tag)
}

// probe makes a call to probe, who is never on line, and waits for its row.
func (s *stand) probe(from *phone) {
	s.t.Helper()
	if _, err := s.db.Subscribers.Find(s.t.Context(), of("probe")); err != nil {
		if err := s.db.Subscribers.Create(s.t.Context(), of("probe"), "pw-probe"); err != nil {
			s.t.Fatal(err)
		}
	}
	had := len(s.missedBy("probe"))
	refusedAtOnce(from, "sip:probe@"+testDomain, "480")
	s.wait("the probe's row", func() bool { return len(s.missedBy("probe")) > had })
}

func (s *stand) missedBy(user string) []store.Call {
	s.t.Helper()
	list, _, err := s.db.Calls.ListMissed(s.t.Context(), of(user), store.CallQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func refuseWith(status int) func(*stand, *phone, *phone) {
	return func(_ *stand, alice, bob *phone) {
		invite := alice.start("INVITE", bobURI(), fmt.Sprintf("refused-%d", status), "")
		bob.answer(bob.expect("INVITE"), status)
		alice.ack(invite, toTag(alice.expect(fmt.Sprintf("SIP/2.0 %d", status))))
	}
}

func refusedAtOnce(from *phone, uri, status string) {
	invite := from.start("INVITE", uri, fmt.Sprintf("at-once-%d", from.n), "")
	from.ack(invite, toTag(from.expect("SIP/2.0 "+status)))
}

func giveUp(alice, bob *phone, lines ...string) {
	invite := alice.start("INVITE", bobURI(), "given-up", "")
	ringing := bob.expect("INVITE")
	bob.answer(ringing, 180)
	alice.expect("SIP/2.0 180")
	alice.cancel(invite, lines...)
	bob.answer(bob.expect("CANCEL"), 200)
	bob.answer(ringing, 487)
	alice.ack(invite, toTag(alice.expect("SIP/2.0 487")))
}

// talk is a call that bob answers and alice ends.
func talk(alice, bob *phone) {
	alice.start("INVITE", bobURI(), "talk", "")
	bob.answer(bob.expect("INVITE"), 200)
	endTalk(alice, bob)
}

// endTalk is the rest of such a call, whoever has answered it.
func endTalk(alice, bob *phone) {
	ok := alice.expect("SIP/2.0 200")
	route := "Route: " + string(ok.HeaderValue(sip.HdrRecordRoute))
	to := "To: <" + bobURI() + ">;tag=" + toTag(ok)
	target := fmt.Sprintf("sip:%s@127.0.0.1:%d", bob.user, bob.port())
	alice.send(alice.request("ACK", target, "talk", 2, "", to, route))
	bob.expect("ACK")
	alice.send(alice.request("BYE", target, "talk", 3, "", to, route))
	bob.answer(bob.expect("BYE"), 200)
	alice.expect("SIP/2.0 200")
}

// TestStrangersMissedCalls: what strangers may leave is bounded; a caller who has signed
// in is not touched by that, be he refused at once or by a phone.
func TestStrangersMissedCalls(t *testing.T) {
	script := strings.Replace(embeddedText(), "\nroute", "\nmodparam(\"acc\", \"foreign_per_source\", 2)\nroute", 1)
	s := newStand(t, script, "alice", "bob", "carol")
	alice, bob := s.phone("alice"), s.phone("bob")
	bob.register()
	for i := range 4 {
		eve := s.phone("eve")
		eve.send(eve.request("INVITE", "sip:carol@"+testDomain, fmt.Sprintf("eve-%d", i), 1, "", "From: <sip:eve@elsewhere.example>;tag=1"))
		eve.expect("SIP/2.0 480")
	}
	for range 3 {
		refusedAtOnce(alice, "sip:carol@"+testDomain, "480")
	}
	for i := range 3 {
		invite := alice.start("INVITE", bobURI(), fmt.Sprintf("busy-%d", i), "")
		bob.answer(bob.expect("INVITE"), 486)
		alice.ack(invite, toTag(alice.expect("SIP/2.0 486")))
		bob.expect("ACK")
	}
	s.probe(alice)
	if carol, bob := len(s.missedBy("carol")), len(s.missedBy("bob")); carol != 2+3 || bob != 3 {
		t.Errorf("carol has missed %d calls and bob %d, want 2 of the stranger's and 3 of alice's, and 3", carol, bob)
	}
	if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE src_user = 'eve'"); n != 2 {
		t.Errorf("missed_calls has %d rows of the stranger's, want 2", n)
	}
}

// TestAccounts: an answered call makes a row for its 2xx and one for its BYE.
func TestAccounts(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	bob.register()
	talk(alice, bob)
	s.probe(alice)
	for _, method := range []string{"INVITE", "BYE"} {
		if n := s.rows("SELECT COUNT(*) FROM acc WHERE method = ? AND callid = 'talk' AND from_tag = 'ftalk' AND to_tag = 'tbob' AND sip_code = '200' AND "+
			"src_user = 'alice' AND src_domain = 'example.org' AND src_ip = '127.0.0.1' AND dst_user = 'bob'", method); n != 1 {
			t.Errorf("%d rows for the %s of the call, want 1", n, method)
		}
	}
	if n := s.rows("SELECT COUNT(*) FROM acc"); n != 2 {
		t.Errorf("acc has %d rows, want 2", n)
	}
}

// TestMissedCallText: a caller's display name is kept as it came; who subscribed hears
// of the call.
func TestMissedCallText(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	feed, err := client.Subscribe(t.Context(), ctlproto.TopicMissedCall, ctlproto.TopicCall)
	if err != nil {
		t.Fatal(err)
	}
	const name = `<img src=x onerror=alert(1)>'; DROP TABLE missed_calls; --`
	eve := s.phone("eve")
	eve.send(eve.request("INVITE", bobURI(), "hostile", 1, "", `From: "`+name+`" <sip:eve@elsewhere.example>;tag=1`))
	eve.expect("SIP/2.0 480")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	event, err := feed.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	missed, err := event.MissedCall()
	if err != nil {
		t.Fatal(err)
	}
	if missed.Owner != "bob@"+testDomain || missed.Name != name || missed.Caller != "sip:eve@elsewhere.example" || missed.Code != 480 || missed.MissedUnseen != 1 {
		text, _ := json.Marshal(missed)
		t.Errorf("the event is %s", text)
	}
	if event, err = feed.Next(ctx); err != nil {
		t.Fatal(err)
	}
	if news, err := event.Call(); err != nil || news.State != ctlproto.CallUnanswered || news.Caller != "eve@elsewhere.example" || news.Callee != "bob@"+testDomain {
		t.Errorf("the lists are said to have changed so: %+v, %v", news, err)
	}
	if calls := s.missedBy("bob"); len(calls) != 1 || calls[0].CallerName != name || calls[0].Caller.String() != "eve@elsewhere.example" {
		t.Errorf("call_log has %+v", calls)
	}
}

// TestMissedByAlias: who is called by another name has missed the call.
func TestMissedByAlias(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	if err := s.db.Aliases.Add(t.Context(), of("4711"), of("bob")); err != nil {
		t.Fatal(err)
	}
	s.d.Reload(t.Context())
	alice := s.phone("alice")
	refusedAtOnce(alice, "sip:4711@"+testDomain, "480")
	s.probe(alice)
	if calls := s.missedBy("bob"); len(calls) != 1 || calls[0].TargetURI != "sip:4711@"+testDomain {
		t.Errorf("bob has missed %+v", calls)
	}
	if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE dst_ouser = '4711' AND dst_user = 'bob'"); n != 1 {
		t.Errorf("missed_calls has %d rows with both names, want 1", n)
	}
}
