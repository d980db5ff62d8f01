package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// mariaServer is a MariaDB of this test binary alone: its own data, its own socket.
type mariaServer struct {
	dir       string // short: a Unix socket's path has at most 107 bytes
	cmd       *exec.Cmd
	ended     chan struct{}
	databases atomic.Int64
}

// Whom the tests sign in to MariaDB as.
const (
	mariaUser     = "seraph"
	mariaPassword = "t:st@p/w%"
	mariaURLUser  = "seraph:t%3Ast%40p%2Fw%25"
)

// started is the server, made when the first test wants it.
var started = sync.OnceValues(newMariaDB)

// mariaDB is the server of this test binary, running.
func mariaDB(t *testing.T) *mariaServer {
	t.Helper()
	m, err := started()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mariaUsed tells stopMariaDB whether there is one.
var mariaUsed atomic.Bool

func stopMariaDB() {
	if !mariaUsed.Load() {
		return
	}
	if m, _ := started(); m != nil {
		m.kill()
		_ = os.RemoveAll(m.dir)
	}
}

func newMariaDB() (*mariaServer, error) {
	mariaUsed.Store(true)
	if _, err := exec.LookPath("mariadbd"); err != nil {
		return nil, fmt.Errorf("tests on MariaDB need mariadbd: apt-get install mariadb-server (%w)", err)
	}
	dir, err := os.MkdirTemp("", "sst-")
	if err != nil {
		return nil, err
	}
	m := &mariaServer{dir: dir}
	install := exec.Command("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
		"--skip-test-db", "--datadir="+filepath.Join(dir, "data"), "--user="+systemUser())
	if out, err := install.CombinedOutput(); err != nil {
		return m, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	if err := m.launch(); err != nil {
		return m, err
	}
	return m, m.admin(fmt.Sprintf("CREATE USER '%s'@'localhost' IDENTIFIED BY '%s'", mariaUser, mariaPassword))
}

// systemUser is who the server runs as: it refuses root unless told so by name.
func systemUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

func (m *mariaServer) socket() string { return filepath.Join(m.dir, "s") }

// launch starts the server on its data (again) and waits until it serves.
func (m *mariaServer) launch() error {
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command("mariadbd", "--no-defaults", "--user="+systemUser(), "--datadir="+filepath.Join(m.dir, "data"),
		"--socket="+m.socket(), "--pid-file="+filepath.Join(m.dir, "pid"), "--skip-networking", "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
		"--character-set-server=latin1", "--sql-mode=") // what the store needs it sets itself
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // a signal is how it ends
		close(ended)
	}(m.cmd, m.ended)
	return m.waitServing()
}

func (m *mariaServer) waitServing() error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		err := m.admin("DO 0")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-m.ended:
			return fmt.Errorf("mariadbd ended: %s", m.logTail())
		case <-deadline.C:
			return fmt.Errorf("mariadbd does not serve: %w", err)
		}
	}
}

func (m *mariaServer) logTail() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

func (m *mariaServer) kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it may have ended already
	<-m.ended
}

// freeze stops the server's threads: connections stay, nothing answers. It returns when the last
// thread stands still.
func (m *mariaServer) freeze(t *testing.T) {
	t.Helper()
	m.signal(t, syscall.SIGSTOP)
	until(t, "every thread of mariadbd stands still", func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", m.cmd.Process.Pid))
		ok(t, err)
		return !slices.ContainsFunc(stats, func(path string) bool {
			text, err := os.ReadFile(path)
			_, state, found := strings.Cut(string(text), ") ") // after the name in parentheses
			return err == nil && (!found || !strings.HasPrefix(state, "T"))
		})
	})
}

// thaw ends freeze.
func (m *mariaServer) thaw(t *testing.T) {
	t.Helper()
	m.signal(t, syscall.SIGCONT)
}

func (m *mariaServer) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// admin runs a statement as the server's root.
func (m *mariaServer) admin(statement string) error {
	db, err := sql.Open("mysql", "root@unix("+m.socket()+")/")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// newDatabase makes an empty database, which is dropped after the test.
func (m *mariaServer) newDatabase(t *testing.T) (url string) {
	t.Helper()
	name := fmt.Sprintf("t%d", m.databases.Add(1))
	ok(t, m.admin("CREATE DATABASE "+name+" CHARACTER SET latin1"))
	ok(t, m.admin(fmt.Sprintf("GRANT ALL ON %s.* TO '%s'@'localhost'", name, mariaUser)))
	t.Cleanup(func() { ok(t, m.admin("DROP DATABASE "+name)) })
	return "mysql://" + mariaURLUser + "@unix(" + m.socket() + ")/" + name
}

// rawDSN is a database of newDatabase for database/sql, signed in as root.
func rawDSN(url string) string {
	address, name, _ := strings.Cut(url[strings.LastIndex(url, "@")+1:], ")/")
	return "root@" + address + ")/" + name + "?clientFoundRows=true&charset=utf8mb4"
}
