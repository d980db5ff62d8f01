package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inQueue is how many bytes the kernel holds for reading.
func inQueue(t *testing.T, raw syscall.RawConn) int {
	t.Helper()
	n := 0
	var opt error
	if err := raw.Control(func(fd uintptr) { n, opt = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); err != nil || opt != nil {
		t.Fatal(err, opt)
	}
	return n
}

// fullBacklog makes a listener that answers no further connection.
func fullBacklog(t *testing.T) (int, netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	remote := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(sa.(*syscall.SockaddrInet4).Port))
	for range 8 {
		d := net.Dialer{Timeout: 100 * time.Millisecond}
		c, err := d.Dial("tcp", remote.String())
		if err != nil {
			return fd, remote
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the backlog does not fill")
	return 0, remote
}

func TestSlowMessageIsClosed(t *testing.T) {
	ended := make(chan downed, 1)
	l := open(t, Config{MessageTimeout: 100 * time.Millisecond}, &handler{
		receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("good", ""))
	expect(t, c, request("good", ""))
	stop := make(chan struct{})
	go func() { // a byte each few milliseconds, for ever
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = c.Write([]byte("a"))
			case <-stop:
				return
			}
		}
	}()
	d := next(t, ended)
	close(stop)
	if !errors.Is(d.err, ErrSlowMessage) {
		t.Errorf("ended by %v", d.err)
	}
}

// TestIdleIsClosed: a connection lives as long as keep-alives come, and ends IdleTimeout after the last.
func TestIdleIsClosed(t *testing.T) {
	const idle = 300 * time.Millisecond
	const least = idle * 15 / 16 // the timer is not set anew for less
	ended := make(chan downed, 1)
	l := open(t, Config{IdleTimeout: idle}, &handler{
		receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	var last time.Time // just before the last keep-alive
	keptAlive := func(c net.Conn) bool {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		last = time.Now()
		write(t, c, request("good", ""))
		expect(t, c, request("good", ""))
		for start := last; time.Since(start) < 2*idle+idle/3; <-tick.C {
			before := last
			last = time.Now()
			_, err := c.Write([]byte("\r\n\r\n"))
			if err == nil {
				_, err = io.ReadFull(c, make([]byte, len("\r\n")))
			}
			if err != nil {
				if since := time.Since(before); since < least {
					t.Fatalf("%v, %v after a keep-alive", err, since)
				}
				return false
			}
		}
		return true
	}
	c := dial(t, l, 0)
	for tries := 1; !keptAlive(c); tries++ { // this process was stopped for so long that the connection was idle indeed
		if tries == 20 {
			t.Fatal("the process is stopped again and again")
		}
		next(t, ended)
		c = dial(t, l, 0)
	}
	if d := next(t, ended); !errors.Is(d.err, ErrIdle) || time.Since(last) < least {
		t.Errorf("ended by %v after %v", d.err, time.Since(last))
	}
	expectEnd(t, c)
}

func TestConnectionThatNeverSpeaksIsClosed(t *testing.T) {
	ended := make(chan downed, 1)
	l := open(t, Config{FirstTimeout: 100 * time.Millisecond}, &handler{
		receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, "\r\n\r\n") // keep-alives alone are no reason to stay
	if d := next(t, ended); !errors.Is(d.err, ErrIdle) {
		t.Errorf("ended by %v", d.err)
	}
	expectEnd(t, c)
}

func TestConnectionLimits(t *testing.T) {
	l := open(t, Config{MaxConns: 5, MaxConnsPerSource: 3}, &handler{receive: judge}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	talk := func(c net.Conn) {
		t.Helper()
		say(t, c, "prove")
	}
	var v4 []net.Conn
	for range 3 {
		c := dial(t, l, 0)
		talk(c)
		v4 = append(v4, c)
	}
	expectRefused(t, l, 0) // the source has its three
	for range 2 {
		talk(dial(t, l, 1))
	}
	expectRefused(t, l, 1) // five in all
	_, remote := server(t, "127.0.0.1:0")
	if _, err := l.FlowTo(TCP, remote, NoSocket); !errors.Is(err, ErrTooManyConns) {
		t.Errorf("a sixth: %v", err)
	}
	_ = v4[0].Close()
	eventually(t, "room again", func() bool { return l.Stats().Conns == 4 })
	talk(dial(t, l, 0))
	if got := l.Stats().ConnsRefused; got != 2 {
		t.Errorf("%d refused", got)
	}
}

func TestSourceOf(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1:2:3:4": "2001:db8::", "fe80::1%lo": "fe80::"} {
		if got := SourceOf(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s counts as %s", a, got)
		}
	}
}

// TestQueueOverflow: a peer that does not read costs no more than its queue, and then
// its connection.
func TestQueueOverflow(t *testing.T) {
	flows := make(chan Flow, 1)
	ended := make(chan downed, 1)
	const queue = 100 << 10
	l := open(t, Config{MaxQueue: queue, WriteTimeout: 200 * time.Millisecond}, &handler{
		receive: func(_ *Worker, _ []byte, from Flow) { flows <- from },
		down:    func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("a", ""))
	f := next(t, flows)
	msg := []byte(strings.Repeat("m", 4000))
	full := false
	for range 1 << 20 {
		err := l.Send(f, msg)
		if errors.Is(err, ErrQueueFull) {
			full = true
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if cn := l.conns.byFlow(f); cn != nil {
			cn.mu.Lock()
			if n := len(cn.out) + cn.inFlight; n > queue {
				t.Fatalf("%d bytes queued", n)
			}
			cn.mu.Unlock()
		}
	}
	if !full {
		t.Fatal("the queue never filled")
	}
	d := next(t, ended)
	var timeout net.Error
	if d.flow != f || !errors.As(d.err, &timeout) || !timeout.Timeout() {
		t.Errorf("ended by %v", d.err)
	}
}

// TestSlowReaderGetsEverything: the part that the socket did not take at once follows, in
// order.
func TestSlowReaderGetsEverything(t *testing.T) {
	const n = 3000
	l := open(t, Config{MaxQueue: 64 << 20}, &handler{receive: func(w *Worker, _ []byte, from Flow) {
		for i := range n {
			if err := w.Send(from, []byte(padded(strings.Repeat("i", i%9), 4000))); err != nil {
				t.Error(err)
			}
		}
	}}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("a", ""))
	for i := range n {
		expect(t, c, padded(strings.Repeat("i", i%9), 4000))
	}
	write(t, c, request("a", "")) // and once more, now that a write deadline has been set
	for i := range n {
		expect(t, c, padded(strings.Repeat("i", i%9), 4000))
	}
}
