package user_test

import (
	"net/http"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/webui/internal/user"
)

// TestHungRouter: a router that takes questions and answers none makes no page wait
// longer than one question may take, and none at all once that is known.
func TestHungRouter(t *testing.T) {
	s := newSiteWith(t, user.LiveOptions{Pulse: time.Hour})
	s.add(alice, "Bob", "Keller", "bob", "")
	s.missed(alice, "sip:bob@example.org", "Bob", time.Now(), http.StatusRequestTimeout, "Request Timeout")
	b := s.signIn(alice)
	s.router.Hang()
	defer s.router.Wake()
	begin := time.Now()
	for _, path := range []string{"/user/missed", "/user/calls", "/user/messages", "/user/phone-book", "/user/account/public", "/user/account/phones", "/user/missed"} {
		b.get(path).shows(t, http.StatusOK)
	}
	b.get("/user/missed").shows(t, http.StatusOK, "The router cannot be reached")
	for path, fields := range map[string][]string{
		"/user/messages/new":   {"to", "bob", "text", "hello"},
		"/user/dial":           {"to", "bob"},
		"/user/account/delete": {"password", password},
		"/user/account/phones": {"contact", "sip:alice@192.0.2.1", "lifetime", "hour"},
	} {
		b.post(path, fields...)
	}
	// One question is waited for, or two if this machine is slow; without a bound each of
	// them would take ctlproto.DefaultCallTimeout.
	if took := time.Since(begin); took > ctlproto.DefaultCallTimeout {
		t.Errorf("twelve pages took %v with a router that hangs", took)
	}
	if _, err := s.db.Subscribers.Find(t.Context(), alice); err != nil {
		t.Errorf("the account is deleted though the router was not told: %v", err)
	}
}
