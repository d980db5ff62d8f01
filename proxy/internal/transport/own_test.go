package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// owner is a layer that opens connections.
type owner struct {
	*Layer
	down chan downed

	mu      sync.Mutex
	carries []Flow
}

// newOwner opens one; by the flows of carries goes something.
func newOwner(t *testing.T, cfg Config) *owner {
	o := &owner{down: make(chan downed, 2*(overdraft+maxLook))}
	cfg.Needed = func(yield func(Flow)) {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, f := range o.carries {
			yield(f)
		}
	}
	o.Layer = open(t, cfg, &handler{receive: judge, down: func(f Flow, err error) { o.down <- downed{f, err} }}, "tcp:127.0.0.1:0")
	o.busyTime = time.Hour
	return o
}

// reach opens a connection to a new port of a host, and returns the other end of it too.
func (o *owner) reach(t *testing.T, host string) (Flow, net.Conn) {
	t.Helper()
	accepted, remote := server(t, host+":0")
	f, err := o.FlowTo(TCP, remote, NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Send(f, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	c := accept(t, accepted)
	expect(t, c, "hello")
	return f, c
}

// refused opens one that there is no room for.
func (o *owner) refused(t *testing.T, host string) {
	t.Helper()
	_, remote := server(t, host+":0")
	f, err := o.FlowTo(TCP, remote, NoSocket)
	if err == nil {
		d := next(t, o.down)
		if err = d.err; d.flow != f {
			t.Errorf("%v ended, not %v", d.flow.Remote, f.Remote)
		}
	}
	if !errors.Is(err, ErrTooManyConns) {
		t.Errorf("one more: %v", err)
	}
}

// rest lets busyTime and needsLife pass.
func (o *owner) rest() {
	o.needs.mu.Lock()
	o.needs.at = time.Time{}
	o.needs.mu.Unlock()
	o.conns.mu.Lock()
	defer o.conns.mu.Unlock()
	for _, c := range o.conns.byID {
		c.held.Store(0)
	}
}

// gone expects that a connection has given way.
func (o *owner) gone(t *testing.T, f Flow, c net.Conn) {
	t.Helper()
	if d := next(t, o.down); d.flow != f || !errors.Is(d.err, ErrReplaced) {
		t.Errorf("gone is %v by %v, want %v", d.flow.Remote, d.err, f.Remote)
	}
	expectEnd(t, c)
}

// TestOwnConnectionsLeaveRoom: whoever has requests sent to any number of places takes no
// connection from phones.
func TestOwnConnectionsLeaveRoom(t *testing.T) {
	o := newOwner(t, Config{MaxConns: 6})
	stranger := dial(t, o.Layer, 0)
	say(t, stranger, "a")
	var flows []Flow
	var ends []net.Conn
	for i := range overdraft + 8 {
		f, c := o.reach(t, "127.0.0.1")
		flows, ends = append(flows, f), append(ends, c)
		o.rest()
		if i >= 3 {
			o.gone(t, flows[i-3], ends[i-3])
		}
	}
	if s := o.Stats(); s.Conns != 4 || s.ConnsOwn != 3 {
		t.Errorf("%d connections, %d of our own", s.Conns, s.ConnsOwn)
	}
	say(t, stranger, "still there")
	for range 2 {
		say(t, dial(t, o.Layer, 0), "prove")
	}
	for i := range 3 { // now the table is full
		say(t, dial(t, o.Layer, 0), "prove")
		o.gone(t, flows[overdraft+5+i], ends[overdraft+5+i])
	}
	say(t, stranger, "still there")
	if got := o.Stats().ConnsOwn; got != 0 {
		t.Errorf("%d of our own are left", got)
	}
}

// TestOwnConnectionStays that something goes by.
func TestOwnConnectionStays(t *testing.T) {
	trusted := netip.MustParseAddr("127.0.0.2")
	isTrusted := func(a netip.Addr) bool { return a == trusted }
	for _, c := range []struct {
		name string
		cfg  Config
		host string // "": one that nobody trusts
		by   func(t *testing.T, o *owner, f Flow, peer net.Conn)
		own  int // of them count
	}{
		{"a dialog or transaction", Config{}, "", func(_ *testing.T, o *owner, f Flow, _ net.Conn) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.carries = append(o.carries, f)
		}, 2},
		{"the peer has proven somebody", Config{}, "", func(t *testing.T, _ *owner, _ Flow, peer net.Conn) { say(t, peer, "prove") }, 2},
		{"the peer's request is under way", Config{}, "", func(t *testing.T, _ *owner, _ Flow, peer net.Conn) { say(t, peer, "hold") }, 2},
		{"something was just sent", Config{}, "", func(t *testing.T, o *owner, f Flow, peer net.Conn) {
			if err := o.Send(f, []byte("more")); err != nil {
				t.Error(err)
			}
			expect(t, peer, "more")
		}, 2},
		{"something is about to be sent", Config{}, "", func(t *testing.T, o *owner, f Flow, peer net.Conn) {
			if again, err := o.FlowTo(TCP, f.Remote, NoSocket); err != nil || again != f {
				t.Error(again, err)
			}
		}, 2},
		{"a trusted host", Config{Trusted: isTrusted}, trusted.String(), func(*testing.T, *owner, Flow, net.Conn) {}, 0},
		{"a gateway", Config{Gateway: isTrusted}, trusted.String(), func(*testing.T, *owner, Flow, net.Conn) {}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.MaxConns, c.cfg.MaxOwn = 3, 2
			o := newOwner(t, c.cfg)
			host := c.host
			if host == "" {
				host = "127.0.0.1"
			}
			var flows []Flow
			var peers []net.Conn
			for range 2 {
				f, peer := o.reach(t, host)
				flows, peers = append(flows, f), append(peers, peer)
			}
			o.rest()
			for i, peer := range peers {
				c.by(t, o, flows[i], peer)
			}
			if got := o.Stats().ConnsOwn; got != c.own {
				t.Errorf("%d of our own count, want %d", got, c.own)
			}
			say(t, dial(t, o.Layer, 0), "prove")
			o.refused(t, host)
			expectRefused(t, o.Layer, 0)
			for _, peer := range peers {
				say(t, peer, "still there")
			}
		})
	}
}

