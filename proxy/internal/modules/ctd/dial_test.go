package ctd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestDialRefusesWrongAddresses(t *testing.T) {
	s := newStand(t)
	for _, c := range []struct{ caller, callee, field, problem string }{
		{"", "bob", "caller", ""},
		{"alice", "bob", "caller", ""},
		{"alice@elsewhere.example", "bob", "caller", "elsewhere.example is not a domain of this router"},
		{"al ice@example.org", "bob", "caller", ""},
		{"alice@example.org", "", "callee", ""},
		{"alice@example.org", "http://example.org/", "callee", ""},
		{"alice@example.org", "sip:bob@example.org>\r\nEvil: yes", "callee", ""},
		{"alice@example.org", "tel:bob", "callee", ""},
		{"alice@example.org", "sip:" + strings.Repeat("b", 3000) + "@example.org", "callee", ""},
		{"alice@example.org", "Alice@EXAMPLE.org", "callee", "is the caller's own address"},
	} {
		_, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: c.caller, Callee: c.callee})
		var e *ctlproto.Error
		if !errors.As(err, &e) || e.Code != ctlproto.CodeInvalidParams {
			t.Errorf("%.60q %.60q: %v", c.caller, c.callee, err)
			continue
		}
		if p := e.Data.(ctlproto.ParamProblem); p.Field != c.field || !strings.Contains(p.Problem, c.problem) {
			t.Errorf("%.60q %.60q: %+v", c.caller, c.callee, p)
		}
	}
	if n := s.statistic("dials"); n != 0 {
		t.Errorf("%d dials", n)
	}
	s.alice.silent()
}

// TestReferToIsEscaped: what can be called is written so that nothing can be
// added to the message by it.
func TestReferToIsEscaped(t *testing.T) {
	for callee, want := range map[string]string{
		"bob":                                   "<sip:bob@example.org>",
		"sips:Bob@Example.ORG:5061":             "<sips:bob@example.org:5061>",
		"sip:b%0Do@example.org":                 "", // a control character is refused
		"sip:b%40o;x@example.org":               "<sip:b%40o;x@example.org>",
		"sip:zo\u00eb@example.org":              "<sip:zo%C3%AB@example.org>",
		"sip:bob:secret@example.org?Replaces=x": "<sip:bob@example.org>",
		"tel:+49-30-1234;phone-context=+49":     "<tel:+49301234;phone-context=+49>",
	} {
		t.Run(callee, func(t *testing.T) {
			s := newStand(t)
			s.module.set.thirdParty = false
			id, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: callee})
			if want == "" {
				if err == nil {
					t.Error("it was dialled")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			refer := s.alice.referred()
			if got := string(refer.Value(refer.Named("Refer-To"))); got != want {
				t.Errorf("Refer-To %q, want %q", got, want)
			}
			s.alice.answer(refer, 603)
			s.alice.hangUp()
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeReferRefused, 603)
		})
	}
}

func TestNameIsQuoted(t *testing.T) {
	s := newStand(t)
	id, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "bob", CalleeName: "B\" <sip:evil@x>\r\nEvil: \\"})
	if err != nil {
		t.Fatal(err)
	}
	s.alice.ring()
	if got := string(s.alice.invite.Value(s.alice.invite.Named("From"))); !strings.HasPrefix(got, `"B\" <sip:evil@x>  Evil: \\" <sip:controller@example.org>;tag=`) {
		t.Errorf("From %q", got)
	}
	s.alice.answer(s.alice.invite, 486)
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486)
}

func TestAutoAnswerAndHoldStyle(t *testing.T) {
	s := newStand(t)
	s.module.cfg.AutoAnswer = func(_ context.Context, user, domain string) bool { return user == "alice" && domain == "example.org" }
	s.module.set.hold = ua.HoldInactive
	id := s.dial()
	s.alice.ring()
	for _, want := range []string{"Answer-Mode: Auto\r\n", "a=inactive\r\n", "c=IN IP4 127.0.0.1\r\n"} {
		if !strings.Contains(string(s.alice.invite.Buf), want) {
			t.Errorf("no %q in %q", want, s.alice.invite.Buf)
		}
	}
	s.alice.answer(s.alice.invite, 486)
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486)
}

// TestNoAutoAnswer: a phone that answers clicks by itself rings when somebody else clicked, and the
// attempt says who.
func TestNoAutoAnswer(t *testing.T) {
	s := newStand(t)
	s.module.cfg.AutoAnswer = func(context.Context, string, string) bool { return true }
	id, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "carol", Actor: "visitor at 192.0.2.1", NoAutoAnswer: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.alice.ring()
	for _, header := range []string{"Answer-Mode", "Alert-Info", "Call-Info"} {
		if strings.Contains(string(s.alice.invite.Buf), header) {
			t.Errorf("%s in %q", header, s.alice.invite.Buf)
		}
	}
	s.alice.answer(s.alice.invite, 486)
	if got := s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486); got.Actor != "visitor at 192.0.2.1" {
		t.Errorf("actor %q", got.Actor)
	}
}

