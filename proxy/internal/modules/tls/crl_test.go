package tlsmod

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module/moduletest"
)

// revokes makes a list of the authority that revokes certificates.
func (f *folder) revokes(change func(*x509.RevocationList), certs ...tls.Certificate) []byte {
	f.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certs {
		x, err := x509.ParseCertificate(c.Certificate[0])
		f.check(err)
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: x.SerialNumber, RevocationTime: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)})
	}
	if change != nil {
		change(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, f.cert, f.key)
	f.check(err)
	return der
}

func (f *folder) crl(name string, ders ...[]byte) {
	f.t.Helper()
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	f.check(os.WriteFile(f.path(name), text, 0o600))
}

// asking is the setting of a server that verifies its clients.
const asking = "[server:default]\ncertificate=s.crt\nprivate_key=s.key\nca_list=root.crt\nverify_certificate=yes\n"

// lets reports whether the server lets a client with a certificate in.
func lets(t *testing.T, m *Module, certs ...tls.Certificate) error {
	t.Helper()
	_, _, err := shake(t, m.Server(anywhere), &tls.Config{InsecureSkipVerify: true, Certificates: certs})
	return err
}

// TestRevokedClients: who is in the list gets no connection, and the reason says who it was; all others
// get theirs.
func TestRevokedClients(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	good, bad, other := f.issue("good", "sip:good@example.org"), f.issue("bad", "sip:bad@example.org"), newFolder(t)
	for name, write := range map[string]func(){
		"PEM": func() { f.crl("list", f.revokes(nil, bad)) },
		"DER": func() { f.check(os.WriteFile(f.path("list"), f.revokes(nil, bad), 0o600)) },
		"two lists of one issuer": func() {
			f.crl("list", f.revokes(nil), f.revokes(nil, bad))
		},
		"text around it": func() {
			f.crl("list", f.revokes(nil, bad))
			text, err := os.ReadFile(f.path("list"))
			f.check(err)
			f.check(os.WriteFile(f.path("list"), append(append([]byte("Issuer: us\n"), text...), "\nend\n"...), 0o600))
		},
	} {
		write()
		m := f.config(asking + "crl=list\n")
		f.check(m.Init())
		if err := lets(t, m, bad); err == nil || !strings.Contains(err.Error(), "CN=bad was revoked on 2026-03-01") {
			t.Errorf("%s: the revoked one: %v", name, err)
		}
		if err := lets(t, m, good); err != nil {
			t.Errorf("%s: the good one: %v", name, err)
		}
		if err := lets(t, m); err != nil {
			t.Errorf("%s: one without a certificate: %v", name, err)
		}
		if err := lets(t, m, other.issue("x", "example.net")); err == nil {
			t.Errorf("%s: a stranger's certificate is taken", name)
		}
	}
	m := f.config(asking)
	f.check(m.Init())
	if err := lets(t, m, bad); err != nil {
		t.Errorf("without a list: %v", err)
	}
}