// TestOwnConnectionsToOneHost: a host has its share, and what is beyond takes it from nobody else.
func TestOwnConnectionsToOneHost(t *testing.T) {
	o := newOwner(t, Config{MaxOwnPerHost: 2})
	_, other := o.reach(t, "127.0.0.2")
	first, end := o.reach(t, "127.0.0.1")
	_, second := o.reach(t, "127.0.0.1")
	o.rest()
	o.reach(t, "127.0.0.1")
	o.gone(t, first, end)
	_, back := server(t, "127.0.0.1:0")
	if f, err := o.FlowTo(TCP, back, NoSocket); err != nil || !errors.Is(next(t, o.down).err, ErrReplaced) {
		t.Error(f, err) // the second
	}
	expectEnd(t, second)
	o.refused(t, "127.0.0.1") // the others were just sent something
	say(t, other, "still there")
}

// TestOwnConnectionIsClosedSooner than one that something goes by, or to a trusted host.
func TestOwnConnectionIsClosedSooner(t *testing.T) {
	trusted := netip.MustParseAddr("127.0.0.2")
	o := newOwner(t, Config{StrangerTimeout: 100 * time.Millisecond, IdleTimeout: time.Hour, Trusted: func(a netip.Addr) bool { return a == trusted }})
	needed, peer := o.reach(t, "127.0.0.1")
	o.mu.Lock()
	o.carries = append(o.carries, needed)
	o.mu.Unlock()
	_, gateway := o.reach(t, "127.0.0.2")
	for range 2 { // by the end of the second one the others were silent for twice as long
		quiet, end := o.reach(t, "127.0.0.1")
		o.rest()
		if d := next(t, o.down); d.flow != quiet || !errors.Is(d.err, ErrIdle) {
			t.Errorf("ended: %v by %v", d.flow.Remote, d.err)
		}
		expectEnd(t, end)
	}
	say(t, peer, "still there")
	say(t, gateway, "still there")
	if s := o.Stats(); s.Conns != 2 || s.ConnsOwn != 1 {
		t.Errorf("%d connections, %d of our own", s.Conns, s.ConnsOwn)
	}
}

