package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// defaultScript is the router's own script with lines before its routes.
func defaultScript(t *testing.T, lines string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/seraph.cfg")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(text), "\nroute {", "\n"+lines+"\nroute {", 1)
}

// missedRows waits until the last call of a scene, one to probe, is in the tables, and
// gives the statuses of what user has missed in call_log; missed_calls must have as
// many rows.
func missedRows(t *testing.T, s *stand.Stand, user string, codes ...string) {
	t.Helper()
	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	probes := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE callee_username = 'probe'")
	call := stranger.Call("sip:probe@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	wait.For(t, 10*time.Second, "the calls are in the tables", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE callee_username = 'probe'"); n <= probes {
			return fmt.Errorf("%d rows of the probe", n)
		}
		return nil
	})
	for table, query := range map[string]string{
		"call_log":     "SELECT COUNT(*) FROM call_log WHERE answered IS NULL AND callee_username = ?",
		"missed_calls": "SELECT COUNT(*) FROM missed_calls WHERE dst_user = ?",
	} {
		if n := s.QueryInt(query, user); n != len(codes) {
			t.Errorf("%s has %d rows of %s, want %q", table, n, user, codes)
		}
		for _, code := range codes {
			if s.QueryInt(query+" AND sip_code = ?", user, code) == 0 {
				t.Errorf("%s has no row of %s with %s", table, user, code)
			}
		}
	}
}

// TestMissedCalls: each way in which a call is missed makes one row, on each engine,
// and what was answered or refused for other reasons makes none.
func TestMissedCalls(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) { missedCalls(t, engine) })
	}
}

func missedCalls(t *testing.T, engine stand.Engine) {
	s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"probe"},
		Script: defaultScript(t, "modparam(\"tm\", \"fr_inv_timer\", 2)")})
	for _, scene := range []struct {
		name  string
		play  func(t *testing.T, c cast) string // returns the callee
		codes []string
	}{
		{"busy", refusedWith(486), []string{"486"}},
		{"declined", refusedWith(603), []string{"603"}},
		{"a loop", refusedWith(482), nil},
		{"session timer too small", refusedWith(422), nil},
		{"moved", refusedWith(302), nil},
		{"refused, tried again, answered", triedAgain, nil},
		{"given up", givenUp, []string{"487"}},
		{"rang too long", rangTooLong, []string{"408"}},
		{"not on line, and asked again", notOnLine, []string{"480"}},
		{"two phones, one answers", oneOfTwo, nil},
		{"answered", answered, nil},
	} {
		t.Run(scene.name, func(t *testing.T) {
			sub := s.For(t)
			callee := scene.play(t, cast{t: t, s: sub, v: variants[1]})
			missedRows(t, sub, callee, scene.codes...)
		})
	}
	s.NothingLeft()
}

func refusedWith(status int) func(*testing.T, cast) string {
	return func(_ *testing.T, c cast) string {
		bob, alice := c.callee(), c.caller()
		call := alice.Call(bob.AoR())
		bob.Reply(bob.Expect(peer.Request("INVITE")), status, "No")
		call.AckFailure(call.Expects(status))
		return bob.Name
	}
}

// triedAgain is a call that is missed, is in the tables, and is answered when the
// caller's phone tries again within it (same Call-ID and From tag).
func triedAgain(t *testing.T, c cast) string {
	bob, alice := c.callee(), c.caller()
	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 480, "Do Not Disturb")
	call.AckFailure(call.Expects(480))
	bob.Expect(peer.Request("ACK"))
	missedRows(t, c.s, bob.Name, "480")
	call.Invite = alice.Send(alice.Again(call.Invite))
	challenged := call.Expects(407)
	call.AckFailure(challenged)
	call.Invite = alice.Send(alice.Answer(call.Invite, challenged, peer.Credentials{User: alice.Name, Password: alice.Password}))
	bob.Reply(bob.Expect(peer.Request("INVITE")), 200, "OK", tag(bob))
	dialog := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	hangup(dialog, bob)
	alice.Expect(peer.Response(200, "BYE"))
	return bob.Name
}

