package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

// show is a demo that runs as a process of its own, with fake programs.
type show struct {
	t      *testing.T
	folder string
	cmd    *exec.Cmd
	out    *output
	done   chan struct{}
}

// output is what a process printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// programs makes a folder with the demo and its programs.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seraph-demo", "seraph-proxy", "seraph-webui"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// perform starts a demo in folder.
func perform(t *testing.T, bin, folder string, env ...string) *show {
	t.Helper()
	furnish(t, folder)
	s := &show{t: t, folder: folder, out: new(output), done: make(chan struct{})}
	s.cmd = exec.Command(filepath.Join(bin, "seraph-demo"), "-bin", bin)
	// A program under the race detector lingers for a second at its end.
	s.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "DEMO_DIR="+folder, "DEMO_SIP_PORT=0", "DEMO_HTTP_PORT=0")
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.WaitDelay = time.Second
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // ProcessState has it
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.done
	})
	return s
}

// scene is a database with the demo's users and what alice has missed, made once: migrations take their time.
var scene = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "seraph-demo-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "seraph.db")
	passwords := map[string]string{"alice": "a", "bob": "b", "carol": "c", "admin": "d"}
	if err := setTheScene(context.Background(), "sqlite://"+file, passwords); err != nil {
		return nil, err
	}
	db, err := store.Open(context.Background(), "sqlite://"+file, store.Options{})
	if err != nil {
		return nil, err
	}
	keep("INVITE", db, 1)
	keep("MESSAGE", db, 2)
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// furnish puts that database into a folder that exists and has none.
func furnish(t *testing.T, folder string) {
	t.Helper()
	file := filepath.Join(folder, "seraph.db")
	if _, err := os.Stat(file); err == nil {
		return
	}
	if _, err := os.Stat(folder); err != nil {
		return // the demo makes it, and all that is in it
	}
	raw, err := scene()
	if err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// ready waits until demo.json is there, and returns it.
func (s *show) ready() report {
	s.t.Helper()
	var r report
	until(s.t, "the demo serves", func() bool {
		select {
		case <-s.done:
			s.t.Fatalf("the demo ended:\n%s", s.out)
		default:
		}
		raw, err := os.ReadFile(filepath.Join(s.folder, reportFile))
		return err == nil && json.Unmarshal(raw, &r) == nil && r.PID == s.cmd.Process.Pid
	})
	return r
}

// ended waits for the end and checks the exit code.
func (s *show) ended(code int) {
	s.t.Helper()
	until(s.t, "the demo ends", func() bool {
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	})
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("exit %d, want %d:\n%s", got, code, s.out)
	}
}

func (s *show) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
}

