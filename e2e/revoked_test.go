package e2e_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/wait"
)

// TestRevokedCertificates: a client whose certificate was revoked gets no connection, in either direction,
// once the list is read; a list that is none changes nothing.
func TestRevokedCertificates(t *testing.T) {
	s := startSecure(t, "")
	lost, kept := s.ca.Issue("lost", "lost.example"), s.ca.Issue("kept", "kept.example")
	s.ca.Revoke("list")
	s.ca.Config("[server:default]\ncertificate = server.crt\nprivate_key = server.key\nca_list = root.crt\nverify_certificate = yes\n" +
		"require_certificate = yes\ncrl = list\n[client:default]\nca_list = root.crt\ncrl = list\n")
	s.Ctl("", "rpc", "tls.reload")
	enters := func(cert tls.Certificate) bool {
		c, err := tls.Dial("tcp", s.address("tls"), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}})
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte("\r\n\r\n")); err != nil { // a keep-alive, RFC 5626 §4.4.1
			return false
		}
		var pong [2]byte
		n, err := c.Read(pong[:])
		return err == nil && string(pong[:n]) == "\r\n"
	}
	if !enters(lost) || !enters(kept) {
		t.Error("before anything was revoked, a client is refused")
	}
	s.ca.Revoke("list", lost)
	if !enters(lost) {
		t.Error("a list counts before it is read")
	}
	s.Ctl("", "rpc", "tls.reload")
	if enters(lost) || !enters(kept) {
		t.Error("after it was read, the list does not count")
	}
	if log := s.Proxy.Log.String(); !strings.Contains(log, "revoked") || !strings.Contains(log, "CN=lost") {
		t.Error("the log does not say who was refused")
	}

	// What is no list changes nothing, and the operator is told.
	if err := os.WriteFile(filepath.Join(s.ca.Dir, "list"), []byte("not a list"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.TryCtl("", "rpc", "tls.reload"); code == 0 || !strings.Contains(out, "stay as they were") {
		t.Errorf("a reload of no list: %s", out)
	}
	if log := s.Proxy.Log.String(); !strings.Contains(log, "it is no list of revoked certificates") {
		t.Error("the log does not say what is wrong")
	}
	if enters(lost) || !enters(kept) {
		t.Error("a faulty list has changed something")
	}

	// SIGHUP reads it, too.
	s.ca.Revoke("list", kept)
	if err := s.Proxy.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait.For(t, 10*time.Second, "SIGHUP reads the list", func() error {
		if enters(kept) || !enters(lost) {
			return os.ErrPermission
		}
		return nil
	})
}
