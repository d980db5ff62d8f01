package ua

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// text is a message that can be sent.
func text(change ...func(*Message)) Message {
	p := Message{
		To: "sip:bob@example.org", From: "sip:alice@example.org", FromName: `A "B" C`, User: "alice", Domain: "example.org",
		Date: time.Date(2026, 11, 25, 16, 0, 0, 0, time.UTC), Headers: "Subject: x\r\n", ContentType: "text/plain", Body: []byte("hello"),
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

// statuses is a set of these.
func statuses(list ...int) (set sip.StatusSet) {
	for _, status := range list {
		set.Add(status)
	}
	return set
}

// sent begins to send a message and returns its end.
func (s *stand) sent(ctx context.Context, p Message) func() (Answer, error) {
	var answer Answer
	var err error
	done := make(chan struct{})
	go func() { defer close(done); answer, err = s.agent.Message(ctx, p) }()
	synctest.Wait()
	return func() (Answer, error) { <-done; return answer, err }
}

func TestMessage(t *testing.T) {
	for _, x := range []struct {
		name   string
		from   transport.Flow
		bound  bool
		status int
		want   Answer
	}{
		{"a phone takes it", phoneFlow, true, 200, Answer{Status: 200, Reason: "OK", Bound: true, Relayed: true}},
		{"the script stores it", transport.Flow{}, false, 202, Answer{Status: 202, Reason: "Accepted", Bound: false, Relayed: false}},
		{"a gateway takes it", phoneFlow, false, 200, Answer{Status: 200, Reason: "OK", Bound: false, Relayed: true}},
		{"one phone takes none, one is silent", phoneFlow, true, 405, Answer{Status: 405, Reason: "Method Not Allowed", Bound: true, Relayed: true, Said: statuses(405, 408)}},
		{"a phone refuses it", phoneFlow, true, 415, Answer{Status: 415, Reason: "Unsupported Media Type", Bound: true, Relayed: true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				s.router.bound, s.router.said = x.bound, x.want.Said
				end := s.sent(s.t.Context(), text())
				s.router.reply(x.from, 100, "")
				s.router.reply(x.from, x.status, "t")
				if got, err := end(); err != nil || got != x.want {
					t.Errorf("%+v, %v, want %+v", got, err, x.want)
				}
				m := s.router.invite
				if m.Method != sip.MESSAGE || s.router.identity != "alice@example.org" || m.Header(sip.HdrContact) != nil ||
					string(m.HeaderValue(sip.HdrDate)) != "Wed, 25 Nov 2026 16:00:00 GMT" || string(m.HeaderValue(sip.HdrSubject)) != "x" || string(m.Body()) != "hello" {
					t.Errorf("the request of %s is\n%s", s.router.identity, m.Buf)
				}
			})
		})
	}
}

func TestMessageNotSent(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		for name, x := range map[string]struct {
			change func(*Message)
			want   error
		}{
			"a line end in the address": {func(p *Message) { p.To = "sip:bob@example.org>\r\nX: y" }, ErrBadAddress},
			"no URI":                    {func(p *Message) { p.From = "alice" }, ErrBadAddress},
			"a mail address":            {func(p *Message) { p.To = "mailto:bob@example.org" }, ErrBadAddress},
			"a line end in the type":    {func(p *Message) { p.ContentType = "text/plain\r\nX: y" }, ErrBadAddress},
			"too large":                 {func(p *Message) { p.Body = []byte(strings.Repeat("x", MaxMessage)); p.Limit = MaxMessage }, ErrMessageTooLarge},
			"larger than a datagram":    {func(p *Message) { p.Body = make([]byte, 65500) }, ErrMessageTooLarge},
		} {
			if _, err := s.agent.Message(s.t.Context(), text(x.change)); !errors.Is(err, x.want) {
				t.Errorf("%s: %v, want %v", name, err, x.want)
			}
		}
	})
}

func TestMessageWithoutAnswer(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		s.router.drop = true
		if _, err := s.agent.Message(s.t.Context(), text()); !errors.Is(err, ErrDropped) {
			t.Errorf("a script without a word: %v", err)
		}
		s.router.drop, s.router.err = false, errors.New("broken")
		if _, err := s.agent.Message(s.t.Context(), text()); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("a router that fails: %v", err)
		}
		s.router.err = nil
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		end := s.sent(ctx, text())
		time.Sleep(2 * time.Second)
		if _, err := end(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody answers: %v", err)
		}
		s.router.reply(transport.Flow{}, 408, "") // too late, and harmless
	})
	if _, err := New(Config{}).Message(t.Context(), text()); !errors.Is(err, ErrNotAttached) {
		t.Errorf("without a router: %v", err)
	}
}
