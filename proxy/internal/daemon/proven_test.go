package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/deploy"
	"seraph/proxy/internal/control"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// fromHost connects to the router over TCP from an address.
func (s *stand) fromHost(host string) net.Conn {
	s.t.Helper()
	c, err := s.tryFrom(host)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// tryFrom is fromHost for a connection that the router may refuse, by then or later.
func (s *stand) tryFrom(host string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	c, err := d.Dial("tcp", s.d.layer.Sockets()[1].Addr.String())
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { c.Close() })
	return c, c.SetDeadline(time.Now().Add(10 * time.Second))
}

// registerOver registers the phone's user over a connection.
func (p *phone) registerOver(c net.Conn) error {
	uri, id := "sip:"+testDomain, "over-"+c.LocalAddr().String()
	say := func(want string, cseq int, lines ...string) (string, error) {
		text := strings.Replace(string(p.request("REGISTER", uri, id, cseq, "", lines...)), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
		if _, err := c.Write([]byte(text)); err != nil {
			return "", err
		}
		got := ""
		for buf := make([]byte, 4096); !strings.HasSuffix(got, "\r\n\r\n"); {
			n, err := c.Read(buf)
			if err != nil {
				return got, err
			}
			got += string(buf[:n])
		}
		if !strings.HasPrefix(got, want) {
			return got, fmt.Errorf("the answer is %q", got)
		}
		return got, nil
	}
	got, err := say("SIP/2.0 401", 1)
	if err != nil {
		return err
	}
	_, err = say("SIP/2.0 200", 2, "Authorization: "+digest("REGISTER", uri, p.user, challengeNonce(p.t, []byte(got)), 1))
	return err
}

// scriptOf8 is the embedded script with eight connections in all.
func scriptOf8(more ...string) string {
	return strings.Replace(deploy.Script(), "\nroute {", "\ntcp_max_connections=8\n"+strings.Join(more, "\n")+"\nroute {", 1)
}

// TestOneUserTakesNotAllConnections: one subscriber with many addresses does not keep the others out,
// however often he proves who he is; and not at all once his account is closed.
func TestOneUserTakesNotAllConnections(t *testing.T) {
	s := newStand(t, scriptOf8(), "alice", "bob", "carol")
	alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
	for i := range 8 {
		if err := alice.registerOver(s.fromHost(fmt.Sprintf("127.0.3.%d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		if err := bob.registerOver(s.fromHost(fmt.Sprintf("127.0.4.%d", i+1))); err != nil {
			t.Errorf("bob's phone %d: %v", i, err)
		}
	}
	s.wait("they are known", func() bool {
		for id := range uint64(16) {
			if f := (transport.Flow{Proto: transport.TCP, Conn: id}); s.d.layer.Usable(f) && s.d.layer.Stranger(f) {
				return false
			}
		}
		return s.d.layer.Stats().Conns == 8
	})
	if c, err := s.tryFrom("127.0.5.1"); err == nil && carol.registerOver(c) == nil {
		t.Error("there is room for carol, where two users have half each")
	}
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 2 { // the second time she has no contacts
		if err := client.UlRm(t.Context(), "alice@"+testDomain); err != nil && ctlproto.CodeOf(err) != ctlproto.CodeNotFound {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		if err := carol.registerOver(s.fromHost(fmt.Sprintf("127.0.5.%d", i+1))); err != nil {
			t.Errorf("carol's phone %d: %v", i, err)
		}
	}
}

// TestWhoIsTakenOffProvesAnew: also where the location table fails, or had nothing.
func TestWhoIsTakenOffProvesAnew(t *testing.T) {
	s := newStand(t, scriptOf8(), "alice")
	c := s.fromHost("127.0.3.1")
	first := transport.Flow{Proto: transport.TCP, Conn: 1}
	alice := s.phone("alice")
	for _, want := range []error{nil, errors.New("away")} {
		if err := alice.registerOver(c); err != nil {
			t.Fatal(err)
		}
		s.wait("she is known", func() bool { return !s.d.layer.Stranger(first) })
		found, err := phones{removal{err: want}, s.d.layer}.Remove(t.Context(), "alice@"+testDomain)
		if found || !errors.Is(err, want) || !s.d.layer.Stranger(first) {
			t.Errorf("%v, %v; a stranger is %v", found, err, s.d.layer.Stranger(first))
		}
	}
}

// removal is a location table in which nobody is.
type removal struct {
	control.Usrloc
	err error
}

func (r removal) Remove(context.Context, string) (bool, error) { return false, r.err }

// TestRefusedHostIsNotTrusted: a host that the script refuses by a group of the table address has
// the limits of everybody, and one of the groups that the script names has none.
func TestRefusedHostIsNotTrusted(t *testing.T) {
	for trusted, stays := range map[string]bool{"": false, "modparam(\"permissions\", \"trusted_groups\", \"1, 9\")": true} {
		script := strings.Replace(scriptOf8(trusted), "\nroute {", "\nroute {\n\tif (allow_source_address(\"9\")) { exit; };\n", 1)
		s := newStand(t, script, "bob")
		if err := s.db.Addresses.Add(t.Context(), store.Address{Group: 9, IP: "127.0.6.0", Mask: 24}); err != nil {
			t.Fatal(err)
		}
		if err := s.d.modules.Guards.Permissions.ReloadAddresses(t.Context()); err != nil {
			t.Fatal(err)
		}
		blocked := netip.MustParseAddr("127.0.6.6")
		if s.d.knownGateways()(blocked) != stays || !s.d.gateways()(blocked) {
			t.Errorf("with %q the host is none of the gateways, or its connections have no limits", trusted)
		}
		for range 8 {
			s.fromHost(blocked.String())
		}
		s.wait("all are there", func() bool { return s.d.layer.Stats().Conns == 8 })
		c, err := s.tryFrom("127.0.4.1")
		if err == nil {
			err = s.phone("bob").registerOver(c)
		}
		if (err != nil) != stays {
			t.Errorf("with %q, bob's phone: %v", trusted, err)
		}
	}
}

// TestProvenConnections: a user who may have more contacts may have more connections, and at an edge, which
// does not know how many, many; the script has the last word.
func TestProvenConnections(t *testing.T) {
	const registrar = "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n"
	for settings, want := range map[string]int{
		registrar: 32, registrar + contacts("16"): 32, registrar + contacts("40"): 80, registrar + contacts("0"): 2000,
		"": 128, "tcp_user_connections=7\n": 7, "tcp_user_connections=300\n" + registrar + contacts("0"): 300,
	} {
		s := newStand(t, "listen=udp:127.0.0.1:0\nloadmodule \"sl.so\"\n"+settings+"route { sl_send_reply(\"404\", \"Not Found\"); }\n")
		if got := s.d.provenConnections(); got != want {
			t.Errorf("%q: %d, want %d", settings, got, want)
		}
	}
}

func contacts(most string) string { return "modparam(\"registrar\", \"max_contacts\", " + most + ")\n" }

// TestOfficeComesBack: the NAT of an office forgets its connections. Its phones, one of each user's, come back,
// though more than half of what a source may have is taken by those that they have left behind.
func TestOfficeComesBack(t *testing.T) {
	var users []string
	for i := range 10 {
		users = append(users, fmt.Sprint("u", i))
	}
	s := newStand(t, strings.Replace(scriptOf8(), "tcp_max_connections=8", "tcp_accept_iplimit=16", 1), users...)
	var phones []*phone
	for _, u := range users {
		p := s.phone(u)
		if err := p.registerOver(s.fromHost("127.0.3.1")); err != nil {
			t.Fatal(err)
		}
		phones = append(phones, p)
	}
	for _, p := range phones {
		s.wait(p.user+" is back", func() bool {
			c, err := s.tryFrom("127.0.3.1")
			return err == nil && p.registerOver(c) == nil
		})
	}
}

// TestOpenRegistrarProvesNoName: where save asks for no password one host with many names leaves room for others.
func TestOpenRegistrarProvesNoName(t *testing.T) {
	s := newStand(t, "tcp_max_connections=8\nloadmodule \"sl.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nroute { save(\"location\"); }\n")
	register := func(host, user string) error {
		c, err := s.tryFrom(host)
		if err != nil {
			return err
		}
		p := s.phone(user)
		text := strings.Replace(string(p.request("REGISTER", "sip:"+testDomain, "open-"+user, 1, "")), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
		if _, err := c.Write([]byte(text)); err != nil {
			return err
		}
		got := make([]byte, len("SIP/2.0 200"))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "SIP/2.0 200" {
			return fmt.Errorf("the answer is %q, %w", got, err)
		}
		return nil
	}
	for i := range 8 {
		if err := register("127.0.3.1", fmt.Sprint("x", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		if err := register(fmt.Sprintf("127.0.4.%d", i+1), fmt.Sprint("bob", i)); err != nil {
			t.Errorf("bob's phone %d: %v", i, err)
		}
	}
}
