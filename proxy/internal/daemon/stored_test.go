package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"seraph/deploy"
	"seraph/sql/store"
)

// gets expects messages in their order, and takes them.
func (p *phone) gets(texts ...string) {
	p.t.Helper()
	for _, want := range texts {
		m := p.expect("MESSAGE")
		if !strings.HasSuffix(string(m.Body()), "] "+want) {
			p.t.Fatalf("got %.80q of %d bytes, want %.80q", m.Body(), len(m.Body()), want)
		}
		p.answer(m, 200)
	}
}

// TestStrangersLargeMessages: messages that are just short enough when they come are longer
// when they are delivered. They arrive all the same; under a script whose limit holds for the
// router, too, they are refused for good and hold nobody's up.
func TestStrangersLargeMessages(t *testing.T) {
	limited := strings.Replace(deploy.Script(), "msg:len > 16384 && proto != local", "msg:len > 16384", 1)
	for name, script := range map[string]string{"": "", "the limit is everybody's": limited} {
		s := newStand(t, script, "alice", "bob")
		eve, alice, bob := s.phone("eve"), s.phone("alice"), s.phone("bob")
		var large []string
		for i := range 2 {
			text := func(n int) []byte {
				return eve.request("MESSAGE", bobURI(), fmt.Sprint("large-", i), 1, strings.Repeat("x", n), "From: <sip:eve@elsewhere.example>;tag=1")
			}
			n := 16384 - len(text(10000)) + 10000
			eve.send(text(n))
			eve.expect("SIP/2.0 202")
			large = append(large, strings.Repeat("x", n))
		}
		eve.send(eve.request("MESSAGE", bobURI(), "too-large", 1, strings.Repeat("x", 16384), "From: <sip:eve@elsewhere.example>;tag=1"))
		eve.expect("SIP/2.0 513")
		leave(alice, "one", "two", "three")
		bob.register()
		if name == "" {
			bob.gets(large...)
		}
		bob.gets("one", "two", "three")
		if name == "" {
			s.emptySilo("bob")
			continue
		}
		s.wait("the large ones are left", func() bool { return len(s.siloOf("bob")) == 2 })
		for _, m := range s.siloOf("bob") {
			if !m.Refused || m.LastCode != 513 || !m.Foreign {
				t.Errorf("%s: left %d, refused %v", name, m.LastCode, m.Refused)
			}
		}
	}
}

// TestStrangersDatagramsAreLost: a stranger's messages that never get to the phone cost those
// behind them one REGISTER, and none of the next.
func TestStrangersDatagramsAreLost(t *testing.T) {
	s := newStand(t, shortTimer(), "alice", "bob")
	for i := range 4 {
		if m := s.foreign(bobURI(), fmt.Sprint("lost-", i)); m.Status != 202 {
			t.Fatalf("answered %d", m.Status)
		}
	}
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "one", "two")
	bob.register()
	for _, want := range []string{"hello", "hello", "one", "two"} {
		m := bob.expect("MESSAGE")
		for want != "hello" && strings.HasSuffix(string(m.Body()), "hello") {
			m = bob.expect("MESSAGE") // sent again
		}
		if !strings.HasSuffix(string(m.Body()), "] "+want) {
			t.Fatalf("got %q, want %q", m.Body(), want)
		}
		if want != "hello" {
			bob.answer(m, 200)
		}
	}
	s.wait("the strangers' are left", func() bool { return len(s.siloOf("bob")) == 4 })
}

// TestStoredBySpeedDial: a message to a short number is kept for whom it stands for, be he
// away, or his phone not able to take it, or while what waits for him is being delivered.
func TestStoredBySpeedDial(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	err := errors.Join(s.db.SpeedDials.Add(t.Context(), store.SpeedDial{Owner: of("alice"), Dialed: of("11"), URI: bobURI()}),
		s.d.modules.Calls.Speeddial.Reload(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := s.phone("alice"), s.phone("bob")
	writes := func(uri, text, want string) {
		t.Helper()
		alice.start("MESSAGE", uri, "short-"+text, text)
		if strings.HasPrefix(text, "refused") {
			bob.answer(bob.expect("MESSAGE"), 480)
		}
		alice.expect(want)
	}
	short := "sip:11@" + testDomain
	bob.register()
	writes(short, "refused-by-number", "SIP/2.0 202")
	writes(bobURI(), "refused-by-address", "SIP/2.0 202")
	list := s.siloOf("bob")
	if len(list) != 2 || list[0].To != bobURI() || list[1].To != bobURI() {
		t.Errorf("the silo has %+v", list)
	}
	bob.register()
	first := bob.expect("MESSAGE")
	writes(short, "meanwhile", "SIP/2.0 202")
	bob.answer(first, 200)
	bob.gets("refused-by-address", "meanwhile")
	s.emptySilo("bob")
	bob.register("Contact: *", "Expires: 0")
	writes(short, "away", "SIP/2.0 202")
	writes("sip:12@"+testDomain, "nobody", "SIP/2.0 503")
	if list := s.siloOf("bob"); len(list) != 1 {
		t.Errorf("then the silo has %+v", list)
	}
}
