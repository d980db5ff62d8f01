package server_test

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
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
	if counted, audited := s.requests(); counted != 1 || audited != 0 { // it counts, or the limits would tell
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

// TestCallMeTellsNothing: whom the owner blocks, which other addresses are the owner's,
// which hosts are gateways, what the operator denies and where the router finds
// something to refuse: a stranger gets one answer for all of it, on line and offline,
// and after the limit another one for all of it and for the rest.
func TestCallMeTellsNothing(t *testing.T) {
	const blocked, alias, numeric, gateway, denied = "eve@evil.example", "marsh@example.org", "0800777", "v@gw.provider.example", "v@x.denied.example"
	for _, status := range []ctlproto.PresenceStatus{ctlproto.StatusOnLine, ctlproto.StatusOffline} {
		var first string
		for _, typed := range []string{blocked, alias, numeric, gateway, "v@GW.Provider.Example.", denied, "bad@router.example"} {
			s := personStand(t, status, map[string]ctltest.Handler{
				ctlproto.MethodCtdDial: func(params json.RawMessage) (any, *ctlproto.Error) {
					if strings.Contains(string(params), "bad@router.example") {
						return nil, ctlproto.InvalidParam("callee", "leads to a gateway")
					}
					return ctlproto.CtdDialResult{ID: "attempt"}, nil
				},
			})
			check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@evil.example", Enabled: true}))
			check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "marsh", Domain: "example.org"}, alice))
			check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "0800777", Domain: "example.org"}, alice))
			check(t, s.db.Dispatcher.Add(t.Context(), store.Gateway{Set: 1, URI: "sip:gw.provider.example:5060;transport=tcp"}))
			b := s.browser()
			form := b.get("/u/alice").form("/u/alice@example.org")
			ask := func(typed string, status int) string {
				t.Helper()
				form.Set("address", typed)
				a := b.do("POST", "/u/alice@example.org", form).is(status)
				return strings.ReplaceAll(a.Body, html.EscapeString(typed), "TYPED")
			}
			got := ask(typed, http.StatusConflict)
			if !strings.Contains(got, "cannot be called now, or not from this address") {
				t.Errorf("%s: %s", typed, got)
			}
			if first == "" {
				first = got
			}
			if unlike(first) != unlike(got) {
				t.Errorf("%s, %s is told apart:\n%s\n%s", status, typed, first, got)
			}
			for range 2 {
				ask(typed, http.StatusConflict)
			}
			full := ask(typed, http.StatusTooManyRequests)
			if other := ask("somebody@ok.example", http.StatusTooManyRequests); unlike(full) != unlike(other) {
				t.Errorf("%s is told apart after the limit:\n%s\n%s", typed, full, other)
			}
			if counted, audited := s.requests(); counted != 3 || audited != 0 {
				t.Errorf("%s: %d counted, %d audited", typed, counted, audited)
			}
			s.browser().signIn("alice", "wonderland").get("/user/account/public").is(200).shows("Your phone was not called.")
		}
	}
}

// TestCallMeAwayTellsNothing: without the router, who is blocked gets the answer that
// everybody gets, and counts as little.
func TestCallMeAwayTellsNothing(t *testing.T) {
	s := personStand(t, ctlproto.StatusOnLine, nil)
	check(t, s.db.CallRules.Set(t.Context(), store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@evil.example", Enabled: true}))
	b := s.browser()
	form := b.get("/u/alice").form("/u/alice@example.org")
	s.router.Close()
	for range 4 { // more than the limit
		var pages []string
		for _, typed := range []string{"eve@evil.example", "eve@okay.example"} {
			form.Set("address", typed)
			a := b.do("POST", "/u/alice@example.org", form).is(http.StatusServiceUnavailable).shows("Calls cannot be connected at the moment")
			pages = append(pages, unlike(strings.ReplaceAll(a.Body, typed, "TYPED")))
		}
		if pages[0] != pages[1] {
			t.Errorf("told apart:\n%s\n%s", pages[0], pages[1])
		}
	}
	if counted, audited := s.requests(); counted != 0 || audited != 0 {
		t.Errorf("%d counted, %d audited", counted, audited)
	}
}

// unlike is a page without what differs each time: tokens.
func unlike(page string) string {
	return regexp.MustCompile(`(name="csrf" value|nonce|content)="[^"]*"`).ReplaceAllString(page, "")
}
