package transport

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// parker parks messages that say so until released, and checks that they are unharmed.
type parker struct {
	t       *testing.T
	release chan struct{}
	parked  chan string
	refused chan string
	other   atomic.Int64
}

func newParker(t *testing.T) *parker {
	return &parker{t: t, release: make(chan struct{}), parked: make(chan string, 2000), refused: make(chan string, 2000)}
}

func (p *parker) receive(w *Worker, msg []byte, from Flow) {
	if !strings.Contains(string(msg), "park") {
		p.other.Add(1)
		echo(w, msg, from)
		return
	}
	before := string(msg)
	if !w.Park() {
		p.refused <- before
		_ = w.Send(from, []byte(request("refused", "")))
		return
	}
	if !w.Park() || !w.parked {
		p.t.Error("a second Park failed")
	}
	p.parked <- before
	<-p.release
	if string(msg) != before {
		p.t.Errorf("the message changed while parked: %q, was %q", msg, before)
	}
	echo(w, msg, from)
}

func TestParkDoesNotDelayOthers(t *testing.T) {
	for _, addr := range []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"} {
		t.Run(addr, func(t *testing.T) {
			p := newParker(t)
			l := open(t, Config{}, &handler{receive: p.receive}, addr)
			c := dial(t, l, 0)
			// In one piece on a stream, so that the rest must move with the reader.
			write(t, c, request("one", ""))
			expect(t, c, request("one", ""))
			var waiting []string
			for i := range 20 {
				w := padded(fmt.Sprintf("park%d", i), 50*i)
				waiting = append(waiting, w)
				if c.RemoteAddr().Network() == "tcp" {
					write(t, c, w+request("two", "abc")+request("three", "def"))
				} else {
					write(t, c, w)
					write(t, c, request("two", "abc"))
					write(t, c, request("three", "def"))
				}
				if got := next(t, p.parked); got != w {
					t.Fatalf("parked %q", got)
				}
				expect(t, c, request("two", "abc"))
				expect(t, c, request("three", "def"))
			}
			if got := l.Stats().Waiters; got != 20 {
				t.Errorf("%d waiters", got)
			}
			for i := range 500 { // buffers are used again meanwhile
				m := padded(fmt.Sprintf("four%d", i), 600)
				write(t, c, m)
				expect(t, c, m)
			}
			close(p.release)
			answers := strings.Join(waiting, "")
			buf, got := make([]byte, 65536), 0
			for got < len(answers) {
				n, err := c.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got += n
			}
			eventually(t, "no waiters", func() bool { return l.Stats().Waiters == 0 })
			write(t, c, request("five", ""))
			expect(t, c, request("five", ""))
		})
	}
}

func TestParkIsBounded(t *testing.T) {
	p := newParker(t)
	l := open(t, Config{MaxWaiters: 3}, &handler{receive: p.receive}, "udp:127.0.0.1:0", "tcp:127.0.0.1:0")
	udp, tcp := dial(t, l, 0), dial(t, l, 1)
	for i := range 3 {
		write(t, []net.Conn{udp, tcp}[i%2], request("park", ""))
		next(t, p.parked)
	}
	for _, c := range []net.Conn{udp, tcp} {
		write(t, c, request("park", "more"))
		next(t, p.refused)
		expect(t, c, request("refused", ""))
	}
	close(p.release)
	expect(t, udp, request("park", "")+request("park", ""))
	expect(t, tcp, request("park", ""))
	eventually(t, "no waiters", func() bool { return l.Stats().Waiters == 0 })
	write(t, udp, request("park", "again"))
	next(t, p.parked)
	expect(t, udp, request("park", "again"))
}

// TestParkSendsWhatWasGathered: answers given before Park must not wait for it.
func TestParkSendsWhatWasGathered(t *testing.T) {
	release := make(chan struct{})
	l := open(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		_ = w.Send(from, []byte("before"))
		if !w.Park() {
			t.Error("not parked")
		}
		<-release
		_ = w.Send(from, []byte("after"))
	}}, "udp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, "hello")
	expect(t, c, "before")
	close(release)
	expect(t, c, "after")
}

func TestDetachedWorker(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{}, &handler{receive: receive}, "udp:127.0.0.1:0")
	f, err := l.FlowTo(UDP, l.Sockets()[0].Addr, NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	w := l.Detached()
	if !w.Park() || w.Scratch() == nil {
		t.Error("a detached worker is parked and has scratch memory")
	}
	if err := w.Send(f, []byte("to myself")); err != nil {
		t.Fatal(err)
	}
	if m := next(t, got); m.text != "to myself" {
		t.Errorf("received %q", m.text)
	}
	l.Release(w)
	if n := l.Stats().Waiters; n != 0 {
		t.Errorf("%d waiters", n)
	}

	var sent string
	fake := NewDetached(7, func(_ Flow, msg []byte) error { sent = string(msg); return nil })
	if err := fake.Send(f, []byte("x")); err != nil || sent != "x" || fake.Scratch() != 7 || !fake.Park() || fake.Now().IsZero() || fake.Mono() != 0 {
		t.Errorf("fake worker: %q, %v", sent, err)
	}
}
