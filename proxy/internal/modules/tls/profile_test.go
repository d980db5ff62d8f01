package tlsmod

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/transport"
)

// TestServerByName: the certificate follows our address and the name that the client asks
// for.
func TestServerByName(t *testing.T) {
	f := newFolder(t)
	for _, name := range []string{"default", "net", "second", "port", "named"} {
		f.issue(name, name+".example")
	}
	m := f.config(`# certificates
[server:default]
certificate = default.crt   # the common one
private_key = default.key
[server:192.0.2.10:5061]
server_name = Net.example
certificate = net.crt
private_key = net.key
[server:any]
server_name = "named.example"
certificate = named.crt
private_key = named.key
[server:192.0.2.20]
certificate = second.crt
private_key = second.key
[server:any:5099]
certificate = port.crt
private_key = port.key
`)
	f.check(m.Init())
	for _, c := range []struct{ local, asked, want string }{
		{"192.0.2.10:5061", "", "default"},
		{"192.0.2.10:5061", "default.example", "default"},
		{"192.0.2.10:5061", "net.EXAMPLE", "net"},
		{"192.0.2.10:5062", "net.example", "default"},
		{"192.0.2.10:5062", "named.example", "named"},
		{"192.0.2.20:5062", "else.example", "second"},
		{"[2001:db8::1]:5061", "named.example", "named"},
		{"192.0.2.30:5099", "", "port"},
	} {
		client := &tls.Config{InsecureSkipVerify: true, ServerName: c.asked}
		state, err, _ := shake(t, m.Server(netip.MustParseAddrPort(c.local)), client)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		} else if got := state.PeerCertificates[0].Subject.CommonName; got != c.want {
			t.Errorf("%s asked for %q shows %s, want %s", c.local, c.asked, got, c.want)
		}
	}
}

// TestClients: what a server demands of clients.
func TestClients(t *testing.T) {
	f := newFolder(t)
	f.issue("example.org", "example.org")
	known := f.issue("known", "phone.example.org")
	stranger := newFolder(t).issue("stranger", "phone.example.org")
	const head = "[server:default]\ncertificate=example.org.crt\nprivate_key=example.org.key\nca_list=root.crt\n"
	for _, c := range []struct {
		name, text              string
		none, known, strangerOK bool
	}{
		{"nothing", "", true, true, true},
		{"verify", "verify_certificate=yes\n", true, true, false},
		{"require", "require_certificate=1\n", false, true, true},
		{"both", "verify_certificate=on\nrequire_certificate=true\nverify_depth=0\n", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := f.config(head + c.text)
			f.check(m.Init())
			for _, client := range []struct {
				name  string
				certs []tls.Certificate
				ok    bool
			}{{"none", nil, c.none}, {"known", []tls.Certificate{known}, c.known}, {"stranger", []tls.Certificate{stranger}, c.strangerOK}} {
				certs := client.certs
				cfg := &tls.Config{RootCAs: f.roots(), ServerName: "example.org",
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
						if certs == nil {
							return &tls.Certificate{}, nil
						}
						return &certs[0], nil
					}}
				if _, err, _ := shake(t, m.Server(anywhere), cfg); (err == nil) != client.ok {
					t.Errorf("certificate %s: %v", client.name, err)
				}
			}
		})
	}
}