func TestLimits(t *testing.T) {
	s := newStand(t)
	s.module.set.maxAttempts = 2
	busy := func(caller, problem string) {
		t.Helper()
		_, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: caller, Callee: "carol"})
		if ctlproto.CodeOf(err) != ctlproto.CodeBusy || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", caller, err)
		}
	}
	first := s.dial()
	s.alice.ring()
	busy("alice@example.org", "alice@example.org has a click-to-dial attempt running already")
	if _, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "bob@example.org", Callee: "carol"}); err != nil {
		t.Fatal(err)
	}
	s.bob.ring()
	busy("dave@example.org", "2 click-to-dial attempts are running, the most that may")
	s.alice.answer(s.alice.invite, 486)
	s.bob.answer(s.bob.invite, 486)
	until(t, "both to end", func() bool { return s.statistic("active") == 0 })
	if st, _ := s.module.Status(first); !st.Ended {
		t.Errorf("first: %+v", st)
	}
	s.alice.expect("ACK")
	s.dial() // once more
	s.alice.ring()
	s.alice.answer(s.alice.invite, 486)
}

// TestNewDialWhileTheLastEnds: the caller need not wait until the old leg is gone.
func TestNewDialWhileTheLastEnds(t *testing.T) {
	s := newStand(t)
	s.module.set.notifyWait = 200 * time.Millisecond
	id, toBob := s.calling(outgoing{})
	s.bob.answer(toBob, 200, s.bob.contact())
	s.alice.expect("SIP/2.0 200")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	second := s.dial()
	s.alice.ring()
	s.alice.answer(s.alice.invite, 486)
	s.ended(second, ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486)
	// The BYE of the first is not answered, and the dialog ends all the same.
}

func TestEndedAttemptsAreKeptForAWhile(t *testing.T) {
	m := New(Config{})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.cfg.Now = func() time.Time { return now }
	m.set.maxRecords, m.set.keep = 3, 10*time.Minute
	end := func(id string) {
		a := &attempt{m: m, id: id}
		m.mu.Lock()
		m.attempts[id] = a
		m.active++
		m.mu.Unlock()
		m.done(a, &ctlproto.CtdStatus{State: ctlproto.CtdFailed})
	}
	known := func() (ids string) {
		for i := range 6 {
			if _, ok := m.Status(fmt.Sprint(i)); ok {
				ids += fmt.Sprint(i)
			}
		}
		return ids
	}
	end("0")
	now = now.Add(9 * time.Minute)
	end("1")
	if got := known(); got != "01" {
		t.Errorf("after 9 min: %q", got)
	}
	now = now.Add(61 * time.Second)
	if got := known(); got != "1" {
		t.Errorf("after 10 min: %q", got)
	}
	for _, id := range []string{"2", "3", "4", "5"} {
		end(id)
	}
	if got := known(); got != "345" {
		t.Errorf("beyond the number kept: %q", got)
	}
}

// TestThrowAwayInstance is what a check of a script makes.
func TestThrowAwayInstance(t *testing.T) {
	m := New(Config{})
	var _ module.Module = m
	var _ module.Initializer = m
	if m.Name() != "ctd" || len(m.Funcs()) != 0 || m.Init() != nil {
		t.Error("not what a script expects")
	}
	if _, err := m.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "bob"}); ctlproto.CodeOf(err) != ctlproto.CodeUnavailable {
		t.Errorf("dial: %v", err)
	}
	m.Relayed(nil, nil)
	m.Progress(nil, 200)
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestParameters(t *testing.T) {
	m := New(Config{})
	params := map[string]module.Param{}
	for _, p := range m.Params() {
		params[p.Name] = p
		if p.Doc == "" {
			t.Errorf("%s has no description", p.Name)
		}
	}
	for _, c := range []struct {
		name, str string
		num       int
		err       string
	}{
		{"controller", "click", 0, ""},
		{"controller", "a b", 0, `"a b" cannot be the user part of an address`},
		{"controller", "", 0, "cannot be the user part"},
		{"hold", "inactive", 0, ""},
		{"hold", "0.0.0.0", 0, ""},
		{"hold", "sendonly", 0, `"sendonly" is neither "0.0.0.0" nor "inactive"`},
		{"ring_timeout", "", 90, ""},
		{"ring_timeout", "", 0, "0 is not from 5 to 300"},
		{"refer_timeout", "", 33, "33 is not from 1 to 32"},
		{"bye_delay", "", 0, ""},
		{"max_per_user", "", 0, "0 is not from 1 to 100"},
		{"max_attempts", "", -1, "-1 is not from 1 to 100000"},
	} {
		p, ok := params[c.name]
		if !ok {
			t.Fatalf("no parameter %s", c.name)
		}
		err := p.Set(c.str, c.num)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s %q %d: %v, want %q", c.name, c.str, c.num, err, c.err)
		}
	}
	if m.set.ringTimeout != 90*time.Second || m.set.controller != "click" || m.set.byeDelay != 0 {
		t.Errorf("settings %+v", m.set)
	}
}
