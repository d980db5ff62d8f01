//go:build !race

package daemon

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// A call is six messages to the proxy: INVITE with credentials, 180, 200, ACK, BYE
// and its 200.
const (
	messagesPerCall = 6
	measuredCalls   = 1700 // 10,200 messages
	warmUpCalls     = 2200 // more than are measured, so that free lists hold enough
	// mostMallocs bounds what may be allocated over all measured messages, which is what
	// timers of the rest of the program do meanwhile: the longer, the slower the machine.
	// One allocation a call would be 1,700.
	mostMallocs = 100
)

// script is the messages of one call, written before the measurement; what depends
// on the proxy's answers is appended to them in memory that is there already.
type callScript struct {
	invite   []byte
	ack, bye []byte // up to their Route
}

// caller plays calls from alice to bob.
type caller struct {
	*rig
	alicePort, bobPort int
	alice, bob         transport.Flow
	bobContact         []byte
	req, res           sip.Message
	out                []byte
}

// prepare writes the calls of one nonce.
func (c *caller) prepare(series string, n int) []callScript {
	uri := "sip:bob@" + testDomain
	contact := c.contact("alice", c.alicePort)
	c.receive(c.alice, []byte(c.head("INVITE", uri, "alice", c.alicePort, 1, series, series)+contact+noBody))
	nonce := challengeNonce(c.t, c.the("SIP/2.0 407"))
	list := make([]callScript, n)
	for i := range list {
		id := fmt.Sprintf("%s-%d", series, i)
		target := fmt.Sprintf("sip:bob@127.0.0.1:%d;transport=%s", c.bobPort, c.proto)
		inDialog := func(method string, cseq int) []byte {
			h := c.head(method, target, "alice", c.alicePort, cseq, id, id+method)
			return []byte(replaceTo(h, "<"+uri+">;tag=bt"))
		}
		list[i] = callScript{
			invite: []byte(c.head("INVITE", uri, "alice", c.alicePort, 2, id, id) + contact +
				"Proxy-Authorization: " + digest("INVITE", uri, "alice", nonce, i+1) + "\r\n" + noBody),
			ack: inDialog("ACK", 2), bye: inDialog("BYE", 3),
		}
	}
	return list
}

// play is one call.
func (c *caller) play(s *callScript) {
	c.receive(c.alice, s.invite)
	parse(c.t, &c.req, c.the("INVITE "))
	ringing := sip.Reply{Status: 180, ToTag: tag, RecordRoute: true}
	answer := sip.Reply{Status: 200, ToTag: tag, RecordRoute: true, Extra: c.bobContact}
	first := append(c.out[:0], c.req.Buf...) // the rig's memory is used again by what follows
	invite := parse(c.t, &c.req, first)
	c.out = first
	room := invite.AppendReply(c.out[len(first):], &ringing)
	c.receive(c.bob, room)
	c.the("SIP/2.0 180")
	room = invite.AppendReply(room[:0], &answer)
	c.receive(c.bob, room)
	ok := parse(c.t, &c.res, c.the("SIP/2.0 200"))
	route := append(room[len(room):], "Route: "...)
	route = append(append(route, ok.HeaderValue(sip.HdrRecordRoute)...), "\r\n"...)
	c.inDialog(s.ack, route, "ACK ")
	bye := c.inDialog(s.bye, route, "BYE ")
	c.receive(c.bob, bye.AppendReply(route[len(route):], &answer))
	c.the("SIP/2.0 200")
}

var tag = []byte("bt")

// inDialog sends a request along the route and returns what reached bob.
func (c *caller) inDialog(head, route []byte, want string) *sip.Message {
	msg := append(route[len(route):], head...)
	msg = append(append(msg, route...), noBody...)
	c.receive(c.alice, msg)
	return parse(c.t, &c.req, c.the(want))
}

// settle waits until every transaction has ended and its memory is back. Meanwhile another
// test may have the machine.
func (c *caller) settle() {
	c.t.Helper()
	machine.Unlock()
	defer machine.Lock()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-look.C {
		servers, clients := c.d.engine.Table().Current()
		if servers+clients == 0 {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%d server and %d client transactions are left", servers, clients)
		}
	}
}

// machine is held by the one test that makes something happen: what is counted is of the whole
// program. Those that wait for the end of their transactions, which takes Timer K, wait together.
var machine sync.Mutex