// TestOwnLimits: what stands for a limit that is not set.
func TestOwnLimits(t *testing.T) {
	for all, want := range map[int]int{0: DefaultMaxConns / 2, 1: 1, 60: 30} {
		cfg, err := Config{Listen: []Listen{{Proto: TCP, Addr: "127.0.0.1:0"}}, MaxConns: all}.withDefaults()
		if err != nil || cfg.MaxOwn != want || cfg.MaxOwnPerHost != 256 {
			t.Errorf("of %d: %d, %d to one host, %v", all, cfg.MaxOwn, cfg.MaxOwnPerHost, err)
		}
	}
}

// poorListener accepts when there are descriptors.
type poorListener struct {
	*net.TCPListener
	poor  atomic.Bool
	asked atomic.Int32 // how often when there were none
}

func (p *poorListener) AcceptTCP() (*net.TCPConn, error) {
	if p.poor.Load() {
		p.asked.Add(1)
		return nil, &net.OpError{Op: "accept", Err: unix.EMFILE}
	}
	return p.TCPListener.AcceptTCP()
}

// TestOutOfDescriptors: where none is left to accept with, strangers give way as in a full
// table, those that are needed do not, and the log says it once.
func TestOutOfDescriptors(t *testing.T) {
	var log lockedBuffer
	down := make(chan downed, 8)
	ls, err := ParseListen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{Listen: ls}, &handler{receive: judge, down: func(f Flow, err error) { down <- downed{f, err} }}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, l)
	ln, at := server(t, "127.0.0.1:0")
	poor := &poorListener{TCPListener: ln}
	if !l.spawn(func() { l.accept(poor, 0) }) {
		t.Fatal("no listener")
	}
	defer ln.Close()
	connect := func(text string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		say(t, c, text)
		return c
	}
	known := connect("prove")
	first, second := connect("a"), connect("b")
	poor.poor.Store(true)
	last := connect("hold") // it is waited for already
	for _, c := range []net.Conn{first, second} {
		if d := next(t, down); d.flow.Remote != localPort(c) || !errors.Is(d.err, ErrReplaced) {
			t.Errorf("gone is %v by %v", d.flow.Remote, d.err)
		}
		expectEnd(t, c)
	}
	eventually(t, "it asks again", func() bool { return poor.asked.Load() > 4 })
	poor.poor.Store(false)
	connect("c")
	say(t, known, "still there")
	say(t, last, "still there")
	if got := strings.Count(log.text(), "level=ERROR"); got != 1 || !strings.Contains(log.text(), "LimitNOFILE") {
		t.Errorf("said %d times: %s", got, log.text())
	}
}

// TestScarce: which errors say that there is no room in the process or the system.
func TestScarce(t *testing.T) {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if !scarce(&net.OpError{Op: "accept", Err: e}) {
			t.Error(e)
		}
	}
	if scarce(unix.ECONNABORTED) || scarce(nil) {
		t.Error("others do")
	}
}

// TestOwnConnectionsToOneNetwork: who has an IPv6 /48 has 65,536 networks in it, and a share all the same;
// what comes from there is counted by its /64.
func TestOwnConnectionsToOneNetwork(t *testing.T) {
	table := newConnTable(&Config{MaxConns: 100, MaxOwn: 50, MaxOwnPerHost: 4, MaxConnsPerSource: 1})
	enter := func(host string, inbound bool) error {
		c := &conn{inbound: inbound, flow: Flow{Proto: TCP, Remote: netip.AddrPortFrom(netip.MustParseAddr(host), 5060)}}
		c.stranger.Store(true)
		if inbound {
			_, err := table.addInbound(c, nil)
			return err
		}
		_, err := table.addOutbound(c)
		return err
	}
	for i, want := range []error{nil, nil, nil, nil, errOwnCrowded, errOwnCrowded} {
		if err := enter(fmt.Sprintf("2001:db8:0:%d::1", i), false); !errors.Is(err, want) {
			t.Errorf("number %d: %v, want %v", i+1, err, want)
		}
	}
	for _, host := range []string{"2001:db8:1::1", "192.0.2.1"} {
		if err := enter(host, false); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for i := range 5 {
		if err := enter(fmt.Sprintf("2001:db8:0:%d::1", i), true); err != nil {
			t.Errorf("from number %d: %v", i+1, err)
		}
	}
	if err := enter("2001:db8:0:1::2", true); !errors.Is(err, errCrowded) {
		t.Errorf("a second one of a /64: %v", err)
	}
}
