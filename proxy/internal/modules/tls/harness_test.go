package tlsmod

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folder is where a test keeps certificates.
type folder struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate // of the authority
	key  *ecdsa.PrivateKey

	serial int64 // of the certificate issued last
}

func newFolder(t *testing.T) *folder {
	f := &folder{t: t, dir: t.TempDir(), serial: 1}
	f.key = f.newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &f.key.PublicKey, f.key)
	f.check(err)
	f.cert, err = x509.ParseCertificate(der)
	f.check(err)
	f.write("root.crt", "CERTIFICATE", der)
	return f
}

func (f *folder) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.check(err)
	return key
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) write(name, kind string, der []byte) {
	f.t.Helper()
	f.check(os.WriteFile(f.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// issue writes name.crt and name.key; each of names is a DNS name, an address or a URI.
func (f *folder) issue(name string, names ...string) tls.Certificate {
	f.t.Helper()
	key := f.newKey()
	f.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(f.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if strings.Contains(n, ":") {
			u, err := url.Parse(n)
			f.check(err)
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, f.cert, &key.PublicKey, f.key)
	f.check(err)
	f.write(name+".crt", "CERTIFICATE", der)
	bytes, err := x509.MarshalPKCS8PrivateKey(key)
	f.check(err)
	f.write(name+".key", "PRIVATE KEY", bytes)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (f *folder) roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(f.cert)
	return p
}

// config writes the configuration file and returns a module that has it.
func (f *folder) config(text string) *Module {
	f.t.Helper()
	f.check(os.WriteFile(f.path("tls.cfg"), []byte(text), 0o600))
	m := New(Config{})
	m.path = f.path("tls.cfg")
	return m
}

// shake makes a connection between two settings and returns what the client saw, and the
// errors of both sides.
func shake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error, error) {
	t.Helper()
	if server == nil || client == nil {
		t.Fatal("no setting")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	s, c := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		_ = a.Close()
		done <- err
	}()
	err = c.Handshake()
	if err == nil {
		_, err = c.Read(make([]byte, 1)) // with TLS 1.3 the server refuses afterwards
	}
	_ = b.Close()
	return c.ConnectionState(), err, <-done
}

var anywhere = netip.MustParseAddrPort("192.0.2.10:5061")
