package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestReplyToAnotherPlace: where nobody listens any more at the address that a request came
// from, its reply goes where SRV records of the host in its Via lead (RFC 3263 §5): for a
// host of our tables, and not for a stranger, nor where the Via has a port.
func TestReplyToAnotherPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		known  bool
		via    string
		arrive bool
	}{
		"a gateway":                {true, gateway, true},
		"a stranger":               {false, gateway, false},
		"the Via has a port":       {true, gateway + ":%d", false},
		"the name leads nowhere":   {true, "nobody.test", false},
		"the Via names an address": {true, "127.0.0.39", false},
	} {
		t.Run(name, func(t *testing.T) {
			dead, err := net.Listen("tcp", "127.0.0.1:0") // a port that is nobody's
			if err != nil {
				t.Fatal(err)
			}
			deadPort := dead.Addr().(*net.TCPAddr).Port
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			b, _, phones := prepare(t, 1, fast, func(cfg *Config) {
				cfg.Gateway = func(a netip.Addr) bool { return c.known && a == netip.MustParseAddr("127.0.0.39") }
			})
			b.named(service(fmt.Sprint("tcp ", deadPort), fmt.Sprint("tcp ", ln.Addr().(*net.TCPAddr).Port)), phones[0].uri())
			b.start()
			_ = dead.Close()
			via := c.via
			if strings.Contains(via, "%") {
				via = fmt.Sprintf(via, deadPort)
			}
			// A host of its own, where nothing listens on the default port.
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 39)}}
			conn, err := from.Dial("tcp", b.layer.Sockets()[1].Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			caller := newStream(t, conn)
			caller.write(strings.Join([]string{"MESSAGE sip:bob@example.org SIP/2.0", "Via: SIP/2.0/TCP " + via + ";branch=z9hG4bKgone",
				"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: gone", "CSeq: 1 MESSAGE", "Content-Length: 0"}, "\r\n") + "\r\n\r\n")
			m := phones[0].expect("MESSAGE")
			_ = caller.conn.Close()
			eventually(t, "the connection stays", func() bool { return b.layer.Stats().Conns == 0 })
			phones[0].answer(m, 200, "bt")
			if !c.arrive {
				_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(300 * time.Millisecond))
				if far, err := ln.Accept(); err == nil {
					t.Errorf("a connection came: %v", far.RemoteAddr())
				}
				return
			}
			_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
			far, err := ln.Accept()
			if err != nil {
				t.Fatal("nobody connected: ", err)
			}
			if ok := newStream(t, far).expect("SIP/2.0 200"); value(ok, sip.HdrCallID) != "gone" {
				t.Errorf("%s", ok.Buf)
			}
			b.empty()
		})
	}
}

// TestStrandedAreBounded: of the replies that wait for connections no more are kept than
// there is room for, and none for long.
func TestStrandedAreBounded(t *testing.T) {
	b, _, _ := prepare(t, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := b.layer.FlowTo(transport.TCP, ln.Addr().(*net.TCPAddr).AddrPort(), transport.NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	e := b.engine
	e.await(f, &stranded{since: time.Now()})
	conn := f.Conn
	for i := range 2 * maxStranded {
		e.strandedReplies.mu.Lock()
		if len(e.strandedReplies.open) < maxStranded {
			e.strandedReplies.open[conn+1+uint64(i)] = &stranded{since: time.Now()}
		}
		e.strandedReplies.mu.Unlock()
	}
	delete(e.strandedReplies.open, conn)
	e.strandedReplies.open[conn+1<<40] = &stranded{since: time.Now()}
	e.await(f, &stranded{since: time.Now()})
	if _, kept := e.strandedReplies.open[conn]; kept || len(e.strandedReplies.open) != maxStranded {
		t.Errorf("%d are kept", len(e.strandedReplies.open))
	}
	e.notOpened(transport.Flow{Conn: conn + 1<<40}, errors.New("the peer closed it"))
	if len(e.strandedReplies.open) != maxStranded-1 {
		t.Error("a reply waits on after its connection was opened")
	}
	e.strandedReplies.forget(time.Now().Add(strandedTime + time.Second))
	if n := len(e.strandedReplies.open); n != 0 {
		t.Errorf("%d are kept after their time", n)
	}
}
