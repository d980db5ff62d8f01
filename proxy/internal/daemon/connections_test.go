package daemon

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/deploy"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestFullOfStrangers: where strangers hold all connections a new one takes the place of the
// idlest, and not of one by which a call goes.
func TestFullOfStrangers(t *testing.T) {
	s := newStand(t, strings.Replace(deploy.Script(), "\nroute", "\ntcp_max_connections=2\nroute", 1), "bob")
	bob, eve := s.phone("bob"), s.phone("eve")
	bob.register()
	at := s.d.layer.Sockets()[1].Addr.String()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	say := func(c net.Conn, method, uri, callID, want string) {
		t.Helper()
		text := strings.Replace(string(eve.request(method, uri, callID, 1, "", "From: <sip:eve@elsewhere.example>;tag=e")), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		got := ""
		for buf := make([]byte, 4096); !strings.Contains(got, want); {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("%v after %q", err, got)
			}
			got += string(buf[:n])
		}
	}
	caller := dial()
	say(caller, "INVITE", bobURI(), "strangers-call", "SIP/2.0 100")
	bob.answer(bob.expect("INVITE"), 200)
	idle := dial()
	say(idle, "OPTIONS", "sip:"+testDomain, "idle", "SIP/2.0 200")
	for i := range 3 {
		fresh := dial()
		say(fresh, "OPTIONS", "sip:"+testDomain, fmt.Sprint("fresh-", i), "SIP/2.0 200")
		if _, err := io.ReadAll(idle); err != nil {
			t.Fatalf("the idle connection was not closed: %v", err)
		}
		idle = fresh
	}
	var carry []string
	s.d.modules.Dialog.Flows(func(f transport.Flow) {
		if f.Conn != 0 && s.d.layer.Usable(f) {
			carry = append(carry, f.Remote.String())
		}
	})
	if !slices.Contains(carry, caller.LocalAddr().String()) {
		t.Errorf("dialogs go by %q, not by the caller's %v", carry, caller.LocalAddr())
	}
}

// TestOwnConnectionsAreBounded: one user who has requests sent to many places of a host of his
// takes half of the connections at most, and phones still get in over TCP. A connection is needed
// as long as a request that went over it is not answered.
func TestOwnConnectionsAreBounded(t *testing.T) {
	const own = 3
	s := newStand(t, strings.Replace(deploy.Script(), "\nroute", fmt.Sprintf("\ntcp_max_connections=%d\nroute", 2*own), 1), "alice", "bob")
	alice := s.phone("alice")
	alice.register()
	host := map[string]*net.TCPListener{}
	ask := func(i int) (id, port string) {
		t.Helper()
		ln, err := net.Listen("tcp", "127.0.0.9:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		_, port, _ = net.SplitHostPort(ln.Addr().String())
		host[port] = ln.(*net.TCPListener)
		id = fmt.Sprint("far-", i)
		alice.start("MESSAGE", "sip:x@127.0.0.9:"+port+";transport=tcp", id, "hello")
		return id, port
	}
	serve := func(port string, answer bool) net.Conn {
		t.Helper()
		if err := host[port].SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		c, err := host[port].Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if answer {
			if _, err := c.Write(parse(t, &sip.Message{}, buf[:n]).AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("far")})); err != nil {
				t.Fatal(err)
			}
			alice.expect("SIP/2.0 200")
		}
		return c
	}
	needed := func() (ports []string) {
		s.d.flows(func(f transport.Flow) {
			if f.Conn != 0 {
				ports = append(ports, fmt.Sprint(f.Remote.Port()))
			}
		})
		slices.Sort(ports)
		return ports
	}
	_, port := ask(0)
	answered := serve(port, true)
	if got := needed(); got != nil {
		t.Errorf("needed are the connections to %q", got)
	}
	answered.Close()
	s.wait("its connection ends", func() bool { return s.d.layer.Stats().ConnsOwn == 0 })
	var silent []string
	for i := range own {
		_, port := ask(1 + i)
		serve(port, false)
		silent = append(silent, port)
	}
	slices.Sort(silent)
	if got := needed(); !slices.Equal(got, silent) {
		t.Errorf("needed are the connections to %q, want %q", got, silent)
	}
	for i := range own { // requests go by all of them
		id, _ := ask(1 + own + i)
		if m := alice.expect("SIP/2.0 5"); string(m.CallID()) != id {
			t.Errorf("refused is %s, not %s", m.CallID(), id)
		}
	}
	if st := s.d.layer.Stats(); st.ConnsOwn != own {
		t.Errorf("%d connections of the router's own", st.ConnsOwn)
	}
	for i := range own {
		c, err := net.Dial("tcp", s.d.layer.Sockets()[1].Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := alice.request("OPTIONS", "sip:"+testDomain, fmt.Sprint("tcp-", i), 1, "")
		if _, err := c.Write([]byte(strings.Replace(string(text), "SIP/2.0/UDP", "SIP/2.0/TCP", 1))); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		buf := make([]byte, 4096)
		if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
			t.Errorf("phone %d over TCP: %v, %q", i, err, buf[:n])
		}
	}
}
