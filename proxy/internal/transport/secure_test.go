package transport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// issue makes a certificate for host names and addresses.
func (a *authority) issue(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// server is a setting with a certificate for these names; a client's is verified if it
// shows one.
func (a *authority) server(t *testing.T, names ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue(t, names...)}, ClientCAs: a.pool, ClientAuth: tls.VerifyClientCertIfGiven}
}

// certificates are the same for every connection.
type certificates struct {
	server *tls.Config
	roots  *x509.CertPool
	asked  *atomic.Int64 // how often what somebody proves; may be nil
}

func (c certificates) Server(netip.AddrPort) *tls.Config { return c.server }

func (c certificates) Client(_ netip.AddrPort, domain string) *tls.Config {
	return &tls.Config{RootCAs: c.roots, ServerName: domain}
}

// Proven takes the DNS names of a verified certificate, and its addresses where one is remote's.
func (c certificates) Proven(remote netip.AddrPort, state tls.ConnectionState) []string {
	if c.asked != nil {
		c.asked.Add(1)
	}
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	var domains []string
	for _, name := range leaf.DNSNames {
		domains = append(domains, strings.ToLower(name))
	}
	for _, ip := range leaf.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok && a.Unmap() == remote.Addr() {
			domains = append(domains, "")
		}
	}
	return domains
}

// openTLS makes a layer with a certificate for example.org that listens on a TLS port.
func openTLS(t *testing.T, cfg Config, h Handler, addrs ...string) (*Layer, *authority) {
	t.Helper()
	a := newAuthority(t)
	cfg.TLS = certificates{server: a.server(t, "example.org"), roots: a.pool}
	return open(t, cfg, h, addrs...), a
}

// dialTCP connects to a socket of the layer without any handshake.
func dialTCP(t *testing.T, l *Layer, socket int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Sockets()[socket].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// dialTLS connects to a socket of the layer and shakes hands.
func dialTLS(t *testing.T, l *Layer, socket int, a *authority) *tls.Conn {
	t.Helper()
	c := tls.Client(dialTCP(t, l, socket), &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTLSCarriesMessages(t *testing.T) {
	l, a := openTLS(t, Config{}, &handler{receive: echo}, "tls:127.0.0.1:0")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			c := tls.Client(dialTCP(t, l, 0), &tls.Config{RootCAs: a.pool, ServerName: "example.org", MaxVersion: version})
			for _, text := range []string{
				request("a", ""), request("b", "body") + request("c", ""), padded("long", 60000), padded("p", 4000) + padded("q", 5000),
			} {
				write(t, c, text)
				expect(t, c, text)
			}
			for _, piece := range []string{"\r\n", "\r\n", "\r\n\r\n" + request("d", "x")[:9]} {
				write(t, c, piece)
			}
			expect(t, c, "\r\n\r\n")
			write(t, c, request("d", "x")[9:])
			expect(t, c, request("d", "x"))
		})
	}
	if s := l.Stats(); s.Handshakes != 2 || s.HandshakesFailed != 0 || s.StreamReceived != 14 {
		t.Errorf("statistics %+v", s)
	}
}

func TestTLSWithoutCertificate(t *testing.T) {
	ls, err := ParseListen("tls:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Listen: ls}, &handler{}, nil); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("error %v", err)
	}
	l := open(t, Config{TLS: certificates{}}, &handler{}, "tls:127.0.0.1:0")
	c := dialTCP(t, l, 0)
	write(t, c, "\x16\x03\x01")
	expectEnd(t, c)
}

