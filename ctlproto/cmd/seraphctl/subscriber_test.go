package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
)

func TestAddMakesAUserWhoCanRegister(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"auth.forget": done})
	d.stdin = "correct horse\n"
	if out := d.must("add", "Alice@Example.ORG", "--password-file", "-"); out != "alice@example.org added\n" {
		t.Errorf("output %q", out)
	}
	want := []string{aor.HA1("alice", "example.org", "correct horse") + aor.HA1B("alice", "example.org", "correct horse")}
	if got := d.column("SELECT ha1 || ha1b FROM subscriber WHERE username = 'alice' AND domain = 'example.org' AND password = ''"); !cmp.Equal(got, want) {
		t.Errorf("row: %v, want %v", got, want)
	}
	if diff := cmp.Diff([]string{`auth.forget {"aor":"alice@example.org"}`}, calls(router)); diff != "" {
		t.Errorf("what the router was told:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"olga|seraphctl|subscriber.create|alice@example.org||"}, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestAddRefuses(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.exec("INSERT INTO dbaliases (alias_username, alias_domain, username, domain) VALUES ('ally', 'example.org', 'alice', 'example.org')")
	d.stdin = "geheim\n"
	for _, c := range []struct {
		name string
		code int
		args []string
		say  string
	}{
		{"no user", exitUsage, []string{"add"}, "add wants a USER"},
		{"the password as an argument", exitUsage, []string{"add", "bob", "geheim"}, "a password is asked for, or read by --password-file"},
		{"a bad name", exitUsage, []string{"add", "b ob@example.org", "--password-file", "-"}, "bad user part"},
		{"a bad bare name", exitUsage, []string{"add", "b<b", "--password-file", "-"}, "want USER or USER@DOMAIN"},
		{"another scheme", exitUsage, []string{"add", "tel:+123", "--password-file", "-"}, "bad scheme"},
		{"no terminal", exitUsage, []string{"add", "bob"}, "give --password-file FILE"},
		{"a user who is there", exitFailed, []string{"add", "alice", "--password-file", "-"}, `alice@example.org is a user already; "seraphctl passwd alice@example.org"`},
		{"an alias", exitFailed, []string{"add", "ally", "--password-file", "-"}, "ally@example.org is a user or an alias already"},
		{"a foreign domain", exitFailed, []string{"add", "bob@example.net", "--password-file", "-"}, `add it with "seraphctl domain add example.net" first`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := *d
			d.t = t
			if s := d.refuses(c.code, c.args, c.say); strings.Contains(s.errs, "geheim") || s.out != "" {
				t.Errorf("output %q, errors %q", s.out, s.errs)
			}
		})
	}
	if got := d.column("SELECT username FROM subscriber"); !cmp.Equal(got, []string{"alice"}) {
		t.Errorf("users afterwards: %v", got)
	}
	if got := d.audited(); len(got) != 1 {
		t.Errorf("refused commands were recorded: %v", got)
	}
}

func TestBareNameTakesTheOnlyDomain(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.must("domain", "add", "example.com")
	d.refuses(exitUsage, []string{"show", "alice"}, "write alice@DOMAIN with one of: example.com, example.org")
	d.must("show", "alice@example.org")

	none := emptyDesk(t)
	none.must("db", "migrate")
	none.refuses(exitFailed, []string{"show", "alice"}, `add one with "seraphctl domain add DOMAIN"`)
}

func TestPasswdReplacesThePasswordAndEndsSessions(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "old")
	d.exec(`INSERT INTO session (token_hash, username, domain, kind, expires, idle_until, idle_seconds)
		VALUES ('t', 'alice', 'example.org', 'user', '2026-12-01 00:00:00', '2026-12-01 00:00:00', 600)`)
	router := d.withRouter(map[string]ctltest.Handler{"auth.forget": done})
	d.stdin = "new"
	want := "{\n  \"address\": \"alice@example.org\",\n  \"sessions_ended\": 1\n}\n"
	if out := d.must("passwd", "alice", "--password-file", "-", "--output", "json"); out != want {
		t.Errorf("output:\n%s", cmp.Diff(want, out))
	}
	if got := d.column("SELECT ha1 FROM subscriber"); got[0] != aor.HA1("alice", "example.org", "new") {
		t.Errorf("ha1 %v", got)
	}
	if got := calls(router); len(got) != 1 || got[0] != `auth.forget {"aor":"alice@example.org"}` {
		t.Errorf("the router was told %v", got)
	}
	if got := d.audited(); got[len(got)-1] != "olga|seraphctl|subscriber.password|alice@example.org||" {
		t.Errorf("audit %v", got)
	}
	d.refuses(exitFailed, []string{"passwd", "zoe", "--password-file", "-"}, "there is no user zoe@example.org")
}

