package e2e_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/proc"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// demoReport is demo.json.
type demoReport struct {
	URL   string
	Admin string `json:"admin_url"`
	Ctl   string
	PID   int
	Users []struct {
		User, Password string
		Admin          bool
	}
}

// TestDemo is a newcomer's first minute: start it, sign in, click, connected, end it.
func TestDemo(t *testing.T) {
	p, dir := startDemo(t)
	report := readReport(t, p, dir)
	// A visitor who tries domains does not lock alice out: hers is the default.
	add := exec.Command(stand.Programs(t).Ctl, "--socket", report.Ctl, "--state", dir, "domain", "add", "second.test")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", add.Args, err, out)
	}
	b := browser.Start(t, report.URL)
	b.Open("/")
	if alice := report.Users[0]; alice.User != "alice" {
		t.Fatalf("the first user is %q, want alice", alice.User)
	}
	b.Fill("User name", report.Users[0].User)
	b.Fill("Password", report.Users[0].Password)
	b.Press("Sign in")
	b.Status("bob@demo.test", "online", 5*time.Second)
	b.Status("carol@demo.test", "offline", time.Second)
	b.Press("Call Bob Keller")
	b.ShowsWithin(20*time.Second, "Connected with Bob Keller")
	// What she missed while her phone was off: bob called and wrote.
	b.Open("/user/missed")
	b.Shows("Bob Keller")
	b.Open("/user/messages")
	b.Shows("Lunch at noon?")
	administrate(t, report)
	if err := p.Stop(); err != nil { // SIGTERM; an error if it does not end with 0
		t.Error(err)
	}
	for what, gone := range map[string]bool{
		"the portal":         nobodyListens("tcp", strings.TrimPrefix(report.URL, "http://")),
		"the control socket": nobodyListens("unix", report.Ctl),
	} {
		if !gone {
			t.Errorf("%s still answers after the demo has ended", what)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("demo.json is still there (%v)", err)
	}
}

// administrate signs in at admin_url and finds the users.
func administrate(t *testing.T, report demoReport) {
	t.Helper()
	if report.Admin != report.URL+"/admin" {
		t.Fatalf("admin_url is %q", report.Admin)
	}
	b := browser.Start(t, report.URL)
	b.Open("/admin")
	for _, u := range report.Users {
		if u.Admin {
			b.Fill("User name", u.User)
			b.Fill("Password", u.Password)
		}
	}
	b.Press("Sign in")
	b.Shows("Overview")
	b.Open("/admin/users")
	b.Shows("carol")
}

// TestDemoKilled: nothing outlives a demo that is killed.
func TestDemoKilled(t *testing.T) {
	p, dir := startDemo(t)
	report := readReport(t, p, dir)
	p.Kill()
	wait.For(t, 10*time.Second, "the programs have ended", func() error {
		if !nobodyListens("unix", report.Ctl) || !nobodyListens("tcp", strings.TrimPrefix(report.URL, "http://")) {
			return errors.New("they still answer")
		}
		return nil
	})
	again, _ := startDemoIn(t, dir) // and the folder can be used again
	readReport(t, again, dir)
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

// TestDemoWrong: what a newcomer can get wrong is said in one line.
func TestDemoWrong(t *testing.T) {
	for _, c := range []struct{ env, says string }{
		{"DEMO_LISTEN=localhost", "DEMO_LISTEN"},
		{"DEMO_SIP_PORT=sip", "DEMO_SIP_PORT"},
		{"DEMO_HTTP_PORT=70000", "DEMO_HTTP_PORT"},
		{"DEMO_DIR=/proc/none/demo", "/proc/none"},
	} {
		t.Run(c.env, func(t *testing.T) {
			programs := stand.Programs(t)
			p, err := proc.Start(proc.Command{Name: "seraph-demo", Path: programs.Demo, Args: []string{"-bin", programs.Folder()},
				Env: []string{"DEMO_DIR=" + t.TempDir(), c.env}})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(20 * time.Second); err == nil {
				t.Error("it ended without an error")
			}
			if !p.Log.Contains(c.says) {
				t.Errorf("it says\n%s\nwithout %q", p.Log.String(), c.says)
			}
		})
	}
}

func startDemo(t *testing.T) (*proc.Process, string) {
	t.Helper()
	return startDemoIn(t, t.TempDir())
}

func startDemoIn(t *testing.T, dir string) (*proc.Process, string) {
	t.Helper()
	programs := stand.Programs(t)
	p, err := proc.Start(proc.Command{
		Name: "seraph-demo", Path: programs.Demo, Args: []string{"-bin", programs.Folder()},
		Env: []string{"DEMO_DIR=" + dir, "DEMO_SIP_PORT=0", "DEMO_HTTP_PORT=0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	endsWith(t, p)
	return p, dir
}

// endsWith ends a demo with the test, and shows what it said if that fails.
func endsWith(t *testing.T, demo *proc.Process) {
	t.Cleanup(func() {
		if demo.Running() {
			_ = demo.Stop()
		}
		if t.Failed() {
			t.Logf("the demo said:\n%s", demo.Log.Tail(40))
		}
	})
}

// readReport waits for demo.json of a demo that was started by itself.
func readReport(t *testing.T, p *proc.Process, dir string) demoReport {
	t.Helper()
	return readReportOf(t, p, dir, func(pid int) bool { return pid == p.PID() })
}

// readReportOf waits for the demo.json of a process, or of one that it started.
func readReportOf(t *testing.T, p *proc.Process, dir string, its func(pid int) bool) demoReport {
	t.Helper()
	var report demoReport
	file := filepath.Join(dir, "demo.json")
	wait.For(t, 30*time.Second, "the demo serves", func() error {
		if !p.Running() {
			t.Fatalf("the demo ended:\n%s", p.Log.Tail(20))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &report); err != nil {
			return err
		}
		if !its(report.PID) {
			return errors.New("demo.json is of an earlier run, which was killed")
		}
		return nil
	})
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json: %v, %v; want mode 0600", info.Mode(), err)
	}
	if len(report.Users) < 3 || report.URL == "" || report.Ctl == "" {
		t.Fatalf("demo.json holds %+v", report)
	}
	for _, u := range report.Users {
		wait.For(t, 10*time.Second, "the demo prints "+u.User+"'s password", func() error { // after demo.json
			if !p.Log.Contains(u.Password) {
				return errors.New("not yet")
			}
			return nil
		})
	}
	return report
}

// nobodyListens reports whether nobody listens there.
func nobodyListens(network, address string) bool {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return true
	}
	c.Close()
	return false
}
