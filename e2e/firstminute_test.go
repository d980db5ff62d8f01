package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

// What a newcomer's way to the first call may cost.
const (
	firstMinute = time.Minute
	mostPresses = 6
)

// TestFirstMinute is the README's first minute with a watch in the hand: make demo on a
// tree that is built, the address that it prints, alice's name and password, Call Bob
// Keller, connected. On the way she mistypes her password, which costs a clear message
// and two presses; even so there are six at most.
func TestFirstMinute(t *testing.T) {
	built := exec.Command("make", "demo-build")
	built.Dir, built.Env = "..", append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := built.CombinedOutput(); err != nil {
		t.Fatalf("make demo-build: %v\n%s", err, out)
	}
	b := browser.Start(t, "") // a newcomer's is open already
	began := time.Now()
	p, dir := makeDemo(t)
	report := readReportOf(t, p, dir, func(pid int) bool { return pid > 0 })
	wait.For(t, firstMinute, "the address and what to try are on the terminal", func() error {
		if !p.Log.Contains("Open  "+report.URL) || !p.Log.Contains("Sign in as alice") {
			return fmt.Errorf("it says\n%s", p.Log.Tail(30))
		}
		return nil
	})
	served := time.Since(began)
	alice := report.Users[0]
	hand := b.Hand()
	hand.Goes(report.URL)
	hand.Type("User name", alice.User)
	hand.Type("Password", "no"+alice.Password)
	hand.Press("Sign in")
	hand.Shows("User name or password is wrong.")
	if hand.Has("Phone book") {
		t.Error("a wrong password opens the phone book")
	}
	hand.Type("Password", alice.Password)
	hand.Press("Sign in")
	hand.Status("bob@demo.test", "online", 5*time.Second)
	hand.Status("carol@demo.test", "offline", time.Second)
	hand.Status("dana@example.com", "non-local", time.Second)
	for _, word := range []string{"on line", "offline", "non-local"} {
		hand.Shows(word)
	}
	hand.Press("Call Bob Keller")
	hand.ShowsWithin(30*time.Second, "You are connected with Bob.")
	connected := time.Since(began)
	t.Logf("connected %.1f s after make demo, of which it took %.1f s to serve; %d presses, of which 2 for a wrong password",
		connected.Seconds(), served.Seconds(), hand.Presses)
	if connected > firstMinute {
		t.Errorf("it took %v, more than %v", connected, firstMinute)
	}
	if hand.Presses > mostPresses {
		t.Errorf("it took %d presses, more than %d", hand.Presses, mostPresses)
	}
	if err := p.Stop(); err != nil { // as Ctrl-C in make does
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("demo.json is still there (%v)", err)
	}
}

// makeDemo runs make demo with a folder and ports of its own.
func makeDemo(t *testing.T) (*proc.Process, string) {
	t.Helper()
	dir := t.TempDir()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"make demo", "sign in as **alice**", "*on line*", "*offline*", "*non-local*", "Click Bob's name"} {
		if !strings.Contains(string(readme), words) {
			t.Errorf("the README's first minute no longer says %q; this test does", words)
		}
	}
	p, err := proc.Start(proc.Command{
		Name: "make-demo", Path: "make", Args: []string{"demo"}, Dir: "..",
		Env: []string{"MAKEFLAGS=", "MAKELEVEL=", "DEMO_DIR=" + dir, "DEMO_SIP_PORT=0", "DEMO_HTTP_PORT=0", "DEMO_LISTEN="},
	})
	if err != nil {
		t.Fatal(err)
	}
	endsWith(t, p)
	return p, dir
}