// TestHandshakeMustEnd: whoever does not finish it is hung up on, and neither costs others
// the service nor a place for ever.
func TestHandshakeMustEnd(t *testing.T) {
	down := make(chan downed, 8)
	l, a := openTLS(t, Config{HandshakeTimeout: 400 * time.Millisecond, MaxHandshakesPerSource: 2},
		&handler{receive: echo, down: func(f Flow, err error) { down <- downed{f, err} }}, "tls:127.0.0.1:0", "ws:127.0.0.1:0", "wss:127.0.0.1:0")
	for _, c := range []struct {
		name, sent string
		socket     int
		slow       bool
	}{
		{"nothing", "", 0, true},
		{"half a ClientHello", "\x16\x03\x01\x02\x00\x01\x00", 0, true},
		{"no TLS at all", "OPTIONS sip:a SIP/2.0\r\n\r\n", 0, false},
		{"SSL 2", "\x80\x2e\x01\x00\x02", 0, false},
		{"half an upgrade", "GET / HTTP/1.1\r\nHost: a\r\n", 1, true},
		{"an endless upgrade", "GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 30), 1, false},
		{"an upgrade without TLS", "GET / HTTP/1.1\r\n\r\n", 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dialTCP(t, l, c.socket)
			_, _ = conn.Write([]byte(c.sent)) // may be hung up on in the middle
			if d := next(t, down); errors.Is(d.err, ErrSlowHandshake) != c.slow {
				t.Errorf("ended by %v", d.err)
			}
			expectEnd(t, conn)
		})
	}
	t.Run("too many at once", func(t *testing.T) {
		var stuck []net.Conn
		for range 2 {
			c := dialTCP(t, l, 0)
			write(t, c, "\x16\x03\x01\x02\x00\x01\x00")
			stuck = append(stuck, c)
		}
		eventually(t, "two handshakes are under way", func() bool {
			l.handshaking.mu.Lock()
			defer l.handshaking.mu.Unlock()
			return l.handshaking.all == 2
		})
		c := dialTCP(t, l, 0)
		write(t, c, "\x16\x03\x01")
		if d := next(t, down); !errors.Is(d.err, ErrTooManyConns) {
			t.Errorf("the third handshake of a source ended by %v", d.err)
		}
		for _, c := range stuck {
			expectEnd(t, c)
			next(t, down)
		}
	})
	good := dialTLS(t, l, 0, a)
	write(t, good, request("a", ""))
	expect(t, good, request("a", ""))
	if n := l.Stats().Conns; n != 1 {
		t.Errorf("%d connections are left, want the good one", n)
	}
}

// TestTLSLimits: every limit of a plain stream holds on TLS.
func TestTLSLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		sent string
		err  error
	}{
		{"no first message", Config{FirstTimeout: 100 * time.Millisecond}, "", ErrIdle},
		{"idle", Config{IdleTimeout: 100 * time.Millisecond}, request("a", ""), ErrIdle},
		{"a message that does not end", Config{MessageTimeout: 100 * time.Millisecond}, "OPTIONS ", ErrSlowMessage},
		{"no length", Config{}, "OPTIONS sip:a SIP/2.0\r\n\r\n", ErrNoLength},
		{"too large", Config{MaxMessage: 2000}, request("a", strings.Repeat("x", 3000)), ErrTooLarge},
		{"bare LF", Config{}, "OPTIONS sip:a SIP/2.0\n", ErrBadLine},
		{"hung up", Config{}, "close", io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			down := make(chan downed, 1)
			l, a := openTLS(t, c.cfg, &handler{receive: echo, down: func(f Flow, err error) { down <- downed{f, err} }}, "tls:127.0.0.1:0")
			conn := dialTLS(t, l, 0, a)
			if c.sent == "close" {
				_ = conn.Close()
			} else {
				write(t, conn, c.sent)
			}
			if c.sent != "close" {
				expectEnd(t, conn)
				_ = conn.Close()
			}
			if d := next(t, down); !errors.Is(d.err, c.err) {
				t.Errorf("ended by %v, want %v", d.err, c.err)
			}
			eventually(t, "no connection left", func() bool { return l.Stats().Conns == 0 })
		})
	}
}

// TestSlowReader: who does not read fills his own queue and loses his connection.
func TestSlowReader(t *testing.T) {
	for socket, name := range []string{"tls", "ws", "wss"} {
		t.Run(name, func(t *testing.T) {
			full := make(chan error, 1)
			down := make(chan downed, 1)
			l, a := openTLS(t, Config{MaxQueue: 100 << 10, WriteTimeout: 200 * time.Millisecond}, &handler{
				receive: func(w *Worker, _ []byte, from Flow) {
					var err error
					for i := 0; i < 1<<16 && err == nil; i++ {
						err = w.Send(from, []byte(padded("x", 3000)))
						if i%20 == 0 {
							w.flush()
						}
					}
					full <- err
				}, down: func(f Flow, err error) { down <- downed{f, err} }}, "tls:127.0.0.1:0", "ws:127.0.0.1:0", "wss:127.0.0.1:0")
			switch name {
			case "tls":
				write(t, dialTLS(t, l, socket, a), request("a", ""))
			case "ws":
				c, _ := openWS(t, l, socket, nil)
				write(t, c, frame(final|text, request("a", "")))
			case "wss":
				c, _ := openWS(t, l, socket, a)
				write(t, c, frame(final|text, request("a", "")))
			}
			if err := next(t, full); !errors.Is(err, ErrQueueFull) {
				t.Errorf("sending to one who does not read: %v", err)
			}
			if d := next(t, down); !errors.Is(d.err, os.ErrDeadlineExceeded) {
				t.Errorf("ended by %v", d.err)
			}
			if l.Stats().StreamDropped == 0 {
				t.Error("the message that was refused is not counted")
			}
		})
	}
}