func TestChangesSayWhatARouterElsewhereMisses(t *testing.T) {
	d := newDesk(t)
	d.stdin = "x"
	for _, c := range []struct {
		say  string
		args []string
	}{
		{"", []string{"add", "alice", "--password-file", "-"}},
		{"seraphctl: no router listens on /nonexistent/ctl.sock; if one runs elsewhere, the old password works there for up to a minute\n",
			[]string{"passwd", "alice", "--password-file", "-"}},
		{"", []string{"passwd", "-q", "alice", "--password-file", "-"}},
		{"", []string{"domain", "add", "example.net"}},
	} {
		if s := d.run(c.args...); s.code != exitOK || s.errs != c.say {
			t.Errorf("%v: exit %d, said %q, want %q", c.args, s.code, s.errs, c.say)
		}
	}

	// A router that is there and refuses matters, quiet or not.
	d.withRouter(map[string]ctltest.Handler{"auth.forget": ctltest.Refuse(ctlproto.CodeUnavailable, "shutting down")})
	s := d.run("passwd", "-q", "alice@example.org", "--password-file", "-")
	if want := "the router could not be told (shutting down (-32004)): the old password works there for up to a minute\n"; s.code != exitOK || !strings.HasSuffix(s.errs, want) {
		t.Errorf("exit %d, said %q, want %q", s.code, s.errs, want)
	}
}

func TestRmLeavesNothingInTheRouter(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.exec("UPDATE profile SET first_name = 'Alice', email = 'a@example.org'")
	d.exec("INSERT OR IGNORE INTO profile (username, domain, first_name, email) VALUES ('alice', 'example.org', 'Alice', 'a@example.org')")
	router := d.withRouter(map[string]ctltest.Handler{
		"auth.forget": done, "alias.reload": done,
		"ul.rm": ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound), // no phone was registered
		// group.reload is not there: that module is not loaded
	})
	s := d.run("rm", "alice")
	if s.code != exitOK || s.out != "alice@example.org removed\n" || s.errs != "" {
		t.Errorf("exit %d, output %q, errors %q", s.code, s.out, s.errs)
	}
	want := []string{`auth.forget {"aor":"alice@example.org"}`, `ul.rm {"table":"location","aor":"alice@example.org"}`, `ctd.list {"caller":"alice@example.org","limit":1000}`, "alias.reload", "group.reload",
		"userblock.reload", "speeddial.reload"}
	if diff := cmp.Diff(want, calls(router)); diff != "" {
		t.Errorf("what the router was told:\n%s", diff)
	}
	if got := d.column("SELECT username FROM subscriber"); len(got) != 0 {
		t.Errorf("rows left: %v", got)
	}
	if got := d.audited(); got[len(got)-1] != `olga|seraphctl|subscriber.delete|alice@example.org|first name "Alice", e-mail "a@example.org"|` {
		t.Errorf("audit %v", got)
	}
	d.refuses(exitFailed, []string{"rm", "alice"}, "there is no user alice@example.org")
	d.refuses(exitUsage, []string{"rm"}, "rm wants a USER")
}