// TestServersAreVerified: whom the router itself connects to (RFC 5922).
func TestServersAreVerified(t *testing.T) {
	f := newFolder(t)
	certs := map[string]tls.Certificate{
		"dns":      f.issue("dns", "example.org", "example.net"),
		"uri":      f.issue("uri", "sip:example.org", "mail.example.com"),
		"user":     f.issue("user", "sip:alice@example.org"),
		"wild":     f.issue("wild", "*.example.org"),
		"address":  f.issue("address", "192.0.2.10"),
		"stranger": newFolder(t).issue("stranger", "example.org"),
	}
	for _, c := range []struct {
		shown, domain, text string
		ok                  bool
	}{
		{"dns", "example.org", "", true},
		{"dns", "Example.NET", "", true},
		{"dns", "example.com", "", false},
		{"uri", "example.org", "", true},
		{"uri", "mail.example.com", "", false}, // its URIs count, and those alone
		{"user", "example.org", "", false},
		{"wild", "sip.example.org", "", false},
		{"address", "", "", true},
		{"dns", "", "", false},
		{"stranger", "example.org", "", false},
		{"stranger", "whoever.example", "verify_certificate=no\n", true},
		{"dns", "else.example", "[client:192.0.2.10:5061]\nserver_name=example.net\n", true},
		{"dns", "example.org", "[client:192.0.2.10]\nserver_name=example.com\n", false},
		{"dns", "example.org", "[client:192.0.2.99]\nserver_name=example.com\n", true},
	} {
		m := f.config("[client:default]\nca_list=root.crt\n" + c.text)
		f.check(m.Init())
		server := &tls.Config{Certificates: []tls.Certificate{certs[c.shown]}}
		if _, err, _ := shake(t, server, m.Client(anywhere, c.domain)); (err == nil) != c.ok {
			t.Errorf("%s for %q with %q: %v", c.shown, c.domain, c.text, err)
		}
	}
}

func TestVersions(t *testing.T) {
	f := newFolder(t)
	f.issue("a", "example.org")
	for _, c := range []struct {
		method string
		client uint16
		ok     bool
	}{
		{"", tls.VersionTLS11, false}, {"", tls.VersionTLS12, true}, {"", tls.VersionTLS13, true},
		{"TLSv1.2", tls.VersionTLS12, true}, {"TLSv1.3", tls.VersionTLS12, false}, {"TLSv1+", tls.VersionTLS11, true},
	} {
		m := New(Config{})
		for key, value := range map[string]string{"certificate": f.path("a.crt"), "private_key": f.path("a.key")} {
			f.check(moduletest.Set(t, m, key, value))
		}
		if c.method != "" {
			f.check(moduletest.Set(t, m, "tls_method", c.method))
		}
		f.check(m.Init())
		client := &tls.Config{RootCAs: f.roots(), ServerName: "example.org", MinVersion: tls.VersionTLS10, MaxVersion: c.client}
		if _, err, _ := shake(t, m.Server(anywhere), client); (err == nil) != c.ok {
			t.Errorf("%q with %s: %v", c.method, tls.VersionName(c.client), err)
		}
	}
}

// TestReload: new certificates are shown after a reload; faulty ones never are.
func TestReload(t *testing.T) {
	f := newFolder(t)
	f.issue("a", "old.example")
	m := f.config("[server:default]\ncertificate=a.crt\nprivate_key=a.key\n")
	f.check(m.Init())
	shows := func() string {
		t.Helper()
		state, err, _ := shake(t, m.Server(anywhere), &tls.Config{InsecureSkipVerify: true})
		f.check(err)
		return state.PeerCertificates[0].DNSNames[0]
	}
	f.issue("a", "new.example")
	if got := shows(); got != "old.example" {
		t.Errorf("before the reload: %s", got)
	}
	f.check(m.Reload(context.Background()))
	if got := shows(); got != "new.example" {
		t.Errorf("after the reload: %s", got)
	}
	f.write("a.key", "NONSENSE", []byte("x"))
	if err := m.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "a.crt") {
		t.Errorf("a broken key: %v", err)
	}
	if got := shows(); got != "new.example" {
		t.Errorf("after a reload that failed: %s", got)
	}
}

// TestNothingToShow: a socket without a certificate keeps the router from starting.
func TestNothingToShow(t *testing.T) {
	f := newFolder(t)
	f.issue("a", "example.org")
	sockets := []transport.Socket{{Proto: transport.UDP, Name: "udp:x"}, {Proto: transport.WSS, Name: "wss:192.0.2.10:443", Addr: anywhere}}
	m := New(Config{Sockets: func() []transport.Socket { return sockets }})
	if err := m.Init(); err == nil || !strings.Contains(err.Error(), "wss:192.0.2.10:443") {
		t.Errorf("error %v", err)
	}
	if m.Server(anywhere) != nil {
		t.Error("there is a setting without a certificate")
	}
	for key, value := range map[string]string{"certificate": f.path("a.crt"), "private_key": f.path("a.key")} {
		f.check(m.Set(key, value))
	}
	f.check(moduletest.Set(t, m, "verify_certificate", "0"))
	f.check(m.Init())
	if m.Server(anywhere) == nil {
		t.Error("SER's settings do not count")
	}
}

