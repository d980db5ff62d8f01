// Package stand sets the real programs up for a test: the router on free loopback
// ports, its database, its users, its control socket and the portal. Everything
// ends with the test; what the programs wrote is shown when it failed.
package stand

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

// Domain is the SIP domain of every stand.
const Domain = "example.org"

// Password is every user's password, made of the name so that no two are equal.
func Password(user string) string { return "pw-" + user + "-1" }

// Options say what a stand has.
type Options struct {
	Engine Engine   // default SQLite, or what SERAPH_E2E_ENGINE says
	Script string   // text of seraph.cfg; "" runs the embedded default
	Users  []string // subscribers of Domain
	// Loopback addresses to listen on, UDP and TCP each; default 127.0.0.1.
	IPs []string
	// Args are added to the router's command line.
	Args []string
	// WebConfig is the text of the portal's webui.toml; "" is none.
	WebConfig string
	// Proxy is a router's binary in place of the built one.
	Proxy string
}

// Stand is a running router with what belongs to it.
type Stand struct {
	Proxy *proc.Process
	Dir   string

	t       testing.TB
	options Options
	bin     Binaries
	db      database
	ports   map[string]int // by IP
	portal  *proc.Process
	webPort int
	after   *after // shared by the copies that For makes
}

// Start starts a stand; it ends with the test.
func Start(t testing.TB, o Options) *Stand {
	t.Helper()
	if o.Engine == "" {
		o.Engine = standardEngine()
	}
	if OnKamailio() {
		o.Engine = Memory
	}
	if len(o.IPs) == 0 {
		o.IPs = []string{"127.0.0.1"}
	}
	// Short, because the control socket's path may have 107 bytes only.
	dir, err := os.MkdirTemp("", "seraph-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Stand{Dir: dir, t: t, options: o, ports: map[string]int{}, after: &after{}}
	if !OnKamailio() {
		s.bin = Programs(t)
		if o.Proxy != "" {
			s.bin.Proxy = o.Proxy
		}
	}
	t.Cleanup(func() { s.clean() })
	s.db = openDatabase(t, o.Engine, dir)
	if o.Script != "" {
		if err := os.WriteFile(s.script(), []byte(o.Script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, ip := range o.IPs {
		if s.ports[ip], err = proc.FreePort(ip, 0); err != nil {
			t.Fatal(err)
		}
	}
	if o.Engine != Memory {
		s.Ctl("", "db", "migrate")
		s.Ctl("", "domain", "add", Domain)
		for _, u := range o.Users {
			s.AddUser(u)
		}
	}
	s.Launch()
	t.Cleanup(s.end)
	return s
}

func (s *Stand) script() string { return filepath.Join(s.Dir, "seraph.cfg") }

// CtlSocket is the path of the control socket.
func (s *Stand) CtlSocket() string { return filepath.Join(s.Dir, "ctl.sock") }

// DBURL is the database, as --db takes it.
func (s *Stand) DBURL() string { return s.db.url }

// MariaDB is the stand's database server, nil on other engines.
func (s *Stand) MariaDB() *MariaDBServer { return s.db.server }

// Launch starts the router (again) and waits until its control socket answers.
func (s *Stand) Launch() {
	s.t.Helper()
	if OnKamailio() {
		s.launchKamailio()
		return
	}
	args := []string{"--db", s.db.url, "--state", s.Dir, "--ctl", s.CtlSocket()}
	if s.options.Script != "" {
		args = append(args, "-f", s.script())
	}
	for _, ip := range s.options.IPs {
		at := net.JoinHostPort(ip, strconv.Itoa(s.ports[ip]))
		args = append(args, "--listen", "udp:"+at, "--listen", "tcp:"+at)
	}
	p, err := proc.Start(proc.Command{
		Name: "seraph-proxy", Path: s.bin.Proxy, Args: append(args, s.options.Args...), Dir: s.Dir, LogDir: s.Dir,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Proxy = p
	wait.For(s.t, 20*time.Second, "the router serves", func() error {
		if !p.Running() {
			s.t.Fatalf("seraph-proxy ended with %d:\n%s", p.ExitCode(), p.Log.Tail(30))
		}
		c, err := dialControl(s.t, s.CtlSocket())
		if err != nil {
			return err
		}
		defer c.Close()
		var version string
		return c.Call(&version, "core.version", nil)
	})
}

// SetScript starts the router again with another script.
func (s *Stand) SetScript(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.script(), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.KillProxy()
	s.Launch()
}

// KillProxy kills the router without warning, as a crash of the machine would.
func (s *Stand) KillProxy() { s.Proxy.Kill() }

// Address is "ip:port" of the router on its first address.
func (s *Stand) Address() string { return s.AddressOn(s.options.IPs[0]) }

// AddressOn is "ip:port" of the router on one of its addresses.
func (s *Stand) AddressOn(ip string) string {
	return net.JoinHostPort(ip, strconv.Itoa(s.ports[ip]))
}

// For is the same stand for a subtest: its failures are the subtest's.
func (s *Stand) For(t testing.TB) *Stand {
	sub := *s
	sub.t = t
	return &sub
}

// Peer opens a scripted user agent of the stand's domain that sends to the router.
func (s *Stand) Peer(c peer.Config) *peer.Peer {
	s.t.Helper()
	if c.Domain == "" {
		c.Domain = Domain
	}
	if c.Router == "" {
		if c.IP == "" {
			c.IP = s.options.IPs[0]
		}
		c.Router = s.AddressOn(c.IP)
	}
	return peer.New(s.t, c)
}

// AddUser adds a subscriber of Domain with Password.
func (s *Stand) AddUser(name string) {
	s.t.Helper()
	s.AddAddress(name+"@"+Domain, Password(name))
}

// AddAddress adds the subscriber user@domain with a password of its own.
func (s *Stand) AddAddress(aor, password string) {
	s.t.Helper()
	if OnKamailio() {
		return // its script knows every user
	}
	s.Ctl(password+"\n", "add", aor, "--password-file", "-")
}

// AddDomain adds a domain that the router serves.
func (s *Stand) AddDomain(name string) {
	s.t.Helper()
	if OnKamailio() {
		return
	}
	s.Ctl("", "domain", "add", name)
}

// Ctl runs seraphctl with this standard input; it must succeed. It returns what it printed.
func (s *Stand) Ctl(stdin string, args ...string) string {
	s.t.Helper()
	out, code := s.TryCtl(stdin, args...)
	if code != 0 {
		s.t.Fatalf("seraphctl %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// TryCtl runs seraphctl and returns what it printed and its exit code.
func (s *Stand) TryCtl(stdin string, args ...string) (string, int) {
	s.t.Helper()
	args = append([]string{"--db", s.db.url, "--socket", s.CtlSocket()}, args...)
	p, err := proc.Start(proc.Command{Name: "seraphctl", Path: s.bin.Ctl, Args: args, Dir: s.Dir, Stdin: strings.NewReader(stdin)})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = p.Wait(30 * time.Second) // the exit code says it
	if p.Running() {
		p.Kill()
		s.t.Fatalf("seraphctl %s did not end within 30 s", strings.Join(args, " "))
	}
	return p.Log.String(), p.ExitCode()
}

// Portal starts the portal and returns its URL, without a final slash.
func (s *Stand) Portal() string {
	s.t.Helper()
	if s.portal == nil {
		s.startPortal()
	}
	return fmt.Sprintf("http://127.0.0.1:%d", s.webPort)
}

// KillPortal kills the portal without warning.
func (s *Stand) KillPortal() { s.portal.Kill() }

// LaunchPortal starts the portal again, where it was.
func (s *Stand) LaunchPortal() {
	s.t.Helper()
	s.startPortal()
}

func (s *Stand) startPortal() {
	s.t.Helper()
	var err error
	if s.webPort == 0 {
		if s.webPort, err = proc.FreePort("127.0.0.1", 0); err != nil {
			s.t.Fatal(err)
		}
	}
	args := []string{"--listen", fmt.Sprintf("127.0.0.1:%d", s.webPort), "--db", s.db.url, "--ctl", s.CtlSocket()}
	if s.options.WebConfig != "" {
		file := filepath.Join(s.Dir, "webui.toml")
		if err := os.WriteFile(file, []byte(s.options.WebConfig), 0o600); err != nil {
			s.t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	s.portal, err = proc.Start(proc.Command{Name: "seraph-webui", Path: s.bin.WebUI, Args: args, Dir: s.Dir, LogDir: s.Dir})
	if err != nil {
		s.t.Fatal(err)
	}
	health := fmt.Sprintf("http://127.0.0.1:%d/healthz", s.webPort)
	wait.For(s.t, 20*time.Second, "the portal serves", func() error {
		if !s.portal.Running() {
			s.t.Fatalf("seraph-webui ended with %d:\n%s", s.portal.ExitCode(), s.portal.Log.Tail(30))
		}
		resp, err := http.Get(health)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("healthz says %s", resp.Status)
		}
		return nil
	})
}

// end stops the programs; one that crashed or does not end fails the test.
func (s *Stand) end() {
	if s.after.wanted && !s.t.Failed() {
		s.handOver()
		return
	}
	for _, p := range []*proc.Process{s.portal, s.Proxy} {
		if p == nil {
			continue
		}
		if err := p.Stop(); err != nil {
			s.t.Error(err)
		}
		for _, word := range crashes {
			if p.Log.Contains(word) {
				s.t.Errorf("%s wrote %q", p.Name, word)
			}
		}
		if s.t.Failed() {
			s.t.Logf("last lines of %s:\n%s", p.Name, p.Log.Tail(40))
		}
	}
}

// crashes are what no program may write.
var crashes = []string{"panic:", "fatal error:", "DATA RACE", "panic in worker"}

// clean removes the folder, or keeps it where SERAPH_E2E_KEEP asks for that.
func (s *Stand) clean() {
	if s.after.handed {
		return
	}
	if os.Getenv("SERAPH_E2E_KEEP") != "" && s.t.Failed() {
		s.t.Logf("files kept in %s", s.Dir)
		return
	}
	_ = os.RemoveAll(s.Dir)
}