// alone lets no other test have the machine until this one has ended, but while it settles. It
// comes before the rig, which ends within it.
func alone(t *testing.T) {
	t.Helper()
	t.Parallel()
	machine.Lock()
	t.Cleanup(machine.Unlock)
}

// rounds is how often the count may be taken. On a busy machine goroutines move between
// processors, whose pools each fill once; what is allocated for each message, or each call,
// shows in every round.
const rounds = 3

// mallocs plays calls and counts what was allocated meanwhile in the whole program, in
// the best of some rounds.
func mallocs(t *testing.T, proto transport.Proto, extra string) uint64 {
	return mallocsOf(t, proto, extra, "")
}

// mallocsOf is mallocs with lines at the begin of the main route.
func mallocsOf(t *testing.T, proto transport.Proto, extra, begin string) uint64 {
	alone(t)
	// The accounts are made; that they are written to the database is put off.
	r := newRigOf(t, proto, "modparam(\"acc\", \"write_interval\", 3600000)\n"+extra, begin, "", nil)
	c := &caller{rig: r, alicePort: r.port(), bobPort: r.port(), out: make([]byte, 0, 64<<10)}
	c.alice, c.bob = r.flow(uint16(c.alicePort)), r.flow(uint16(c.bobPort))
	c.bobContact = []byte(c.contact("bob", c.bobPort))
	r.register("bob", c.bobPort)
	for _, s := range c.prepare("warm", warmUpCalls) {
		c.play(&s)
	}
	least := uint64(1 << 63)
	for i := 0; i < rounds && least > mostMallocs; i++ {
		least = min(least, c.round(fmt.Sprint("measured", i)))
	}
	if err := r.d.modules.Acc.Close(t.Context()); err != nil { // at leisure: the end of the daemon has few seconds
		t.Error(err)
	}
	return least
}

// round counts over one set of calls, once those before it have ended.
func (c *caller) round(name string) uint64 {
	c.settle()
	list, refill := c.prepare(name, measuredCalls), c.prepare(name+"-refill", 50)
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for i := range refill { // the collection has emptied the pools
		c.play(&refill[i])
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range list {
		c.play(&list[i])
	}
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// TestRelayAllocatesNothing: INVITE, 180, 200, ACK, BYE and its 200 through the
// embedded script, the caller authenticated, from received to written bytes.
func TestRelayAllocatesNothing(t *testing.T) {
	t.Parallel()
	for _, proto := range []transport.Proto{transport.UDP, transport.TCP} {
		t.Run(proto.String(), func(t *testing.T) {
			if n := mallocs(t, proto, ""); n > mostMallocs {
				t.Errorf("%d allocations in %d messages, at most %d are allowed", n, measuredCalls*messagesPerCall, mostMallocs)
			}
		})
	}
}

// TestRelayAllocatesNothingUnasked: the table of dialogs works, and takes no memory a
// message, in a script that does not load its module.
func TestRelayAllocatesNothingUnasked(t *testing.T) {
	if n := mallocs(t, transport.UDP, withoutDialog); n > mostMallocs {
		t.Errorf("%d allocations in %d messages, at most %d are allowed", n, measuredCalls*messagesPerCall, mostMallocs)
	}
}

// TestRelayAllocationIsFound: the guard is worth something only if it sees an
// allocation. One is planted: a script that logs each request.
func TestRelayAllocationIsFound(t *testing.T) {
	n := mallocsOf(t, transport.UDP, `loadmodule "xlog.so"`, `xlog("L_ERR", "request $rm of $ci");`)
	if n <= mostMallocs {
		t.Errorf("only %d allocations were counted although each request is logged", n)
	}
}

// TestStrangersAllocateNothing: what guards the router from strangers takes no memory a message.
func TestStrangersAllocateNothing(t *testing.T) {
	r := newRig(t, transport.UDP, "modparam(\"pike\", \"reqs_density_per_unit\", 1000000)\n")
	from := r.outside("192.0.2.9")
	msg := []byte(r.head("OPTIONS", "sip:"+testDomain, "eve", 5060, 1, "o", "o") + "Expires: 60\r\nUser-Agent: a phone\r\n" + noBody)
	answered := 0
	allocs := testing.AllocsPerRun(2000, func() {
		r.receive(from, msg)
		answered += r.n
	})
	if answered != 2001 || allocs > 0 {
		t.Errorf("%d of 2001 were answered, with %v allocations each", answered, allocs)
	}
}
