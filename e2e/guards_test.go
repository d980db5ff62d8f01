package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestFlood: who floods is answered no more, others are, and the operator sees him and lets him go.
func TestFlood(t *testing.T) {
	// In a unit of an hour it does not matter how fast the test is.
	s := stand.Start(t, stand.Options{Script: scriptWith(t, `"sampling_time_unit", 2)`, `"sampling_time_unit", 3600)`), Users: []string{"bob"}})
	flood := newStranger(t, s, "127.0.0.9")
	for n := range 300 {
		if !flood.answered(patience) {
			t.Fatalf("request %d is not answered, want 300 that are", n+1)
		}
	}
	for n := range 3 {
		if flood.answered(time.Second) {
			t.Errorf("request %d is answered, want 300 that are", 301+n)
		}
	}
	if got := s.Ctl("", "rpc", "htable.dump", "ipban"); !strings.Contains(got, "127.0.0.9") {
		t.Errorf("htable.dump ipban:\n%s", got)
	}
	if got := s.Ctl("", "rpc", "pike.top"); !strings.Contains(got, "127.0.0.9") || !strings.Contains(got, "HOT") {
		t.Errorf("pike.top:\n%s", got)
	}
	s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	if !newStranger(t, s, "127.0.0.10").answered(patience) {
		t.Error("another stranger is not answered")
	}
	s.Ctl("", "rpc", "htable.delete", "ipban", "udp:127.0.0.9")
	s.Ctl("", "rpc", "pike.rm", "127.0.0.9")
	if !flood.answered(patience) {
		t.Error("after he was let go he is not answered")
	}
}

// patience is how long a test waits for an answer that must come.
const patience = 10 * time.Second

// scriptWith is the default script with a line changed.
func scriptWith(t *testing.T, line, change string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/seraph.cfg")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), line) {
		t.Fatalf("the default script has no line %s", line)
	}
	return strings.Replace(string(text), line, change, 1)
}

// stranger asks the router whether it is there, from an address of his own.
type stranger struct {
	t    *testing.T
	conn net.Conn
	text string
	room []byte
}

func newStranger(t *testing.T, s *stand.Stand, ip string) *stranger {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(ip)}}
	conn, err := d.DialContext(t.Context(), "udp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &stranger{t: t, conn: conn, room: make([]byte, 4096), text: "OPTIONS sip:" + stand.Domain + " SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bKflood;rport\r\nMax-Forwards: 70\r\n" +
		"From: <sip:eve@example.net>;tag=1\r\nTo: <sip:" + stand.Domain + ">\r\nCall-ID: flood\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"}
}

// answered sends a request and waits for its 200.
func (s *stranger) answered(most time.Duration) bool {
	s.t.Helper()
	if _, err := s.conn.Write([]byte(s.text)); err != nil {
		s.t.Fatal(err)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(most)); err != nil {
		s.t.Fatal(err)
	}
	n, err := s.conn.Read(s.room)
	return err == nil && strings.HasPrefix(string(s.room[:n]), "SIP/2.0 200 ")
}

// TestTrustedAddress: an address that the operator trusts may say who its callers are.
func TestTrustedAddress(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	gateway := s.Peer(peer.Config{Name: "0049301234", Domain: "gateway.example.net"})
	asserted := func() string {
		m := gateway.NewRequest("OPTIONS", "sip:bob@"+stand.Domain).Add("P-Asserted-Identity", "<sip:boss@example.net>")
		gateway.Send(m)
		got := bob.Expect(peer.Request("OPTIONS"))
		bob.Reply(got, 200, "OK")
		gateway.Expect(peer.Final("OPTIONS").Of(m.CallID()))
		return got.Get("P-Asserted-Identity")
	}
	if got := asserted(); got != "" {
		t.Errorf("a stranger's asserted identity reaches bob: %s", got)
	}
	s.Ctl("", "address", "add", "1", "127.0.0.1")
	if got := asserted(); got != "<sip:boss@example.net>" {
		t.Errorf("a trusted peer's asserted identity reaches bob as %q", got)
	}
	s.Ctl("", "address", "rm", "1", "127.0.0.1")
	if got := asserted(); got != "" {
		t.Errorf("after the address was removed the asserted identity reaches bob: %s", got)
	}
}

