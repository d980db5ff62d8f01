package dnstest

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	wire "github.com/miekg/dns"
)

// made counts the servers in memory, so that each has an address of its own.
var made atomic.Uint32

// InMemory is New without sockets, for a synctest bubble, where nobody waits in real time
// for a server that is slow or silent: Dial alone leads to it. It ends a minute after the
// test, so that every look-up that goes on behind has ended, as the end of a bubble wants.
func InMemory(t testing.TB, records ...string) *Server {
	t.Helper()
	s := &Server{t: t, Addr: fmt.Sprintf("server-%d.invalid:53", made.Add(1)), asked: map[string]int{}}
	s.Set(records...)
	t.Cleanup(func() { time.Sleep(time.Minute) })
	return s
}

// Dial leads to these servers, in memory, and nowhere else; it is a dns.Config.Dial.
func Dial(servers ...*Server) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		for _, s := range servers {
			if s.Addr == address {
				return s.dial(network), nil
			}
		}
		return nil, fmt.Errorf("dialing %s %s: nobody is there", network, address)
	}
}

// dial is a connection to the server, until it is closed.
func (s *Server) dial(network string) net.Conn {
	client, server := net.Pipe()
	if network == "udp" {
		client, server = datagrams{client}, datagrams{server}
	}
	go func() {
		defer server.Close()
		conn := &wire.Conn{Conn: server}
		for {
			q, err := conn.ReadMsg()
			if err != nil {
				return
			}
			for _, m := range s.replies(network, q) {
				_ = conn.WriteMsg(m)
			}
		}
	}()
	return client
}

// datagrams makes the end of a pipe one of UDP: what one Write sends one Read gets, and
// what it has no room for is lost.
type datagrams struct{ net.Conn }

func (d datagrams) Read(p []byte) (int, error) {
	room := make([]byte, wire.MaxMsgSize)
	n, err := d.Conn.Read(room)
	return copy(p, room[:n]), err
}

// ReadFrom and WriteTo tell the library, which never calls them, that this is UDP.
func (d datagrams) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := d.Read(p)
	return n, d.RemoteAddr(), err
}

// WriteTo is Write: there is one other end.
func (d datagrams) WriteTo(p []byte, _ net.Addr) (int, error) { return d.Write(p) }