func givenUp(t *testing.T, c cast) string {
	bob, alice := c.callee(), c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 180, "Ringing", tag(bob))
	call.Expects(180)
	call.Cancel()
	cancelled(t, bob, invite, "")
	call.AckFailure(call.Expects(487))
	return bob.Name
}

func rangTooLong(t *testing.T, c cast) string {
	bob, alice := c.callee(), c.caller()
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	bob.Reply(invite, 180, "Ringing", tag(bob))
	cancelled(t, bob, invite, "")
	call.AckFailure(call.Expects(408))
	return bob.Name
}

func notOnLine(_ *testing.T, c cast) string {
	name := newUser(c.s)
	walter := c.s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	call := walter.Call("sip:" + name + "@" + stand.Domain)
	call.Expects(480)
	walter.Send(call.Invite) // as if the 480 had been lost
	call.AckFailure(call.Expects(480))
	return name
}

func oneOfTwo(t *testing.T, c cast) string {
	aor, phones := c.phones(2)
	alice := c.caller()
	call := alice.Call(aor)
	first, second := phones[0].Expect(peer.Request("INVITE")), phones[1].Expect(peer.Request("INVITE"))
	phones[1].Reply(second, 180, "Ringing", tag(phones[1]))
	call.Expects(180)
	phones[0].Reply(first, 200, "OK", tag(phones[0]))
	dialog := call.Ack(call.Expects(200))
	cancelled(t, phones[1], second, "Call completed elsewhere")
	phones[0].Expect(peer.Request("ACK"))
	hangup(dialog, phones[0])
	alice.Expect(peer.Response(200, "BYE"))
	return phones[0].Name
}

func answered(t *testing.T, c cast) string {
	bob, alice := c.callee(), c.caller()
	dialog, _ := connect(t, alice, bob)
	hangup(dialog, bob)
	alice.Expect(peer.Response(200, "BYE"))
	rows := func() error {
		if n := c.s.QueryInt("SELECT COUNT(*) FROM acc WHERE method = 'INVITE' AND dst_user = ? AND sip_code = '200'", bob.Name); n != 1 {
			return fmt.Errorf("%d rows for the answer", n)
		}
		if n := c.s.QueryInt("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND src_user = ?", alice.Name); n != 1 {
			return fmt.Errorf("%d rows for the BYE", n)
		}
		return nil
	}
	wait.For(t, 10*time.Second, "the call is accounted", rows)
	return bob.Name
}

// TestRealPhoneMissesCall: a real phone rings until the caller, a real phone too,
// gives up.
func TestRealPhoneMissesCall(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "probe"}})
	bob := phone(s, t, baresip.Account{User: "bob"})
	alice := phone(s, t, baresip.Account{User: "alice"})
	alice.Dial("sip:bob@" + stand.Domain)
	bob.Rings()
	alice.Hangup("")
	bob.Closes()
	missedRows(t, s, "bob", "487")
}

// TestMissedWhileDatabaseIsAway: rows wait for the database and are there when it is
// back, each once.
func TestMissedWhileDatabaseIsAway(t *testing.T) {
	s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Users: []string{"bob", "probe"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	walter := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	if err := s.MariaDB().Stop(); err != nil {
		t.Fatal(err)
	}
	const calls = 20
	for range calls {
		call := walter.Call(bob.AoR())
		bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
		call.AckFailure(call.Expects(486))
		bob.Expect(peer.Request("ACK"))
	}
	s.MariaDB().Launch()
	wait.For(t, 30*time.Second, "the calls are in the tables", func() error {
		n := s.QueryInt("SELECT COUNT(*) FROM missed_calls WHERE dst_user = 'bob' AND sip_code = '486'")
		m := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE callee_username = 'bob' AND sip_code = '486'")
		if n != calls || m != calls {
			return fmt.Errorf("missed_calls has %d rows and call_log %d, want %d", n, m, calls)
		}
		return nil
	})
}
