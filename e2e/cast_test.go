package e2e_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// variant is one way in which every call test is played.
type variant struct {
	name          string
	authenticates bool // the caller is a subscriber and is challenged
	natted        bool // Via and Contact of both sides name addresses that nobody can reach
	network       string
}

var variants = []variant{
	{name: "plain", network: "udp"},
	{name: "authenticating", network: "udp", authenticates: true},
	{name: "natted", network: "udp", natted: true},
	{name: "tcp", network: "tcp"},
}

// cast gives a scene its peers, each a user of its own, so that scenes can share
// one router without meeting each other's bindings.
type cast struct {
	t *testing.T
	s *stand.Stand
	v variant
}

// users counts the users of the whole run.
var users atomic.Int64

func newUser(s *stand.Stand) string {
	name := fmt.Sprintf("u%d", users.Add(1))
	s.AddUser(name)
	return name
}

// caller is a peer that makes calls: a subscriber where the variant authenticates,
// otherwise somebody of a foreign domain, who is not challenged.
func (c cast) caller() *peer.Peer {
	c.t.Helper()
	config := peer.Config{Name: "walter", Domain: "elsewhere.example", Network: c.v.network}
	if c.v.authenticates {
		name := newUser(c.s)
		config = peer.Config{Name: name, Domain: stand.Domain, Password: stand.Password(name), Network: c.v.network}
	}
	if c.v.natted {
		config.Claim = "10.11.12.13:5060"
	}
	return c.s.Peer(config)
}

// callee is a registered phone of a new user.
func (c cast) callee() *peer.Peer {
	c.t.Helper()
	return c.phoneOf(newUser(c.s))
}

// phones are n registered phones of one new user, and the user's address.
func (c cast) phones(n int) (aor string, all []*peer.Peer) {
	c.t.Helper()
	name := newUser(c.s)
	for range n {
		all = append(all, c.phoneOf(name))
	}
	return "sip:" + name + "@" + stand.Domain, all
}

func (c cast) phoneOf(name string) *peer.Peer {
	c.t.Helper()
	config := peer.Config{Name: name, Password: stand.Password(name), Network: c.v.network}
	if c.v.natted {
		config.Claim = fmt.Sprintf("10.99.0.%d:5060", users.Add(1)%250+1)
	}
	return c.s.Peer(config).Registered()
}

// nextSecond waits until the clock shows another second than when it was called: what the
// router keeps to the second is then told apart.
func nextSecond(t *testing.T) {
	t.Helper()
	now := time.Now().Unix()
	wait.For(t, 5*time.Second, "the next second", func() error {
		if time.Now().Unix() == now {
			return fmt.Errorf("it is %d still", now)
		}
		return nil
	})
}