// TestRevokedServers: nor does the router connect to who is in the list.
func TestRevokedServers(t *testing.T) {
	f := newFolder(t)
	good, bad := f.issue("good", "example.org"), f.issue("bad", "example.org")
	f.crl("list", f.revokes(nil, bad))
	m := New(Config{})
	for key, value := range map[string]string{"ca_list": f.path("root.crt"), "crl": f.path("list")} {
		f.check(moduletest.Set(t, m, key, value))
	}
	f.check(m.Init())
	connect := func(shown tls.Certificate) error {
		_, err, _ := shake(t, &tls.Config{Certificates: []tls.Certificate{shown}}, m.Client(anywhere, "example.org"))
		return err
	}
	if err := connect(bad); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("the revoked one: %v", err)
	}
	if err := connect(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// below makes an authority that stands between this one and those whom it certifies.
func (f *folder) below(t *testing.T, usage x509.KeyUsage) (*folder, tls.Certificate) {
	t.Helper()
	g := &folder{t: t, dir: f.dir, key: f.newKey(), serial: 100}
	f.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(f.serial), Subject: pkix.Name{CommonName: "between"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: usage, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, f.cert, &g.key.PublicKey, f.key)
	f.check(err)
	g.cert, err = x509.ParseCertificate(der)
	f.check(err)
	return g, tls.Certificate{Certificate: [][]byte{der}}
}

// TestRevokedAuthority: of a chain, everything but the root is looked up.
func TestRevokedAuthority(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	between, cert := f.below(t, x509.KeyUsageCertSign|x509.KeyUsageCRLSign)
	leaf := between.issue("leaf", "sip:leaf@example.org")
	leaf.Certificate = append(leaf.Certificate, cert.Certificate[0])
	f.crl("none", f.revokes(nil))
	f.crl("between", f.revokes(nil, cert))
	for name, want := range map[string]bool{"none": true, "between": false} {
		m := f.config(asking + "crl=" + name + "\n")
		f.check(m.Init())
		if err := lets(t, m, leaf); (err == nil) != want {
			t.Errorf("list %s: %v", name, err)
		}
	}
	// What the authority between has revoked counts once ca_list has it.
	f.crl("both", f.revokes(nil), between.revokes(nil, leaf))
	m := f.config(asking + "crl=both\n")
	if err := m.Init(); err == nil || !strings.Contains(err.Error(), "ca_list does not have CN=between") {
		t.Errorf("the list of one whom ca_list does not have: %v", err)
	}
	root, err := os.ReadFile(f.path("root.crt"))
	f.check(err)
	f.check(os.WriteFile(f.path("root.crt"), append(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...), 0o600))
	f.check(m.Init())
	if err := lets(t, m, leaf); err == nil || !strings.Contains(err.Error(), "CN=leaf was revoked") {
		t.Errorf("a leaf that the authority between has revoked: %v", err)
	}
}

// TestTwoOfOneName: an authority that has the name of another one revokes nothing of its.
func TestTwoOfOneName(t *testing.T) {
	f, g := newFolder(t), newFolder(t) // both are CN=root
	f.issue("s", "example.org")
	ours, theirs := f.issue("ours", "sip:a@example.org"), g.issue("theirs", "sip:a@example.org") // the first is number 3, the second 2
	again := g.issue("again", "sip:a@example.org")                                               // number 3 as well
	one, err := os.ReadFile(f.path("root.crt"))
	f.check(err)
	two, err := os.ReadFile(g.path("root.crt"))
	f.check(err)
	f.check(os.WriteFile(f.path("root.crt"), append(one, two...), 0o600))
	f.crl("list", g.revokes(nil, again))
	m := f.config(asking + "crl=list\n")
	f.check(m.Init())
	for name, c := range map[string]struct {
		cert tls.Certificate
		ok   bool
	}{"ours": {ours, true}, "theirs": {theirs, true}, "the revoked one": {again, false}} {
		if err := lets(t, m, c.cert); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStaleList: a list that should have been replaced stays in force, and the log says so, at
// the start or when that time comes.
func TestStaleList(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	bad := f.issue("bad", "sip:bad@example.org")
	var log bytes.Buffer
	now := time.Now()
	m := f.config(asking + "crl=list\n")
	m.cfg.Log, m.cfg.Now = slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }
	f.crl("list", f.revokes(nil, bad))
	f.check(m.Init())
	if log.Len() > 0 {
		t.Errorf("a fresh list: %s", log.String())
	}
	now = now.Add(2 * time.Hour)
	for range 2 {
		if err := lets(t, m, bad); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("a stale list: %v", err)
		}
	}
	if n := strings.Count(log.String(), "out of date"); n != 1 || !strings.Contains(log.String(), "CN=root") {
		t.Errorf("it is mentioned %d times:\n%s", n, log.String())
	}
	log.Reset()
	f.check(m.Reload(context.Background()))
	if !strings.Contains(log.String(), "out of date") {
		t.Errorf("at the reload: %s", log.String())
	}
	if err := lets(t, m, bad); err == nil {
		t.Error("after the reload the revoked one is let in")
	}
}

// TestReloadOfLists: a new list counts from the reload on; a faulty one leaves the old one in force.
func TestReloadOfLists(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	first, second := f.issue("first", "sip:first@example.org"), f.issue("second", "sip:second@example.org")
	f.crl("list", f.revokes(nil, first))
	m := f.config(asking + "crl=list\n")
	f.check(m.Init())
	session := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{second}, ClientSessionCache: tls.NewLRUClientSessionCache(4), ServerName: "example.org"}
	if _, _, err := shake(t, m.Server(anywhere), session); err != nil {
		t.Fatal(err)
	}
	f.crl("list", f.revokes(nil, first, second))
	if err := lets(t, m, second); err != nil {
		t.Errorf("before the reload: %v", err)
	}
	f.check(m.Reload(context.Background()))
	if _, _, err := shake(t, m.Server(anywhere), session); err == nil {
		t.Error("a session from before lets the revoked one in")
	}
	for _, faulty := range []string{"", "nonsense", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"} {
		f.check(os.WriteFile(f.path("list"), []byte(faulty), 0o600))
		if err := m.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "crl "+f.path("list")) {
			t.Errorf("%q: %v", faulty, err)
		}
		if err := lets(t, m, second); err == nil {
			t.Errorf("after the reload of %q the revoked one is let in", faulty)
		}
	}
}

