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
