package ua

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// ringing sends the operator's INVITE to a phone that rings.
func (s *stand) ringing() *Requested {
	s.t.Helper()
	sent, err := s.agent.Request(Worded{Method: "INVITE", URI: "sip:alice@example.org", Headers: operatorInvite})
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	s.router.reply(phoneFlow, 180, "at")
	return sent
}

// TestWordedInviteRingsLong: how long a phone may ring is said by the script's timers, and
// its answer reaches who has waited.
func TestWordedInviteRingsLong(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		sent := s.ringing()
		time.Sleep(time.Hour) // the longest that t_set_fr gives
		synctest.Wait()
		if s.router.cancelled != 0 {
			t.Fatalf("%d CANCELs", s.router.cancelled)
		}
		s.router.reply(phoneFlow, 200, "at", route, contact)
		s.expect("ACK")
		if r := wait(s.t, sent); r.Status != 200 {
			t.Errorf("reply %+v", r)
		}
		sent.HangUp()
		s.bye()
	})
}

// TestWordedInviteGivenUp: when nobody waits any more, the phone stops ringing; should it
// answer nevertheless, before or after that, the call is ended.
func TestWordedInviteGivenUp(t *testing.T) {
	giveUp := func(s *stand, sent *Requested) {
		s.t.Helper()
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		if _, err := sent.Wait(ctx); !errors.Is(err, context.Canceled) {
			s.t.Errorf("Wait: %v", err)
		}
		synctest.Wait()
	}
	t.Run("rings", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			giveUp(s, s.ringing())
			if s.router.cancelled != 1 {
				t.Errorf("%d CANCELs", s.router.cancelled)
			}
			s.router.reply(phoneFlow, 487, "at")
			s.silent()
		})
	})
	t.Run("answers nevertheless", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			giveUp(s, s.ringing())
			s.router.reply(phoneFlow, 200, "at", route, contact)
			s.expect("ACK")
			s.bye()
			s.silent()
		})
	})
	t.Run("has answered", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			sent := s.ringing()
			s.router.reply(phoneFlow, 200, "at", route, contact)
			s.expect("ACK")
			sent.HangUp()
			s.bye()
			sent.HangUp() // once is enough
			s.silent()
		})
	})
	t.Run("no INVITE", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			sent, err := s.agent.Request(Worded{Method: "MESSAGE", URI: "sip:alice@example.org", Headers: "From: <sip:c@example.org>\nTo: <sip:a@example.org>\n"})
			if err != nil {
				t.Fatal(err)
			}
			giveUp(s, sent)
			if s.router.cancelled != 0 {
				t.Errorf("%d CANCELs", s.router.cancelled)
			}
			s.router.reply(phoneFlow, 200, "at")
			s.silent()
		})
	})
}
