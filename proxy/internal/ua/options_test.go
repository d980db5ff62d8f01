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

// pinged is how a ping ended.
type pinged struct {
	Answer
	err error
}

// pinging sends OPTIONS beside the test.
func (s *stand) pinging(ctx context.Context, uri string) chan pinged {
	s.t.Helper()
	done := make(chan pinged, 1)
	go func() {
		answer, err := s.agent.Options(ctx, uri)
		done <- pinged{answer, err}
	}()
	synctest.Wait()
	return done
}

func TestOptions(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		done := s.pinging(s.t.Context(), "sip:bob@example.org;transport=udp")
		m := s.router.invite
		if m == nil || !strings.HasPrefix(string(m.Buf), "OPTIONS sip:bob@example.org;transport=udp SIP/2.0\r\n") {
			t.Fatalf("injected %v", m)
		}
		for id, want := range map[sip.HeaderID]string{
			sip.HdrTo: "<sip:bob@example.org;transport=udp>", sip.HdrCSeq: "1 OPTIONS", sip.HdrMaxForwards: "70", sip.HdrContact: "", sip.HdrContentLength: "0",
		} {
			if got := value(m, id); got != want {
				t.Errorf("header %v: %q, want %q", id, got, want)
			}
		}
		if from := value(m, sip.HdrFrom); !strings.HasPrefix(from, "<sip:router@192.0.2.1:5060>;tag=") {
			t.Errorf("From %q", from)
		}
		s.router.reply(phoneFlow, 180, "x") // is no answer
		s.router.reply(phoneFlow, 405, "x")
		if got := <-done; got.err != nil || got.Status != 405 || !got.Relayed {
			t.Errorf("%+v", got)
		}
	})
}

func TestOptionsFails(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		for _, uri := range []string{"", "http://x", "sip:a b@c", "sip:bob@example.org\r\nVia: x", "sip:" + strings.Repeat("x", 2000) + "@b"} {
			if _, err := s.agent.Options(s.t.Context(), uri); !errors.Is(err, ErrBadAddress) {
				t.Errorf("%q: %v", uri, err)
			}
		}
		s.router.drop = true
		if _, err := s.agent.Options(s.t.Context(), "sip:bob@example.org"); !errors.Is(err, ErrDropped) {
			t.Errorf("a script that drops it: %v", err)
		}
		s.router.drop, s.router.err = false, errors.New("full")
		if _, err := s.agent.Options(s.t.Context(), "sip:bob@example.org"); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("a router that refuses: %v", err)
		}
		s.router.err = nil

		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		done := s.pinging(ctx, "sip:bob@example.org")
		time.Sleep(2 * time.Second)
		if got := <-done; !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("a phone that says nothing: %+v", got)
		}
		s.router.reply(transport.Flow{}, 408, "x") // too late, and harmless
	})
	if _, err := New(Config{}).Options(t.Context(), "sip:bob@example.org"); !errors.Is(err, ErrNotAttached) {
		t.Errorf("an agent that is not attached: %v", err)
	}
}
