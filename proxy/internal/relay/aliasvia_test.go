package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// selfMade is a certificate that nobody has signed.
func selfMade(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.org"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trusting are certificates of somebody who believes every server.
type trusting struct {
	server tls.Certificate
	client []tls.Certificate
}

func (c trusting) Proven(netip.AddrPort, tls.ConnectionState) []string { return nil }

func (c trusting) Server(netip.AddrPort) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.server}}
}

func (c trusting) Client(netip.AddrPort, string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: c.client}
}

// TestAliasInOurVia: our Via has alias on a TLS connection that we open with a certificate
// to show, the CANCEL and the ACK as well; not without one, not over TCP.
func TestAliasInOurVia(t *testing.T) {
	own := selfMade(t)
	for name, c := range map[string]struct {
		proto string
		shown []tls.Certificate
		want  bool
	}{
		"TLS with a certificate": {"tls", []tls.Certificate{own}, true},
		"TLS without":            {"tls", nil, false},
		"TCP":                    {"tcp", []tls.Certificate{own}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if c.proto == "tls" {
				ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert})
			}
			defer ln.Close()
			h := &hooks{request: func(r *Request) {
				_ = r.SetURI([]byte(fmt.Sprintf("sip:bob@%v;transport=%s", ln.Addr(), c.proto)))
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}}
			b := &bench{t: t, hooks: h, engine: New(Config{Hooks: h, Log: slog.New(slog.DiscardHandler)})}
			b.layer, err = transport.New(transport.Config{TLS: trusting{own, c.shown}, Listen: []transport.Listen{
				{Proto: transport.UDP, Addr: "127.0.0.1:0"}, {Proto: transport.TCP, Addr: "127.0.0.1:0"}, {Proto: transport.TLS, Addr: "127.0.0.1:0"},
			}}, b.engine, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			b.engine.Attach(b.layer, transport.NewResolver(transport.ResolverConfig{}))
			b.addr = b.layer.Sockets()[0].Addr
			t.Cleanup(func() { _ = b.layer.Close(context.Background()) })
			b.start()
			alice := b.phone()
			alice.invite("via")
			far, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			bob := newStream(t, far)
			invite := bob.expect("INVITE")
			if got := hasAlias(t, invite); got != c.want {
				t.Errorf("alias in our Via: %v in\n%s", got, invite.Buf)
			}
			rep := sip.Reply{Status: 486, ToTag: []byte("bt")}
			bob.write(string(invite.AppendReply(nil, &rep)))
			if ack := bob.expect("ACK"); hasAlias(t, ack) != c.want {
				t.Errorf("the ACK has another Via:\n%s", ack.Buf)
			}
			alice.expect("SIP/2.0 100")
			if up := alice.expect("SIP/2.0 486"); strings.Contains(string(up.Buf), ";alias") {
				t.Errorf("the caller sees it:\n%s", up.Buf)
			}
			alice.ack("via")
		})
	}
}

func hasAlias(t *testing.T, m *sip.Message) bool {
	t.Helper()
	v, err := m.Via()
	if err != nil {
		t.Fatal(err)
	}
	return hasParam(v.Params, "alias")
}
