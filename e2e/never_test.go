package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestDeadDatabaseDelaysNoCall: between two registered phones whose credentials
// are cached a call takes as long as ever while the database is stopped, frozen or
// its socket gone. It is measured in turn with a router whose database lives, so
// that what else the machine does meets both.
func TestDeadDatabaseDelaysNoCall(t *testing.T) {
	for _, fault := range []struct {
		name string
		do   func(*testing.T, *stand.MariaDBServer)
	}{
		{"stopped", func(t *testing.T, m *stand.MariaDBServer) {
			if err := m.Stop(); err != nil {
				t.Fatal(err)
			}
		}},
		{"frozen", func(t *testing.T, m *stand.MariaDBServer) {
			m.Freeze()
			t.Cleanup(m.Thaw)
		}},
		{"socket removed", func(_ *testing.T, m *stand.MariaDBServer) { m.RemoveSocket() }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			living := newPair(stand.Start(t, stand.Options{Users: []string{"alice", "bob"}}))
			s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Users: []string{"alice", "bob"}})
			bereft := newPair(s)
			fault.do(t, s.MariaDB())
			// Any wait for a database takes tens of milliseconds and each round's
			// share of calls; what another program took shows in one round or two.
			const rounds = 6
			for round := 1; ; round++ {
				live, dead := living.p99(), bereft.p99()
				t.Logf("p99 to the 180: %v live, %v with the database %s", live, dead, fault.name)
				if dead <= max(live*12/10, live+2*time.Millisecond) {
					return
				}
				if round == rounds {
					t.Fatalf("in none of %d rounds a call is as fast as beside it", rounds)
				}
			}
		})
	}
}

// pair is two phones of one router, whose caches are warm.
type pair struct{ alice, bob *peer.Peer }

func newPair(s *stand.Stand) pair {
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	answersAtOnce(bob)
	bob.Registered()
	p := pair{bob: bob, alice: s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()}
	ringDelays(p.alice, bob.AoR(), 50)
	return p
}

// p99 is that of 300 calls.
func (p pair) p99() time.Duration { return p99(ringDelays(p.alice, p.bob.AoR(), 300)) }

// answersAtOnce makes a peer ring and then decline every call as it comes in.
func answersAtOnce(p *peer.Peer) {
	p.OnMessage = func(m *peer.Message) {
		if m.IsRequest() && m.Method() == "INVITE" {
			p.Reply(m, 180, "Ringing")
			p.Reply(m, 486, "Busy Here")
		}
	}
}

// ringDelays makes calls one after the other and tells how long each took from the
// INVITE with credentials to the 180.
func ringDelays(caller *peer.Peer, uri string, n int) []time.Duration {
	var delays []time.Duration
	for range n {
		c := caller.Call(uri)
		ringing := c.Expects(180)
		c.AckFailure(c.Expects(486))
		delays = append(delays, ringing.At.Sub(c.Invite.At))
	}
	return delays
}

func p99(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)*99/100]
}

// mark is what every header and body of a marked call holds.
var mark = regexp.MustCompile(`mark-[a-z0-9]{16}`)

// TestMarkedCalls: 200 calls at once, every header and body of each marked with its
// Call-ID. In the build that overwrites released buffers no message may bear
// another call's mark, repeated ones (from the copies that a transaction keeps)
// included.
func TestMarkedCalls(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	for _, fault := range markedCalls(s) {
		t.Error(fault)
	}
	s.NothingLeft()
}

// TestMarkedCallsFindEarlyRelease: the test above is worth something only if it
// sees a buffer that is released while it is still needed. One is planted: the
// transaction's copy of the request goes back at once.
func TestMarkedCallsFindEarlyRelease(t *testing.T) {
	const copied = "x.sent = x.table.Buffers.Copy(msg)\n\tx.table.insertClient(x)"
	s := stand.Start(t, stand.Options{Proxy: stand.Planted(t, "proxy/internal/txn/client.go", copied,
		"x.sent = x.table.Buffers.Copy(msg)\n\tx.table.Buffers.Give(x.sent)\n\tx.table.insertClient(x)")})
	if faults := markedCalls(s); len(faults) == 0 {
		t.Error("no message shows that its buffer was released too early")
	}
}

// markedCalls makes the calls and returns what was wrong with the messages that
// the phones got.
func markedCalls(s *stand.Stand) (faults []string) {
	const calls = 200
	name := newUser(s)
	bob := s.Peer(peer.Config{Name: name, Password: stand.Password(name)})
	bob.OnMessage = answersRepeated(bob)
	bob.Registered()
	alice := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	var all []*peer.Call
	for range calls {
		id := "mark-" + peer.Token()
		all = append(all, alice.Call(bob.AoR(), func(m *peer.Message) {
			m.Set("Call-ID", id).Set("From", "<"+alice.AoR()+">;tag="+id)
			marked(id)(m)
		}))
	}
	answered := func(method string) bool {
		return wait.Until(10*time.Second, func() bool { return alice.Count(peer.Response(200, method)) >= calls })
	}
	if !answered("INVITE") {
		return append(faults, "not every INVITE was answered")
	}
	for _, c := range all {
		d := c.Ack(c.Expects(200))
		bye := d.New("BYE")
		marked(c.Invite.CallID())(bye)
		alice.Send(bye)
	}
	if !answered("BYE") {
		faults = append(faults, "not every BYE was answered")
	}
	for _, p := range []*peer.Peer{alice, bob} {
		for _, m := range p.History() {
			if mark := foreignMark(m); mark != "" {
				faults = append(faults, fmt.Sprintf("%s got %s with the mark %s of another call:\n%s", p.Name, m, mark, m.Raw))
			}
		}
	}
	return faults
}

// answersRepeated is a phone that answers an INVITE when it comes for the second
// time, so that the router has to send its copy of it.
func answersRepeated(bob *peer.Peer) func(*peer.Message) {
	var mu sync.Mutex // one goroutine for each connection
	seen := map[string]bool{}
	return func(m *peer.Message) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !m.IsRequest() || m.Method() == "ACK":
		case m.Method() == "INVITE":
			if id := m.CallID(); !seen[id] {
				seen[id] = true
				return
			}
			bob.Reply(m, 180, "Ringing", marked(m.CallID()))
			bob.Reply(m, 200, "OK", marked(m.CallID()))
		default:
			bob.Reply(m, 200, "OK", marked(m.CallID()))
		}
	}
}

// marked adds headers and a body that hold the Call-ID.
func marked(callID string) func(*peer.Message) {
	return func(m *peer.Message) {
		if !strings.HasPrefix(callID, "mark-") {
			return // the peer's own REGISTER
		}
		m.Add("Subject", callID).Add("User-Agent", "phone/"+callID).Add("X-Mark", strings.Repeat(callID+" ", 5))
		m.Set("Content-Type", "text/plain")
		m.Body = []byte(strings.Repeat(callID+"\r\n", 10))
	}
}

// foreignMark is a mark in a message that is not its own call's, "" if there is none.
func foreignMark(m *peer.Message) string {
	for _, found := range mark.FindAllString(string(m.Raw), -1) {
		if found != m.CallID() {
			return found
		}
	}
	return ""
}