// TestDeafPinger: pings of one who does not read the answers end his connection.
func TestDeafPinger(t *testing.T) {
	down := make(chan downed, 1)
	l := open(t, Config{MaxQueue: 4 << 10, WriteTimeout: 200 * time.Millisecond}, &handler{
		receive: echo, down: func(f Flow, err error) { down <- downed{f, err} }}, "ws:127.0.0.1:0")
	c, _ := openWS(t, l, 0, nil)
	pings := strings.Repeat(frame(final|ping, strings.Repeat("p", 125)), 500)
	for range 2000 {
		if _, err := c.Write([]byte(pings)); err != nil {
			break
		}
	}
	if d := next(t, down); d.err == nil {
		t.Error("no reason")
	}
	eventually(t, "no connection left", func() bool { return l.Stats().Conns == 0 })
}

// tlsServer takes TLS connections on loopback and hands them on.
func tlsServer(t *testing.T, cfg *tls.Config) (netip.AddrPort, chan *tls.Conn) {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *tls.Conn, 8)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			go func() {
				_ = c.(*tls.Conn).Handshake() // the test reads how it went
				conns <- c.(*tls.Conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String()), conns
}

func TestTLSOutbound(t *testing.T) {
	down := make(chan downed, 8)
	receive, got := collect()
	l, a := openTLS(t, Config{}, &handler{receive: receive, down: func(f Flow, err error) { down <- downed{f, err} }}, "tls:127.0.0.1:0")
	remote, conns := tlsServer(t, a.server(t, "other.example", "third.example"))

	f, err := l.FlowToDomain(TLS, remote, NoSocket, "other.example")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for i := range 50 { // the first ones wait for the handshake
		text := request(fmt.Sprint(i), strings.Repeat("b", 100*i))
		if err := l.Send(f, []byte(text)); err != nil {
			t.Fatal(err)
		}
		want += text
	}
	c := next(t, conns)
	defer c.Close()
	expect(t, c, want)
	if got := c.ConnectionState().ServerName; got != "other.example" {
		t.Errorf("asked for %q", got)
	}
	write(t, c, request("back", ""))
	if r := next(t, got); r.from != f || r.text != request("back", "") {
		t.Errorf("received %+v", r)
	}

	same, err := l.FlowToDomain(TLS, remote, NoSocket, "other.example")
	if err != nil || same != f {
		t.Errorf("the connection is not used again: %v %v", same, err)
	}
	third, err := l.FlowToDomain(TLS, remote, NoSocket, "third.example")
	if err != nil || third == f {
		t.Errorf("the connection of one domain is used for another: %v %v", third, err)
	}
	keep := next(t, conns)
	defer keep.Close()
	for _, domain := range []string{"stranger.example", ""} {
		wrong, err := l.FlowToDomain(TLS, remote, NoSocket, domain)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Send(wrong, []byte("secret")); err != nil && !errors.Is(err, ErrFlowGone) { // refused already
			t.Fatal(err)
		}
		if d := next(t, down); d.flow != wrong || !strings.Contains(d.err.Error(), "TLS handshake") {
			t.Errorf("a certificate that is not %q's: %v", domain, d.err)
		}
		refused := next(t, conns)
		if b, err := io.ReadAll(refused); len(b) > 0 {
			t.Errorf("the wrong server got %q, %v", b, err)
		}
		_ = refused.Close()
	}
}

