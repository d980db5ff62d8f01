package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestDatabaseThatIsNotReady(t *testing.T) {
	d := emptyDesk(t)
	file := filepath.Join(d.folder, "seraph.db")
	d.refuses(exitFailed, []string{"show"}, "there is no database "+file, `"seraphctl db migrate"`)
	d.refuses(exitFailed, []string{"db", "status"}, "there is no database "+file)
	if _, err := os.Stat(file); err == nil {
		t.Error("a command that only reads made the file")
	}
	d.refuses(exitFailed, []string{"--state", "/nonexistent/seraph", "db", "migrate"}, "the folder /nonexistent/seraph does not exist")

	d.exec("CREATE TABLE stranger (x)")
	d.refuses(exitFailed, []string{"show"}, "is not migrated (version 0, wanted ", `run "seraphctl db migrate"`)
	d.refuses(exitFailed, []string{"domain", "add", "example.org"}, "is not migrated")

	d.exec("CREATE TABLE subscriber (x)")
	for _, args := range [][]string{{"show"}, {"db", "migrate"}, {"db", "status"}} {
		d.refuses(exitFailed, args, "the database holds tables of another program; use an empty one (there is a table subscriber)")
	}

	newer := newDesk(t)
	newer.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	newer.refuses(exitFailed, []string{"show"}, "version 9999, known is ", "install the same release of seraphctl")
	newer.refuses(exitFailed, []string{"db", "migrate"}, "the database has a newer schema")
	newer.refuses(exitFailed, []string{"db", "status"}, "the database has a newer schema")
}

func TestDatabaseThatIsAway(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"--db", "mysql://u:pw@127.0.0.1:1/db", "show"}, "database mysql://u:***@127.0.0.1:1/db", "connection refused")
	d.refuses(exitUnreachable, []string{"--db", "mysql://u:pw@127.0.0.1:1/db", "db", "migrate"}, "connection refused")
}

func TestDatabaseFlags(t *testing.T) {
	d := emptyDesk(t)
	for _, c := range []struct {
		say  string
		args []string
	}{
		{"this command needs the database, and --db is none", []string{"--db", "none", "show"}},
		{"unknown scheme; want mysql://user:password@host", []string{"--db", "postgres://x/y", "show"}},
		{"--db and --state both name a database", []string{"--db", "none", "--state", "/x", "show"}},
		{"--state: the path is empty", []string{"--state", "", "show"}},
		{`"alice" has no domain: write alice@DOMAIN`, []string{"--db", "none", "ul", "show", "alice"}},
	} {
		d.refuses(exitUsage, c.args, c.say)
	}
}

func TestDBMigrateAndStatus(t *testing.T) {
	d := emptyDesk(t)
	out := d.must("db", "migrate")
	if !strings.HasPrefix(out, "applied 00001_version.sql\napplied 00002_subscriber.sql\n") || !strings.Contains(out, "seraph.db is up to date: version ") {
		t.Errorf("first migration:\n%s", out)
	}
	if out := d.must("db", "migrate"); strings.Contains(out, "applied") || !strings.Contains(out, "is up to date: version ") {
		t.Errorf("second migration:\n%s", out)
	}
	var m migration
	decode(t, d.must("db", "migrate", "-o", "json"), &m)
	if m.Database != "sqlite://"+d.folder+"/seraph.db" || m.Version < 20 || m.Applied == nil || len(m.Applied) != 0 {
		t.Errorf("JSON %+v", m)
	}
	var s databaseStatus
	decode(t, d.must("db", "status", "-o", "json"), &s)
	if s.Engine != "sqlite" || !s.UpToDate || s.Version != m.Version || s.Target != m.Version || len(s.Migrations) != int(m.Version) ||
		s.Migrations[0] != (migrationLine{"00001_version.sql", true}) || *s.FilledPasswords != 0 || *s.Capitals != 0 {
		t.Errorf("JSON %+v", s)
	}
	if got := d.column("SELECT action FROM audit"); len(got) != 1 {
		t.Errorf("audit has %v, want one record for the one migration that did something", got)
	}
}

func TestDBStatusOfAHalfMigratedDatabase(t *testing.T) {
	d := newDesk(t)
	d.exec("DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)")
	s := d.refuses(exitFailed, []string{"db", "status"}, `the database is not migrated: run "seraphctl db migrate"`)
	if !strings.Contains(s.out, "pending\n") || !regexp.MustCompile(`00001_version\.sql +applied\n`).MatchString(s.out) {
		t.Errorf("output:\n%s", s.out)
	}
	var status databaseStatus
	decode(t, d.refuses(exitFailed, []string{"db", "status", "-o", "json"}).out, &status)
	if status.UpToDate || status.FilledPasswords != nil || status.Migrations[len(status.Migrations)-1].Applied {
		t.Errorf("JSON %+v", status)
	}
}

func TestDBStatusWarnsOfWhatKamctlLeaves(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.exec("INSERT INTO subscriber (username, domain, password) VALUES ('Bob', 'example.org', 'clear')")
	s := d.run("db", "status")
	if s.code != exitOK || !strings.Contains(s.errs, "1 users have a password in clear text in subscriber.password") ||
		!strings.Contains(s.errs, "1 users have a capital letter in their name") || strings.Contains(s.out+s.errs, "clear'") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.errs)
	}
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// TestFilesBelongToTheFoldersOwner: what root makes with seraphctl, the router
// under its own user must be able to open. Without root there is one user only.
func TestFilesBelongToTheFoldersOwner(t *testing.T) {
	folder, err := os.MkdirTemp("", "seraphctl-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	owner := os.Geteuid()
	if owner == 0 {
		owner = 65534
		if err := os.Chown(folder, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe", "--state", folder, "db", "migrate")
	cmd.Env = append(os.Environ(), "SERAPHCTL_TEST_MAIN=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != owner {
			t.Errorf("%s belongs to %d, want %d", e.Name(), uid, owner)
		}
	}
}
