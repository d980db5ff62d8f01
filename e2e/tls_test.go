package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/proc"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// secureStand is a router that also listens on TLS and WebSockets.
type secureStand struct {
	*stand.Stand
	ca    *stand.Authority
	ports map[string]int // by network
}

// startSecure starts one on 127.0.0.1; more stands in the script before its routes.
func startSecure(t *testing.T, more string) *secureStand {
	t.Helper()
	s := &secureStand{ca: stand.NewAuthority(t), ports: map[string]int{}}
	s.ca.Issue("server", stand.Domain)
	var args []string
	for _, network := range []string{"tls", "ws", "wss"} {
		port, err := proc.FreePort("127.0.0.1", 0)
		if err != nil {
			t.Fatal(err)
		}
		s.ports[network] = port
		args = append(args, "--listen", fmt.Sprintf("%s:127.0.0.1:%d", network, port))
	}
	s.Stand = stand.Start(t, stand.Options{Script: s.ca.Script("server", more), Args: args})
	return s
}

// address is where the router listens for a network.
func (s *secureStand) address(network string) string {
	if port := s.ports[network]; port != 0 {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return s.Address()
}

// phone opens a peer on a network.
func (s *secureStand) phone(t *testing.T, network string, c peer.Config) *peer.Peer {
	t.Helper()
	c.Network, c.Router = network, s.address(network)
	c.TLS = &tls.Config{RootCAs: s.ca.Pool, ServerName: stand.Domain}
	return s.For(t).Peer(c)
}

// TestSecureCalls plays a call between phones of every transport. The router is in the
// route set twice where they differ, and finds phones that have no address, as those in
// web pages, by the connection that they have opened.
func TestSecureCalls(t *testing.T) {
	s := startSecure(t, "")
	for _, leg := range [][2]string{
		{"udp", "tls"}, {"tls", "udp"}, {"tls", "tls"}, {"tcp", "tls"}, {"udp", "ws"}, {"ws", "udp"}, {"wss", "udp"},
		{"udp", "wss"}, {"wss", "wss"}, {"tls", "wss"}, {"ws", "tls"}, {"ws", "wss"},
	} {
		t.Run(leg[0]+" to "+leg[1], func(t *testing.T) {
			name, caller := newUser(s.For(t)), newUser(s.For(t))
			bob := s.phone(t, leg[1], peer.Config{Name: name, Password: stand.Password(name)}).Registered()
			alice := s.phone(t, leg[0], peer.Config{Name: caller, Password: stand.Password(caller)})
			call := alice.Call(bob.AoR())
			invite := bob.Expect(peer.Request("INVITE"))
			wantEntries := 1
			if leg[0] != leg[1] {
				wantEntries = 2
			}
			if rr := invite.All("Record-Route"); len(rr) != wantEntries {
				t.Errorf("Record-Route has %d entries, want %d: %q", len(rr), wantEntries, rr)
			}
			if via := invite.Get("Via"); !strings.HasPrefix(via, "SIP/2.0/"+strings.ToUpper(leg[1])+" ") {
				t.Errorf("the router's Via is %q", via)
			}
			bob.Reply(invite, 180, "Ringing")
			call.Expects(180)
			answer := bob.Reply(invite, 200, "OK")
			here := call.Ack(call.Expects(200))
			bob.Expect(peer.Request("ACK"))
			there := bob.DialogAt(invite, answer)
			bob.Send(there.New("INFO"))
			alice.Reply(alice.Expect(peer.Request("INFO")), 200, "OK")
			bob.Expect(peer.Response(200, "INFO"))
			alice.Send(here.New("INFO"))
			bob.Reply(bob.Expect(peer.Request("INFO")), 200, "OK")
			alice.Expect(peer.Response(200, "INFO"))
			bob.Send(there.New("BYE"))
			alice.Reply(alice.Expect(peer.Request("BYE")), 200, "OK")
			bob.Expect(peer.Response(200, "BYE"))
		})
	}
	s.NothingLeft()
}

// TestSIPS: what is for a sips address travels over TLS or not at all.
func TestSIPS(t *testing.T) {
	s := startSecure(t, "")
	caller := newUser(s.For(t))
	alice := s.phone(t, "tls", peer.Config{Name: caller, Password: stand.Password(caller)}).Registered()
	t.Run("to a server of that domain", func(t *testing.T) {
		good := s.For(t).Peer(peer.Config{Name: "far", Serve: &tls.Config{Certificates: []tls.Certificate{s.ca.Issue("far", "127.0.0.1")}}})
		c := alice.Call("sips:far@" + good.Address())
		invite := good.Expect(peer.Request("INVITE"))
		if uri := invite.URI(); uri != "sips:far@"+good.Address() {
			t.Errorf("Request-URI %q", uri)
		}
		for _, rr := range invite.All("Record-Route") {
			if !strings.HasPrefix(rr, "<sips:") {
				t.Errorf("Record-Route %q is not sips", rr)
			}
		}
		if via := invite.Get("Via"); !strings.HasPrefix(via, "SIP/2.0/TLS ") {
			t.Errorf("Via %q", via)
		}
		answer := good.Reply(invite, 200, "OK")
		c.Ack(c.Expects(200))
		good.Expect(peer.Request("ACK"))
		good.Send(good.DialogAt(invite, answer).New("BYE"))
		alice.Reply(alice.Expect(peer.Request("BYE")), 200, "OK")
	})
	t.Run("a certificate of somebody else", func(t *testing.T) {
		wrong := s.For(t).Peer(peer.Config{Name: "far", Serve: &tls.Config{Certificates: []tls.Certificate{s.ca.Issue("wrong", "127.0.0.9")}}})
		c := alice.Call("sips:far@" + wrong.Address())
		if final := alice.Expect(peer.Final("INVITE").Of(c.Invite.CallID())); final.Status() != 503 && final.Status() != 500 {
			t.Errorf("answered %q", final.Start)
		}
		wrong.Quiet(300*time.Millisecond, peer.Request("INVITE"))
	})
	t.Run("a phone without TLS", func(t *testing.T) {
		name := newUser(s.For(t))
		bob := s.phone(t, "udp", peer.Config{Name: name, Password: stand.Password(name)}).Registered("<sips:" + name + "@127.0.0.1:9>")
		c := alice.Call("sips:" + name + "@" + stand.Domain)
		if final := alice.Expect(peer.Final("INVITE").Of(c.Invite.CallID())); final.Status() != 480 || !strings.Contains(final.Get("Warning"), "SIPS") {
			t.Errorf("answered %q with Warning %q", final.Start, final.Get("Warning"))
		}
		bob.Quiet(300*time.Millisecond, peer.Request("INVITE"))
	})
}

// TestCertificates: the certificate follows the name that is asked for, and a new one is
// shown without a restart and without harm to the connections there are.
func TestCertificates(t *testing.T) {
	s := startSecure(t, "")
	s.ca.Issue("second", "second.example")
	config := "[server:default]\ncertificate = server.crt\nprivate_key = server.key\n" +
		"[server:any]\nserver_name = second.example\ncertificate = second.crt\nprivate_key = second.key\n"
	name := newUser(s.Stand)
	bob := s.phone(t, "tls", peer.Config{Name: name, Password: stand.Password(name)}).Registered()
	shown := func(asked string) string {
		c, err := tls.Dial("tcp", s.address("tls"), &tls.Config{InsecureSkipVerify: true, ServerName: asked})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown("second.example"); got != "server" {
		t.Errorf("before: %s", got)
	}
	s.ca.Config(config)
	s.Ctl("", "rpc", "tls.reload")
	for asked, want := range map[string]string{"second.example": "second", stand.Domain: "server", "": "server"} {
		if got := shown(asked); got != want {
			t.Errorf("asked for %q it shows %s, want %s", asked, got, want)
		}
	}
	s.ca.Config("[server:default]\ncertificate = none.crt\nprivate_key = none.key\n")
	if out, code := s.TryCtl("", "rpc", "tls.reload"); code == 0 {
		t.Errorf("a reload of nothing succeeds: %s", out)
	}
	if got := shown("second.example"); got != "second" {
		t.Errorf("after a faulty reload it shows %s", got)
	}
	s.ca.Config(config)
	s.ca.Issue("second", "second.example", "third.example")
	if err := s.Proxy.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait.For(t, 10*time.Second, "SIGHUP reads the certificates", func() error {
		c, err := tls.Dial("tcp", s.address("tls"), &tls.Config{RootCAs: s.ca.Pool, ServerName: "second.example"})
		if err != nil {
			return err
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].VerifyHostname("third.example")
	})
	call := s.phone(t, "udp", peer.Config{Name: "walter", Domain: "elsewhere.example"}).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here") // over the old connection
	call.AckFailure(call.Expects(486))
}

// TestHostileStreams: connections that cost more than they bring are ended, and those of
// phones go on meanwhile.
func TestHostileStreams(t *testing.T) {
	s := startSecure(t, "modparam(\"tls\", \"handshake_timeout\", 1)\n")
	name := newUser(s.Stand)
	bob := s.phone(t, "wss", peer.Config{Name: name, Password: stand.Password(name)}).Registered()
	for _, c := range []struct{ network, sent string }{
		{"tls", ""}, {"tls", "\x16\x03\x01\x02\x00\x01"}, {"tls", "OPTIONS sip:a SIP/2.0\r\n\r\n"}, {"wss", "GET / HTTP/1.1\r\n\r\n"},
		{"ws", "GET / HTTP/1.1\r\nHost: a\r\n"}, {"ws", "\x81\x85\x01\x02\x03\x04abcde"}, {"ws", strings.Repeat("A", 100000)},
	} {
		conn, err := net.Dial("tcp", s.address(c.network))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = conn.Write([]byte(c.sent)) // may be refused in the middle
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s after %.30q: the connection stays open", c.network, c.sent)
		}
		_ = conn.Close()
	}
	wait.For(t, 20*time.Second, "the phone's connection is the only one left", func() error {
		if n := s.Statistics()["core:connections"]; n != 1 {
			return fmt.Errorf("%d connections", n)
		}
		return nil
	})
	call := s.phone(t, "udp", peer.Config{Name: "walter", Domain: "elsewhere.example"}).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	s.NothingLeft()
}

// TestControllerOverTLS: a click to dial reaches phones on TLS and in pages: the router's
// own ACK, REFER and BYE go over the connection that the phone has opened.
func TestControllerOverTLS(t *testing.T) {
	s := startSecure(t, "")
	for _, network := range []string{"tls", "wss"} {
		t.Run(network, func(t *testing.T) {
			name, other := newUser(s.For(t)), newUser(s.For(t))
			phone := s.phone(t, network, peer.Config{Name: name, Password: stand.Password(name)}).Registered()
			s.phone(t, "udp", peer.Config{Name: other, Password: stand.Password(other)}).Registered()
			var began struct {
				ID string `json:"id"`
			}
			s.For(t).Call(&began, "ctd.dial", map[string]any{"caller": name + "@" + stand.Domain, "callee": "sip:" + other + "@" + stand.Domain, "actor": name + "@" + stand.Domain})
			invite := phone.Expect(peer.Request("INVITE"))
			answer := phone.Reply(invite, 200, "OK")
			phone.Expect(peer.Request("ACK"))
			refer := phone.Expect(peer.Request("REFER"))
			phone.Reply(refer, 202, "Accepted")
			notify := phone.DialogAt(invite, answer).New("NOTIFY").Add("Event", "refer").
				Add("Subscription-State", "terminated;reason=noresource").Add("Content-Type", "message/sipfrag;version=2.0")
			notify.Body = []byte("SIP/2.0 200 OK\r\n")
			phone.Send(notify)
			phone.Expect(peer.Response(200, "NOTIFY"))
			phone.Reply(phone.Expect(peer.Request("BYE")), 200, "OK")
		})
	}
	s.NothingLeft()
}