func TestPasswordSources(t *testing.T) {
	d := newDesk(t)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "pw")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, text, password, refusal string }{
		{"a line", "pass word\n", "pass word", ""},
		{"without its end", "pässwörd", "pässwörd", ""},
		{"as Windows ends it", "pw\r\n", "pw", ""},
		{"two lines", "pw\nmore\n", "", "more than one line"},
		{"nothing", "", "", "the password is empty"},
		{"an empty line", "\n", "", "the password is empty"},
		{"too long for a password", strings.Repeat("p", 129), "", "longer than 128 bytes"},
		{"a whole book", strings.Repeat("p", maxPasswordFile+1), "", "over 4096 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := *d
			d.t = t
			args := []string{"add", "user", "--password-file", file(c.text)}
			if c.refusal != "" {
				d.refuses(exitFailed, args, c.refusal)
				return
			}
			d.must(args...)
			if got := d.column("SELECT ha1 FROM subscriber"); len(got) != 1 || got[0] != aor.HA1("user", "example.org", c.password) {
				t.Errorf("ha1 %v is not that of %q", got, c.password)
			}
			d.must("rm", "-q", "user")
		})
	}
	d.refuses(exitFailed, []string{"add", "user", "--password-file", "/nonexistent/pw"}, "--password-file: open /nonexistent/pw: no such file")

	open := file("pw\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if s := d.run("add", "user", "--password-file", open); s.code != exitOK || !strings.Contains(s.errs, "others can read "+open) {
		t.Errorf("a file that all can read: exit %d, %q", s.code, s.errs)
	}
}

func TestPasswordIsTypedTwice(t *testing.T) {
	d := newDesk(t)
	h := &hand{answers: []string{"geheim", "geheim"}}
	d.typist = h
	d.must("add", "alice")
	if diff := cmp.Diff([]string{"New password for alice@example.org: ", "The same again: "}, h.asked); diff != "" {
		t.Error(diff)
	}
	if got := d.column("SELECT ha1 FROM subscriber"); got[0] != aor.HA1("alice", "example.org", "geheim") {
		t.Errorf("ha1 %v", got)
	}
	d.typist = &hand{answers: []string{"geheim", "gehiem"}}
	if s := d.refuses(exitFailed, []string{"passwd", "alice"}, "the two passwords differ; nothing was changed"); strings.Contains(s.errs, "geh") {
		t.Errorf("the password shows: %q", s.errs)
	}
	d.typist = &hand{answers: []string{""}}
	d.refuses(exitFailed, []string{"passwd", "alice"}, "the password is empty; nothing was changed")
	if got := d.column("SELECT ha1 FROM subscriber"); got[0] != aor.HA1("alice", "example.org", "geheim") {
		t.Error("the password was changed")
	}
	// Who cannot be added is not asked for a password.
	d.typist = &hand{}
	d.refuses(exitFailed, []string{"add", "alice"}, "is a user already")
	d.refuses(exitFailed, []string{"passwd", "zoe"}, "there is no user")
}

// TestSecretsStayInside: no command, whatever goes wrong, shows a password.
func TestSecretsStayInside(t *testing.T) {
	d := newDesk(t)
	d.stdin = "s3cr3t\n"
	d.must("add", "alice", "--password-file", "-")
	d.withRouter(map[string]ctltest.Handler{"auth.forget": ctltest.Refuse(ctlproto.CodeInternal, "no")})
	for _, args := range [][]string{
		{"passwd", "alice", "--password-file", "-"},
		{"add", "alice", "--password-file", "-"},
		{"add", "bob@nowhere.example", "--password-file", "-"},
		{"add", "bob", "s3cr3t"},
		{"passwd", "s3cr3t", "alice", "--password-file", "-"},
		{"--db", "mysql://u:s3cr3t@127.0.0.1:1/db", "show"},
		{"--db", "mysql://u:s3cr3t@127.0.0.1:1/db", "db", "status"},
		{"--db", "mysql:/u:s3cr3t@127.0.0.1:1/db", "show"},
		{"--db", "mysql://u:s3%zzcr3t@h/db", "show"},
		{"mysql://u:s3cr3t@127.0.0.1:1/db"},
		{"domain", "add", "mysql://u:s3cr3t@h/db"},
		{"domain", "show", "x", "mysql://u:s3cr3t@h/db"},
		{"ul", "mysql://u:s3cr3t@h/db"},
		{"show", "alice", "--output", "json"},
	} {
		s := d.run(args...)
		if strings.Contains(s.out+s.errs, "s3cr3t") || strings.Contains(s.out+s.errs, "s3%zz") {
			t.Errorf("seraphctl %v:\n%s%s", args, s.out, s.errs)
		}
	}
	if got := strings.Join(d.audited(), "\n"); strings.Contains(got, "s3cr3t") {
		t.Errorf("audit:\n%s", got)
	}
}