// dialKnown is dialTLS with a certificate for these names; a numeric one is an address.
func dialKnown(t *testing.T, l *Layer, a *authority, names ...string) *tls.Conn {
	t.Helper()
	c := tls.Client(dialTCP(t, l, 0), &tls.Config{RootCAs: a.pool, ServerName: "example.org", Certificates: []tls.Certificate{a.issue(t, names...)}})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAlias: what goes to the port that a peer names in Via takes the connection that it
// has opened, as far as its certificate proves who it is.
func TestAlias(t *testing.T) {
	receive, got := collect()
	l, a := openTLS(t, Config{}, &handler{receive: receive}, "tls:127.0.0.1:0", "tcp:127.0.0.1:0", "ws:127.0.0.1:0")
	c := dialKnown(t, l, a, "peer.example", "Second.example")
	write(t, c, request("a", ""))
	f := next(t, got).from
	other := netip.AddrPortFrom(f.Remote.Addr(), 5061)
	for range 2 { // the second time it is there
		if !l.Alias(f, 5061) {
			t.Error("no alias")
		}
	}
	for domain, want := range map[string]bool{"peer.example": true, "second.example": true, "third.example": false, "": false} {
		if g, err := l.FlowToDomain(TLS, other, NoSocket, domain); err != nil || (g == f) != want {
			t.Errorf("to the alias as %q leads %v, %v", domain, g, err)
		}
	}
	if l.Alias(f, 0) || l.Alias(Flow{Proto: UDP, Remote: other}, 5061) || l.Alias(Flow{Proto: TLS, Conn: 999}, 5061) {
		t.Error("an alias of nothing")
	}

	second := dialKnown(t, l, a, "peer.example")
	write(t, second, request("b", ""))
	g := next(t, got).from
	if l.Alias(g, 5061) {
		t.Error("the second connection takes the alias of the first")
	}
	if !l.Alias(g, 5071) || !l.Alias(g, 5072) {
		t.Error("no alias for the second connection")
	}
	for port, want := range map[uint16]bool{5071: false, 5072: true} {
		if has := l.conns.byRemote(peer{TLS, netip.AddrPortFrom(g.Remote.Addr(), port), "peer.example"}) != nil; has != want {
			t.Errorf("port %d leads to the connection: %v", port, has)
		}
	}
	_ = c.Close()
	eventually(t, "the connection is gone", func() bool { return !l.Usable(f) })
	if !l.Alias(g, 5061) {
		t.Error("the alias outlives its connection")
	}
}

// TestAliasProvesNothing: a peer without a certificate has no alias over TLS, and one whose
// certificate bears its address has that.
// TestAliasOfEachRequest: a peer that asks for its alias with each request has its certificate
// looked at once for the port, and costs nothing more, whether it proves somebody or not.
func TestAliasOfEachRequest(t *testing.T) {
	for name, dial := range map[string]func(*testing.T, *Layer, *authority) net.Conn{
		"proven":   func(t *testing.T, l *Layer, a *authority) net.Conn { return dialKnown(t, l, a, "peer.example") },
		"unproven": func(t *testing.T, l *Layer, a *authority) net.Conn { return dialTLS(t, l, 0, a) },
	} {
		t.Run(name, func(t *testing.T) {
			receive, got := collect()
			a, asked := newAuthority(t), new(atomic.Int64)
			l := open(t, Config{TLS: certificates{server: a.server(t, "example.org"), roots: a.pool, asked: asked}}, &handler{receive: receive}, "tls:127.0.0.1:0")
			write(t, dial(t, l, a), request("a", ""))
			f := next(t, got).from
			before := asked.Load()
			want := name == "proven"
			if n := testing.AllocsPerRun(100, func() {
				if l.PeerCertificate(f) != want || l.Alias(f, 5061) != want {
					t.Errorf("the alias is not %v", want)
				}
			}); n > 0 {
				t.Errorf("%v allocations a request", n)
			}
			if n := asked.Load() - before; n != 1 {
				t.Errorf("looked at the certificate %d times", n)
			}
			if l.Alias(f, 5062) != want || asked.Load() != before+2 {
				t.Error("what was proven for one port counts for another")
			}
		})
	}
}

func TestAliasProvesNothing(t *testing.T) {
	receive, got := collect()
	l, a := openTLS(t, Config{}, &handler{receive: receive}, "tls:127.0.0.1:0")
	write(t, dialTLS(t, l, 0, a), request("a", ""))
	bare := next(t, got).from
	if l.PeerCertificate(bare) {
		t.Error("a peer without a certificate counts as verified")
	}
	if l.Alias(bare, 5061) {
		t.Error("a peer without a certificate has an alias")
	}
	write(t, dialKnown(t, l, a, "127.0.0.1"), request("b", ""))
	f := next(t, got).from
	if !l.PeerCertificate(f) || !l.Alias(f, 5061) {
		t.Error("a verified certificate does not count")
	}
	if g, err := l.FlowTo(TLS, netip.AddrPortFrom(f.Remote.Addr(), 5061), NoSocket); err != nil || g != f {
		t.Errorf("to the address that the certificate bears leads %v, %v", g, err)
	}
}

// TestConnectionOfAPeer: what goes to the very address of a TLS connection that its peer has
// opened takes it for the domain that its certificate proves, and for the bare address where
// the peer has shown who he is, or a request of his is under way.
func TestConnectionOfAPeer(t *testing.T) {
	receive, got := collect()
	l, a := openTLS(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		if bytes.Contains(msg, []byte("hold")) {
			w.Hold(from, time.Hour)
		}
		if bytes.Contains(msg, []byte("prove")) {
			w.Prove(from, []byte("somebody"))
		}
		receive(w, msg, from)
	}}, "tls:127.0.0.1:0")
	for _, c := range []struct {
		name, said string
		names      []string // of the certificate
		want       map[string]bool
	}{
		{"a stranger", "a", nil, map[string]bool{"": false, "peer.example": false}},
		{"a phone", "prove", nil, map[string]bool{"": true, "peer.example": false}},
		{"a caller", "hold", nil, map[string]bool{"": true, "peer.example": false}},
		{"a proxy", "a", []string{"peer.example"}, map[string]bool{"": true, "peer.example": true, "third.example": false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dialTLS(t, l, 0, a)
			if c.names != nil {
				conn = dialKnown(t, l, a, c.names...)
			}
			write(t, conn, request(c.said, ""))
			f := next(t, got).from
			for domain, want := range c.want {
				if is := l.conns.byRemote(peer{TLS, f.Remote, domain}) != nil; is != want {
					t.Errorf("found as %q: %v", domain, is)
				}
			}
		})
	}
}

