package daemon

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// selfMade writes a certificate that nobody has signed, and its key.
func selfMade(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{testDomain}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert"), filepath.Join(dir, "key")
}

// TestServerThatHasClosedItsConnection: a server calls over TLS and closes the connection; its Contact names
// another host of its own. The callee hangs up, and the router connects to that one, although there is an alias
// beside it for what the server's port looks like.
func TestServerThatHasClosedItsConnection(t *testing.T) {
	cert, key := selfMade(t)
	s := newStandOn(t, []string{"udp:127.0.0.1:0", "tls:127.0.0.1:0"}, `
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "rr.so"
		loadmodule "nathelper.so"
		loadmodule "tls.so"
		modparam("tls", "certificate", "`+cert+`")
		modparam("tls", "private_key", "`+key+`")
		modparam("tls", "verify_certificate", 0)
		route {
			if (nat_uac_test("83")) { force_rport(); add_contact_alias(); };
			if (loose_route()) { handle_ruri_alias(); if (!t_relay()) { sl_reply_error(); }; exit; };
			record_route();
			t_relay();
		}`)
	bob := s.phone("bob")
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.9:0", &tls.Config{Certificates: []tls.Certificate{own}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	secure := s.d.layer.Sockets()[1].Addr.String()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 6)}}
	c, err := tls.DialWithDialer(from, "tcp", secure, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	uri := fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port())
	fmt.Fprintf(c, "INVITE %s SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.6:5061;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:peer@p.example>;tag=fp\r\nTo: <%s>\r\nCall-ID: closed\r\n"+
		"CSeq: 1 INVITE\r\nContact: <sip:peer@%s;transport=tls>\r\nContent-Length: 0\r\n\r\n", uri, uri, ln.Addr())
	invite := bob.expect("INVITE ")
	if !strings.Contains(string(invite.HeaderValue(sip.HdrContact)), ";alias=127.0.0.6~") {
		t.Fatalf("no alias: %s", invite.HeaderValue(sip.HdrContact))
	}
	bob.answer(invite, 200)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "SIP/2.0 200") {
			break
		}
	}
	_ = c.Close()
	s.wait("the connection is closed", func() bool { return s.d.layer.Stats().Conns == 0 })

	var contact sip.NameAddr
	if err := sip.ParseNameAddr(invite.HeaderValue(sip.HdrContact), &contact); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			came <- err.Error()
			return
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := bufio.NewReader(c).ReadString('\n')
		came <- fmt.Sprint(line, err)
		<-t.Context().Done() // or the router would say that the connection was lost
	}()
	bob.send(bob.request("BYE", string(contact.URI), "closed", 1, "", "From: <"+uri+">;tag=tbob", "To: <sip:peer@p.example>;tag=fp",
		"Route: "+string(invite.HeaderValue(sip.HdrRecordRoute))))
	var got string
	for i := 0; got == ""; i++ {
		if m := bob.within(20*time.Millisecond, "SIP/2.0 "); m != nil && m.Status >= 300 {
			t.Fatalf("he gets %.50q", m.Buf)
		}
		select {
		case got = <-came:
		default:
		}
		if i == 500 {
			t.Fatal("the server gets nothing")
		}
	}
	if !strings.HasPrefix(got, "BYE sip:peer@127.0.0.9:") || strings.Contains(got, "alias") {
		t.Errorf("the server gets %q", got)
	}
}

// TestForwardWithinDialog: what a script sends by forward() within a call gets to where the other end has said
// that it is, though it was not seen there.
func TestForwardWithinDialog(t *testing.T) {
	s := newStand(t, `
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "rr.so"
		route {
			if (loose_route()) {
				if (method=="ACK") { forward(); } else { if (!forward(uri:host, uri:port)) { sl_reply_error(); }; };
				exit;
			};
			record_route();
			t_relay();
		}`, "alice")
	alice, gateway := s.phone("alice"), s.phone("gateway")
	inner := &phone{t: t, s: s, conn: listenUDP(t, "127.0.0.9"), user: "inner"}
	uri, contact := fmt.Sprintf("sip:100@127.0.0.1:%d", gateway.port()), fmt.Sprintf("sip:100@127.0.0.9:%d", inner.port())
	alice.send(alice.request("INVITE", uri, "forwarded", 1, ""))
	gateway.send(gateway.expect("INVITE ").AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("tg"), RecordRoute: true, Extra: []byte("Contact: <" + contact + ">\r\n")}))
	route := "Route: " + string(alice.expect("SIP/2.0 200").HeaderValue(sip.HdrRecordRoute))
	for i, method := range []string{"ACK", "BYE"} {
		alice.send(alice.request(method, contact, "forwarded", 1+i, "", route, "To: <"+uri+">;tag=tg"))
		inner.expect(method)
	}
}

// listenUDP is a UDP socket on an address of this host.
func listenUDP(t *testing.T, ip string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
