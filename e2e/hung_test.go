package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"seraph/e2e/stand"
)

// TestPageOutlivesAHungRouter: a router that hangs breaks no connection; the page says so all
// the same, new pages do not wait for it each time, and everything goes on when it does.
func TestPageOutlivesAHungRouter(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := withPeople(t, s)
	w.Open("/user/phone-book")
	w.Status("bob@"+stand.Domain, "offline", back)
	w.Marks()
	signal := func(what syscall.Signal) {
		t.Helper()
		if err := s.Proxy.Signal(what); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	defer signal(syscall.SIGCONT)
	w.ShowsWithin(back, "The router cannot be reached")
	w.Status("bob@"+stand.Domain, "unknown", back)
	other := site{w.Tab(), t}
	begin := time.Now()
	for range 3 {
		for _, path := range []string{"/user/missed", "/user/calls", "/user/messages"} {
			other.Open(path)
			other.Shows("The router cannot be reached")
		}
	}
	if took := time.Since(begin); took > 30*time.Second { // ten each without a bound
		t.Errorf("nine pages took %v", took)
	}
	signal(syscall.SIGCONT)
	w.Status("bob@"+stand.Domain, "offline", back)
	w.hides("cannot be reached")
	w.StillThere()
}