// TestSHA256: where the script says so a user is offered SHA-256 before MD5 after the first time, and
// a password that kamctl changes ends it (RFC 8760).
func TestSHA256(t *testing.T) {
	const commented = `#modparam("auth", "algorithm", "SHA-256")`
	s := stand.Start(t, stand.Options{Script: scriptWith(t, commented, commented[1:]), Users: []string{"alice"}})
	phone := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	if got := challenges(t, phone); got != "MD5" {
		t.Errorf("the first time %s is offered, want MD5", got)
	}
	phone.Registered()
	if got := challenges(t, phone); got != "SHA-256 MD5" {
		t.Errorf("after that %s is offered, want SHA-256 before MD5", got)
	}
	if err := registersWith(phone, phone.Password, 200); err != nil { // answers the first challenge
		t.Error(err)
	}
	if got := s.Statistics()["auth:accepted_sha256"]; got != 1 {
		t.Errorf("%d SHA-256 answers were accepted, want 1", got)
	}
	if err := registersWith(phone, "wrong", 401); err != nil {
		t.Error(err)
	}
	const fresh = "a-new-password"
	s.Exec("UPDATE subscriber SET ha1 = ?, ha1b = ? WHERE username = ?",
		peer.HA1("alice", stand.Domain, fresh), peer.HA1("alice@"+stand.Domain, stand.Domain, fresh), "alice")
	s.Call(nil, "auth.forget", []string{"alice@" + stand.Domain})
	if err := registersWith(phone, fresh, 200); err != nil {
		t.Error(err)
	}
	if got := challenges(t, phone); got != "MD5" {
		t.Errorf("with a password of kamctl's %s is offered, want MD5", got)
	}
	s.Ctl("another-one\n", "passwd", "alice@"+stand.Domain, "--password-file", "-")
	if err := registersWith(phone, "another-one", 200); err != nil {
		t.Error(err)
	}
	if got := challenges(t, phone); got != "SHA-256 MD5" {
		t.Errorf("with a password of seraphctl's %s is offered, want SHA-256 before MD5", got)
	}
}

// challenges are the algorithms that a REGISTER without credentials is challenged with.
func challenges(t *testing.T, p *peer.Peer) string {
	t.Helper()
	var names []string
	for _, f := range wantStatus(t, p.Do(p.NewRegister()), 401).Fields {
		if f.Name != "WWW-Authenticate" {
			continue
		}
		c, err := peer.ParseChallenge(f.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Algorithm)
	}
	return strings.Join(names, " ")
}

// TestKamctlAddresses: Kamailio's tool fills the tables of module permissions, and the router uses what it
// wrote when it is told to.
func TestKamctlAddresses(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	s := stand.Start(t, stand.Options{Script: defaultScript(t, fmt.Sprintf("fifo=%q", fifo))})
	k := s.Kamctl(fifo)
	k.Run("address", "add", "1", "192.0.2.10", "32", "0", "gateway")
	k.Run("address", "add", "2", "10.0.0.0", "8", "5060", "lan")
	k.Run("trusted", "add", "192.0.2.11", "udp", "^sip:.*$", "tag")
	k.Run("address", "reload")
	k.Run("trusted", "reload")
	has(t, "address show", k.Run("address", "show"), "192.0.2.10", "10.0.0.0")
	has(t, "address dump", k.Run("address", "dump"), "192.0.2.10", "gateway", "10.0.0.0", "lan")
	has(t, "trusted dump", k.Run("trusted", "dump"), "192.0.2.11", "^sip:.*$")
	has(t, "our address show", s.Ctl("", "address", "show"), "10.0.0.0/8 port 5060")
	s.Ctl("", "address", "rm", "1", "192.0.2.10")
	if got := k.Run("address", "dump"); strings.Contains(got, "192.0.2.10") {
		t.Errorf("address dump after our address rm:\n%s", got)
	}
}
