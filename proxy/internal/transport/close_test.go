package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestCloseLeavesNothing runs everything that has a goroutine or a descriptor and closes.
func TestCloseLeavesNothing(t *testing.T) {
	session := func() {
		h := &handler{receive: func(w *Worker, msg []byte, from Flow) {
			if strings.Contains(string(msg), "park") {
				w.Park()
			}
			echo(w, msg, from)
		}, down: func(f Flow, err error) {}}
		cfg := Config{UDPWorkers: 2, Listen: []Listen{
			{Proto: UDP, Addr: "127.0.0.1:0"}, {Proto: TCP, Addr: "127.0.0.1:0"}, {Proto: UDP, Addr: "0.0.0.0:0"}, {Proto: TCP, Addr: "[::1]:0"},
		}}
		l, err := New(cfg, h, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l.Start()
		var conns []net.Conn
		for _, i := range []int{0, 1, 3, 1} {
			c := dial(t, l, i)
			write(t, c, request("park", ""))
			expect(t, c, request("park", ""))
			conns = append(conns, c)
		}
		write(t, conns[1], "half a mess")
		ln, remote := server(t, "127.0.0.1:0")
		f, err := l.FlowTo(TCP, remote, NoSocket)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Send(f, []byte("x")); err != nil {
			t.Fatal(err)
		}
		c := accept(t, ln)
		expect(t, c, "x")
		shut(t, l)
		_ = ln.Close()
		for _, c := range append(conns, c) {
			if c.RemoteAddr().Network() == "tcp" {
				expectEnd(t, c)
			}
			_ = c.Close()
		}
		if err := l.Send(f, []byte("x")); !errors.Is(err, ErrFlowGone) {
			t.Errorf("send after close: %v", err)
		}
		if err := l.Send(Flow{Proto: UDP, Remote: l.Sockets()[0].Addr}, []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("send after close: %v", err)
		}
		if _, err := l.FlowTo(TCP, remote, NoSocket); !errors.Is(err, ErrClosed) {
			t.Errorf("flow after close: %v", err)
		}
	}
	session() // what the runtime itself opens once
	fds, routines := descriptors(t), runtime.NumGoroutine()
	for range 5 {
		session()
	}
	eventually(t, "no descriptor left", func() bool { return descriptors(t) <= fds })
	eventually(t, "no goroutine left", func() bool { return runtime.NumGoroutine() <= routines })
}

func TestCloseWaitsForParkedWorkers(t *testing.T) {
	parked, release := make(chan struct{}), make(chan struct{})
	h := &handler{receive: func(w *Worker, _ []byte, _ Flow) {
		w.Park()
		close(parked)
		<-release
	}}
	l := open(t, Config{}, h, "udp:127.0.0.1:0")
	write(t, dial(t, l, 0), "hello")
	next(t, parked)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close returned %v while a worker was parked", err)
	}
	close(release)
	shut(t, l)
}

// TestCloseWritesWhatIsQueued: a reader that is a little slow still gets all.
func TestCloseWritesWhatIsQueued(t *testing.T) {
	queued := make(chan int, 1)
	l := open(t, Config{MaxQueue: 64 << 20}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		const n = 5000
		for range n {
			_ = w.Send(from, []byte(strings.Repeat("q", 3000)))
		}
		w.Park() // writes
		queued <- n * 3000
	}}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("a", ""))
	want := next(t, queued)
	closed := make(chan struct{})
	go func() {
		shut(t, l)
		close(closed)
	}()
	buf, got := make([]byte, 65536), 0
	for {
		n, err := c.Read(buf)
		got += n
		if err != nil {
			break
		}
	}
	if got != want {
		t.Errorf("%d bytes of %d", got, want)
	}
	next(t, closed)
}
