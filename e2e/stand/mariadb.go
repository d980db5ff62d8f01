package stand

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

// MariaDBServer is a MariaDB of one test alone: its own data, its own socket.
type MariaDBServer struct {
	*proc.Process
	t   testing.TB
	dir string
}

// Credentials of the database that a server is made with.
const (
	mariaUser     = "seraph"
	mariaPassword = "tst-pw"
	mariaDatabase = "seraph"
)

// template is an empty data folder, made once for a test binary: copying it takes
// a fraction of the time of making one.
var template = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "seraph-e2e-mariadb-")
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
		"--skip-test-db", "--datadir="+data, "--user="+systemUser())
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return data, nil
})

// templateUsed tells RemoveTemplate whether there is a template.
var templateUsed atomic.Bool

// systemUser is who the server runs as: it refuses root unless told so by name.
func systemUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

// RemoveTemplate deletes what StartMariaDB made for the whole test binary; for TestMain.
func RemoveTemplate() {
	if !templateUsed.Load() {
		return
	}
	if data, err := template(); err == nil {
		_ = os.RemoveAll(filepath.Dir(data))
	}
}

// StartMariaDB starts a server with an empty database; it ends with the test.
func StartMariaDB(t testing.TB) *MariaDBServer {
	t.Helper()
	templateUsed.Store(true)
	data, err := template()
	if err != nil {
		t.Fatal(err)
	}
	// A Unix socket's path may have 107 bytes; t.TempDir() is too long for that.
	dir, err := os.MkdirTemp("", "sdb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(data)); err != nil {
		t.Fatalf("copy of the data folder: %v", err)
	}
	m := &MariaDBServer{t: t, dir: dir}
	m.Launch()
	m.admin("CREATE DATABASE " + mariaDatabase + " CHARACTER SET utf8mb4")
	m.admin(fmt.Sprintf("CREATE USER '%s'@'localhost' IDENTIFIED BY '%s'", mariaUser, mariaPassword))
	m.admin(fmt.Sprintf("GRANT ALL ON %s.* TO '%s'@'localhost'", mariaDatabase, mariaUser))
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Launch starts the server on its data (again) and waits until it serves.
func (m *MariaDBServer) Launch() {
	m.t.Helper()
	p, err := proc.Start(proc.Command{
		Name: "mariadbd", Path: "mariadbd", Dir: m.dir, LogDir: m.dir,
		Args: []string{"--no-defaults", "--user=" + systemUser(), "--datadir=" + filepath.Join(m.dir, "data"),
			"--socket=" + m.Socket(), "--pid-file=" + filepath.Join(m.dir, "pid"), "--skip-networking",
			"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=64M", "--skip-log-bin"},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Process = p
	wait.For(m.t, 60*time.Second, "MariaDB serves", func() error {
		if !p.Running() {
			m.t.Fatalf("MariaDB ended:\n%s", p.Log.Tail(20))
		}
		db, err := sql.Open("mysql", "root@unix("+m.Socket()+")/")
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Ping()
	})
}

// Socket is the path of the server's Unix socket.
func (m *MariaDBServer) Socket() string { return filepath.Join(m.dir, "s") }

// URL is the database for --db.
func (m *MariaDBServer) URL() string {
	return fmt.Sprintf("mysql://%s:%s@unix(%s)/%s", mariaUser, mariaPassword, m.Socket(), mariaDatabase)
}

// DSN is the database for database/sql.
func (m *MariaDBServer) DSN() string {
	return fmt.Sprintf("%s:%s@unix(%s)/%s?clientFoundRows=true", mariaUser, mariaPassword, m.Socket(), mariaDatabase)
}

// Freeze stops the server's threads (SIGSTOP): connections stay, nothing answers.
func (m *MariaDBServer) Freeze() { m.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (m *MariaDBServer) Thaw() { m.signal(syscall.SIGCONT) }

func (m *MariaDBServer) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// RemoveSocket takes the socket file away: connections stay, new ones fail.
func (m *MariaDBServer) RemoveSocket() {
	m.t.Helper()
	if err := os.Remove(m.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
}

func (m *MariaDBServer) admin(statement string) {
	m.t.Helper()
	db, err := sql.Open("mysql", "root@unix("+m.Socket()+")/")
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		word, _, _ := strings.Cut(statement, " IDENTIFIED")
		m.t.Fatalf("%s: %v", word, err)
	}
}
