package e2e_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestLateIsNotBegun: while the router hangs, the pages and seraphctl say that nothing was
// begun; when it goes on it does not begin what they have stopped waiting for.
func TestLateIsNotBegun(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	w := signIn(t, s, "alice")
	w.Open("/user/dial")
	w.Fill("Address to call", "bob@"+stand.Domain)
	phones := w.Tab()
	phones.Open("/user/account/phones")
	phones.Fill("Add a contact", "sip:late@192.0.2.7")
	if err := s.Proxy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw := func() { _ = s.Proxy.Signal(syscall.SIGCONT) }
	t.Cleanup(thaw)
	w.Press("Connect")
	phones.Press("Add")
	const within = time.Minute // more than a call of the router may take
	w.ShowsWithin(within, "The router cannot be reached, so no call was started.")
	phones.ShowsWithin(within, "The router cannot be reached at the moment. Try again in a few seconds.")
	if out, code := s.TryCtl("", "dial", "alice", "bob"); code != 3 || !strings.Contains(out, "control socket unreachable") {
		t.Errorf("seraphctl dial ends with %d:\n%s", code, out)
	}
	thaw()
	wait.For(t, within, "the portal reaching the router again", func() error {
		if w.Open("/user/account/phones"); !strings.Contains(w.Text(), "No phone is registered") {
			return fmt.Errorf("the page says %s", w.Text())
		}
		return nil
	})
	if out := s.Ctl("", "-o", "csv", "stats", "ctd"); !strings.Contains(out, "dials,0") {
		t.Errorf("a call was begun that the page had given up:\n%s", out)
	}
	// What is asked now is done.
	w.Fill("Add a contact", "sip:now@192.0.2.7")
	w.Press("Add")
	w.Shows("sip:now@192.0.2.7 is added.")
	if strings.Contains(w.Text(), "sip:late@192.0.2.7") {
		t.Errorf("a contact was added that the page had given up:\n%s", w.Text())
	}
}
