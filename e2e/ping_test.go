package e2e_test

import (
	"testing"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestPingOfAHost: a gateway has no user part, and can be asked all the same.
func TestPingOfAHost(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	gateway := s.Peer(peer.Config{Name: "gateway", Domain: "elsewhere.example"})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if m, ok := gateway.Within(gateway.Patience, peer.Request("OPTIONS")); ok {
			gateway.Reply(m, 200, "OK")
		}
	}()
	out := s.Ctl("", "ping", "sip:"+gateway.Address())
	<-asked
	if want := "sip:" + gateway.Address() + " answered 200 OK"; len(out) < len(want) || out[:len(want)] != want {
		t.Errorf("ping says %q", out)
	}
}