// TestProven: for whom a peer that has connected to us could answer, if we had to connect to him.
func TestProven(t *testing.T) {
	f := newFolder(t)
	certs := map[string]tls.Certificate{
		"dns":       f.issue("dns", "Example.org", "example.net"),
		"uri":       f.issue("uri", "sip:example.org", "mail.example.com"),
		"user":      f.issue("user", "sip:alice@example.org"),
		"wild":      f.issue("wild", "*.example.org"),
		"address":   f.issue("address", "192.0.2.10", "example.org"),
		"elsewhere": f.issue("elsewhere", "192.0.2.11"),
		"stranger":  newFolder(t).issue("stranger", "example.org", "192.0.2.10"),
	}
	for _, c := range []struct {
		shown, text string
		want        []string
	}{
		{"dns", "", []string{"example.org", "example.net"}},
		{"uri", "", []string{"example.org"}},
		{"user", "", nil},
		{"wild", "", nil},
		{"address", "", []string{"", "example.org"}},
		{"elsewhere", "", nil},
		{"stranger", "", nil},
		{"", "", nil},
		{"", "verify_certificate=no\n", []string{""}},
		{"stranger", "verify_certificate=no\n", []string{""}},
		{"dns", "verify_certificate=no\n", []string{"", "example.org", "example.net"}},
		{"dns", "verify_depth=0\n", []string{"example.org", "example.net"}},
		{"dns", "[client:192.0.2.10:5061]\nserver_name=example.net\n", []string{"", "example.org", "example.net"}}, // that is who this host has to be
		{"dns", "[client:192.0.2.10]\nserver_name=example.com\n", nil},
		{"dns", "[client:192.0.2.99]\nserver_name=example.com\n", []string{"example.org", "example.net"}},
	} {
		m := f.config("[server:default]\n[client:default]\nca_list=root.crt\n" + c.text)
		f.check(m.Init())
		server := &tls.Config{Certificates: []tls.Certificate{certs["dns"]}, ClientAuth: tls.RequestClientCert}
		client := &tls.Config{InsecureSkipVerify: true}
		if c.shown != "" {
			client.Certificates = []tls.Certificate{certs[c.shown]}
		}
		if c.shown == "dns" {
			server.ClientAuth, server.ClientCAs = tls.VerifyClientCertIfGiven, f.roots()
		}
		var state tls.ConnectionState
		server.VerifyConnection = func(s tls.ConnectionState) error { state = s; return nil }
		if _, err, refused := shake(t, server, client); err != nil || refused != nil {
			t.Fatal(err, refused)
		}
		if got := m.Proven(anywhere, state); !slices.Equal(got, c.want) {
			t.Errorf("%s with %q: %q, want %q", c.shown, c.text, got, c.want)
		}
	}
}

// TestCertificateOutOfTime: the log says so, once for all sections that show it.
func TestCertificateOutOfTime(t *testing.T) {
	f := newFolder(t)
	f.issue("a", "example.org")
	for when, want := range map[time.Duration]string{0: "", 2 * time.Hour: "expired", -2 * time.Hour: "not valid yet"} {
		var log strings.Builder
		m := f.config("[server:default]\ncertificate=a.crt\nprivate_key=a.key\n[server:192.0.2.10:5061]\nserver_name=example.org\n")
		m.cfg.Log, m.cfg.Now = slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return time.Now().Add(when) }
		f.check(m.Init())
		if got := log.String(); want == "" && got != "" || strings.Count(got, "a.crt") != min(len(want), 1) || !strings.Contains(got, want) {
			t.Errorf("after %v: %s", when, got)
		}
	}
}
