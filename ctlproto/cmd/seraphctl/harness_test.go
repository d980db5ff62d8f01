package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // for the rows that a test plants or reads

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// TestMain lets the test binary be seraphctl itself, for what needs a process.
func TestMain(m *testing.M) {
	if os.Getenv("SERAPHCTL_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// noon is the time of every change in the tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is where an operator sits: a state folder, a socket and a keyboard.
type desk struct {
	t      *testing.T
	folder string
	socket string
	stdin  string
	typist asker
	ctx    context.Context
	// printed, if set, is called after each write to standard output.
	printed func()
}

// paper is standard output.
type paper struct {
	bytes.Buffer
	printed func()
}

func (p *paper) Write(b []byte) (int, error) {
	defer p.printed()
	return p.Buffer.Write(b)
}

// newDesk has a migrated database with the domain example.org, and no router.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := emptyDesk(t)
	file := filepath.Join(d.folder, "seraph.db")
	migrated.Lock()
	defer migrated.Unlock()
	if migrated.file != nil {
		if err := os.WriteFile(file, migrated.file, 0o600); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d.must("db", "migrate")
	d.must("domain", "add", "example.org")
	var err error
	if migrated.file, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return d
}

// migrated is the database of newDesk, made once: migrations take their time.
var migrated struct {
	sync.Mutex
	file []byte
}

func emptyDesk(t *testing.T) *desk {
	folder := t.TempDir()
	return &desk{t: t, folder: folder, socket: "/nonexistent/ctl.sock", ctx: t.Context()}
}

// withRouter adds a router with these methods.
func (d *desk) withRouter(methods map[string]ctltest.Handler) *ctltest.Server {
	d.t.Helper()
	s := ctltest.ServeHello(d.t, ctlproto.Hello{Name: "seraph-proxy", Version: "1.2", Protocol: ctlproto.ProtocolVersion}, methods)
	d.socket = s.Path
	return s
}

// said is what a command left behind.
type said struct {
	out, errs string
	code      int
}

// run runs one command line.
func (d *desk) run(args ...string) said {
	d.t.Helper()
	out, errs := paper{printed: func() {}}, bytes.Buffer{}
	if d.printed != nil {
		out.printed = d.printed
	}
	a := &app{
		version: "9.9", actor: "olga",
		in: strings.NewReader(d.stdin), out: &out, errs: &errs, terminal: d.typist,
		now: func() time.Time { return noon },
	}
	all := []string{"--socket", d.socket}
	if !contains(args, "--db") && !contains(args, "--state") {
		all = append(all, "--state", d.folder)
	}
	code := a.run(d.ctx, append(all, args...))
	return said{out.String(), errs.String(), code}
}

func contains(args []string, flag string) bool {
	for _, arg := range args {
		if arg == flag {
			return true
		}
	}
	return false
}

// must runs a command that must succeed, and returns what it printed.
func (d *desk) must(args ...string) string {
	d.t.Helper()
	s := d.run(args...)
	if s.code != exitOK {
		d.t.Fatalf("seraphctl %s: exit %d\n%s%s", strings.Join(args, " "), s.code, s.out, s.errs)
	}
	return s.out
}

// add adds a user with this password.
func (d *desk) add(user, password string) {
	d.t.Helper()
	before := d.stdin
	d.stdin = password + "\n"
	d.must("add", user, "--password-file", "-")
	d.stdin = before
}

// refuses runs a command that must end with this code and say all of texts on
// standard error.
func (d *desk) refuses(code int, args []string, texts ...string) said {
	d.t.Helper()
	s := d.run(args...)
	if s.code != code {
		d.t.Errorf("seraphctl %s: exit %d, want %d\n%s%s", strings.Join(args, " "), s.code, code, s.out, s.errs)
	}
	for _, text := range texts {
		if !strings.Contains(s.errs, text) {
			d.t.Errorf("seraphctl %s does not say %q:\n%s", strings.Join(args, " "), text, s.errs)
		}
	}
	return s
}

// sql opens the database beside seraphctl.
func (d *desk) sql() *sql.DB {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.folder, "seraph.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		d.t.Fatal(err)
	}
	return db
}

// exec runs plain SQL.
func (d *desk) exec(query string, args ...any) {
	d.t.Helper()
	db := d.sql()
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
}

// column is the first column of a query's rows, as text.
func (d *desk) column(query string, args ...any) []string {
	d.t.Helper()
	db := d.sql()
	defer db.Close()
	rows, err := db.Query(query, args...)
	if err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
	return list
}

// audited are the records since the setup of newDesk.
func (d *desk) audited() []string {
	d.t.Helper()
	return d.column(`SELECT actor || '|' || source || '|' || action || '|' || object || '|' || state_before || '|' || state_after
		FROM audit WHERE action <> 'db.migrate' AND NOT (action = 'domain.add' AND object = 'example.org') ORDER BY id`)
}

// calls are the calls that a router got: "method params".
func calls(s *ctltest.Server) []string {
	list := []string{}
	for _, c := range s.Calls() {
		line := c.Method
		if c.Params != nil {
			line += " " + string(c.Params)
		}
		list = append(list, line)
	}
	return list
}

// hand types one answer after the other.
type hand struct {
	answers []string
	asked   []string
}

// Ask implements asker.
func (h *hand) Ask(_ context.Context, prompt string) (string, error) {
	h.asked = append(h.asked, prompt)
	if len(h.answers) == 0 {
		return "", errors.New("asked once too often")
	}
	answer := h.answers[0]
	h.answers = h.answers[1:]
	return answer, nil
}

// done is the router's answer that says nothing.
var done = ctltest.Result(ctlproto.Done{})

// raw is an answer that a test writes itself.
func raw(text string) ctltest.Handler { return ctltest.Result(json.RawMessage(text)) }
