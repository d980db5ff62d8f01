package e2e_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// behindNAT is a phone whose Via and Contact name an address that nobody can reach. It
// answers one ping of every; 0 of none.
func behindNAT(s *stand.Stand, every int64) (p *peer.Peer, pings *atomic.Int64) {
	name := newUser(s)
	p = s.Peer(peer.Config{Name: name, Password: stand.Password(name), Claim: fmt.Sprintf("10.99.1.%d:5060", users.Load()%250+1)})
	pings = &atomic.Int64{}
	p.OnMessage = func(m *peer.Message) {
		if m.IsRequest() && m.Method() == "OPTIONS" {
			if n := pings.Add(1); every > 0 && n%every == 0 {
				p.Reply(m, 200, "OK")
			}
		}
	}
	return p, pings
}

// TestNATPings: phones behind a NAT are pinged at the source of their REGISTER, each
// once an interval; one that answers stays although answers are lost, one that is
// silent is dropped from memory and database and shown off line, one that is not behind
// a NAT is left alone.
func TestNATPings(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: defaultScript(t, `
modparam("nathelper", "natping_interval", 1)
modparam("nathelper", "sipping_from", "sip:pinger@`+stand.Domain+`")
modparam("nathelper", "keepalive_timeout", 6)`)})
	lossy, pings := behindNAT(s, 3) // two of three answers are lost
	silent, unanswered := behindNAT(s, 0)
	direct := newPhone(s)
	feed := s.Control()
	feed.Subscribe("registration")
	for _, p := range []*peer.Peer{lossy, silent, direct} {
		p.Registered()
	}
	first := lossy.ExpectWithin(20*time.Second, peer.Request("OPTIONS"))
	if !strings.Contains(first.Get("From"), "<sip:pinger@"+stand.Domain+">") || first.URI() != lossy.ContactURI() || first.Get("Max-Forwards") == "" {
		t.Errorf("the ping is\n%s", first)
	}
	aor := silent.Name + "@" + stand.Domain
	wait.For(t, 20*time.Second, "the silent phone's row is gone", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM location WHERE username = ?", silent.Name); n != 0 {
			return fmt.Errorf("%d rows", n)
		}
		return nil
	})
	for offline := false; !offline; {
		e := feed.Next()
		offline = strings.Contains(string(e.Data), aor) && strings.Contains(string(e.Data), `"offline"`)
	}
	if out, code := s.TryCtl("", "ul", "show", silent.Name); code == 0 && strings.Contains(out, silent.ContactURI()) {
		t.Errorf("ul show still has it:\n%s", out)
	}
	caller := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	call := caller.Call(silent.AoR())
	call.AckFailure(call.Expects(480))
	// The others are where they were, long after the silent one was dropped.
	had := pings.Load()
	wait.For(t, 30*time.Second, "the lossy phone is pinged on", func() error {
		if n := pings.Load(); n < had+8 {
			return fmt.Errorf("%d pings", n-had)
		}
		return nil
	})
	for _, p := range []*peer.Peer{lossy, direct} {
		if n := s.QueryInt("SELECT COUNT(*) FROM location WHERE username = ?", p.Name); n != 1 {
			t.Errorf("%d rows of %s, want 1", n, p.Name)
		}
	}
	if n := direct.Count(peer.Request("OPTIONS")); n != 0 {
		t.Errorf("the phone that is not behind a NAT got %d pings", n)
	}
	stats := s.Statistics()
	if stats["nathelper:dropped_contacts"] != 1 || stats["nathelper:answered_pings"] == 0 || stats["nathelper:natted_contacts"] != 1 ||
		stats["nathelper:sent_pings"] < pings.Load()+unanswered.Load() {
		t.Errorf("the statistics are %v", stats)
	}
	// It comes back as if nothing had been.
	silent.Registered()
	dialog := caller.Call(silent.AoR())
	silent.Reply(silent.Expect(peer.Request("INVITE")), 486, "Busy Here")
	dialog.AckFailure(dialog.Expects(486))
	s.NothingLeft()
}
