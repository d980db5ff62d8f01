package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestUDPEcho(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			flows := make(chan Flow, 10)
			l := open(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
				flows <- from
				echo(w, msg, from)
			}}, "udp:"+addr)
			s := l.Sockets()[0]
			to := s.Addr
			if to.Addr().IsUnspecified() { // every address of the host must answer as itself
				for _, a := range hostAddrs() {
					if a.Is4() == to.Addr().Is4() && !a.IsLinkLocalUnicast() {
						echoFrom(t, netip.AddrPortFrom(a, to.Port()), flows)
					}
				}
				return
			}
			echoFrom(t, to, flows)
		})
	}
}

// echoFrom uses a connected socket: the kernel drops an answer from another address.
func echoFrom(t *testing.T, to netip.AddrPort, flows chan Flow) {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	write(t, c, "hello, world")
	expect(t, c, "hello, world")
	want := Flow{Proto: UDP, Local: to, Remote: localPort(c)}
	if got := next(t, flows); got != want {
		t.Errorf("flow %+v, want %+v", got, want)
	}
}

func TestUDPKeepsOrderOfASource(t *testing.T) {
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			receive, got := collect()
			l := open(t, Config{UDPWorkers: workers}, &handler{receive: receive}, "udp:127.0.0.1:0")
			const sources, each = 4, 200
			last := map[netip.AddrPort]int{}
			var conns []net.Conn
			for range sources {
				conns = append(conns, dial(t, l, 0))
			}
			for i := range each {
				for _, c := range conns {
					write(t, c, fmt.Sprintf("number %d", i+1))
				}
			}
			for range sources * each {
				m := next(t, got)
				var n int
				if _, err := fmt.Sscanf(m.text, "number %d", &n); err != nil {
					t.Fatal(err)
				}
				if n != last[m.from.Remote]+1 {
					t.Fatalf("%v: %d after %d", m.from.Remote, n, last[m.from.Remote])
				}
				last[m.from.Remote] = n
			}
		})
	}
}

func TestUDPBatchLargerThanOutbox(t *testing.T) {
	const copies = 3 * outSlots
	l := open(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		for i := range copies {
			if err := w.Send(from, fmt.Appendf(nil, "%s %d %s", msg, i, strings.Repeat("y", 1500))); err != nil {
				t.Error(err)
			}
		}
	}}, "udp:127.0.0.1:0")
	c := dial(t, l, 0)
	if err := c.(*net.UDPConn).SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	write(t, c, "hello")
	for i := range copies {
		expect(t, c, fmt.Sprintf("hello %d %s", i, strings.Repeat("y", 1500)))
	}
}

func TestUDPSizes(t *testing.T) {
	l := open(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		if len(msg) == 10 {
			if err := w.Send(from, make([]byte, maxPacket+1)); !errors.Is(err, ErrTooLarge) {
				t.Errorf("oversize: %v", err)
			}
			if err := w.Send(from, nil); err == nil {
				t.Error("an empty datagram was sent")
			}
		}
		echo(w, msg, from)
	}}, "udp:127.0.0.1:0")
	c := dial(t, l, 0)
	for _, n := range []int{5, 10, 1500, 9000, maxPacket} {
		write(t, c, strings.Repeat("z", n))
		expect(t, c, strings.Repeat("z", n))
	}
}

func TestUDPKeepAlivesStayHere(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{}, &handler{receive: receive}, "udp:127.0.0.1:0")
	c := dial(t, l, 0)
	for _, s := range []string{"\r\n", "\r\n\r\n", "\x00\x00\x00\x00", "jaK", "", "\r\n\r\nOPTIONS"} {
		write(t, c, s)
	}
	if m := next(t, got); m.text != "OPTIONS" {
		t.Errorf("received %q", m.text)
	}
}

func TestUDPSendToNobodyHarmsNobody(t *testing.T) {
	gone, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := netip.MustParseAddrPort(gone.LocalAddr().String())
	_ = gone.Close()
	l := open(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		dead := from
		dead.Remote = nobody
		for range 3 {
			if err := w.Send(dead, msg); err != nil {
				t.Error(err)
			}
			echo(w, msg, from)
		}
	}}, "udp:127.0.0.1:0")
	c := dial(t, l, 0)
	for range 5 {
		write(t, c, "hello")
		for range 3 {
			expect(t, c, "hello")
		}
	}
	if err := l.Send(Flow{Proto: UDP, Remote: netip.MustParseAddrPort("[::1]:5060")}, []byte("hello")); !errors.Is(err, ErrNoSocket) {
		t.Errorf("IPv6 on an IPv4 socket: %v", err)
	}
	if err := l.Send(Flow{Proto: UDP, Socket: 7, Remote: nobody}, []byte("hello")); !errors.Is(err, ErrNoSocket) {
		t.Errorf("socket 7: %v", err)
	}
	if err := l.Send(Flow{}, []byte("hello")); !errors.Is(err, ErrNoSocket) {
		t.Errorf("nowhere: %v", err)
	}
}

func TestFlowToPicksTheSocket(t *testing.T) {
	h := &handler{receive: echo}
	l := open(t, Config{}, h, "udp:127.0.0.1:0", "udp:127.0.0.2:0", "udp:[::1]:0", "udp:0.0.0.0:0")
	for _, c := range []struct {
		to     string
		prefer uint16
		want   uint16
	}{
		{"127.0.0.9:5060", NoSocket, 0},
		{"127.0.0.9:5060", 1, 1},
		{"127.0.0.9:5060", 2, 0}, // wrong family
		{"[::1]:5060", 0, 2},
		{"192.0.2.1:5060", NoSocket, 3},
		{"[::ffff:192.0.2.1]:5060", 99, 3},
	} {
		f, err := l.FlowTo(UDP, netip.MustParseAddrPort(c.to), c.prefer)
		if err != nil || f.Socket != c.want || f.Remote.Addr().Is4In6() {
			t.Errorf("%s prefer %d: %+v, %v", c.to, c.prefer, f, err)
		}
	}
	for _, bad := range []netip.AddrPort{{}, netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("0.0.0.0:5060")} {
		if _, err := l.FlowTo(UDP, bad, NoSocket); err == nil {
			t.Errorf("%v taken", bad)
		}
	}
	if _, err := l.FlowTo(TCP, netip.MustParseAddrPort("127.0.0.1:5060"), NoSocket); err == nil {
		t.Error("TCP without a TCP socket")
	}
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	for _, socket := range []uint16{1, 3} {
		f, err := l.FlowTo(UDP, netip.MustParseAddrPort(peer.LocalAddr().String()), socket)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Send(f, []byte("direct")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, from, err := peer.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "direct" {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		if got := netip.MustParseAddrPort(from.String()).Port(); got != l.Sockets()[socket].Addr.Port() {
			t.Errorf("sent from %v, not from %s", from, l.Sockets()[socket].Name)
		}
	}
}