// pid reads the process id that a fake program left.
func (s *show) pid(name string) int {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.folder, name+".pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// lives reports whether a process runs; a zombie that nobody buries does not.
func lives(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(raw), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// nothingLeft checks that the programs have ended and nobody is invited any more.
func (s *show) nothingLeft() {
	s.t.Helper()
	for _, name := range []string{"proxy", "webui"} {
		pid := s.pid(name)
		until(s.t, "the "+name+" ends", func() bool { return !lives(pid) })
	}
}

func TestDemoFromStartToEnd(t *testing.T) {
	bin, folder := programs(t), filepath.Join(t.TempDir(), "a", "demo dir")
	s := perform(t, bin, folder)
	r := s.ready()
	until(t, "the demo introduces itself", func() bool { return strings.Contains(s.out.String(), "Ctrl-C ends everything.") })

	info, err := os.Stat(filepath.Join(folder, reportFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json: mode %v, %v", info.Mode(), err)
	}
	if r.Ctl != filepath.Join(folder, "ctl.sock") || r.DB != "sqlite://"+strings.ReplaceAll(folder, " ", "%20")+"/seraph.db" || r.Domain != domain {
		t.Errorf("demo.json: %+v", r)
	}
	wantUsers := []string{"alice false", "bob false", "carol false", "admin true"}
	var users []string
	for _, u := range r.Users {
		users = append(users, fmt.Sprint(u.User, " ", u.Admin))
	}
	if diff := cmp.Diff(wantUsers, users); diff != "" || r.Admin != r.URL+"/admin" {
		t.Fatalf("demo.json: admin_url %s, users:\n%s", r.Admin, diff)
	}
	if missed, messages := alicesTraces(t, r.DB); missed != 1 || messages != 1 {
		t.Errorf("alice has %d missed calls and %d messages, want one of each", missed, messages)
	}
	shown := s.out.String()
	for _, text := range []string{r.URL, r.SIP, domain, r.Users[0].Password, r.Users[1].Password, r.Users[2].Password, r.Users[3].Password, r.Admin, "--socket '" + r.Ctl + "' ", "dial alice bob"} {
		if !strings.Contains(shown, text) {
			t.Errorf("the introduction does not say %q:\n%s", text, shown)
		}
	}
	log, err := os.ReadFile(filepath.Join(folder, "seraph-proxy.log"))
	if err != nil {
		t.Fatal(err)
	}
	// She is away while he calls and writes.
	if a, b := strings.Index(string(log), "MESSAGE  <sip:alice@"), strings.Index(string(log), "REGISTER  <sip:alice@"); a < 0 || b < a {
		t.Errorf("alice's phone was on when bob wrote:\n%s", log)
	}
	for _, text := range []string{"INVITE  <sip:alice@demo.test>", "REGISTER  <sip:bob@demo.test>", "--listen udp:" + r.SIP + " --listen tcp:" + r.SIP + "]"} {
		if !strings.Contains(string(log), text) {
			t.Errorf("the router never saw %q:\n%s", text, log)
		}
	}
	if strings.Contains(string(log), "REGISTER  <sip:carol@") {
		t.Error("carol has a phone")
	}

	second := perform(t, bin, folder)
	second.ended(1)
	want := "a demo runs in " + folder + " already (process " + strconv.Itoa(s.cmd.Process.Pid) + "): end it, or choose another folder by DEMO_DIR"
	if !strings.Contains(second.out.String(), want) {
		t.Errorf("a second demo said:\n%s", second.out)
	}

	s.signal(syscall.SIGTERM)
	s.ended(0)
	s.nothingLeft()
	if _, err := os.Stat(filepath.Join(folder, reportFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("demo.json after the end: %v", err)
	}

	again := perform(t, bin, folder)
	if diff := cmp.Diff(r.Users, again.ready().Users); diff != "" {
		t.Errorf("another run has other users:\n%s", diff)
	}
	if missed, messages := alicesTraces(t, r.DB); missed != 1 || messages != 1 {
		t.Errorf("after another run alice has %d missed calls and %d messages", missed, messages)
	}
	again.signal(os.Interrupt)
	again.ended(0)
	again.nothingLeft()
}

// alicesTraces counts what alice has missed.
func alicesTraces(t *testing.T, url string) (missed, messages int) {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	alice := cast[0].aor()
	_, missed, err = db.Calls.ListMissed(t.Context(), alice, store.CallQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if messages, _, err = db.Silo.Count(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	return missed, messages
}

// TestDemoWhoseRouterForgets: the demo says what is missing, and serves.
func TestDemoWhoseRouterForgets(t *testing.T) {
	s := perform(t, programs(t), filepath.Join(t.TempDir(), "new"), "FAKE_PROXY=forgets")
	s.ready()
	for _, text := range []string{"no missed call for alice: the router has not kept it", "no stored message for alice: the router has not kept it"} {
		if !strings.Contains(s.out.String(), text) {
			t.Errorf("it does not say %q:\n%s", text, s.out)
		}
	}
	s.signal(syscall.SIGTERM)
	s.ended(0)
}

func TestDemoEndsWithItsTerminal(t *testing.T) {
	s := perform(t, programs(t), t.TempDir())
	s.ready()
	s.signal(syscall.SIGHUP)
	s.signal(syscall.SIGTERM) // the echo, by make
	s.ended(0)
	s.nothingLeft()
	if _, err := os.Stat(filepath.Join(s.folder, reportFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("demo.json after the end: %v", err)
	}
}

func TestDemoEndsWhenAProgramDies(t *testing.T) {
	s := perform(t, programs(t), t.TempDir())
	s.ready()
	if err := syscall.Kill(s.pid("webui"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.ended(1)
	s.nothingLeft()
	want := "seraph-webui ended: signal: killed. The last lines of " + s.folder + "/seraph-webui.log:\n  the portal's last words\n"
	if !strings.Contains(s.out.String(), want) {
		t.Errorf("it said:\n%s\nwant\n%s", s.out, want)
	}
}

func TestDemoWhoseRouterCannotStart(t *testing.T) {
	s := perform(t, programs(t), t.TempDir(), "FAKE_PROXY=dies")
	s.ended(1)
	if !strings.Contains(s.out.String(), "seraph-proxy ended: exit status 3. The last lines of "+s.folder+"/seraph-proxy.log:\n  line one\n  I cannot go on\n") {
		t.Errorf("it said:\n%s", s.out)
	}
	if _, err := os.Stat(filepath.Join(s.folder, "webui.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the portal was started all the same: %v", err)
	}
}

func TestKilledDemoLeavesNoOrphan(t *testing.T) {
	s := perform(t, programs(t), t.TempDir())
	s.ready()
	s.signal(syscall.SIGKILL)
	<-s.done
	s.nothingLeft()

	// What it left behind does not keep the next one away.
	again := perform(t, programs(t), s.folder)
	first := again.ready()
	if c, err := net.Dial("unix", first.Ctl); err == nil {
		c.Close()
	} else {
		t.Errorf("the control socket of the second run: %v", err)
	}
	again.signal(syscall.SIGTERM)
	again.ended(0)
}

// TestSocketOfALongFolder: a socket's path has 107 bytes at most.
func TestSocketOfALongFolder(t *testing.T) {
	s := perform(t, programs(t), filepath.Join(t.TempDir(), strings.Repeat("long", 40)))
	r := s.ready()
	if len(r.Ctl) > 107 || strings.HasPrefix(r.Ctl, s.folder) {
		t.Errorf("control socket %s", r.Ctl)
	}
	s.signal(syscall.SIGTERM)
	s.ended(0)
	if _, err := os.Stat(filepath.Dir(r.Ctl)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder is left: %v", err)
	}
}

func TestDemoWithoutPrograms(t *testing.T) {
	var errs bytes.Buffer
	folder := t.TempDir()
	env := func(name string) string {
		return map[string]string{"DEMO_DIR": folder, "DEMO_SIP_PORT": "0", "DEMO_HTTP_PORT": "0"}[name]
	}
	if code := start(t.Context(), []string{"-bin", t.TempDir()}, env, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), `"make build" makes it, and -bin names the folder`) {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestDemoOnAPortThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, variable := range []string{"DEMO_SIP_PORT", "DEMO_HTTP_PORT"} {
		s := perform(t, programs(t), t.TempDir(), variable+"="+taken)
		s.ended(1)
		want := "port " + taken + " on 127.0.0.1: another program uses it; " + variable + "=NUMBER chooses another port"
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("%s: it said:\n%s\nwant %s", variable, s.out, want)
		}
	}
}