// TestFaultsOfLists: each list that could not be believed, or that nobody would look at, is an
// error with its reason.
func TestFaultsOfLists(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	bad := f.issue("bad", "sip:bad@example.org")
	stranger := newFolder(t)
	stranger.cert.RawSubject, stranger.cert.Subject = nil, pkix.Name{CommonName: "stranger"}
	mute, _ := f.below(t, x509.KeyUsageCertSign)
	mute.cert.KeyUsage |= x509.KeyUsageCRLSign // so that it can be made at all
	whole := f.revokes(nil, bad)
	f.crl("good", whole)
	f.crl("forged", newFolder(t).revokes(nil, bad)) // by another CN=root
	f.crl("stranger", stranger.revokes(nil, bad))
	f.crl("delta", f.revokes(func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
	}, bad))
	f.crl("changed", append(whole[:len(whole)-1:len(whole)-1], whole[len(whole)-1]^1))
	f.check(os.WriteFile(f.path("cut.der"), whole[:len(whole)/2], 0o600))
	text, err := os.ReadFile(f.path("good"))
	f.check(err)
	f.check(os.WriteFile(f.path("cut.pem"), append(text, text[:len(text)/2]...), 0o600))
	f.check(os.WriteFile(f.path("cut first"), append(append([]byte{}, text[:len(text)/2]...), text...), 0o600))
	const off = "[server:default]\ncertificate=s.crt\nprivate_key=s.key\n"
	for setting, want := range map[string]string{
		asking + "crl=absent\n":              "no such file",
		asking + "crl=forged\n":              "does not bear its signature",
		asking + "crl=changed\n":             "does not bear its signature",
		asking + "crl=stranger\n":            "ca_list does not have CN=stranger",
		asking + "crl=delta\n":               "critical extension 2.5.29.27",
		asking + "crl=root.crt\n":            `there is a "CERTIFICATE" in it`,
		asking + "crl=s.key\n":               `there is a "PRIVATE KEY" in it`,
		asking + "crl=cut.der\n":             "it is no list of revoked certificates",
		asking + "crl=cut.pem\n":             "cannot be read",
		asking + "crl=cut first\n":           "cannot be read",
		off + "ca_list=root.crt\ncrl=good\n": "it needs verify_certificate",
		"[client:default]\nca_list=root.crt\nverify_certificate=no\ncrl=good\n": "it needs verify_certificate",
		"[client:default]\ncrl=good\n":                                          "it needs a ca_list",
	} {
		if err := f.config(setting).Init(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", setting, err, want)
		}
	}
	m := New(Config{})
	for key, value := range map[string]string{"ca_list": f.path("root.crt"), "crl": f.path("good"), "verify_certificate": "0"} {
		f.check(moduletest.Set(t, m, key, value))
	}
	if err := m.Init(); err == nil || !strings.Contains(err.Error(), "it needs verify_certificate") {
		t.Errorf("a list, and nobody is verified: %v", err)
	}
	if err := moduletest.Set(t, New(Config{}), "crl", ""); err == nil {
		t.Error("crl without a path is taken")
	}
	// One who may not sign lists.
	pool := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mute.cert.Raw})
	f.check(os.WriteFile(f.path("mute.crt"), pool, 0o600))
	f.crl("mute", mute.revokes(nil, bad))
	if err := f.config(strings.Replace(asking, "root.crt", "mute.crt", 1) + "crl=mute\n").Init(); err == nil || !strings.Contains(err.Error(), "does not bear its signature") {
		t.Errorf("the list of one who may sign none: %v", err)
	}
}

// TestInheritedList: sections that verify nobody have no use for the list of the default one.
func TestInheritedList(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	bad := f.issue("bad", "sip:bad@example.org")
	f.crl("list", f.revokes(nil, bad))
	m := f.config(asking + "crl=list\n[server:any]\nserver_name=open.example\nverify_certificate=no\n")
	f.check(m.Init())
	for name, ok := range map[string]bool{"": false, "open.example": true} {
		_, _, err := shake(t, m.Server(anywhere), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{bad}, ServerName: name})
		if (err == nil) != ok {
			t.Errorf("section for %q: %v", name, err)
		}
	}
}

// FuzzLists: a file in any state is a list with an issuer's signature, or an error.
func FuzzLists(f *testing.F) {
	f.Add([]byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
	f.Add([]byte{0x30, 0x82, 1})
	var issuers []*x509.Certificate
	f.Fuzz(func(t *testing.T, text []byte) {
		ders, err := listsOf(text)
		if err != nil {
			return
		}
		if len(ders) == 0 {
			t.Error("neither lists nor an error")
		}
		for _, der := range ders {
			if l, err := parseList(der, issuers); err == nil {
				t.Errorf("a list that nobody has signed: %+v", l)
			}
		}
	})
}
