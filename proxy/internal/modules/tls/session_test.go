package tlsmod

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
)

// oneSession is a client's memory that has one session for every server.
type oneSession struct{ s *tls.ClientSessionState }

func (c *oneSession) Get(string) (*tls.ClientSessionState, bool) { return c.s, c.s != nil }
func (c *oneSession) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.s = s
	}
}

// TestSessionsAreResumed: a phone that comes back goes on with its session, until the configuration is read
// again.
func TestSessionsAreResumed(t *testing.T) {
	f := newFolder(t)
	f.issue("s", "example.org")
	known := f.issue("known", "phone.example.org")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			m := f.config(asking)
			f.check(m.Init())
			client := &tls.Config{RootCAs: f.roots(), ServerName: "example.org", MaxVersion: version, ClientSessionCache: &oneSession{}, Certificates: []tls.Certificate{known}}
			for i, want := range []bool{false, true, true, false, true} {
				if i == 3 {
					f.check(m.Reload(context.Background()))
				}
				state, err, _ := shake(t, m.Server(anywhere), client)
				f.check(err)
				if state.DidResume != want {
					t.Errorf("connection %d is resumed: %v, want %v", i, state.DidResume, want)
				}
			}
		})
	}
}

// TestSessionOfAnotherSection lets nobody in, nor one from before the authorities were changed.
func TestSessionOfAnotherSection(t *testing.T) {
	f, other := newFolder(t), newFolder(t)
	f.issue("s", "example.org")
	known := f.issue("known", "phone.example.org")
	other.issue("x")
	const open = "[server:default]\ncertificate=s.crt\nprivate_key=s.key\n"
	const lax = open + "ca_list=root.crt\nverify_certificate=yes\n"
	strict := func(roots string) string {
		return "[server:any]\nserver_name=strict.example\nca_list=" + roots + "\nverify_certificate=yes\nrequire_certificate=yes\n"
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for i, c := range []struct {
			first, then string
			certs       []tls.Certificate
		}{
			{open + strict("root.crt"), "", nil},
			{open + "require_certificate=yes\n" + strict("root.crt"), "", []tls.Certificate{newFolder(t).issue("stranger", "example.org")}},
			{lax + strict(other.path("root.crt")), "", []tls.Certificate{known}},
			{lax + strict("root.crt"), lax + strict(other.path("root.crt")), []tls.Certificate{known}},
		} {
			t.Run(fmt.Sprint(tls.VersionName(version), " ", i), func(t *testing.T) {
				m := f.config(c.first)
				f.check(m.Init())
				cache := &oneSession{}
				client := &tls.Config{InsecureSkipVerify: true, ServerName: "example.org", MaxVersion: version, ClientSessionCache: cache, Certificates: c.certs}
				if c.then != "" {
					client.ServerName = "strict.example"
				}
				if _, err, _ := shake(t, m.Server(anywhere), client); err != nil || cache.s == nil {
					t.Fatalf("%v, a session: %v", err, cache.s != nil)
				}
				if c.then != "" {
					f.config(c.then)
					f.check(m.Reload(context.Background()))
				}
				client.ServerName = "strict.example"
				if state, err, _ := shake(t, m.Server(anywhere), client); err == nil || state.DidResume {
					t.Errorf("it is let in, resumed: %v", state.DidResume)
				}
			})
		}
	}
}