// TestShowsCertificate: only on a connection that we open over TLS with a certificate of
// our own, from before it is there.
func TestShowsCertificate(t *testing.T) {
	for name, with := range map[string]bool{"with a certificate": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			receive, got := collect()
			cfg := Config{TLS: certificates{server: a.server(t, "example.org"), roots: a.pool}}
			if with {
				cfg.TLS = showing{cfg.TLS.(certificates), a.clientCertificate(t)}
			}
			l := open(t, cfg, &handler{receive: receive}, "tls:127.0.0.1:0", "tcp:127.0.0.1:0")
			server, accepted := tlsServer(t, a.server(t, "far.example"))
			f, err := l.FlowToDomain(TLS, server, NoSocket, "far.example")
			if err != nil || l.ShowsCertificate(f) != with {
				t.Errorf("while it is opened: %v, %v", l.ShowsCertificate(f), err)
			}
			far := next(t, accepted)
			if shown := len(far.ConnectionState().PeerCertificates) > 0; shown != with || l.ShowsCertificate(f) != with {
				t.Errorf("a certificate was shown: %v; we say %v", shown, l.ShowsCertificate(f))
			}
			plain, err := l.FlowTo(TCP, l.Sockets()[1].Addr, NoSocket)
			if err != nil || l.ShowsCertificate(plain) {
				t.Errorf("over TCP: %v", err)
			}
			write(t, dialTLS(t, l, 0, a), request("in", ""))
			if in := next(t, got).from; l.ShowsCertificate(in) || l.ShowsCertificate(Flow{Proto: TLS, Conn: 999}) {
				t.Error("on a connection that the peer has opened, or on none")
			}
		})
	}
}

// showing are certificates of which one is shown to the servers that we connect to.
type showing struct {
	certificates
	own tls.Certificate
}

func (s showing) Client(a netip.AddrPort, domain string) *tls.Config {
	c := s.certificates.Client(a, domain)
	c.Certificates = []tls.Certificate{s.own}
	return c
}

// clientCertificate is one that a client may show.
func (a *authority) clientCertificate(t *testing.T) tls.Certificate {
	return a.issue(t, "peer.example")
}

func TestUnknownFlows(t *testing.T) {
	l, _ := openTLS(t, Config{}, &handler{}, "ws:127.0.0.1:0")
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for proto, want := range map[Proto]error{WS: ErrFlowGone, WSS: ErrFlowGone, TLS: ErrNoSocket, TCP: ErrNoSocket, UDP: ErrNoSocket} {
		if _, err := l.FlowTo(proto, to, NoSocket); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", proto, err, want)
		}
	}
}

// TestGarbageOnTLS: bytes that break the encryption end the connection and nothing else.
func TestGarbageOnTLS(t *testing.T) {
	l, a := openTLS(t, Config{}, &handler{receive: echo}, "tls:127.0.0.1:0")
	raw := dialTCP(t, l, 0)
	c := tls.Client(raw, &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
	write(t, c, request("a", ""))
	expect(t, c, request("a", ""))
	if _, err := raw.Write(append([]byte{23, 3, 3, 0, 64}, bytes.Repeat([]byte{7}, 64)...)); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, raw)
	eventually(t, "no connection left", func() bool { return l.Stats().Conns == 0 })
}
