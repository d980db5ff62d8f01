package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/store"
)

// dialled is how often the router was asked to dial.
func (s *stand) dialled() (n int) {
	for _, c := range s.router.Calls() {
		if c.Method == ctlproto.MethodCtdDial {
			n++
		}
	}
	return n
}

// requests is how many requests to be called are counted, and how many are in the audit.
func (s *stand) requests() (counted, audited int) {
	s.t.Helper()
	raw := s.open()
	defer raw.Close()
	check(s.t, raw.QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM call_me").Scan(&counted))
	check(s.t, raw.QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM audit WHERE action = 'call.request'").Scan(&audited))
	return counted, audited
}

// TestCallMeDoNotDisturb: nothing rings at somebody who does not want to be disturbed, the
// visitor is told so plainly, and once it is off again it rings.
func TestCallMeDoNotDisturb(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	dnd := store.CallRule{Owner: alice, Kind: store.RuleDND, Enabled: true}
	check(t, s.db.CallRules.Set(t.Context(), dnd))
	b := s.browser()
	b.post("/u/alice", "/u/alice@example.org", "address", "eve@ok.example").is(http.StatusConflict).shows("cannot be called now").lacks("disturb")
	if n := s.dialled(); n != 0 {
		t.Errorf("it rang %d times", n)
	}
	if counted, audited := s.requests(); counted != 0 || audited != 0 {
		t.Errorf("%d counted, %d audited of what did not ring", counted, audited)
	}
	dnd.Enabled = false
	check(t, s.db.CallRules.Set(t.Context(), dnd))
	b.post("/u/alice", "/u/alice@example.org", "address", "eve@ok.example").is(http.StatusOK)
	if n := s.dialled(); n != 1 {
		t.Errorf("it rang %d times", n)
	}
}

// TestCallMeLate: with a router that is slow, or goes away midway, nobody knows whether the
// phone rings: the page says so, and the request counts and is in the audit.
func TestCallMeLate(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	for name, answer := range map[string]func(s *stand){
		"slow":   func(*stand) { <-released },
		"midway": func(s *stand) { s.router.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var s *stand
			s = personStand(t, ctlproto.StatusOnLine, map[string]ctltest.Handler{
				ctlproto.MethodCtdDial: func(json.RawMessage) (any, *ctlproto.Error) {
					answer(s)
					return ctlproto.CtdDialResult{ID: "late"}, nil
				},
			})
			b := s.browser()
			b.post("/u/alice", "/u/alice@example.org", "address", "eve@ok.example").is(http.StatusServiceUnavailable).
				shows("There was no answer in time.", "phone may ring all the same").lacks("Calls cannot be connected at the moment")
			if counted, audited := s.requests(); counted != 1 || audited != 1 {
				t.Errorf("%d counted, %d audited, want 1 each", counted, audited)
			}
			// The next one is not sent: the router has just not answered.
			b.post("/u/alice", "/u/alice@example.org", "address", "eve@ok.example").is(http.StatusServiceUnavailable).
				shows("Calls cannot be connected at the moment")
			if counted, audited := s.requests(); counted != 1 || audited != 1 {
				t.Errorf("after one that was not sent: %d counted, %d audited, want 1 each", counted, audited)
			}
			if n := s.dialled(); n != 1 {
				t.Errorf("the router was asked %d times", n)
			}
		})
	}
}

// TestCallMeAway: what never left does not count.
func TestCallMeAway(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	b := s.browser()
	b.get("/u/alice").is(200)
	s.router.Close()
	form := b.get("/u/alice").form("/u/alice@example.org")
	form.Set("address", "eve@ok.example")
	b.do("POST", "/u/alice@example.org", form).is(http.StatusServiceUnavailable).shows("Calls cannot be connected at the moment")
	if counted, audited := s.requests(); counted != 0 || audited != 0 {
		t.Errorf("%d counted, %d audited", counted, audited)
	}
}

// TestCallMeIsMarked: the router learns that a stranger chose the address, and looks where
// it leads.
func TestCallMeIsMarked(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	s.browser().post("/u/alice", "/u/alice@example.org", "address", "eve@127.0.0.1.nip.io").is(200)
	if got := s.call(ctlproto.MethodCtdDial); got["visitor"] != float64(1) {
		t.Errorf("the router was told %v", got)
	}
}
