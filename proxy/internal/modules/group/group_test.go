package group_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/group"
	"seraph/proxy/internal/relay"
	"seraph/sql/aor"
)

// table is the table grp: pairs of user and group.
type table struct {
	mu   sync.Mutex
	rows [][2]string
	err  error
}

func (t *table) set(rows [][2]string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.err = rows, err
}

func (t *table) load(_ context.Context, yield func(user aor.AOR, group string)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		user, err := aor.Parse(r[0], "")
		if err != nil {
			return err
		}
		yield(user, r[1])
	}
	return t.err
}

func newModule(t *testing.T, rows *table) *group.Module {
	t.Helper()
	m := group.New(group.Config{Load: rows.load})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestIsUserIn(t *testing.T) {
	m := newModule(t, &table{rows: [][2]string{
		{"alice@example.org", "ld"}, {"bob@example.org", "int"}, {"carol@example.org", "local"}, {"dora@example.org", "ld"},
	}})
	known := func(user, domain string) func(*module.Ctx) {
		return func(c *module.Ctx) { c.Auth = relay.Identity{User: []byte(user), Domain: []byte(domain)} }
	}
	none := func(*module.Ctx) {}
	for _, c := range []struct {
		who, group string
		uri        string
		change     func(*module.Ctx)
		want       int
	}{
		{"From", "ld", "sip:x@y", none, 1},
		{"From", "int", "sip:x@y", none, -1},
		{"From", "LD", "sip:x@y", none, -1},
		{"To", "int", "sip:x@y", none, 1},
		{"To", "ld", "sip:x@y", none, -1},
		{"Request-URI", "local", "sip:C%61rol@EXAMPLE.org;x=y", none, 1},
		{"Request-URI", "local", "sip:carol@example.com", none, -1},
		{"Request-URI", "local", "tel:carol", none, -1},
		{"Request-URI", "local", "sip:example.org", none, -1},
		{"Request-URI", "local", "sip:", none, -1},
		{"Credentials", "ld", "sip:x@y", none, -1},
		{"Credentials", "ld", "sip:x@y", known("dora", "example.org"), 1},
		{"credentials", "ld", "sip:x@y", known("dora", "example.org"), 1},
		{"credentials", "ld", "sip:x@y", known("dora", "example.com"), -1},
		{"Credentials", "ld", "sip:x@y", known("dora", "example.com"), -1},
	} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", c.uri))
		c.change(ctx)
		if got := moduletest.Compile(t, m, "is_user_in", c.who, c.group)(ctx); got != c.want {
			t.Errorf("is_user_in(%s, %s) for %s as %s: %d, want %d", c.who, c.group, c.uri, ctx.Auth.User, got, c.want)
		}
	}
}

// TestHas is the question of another module.
func TestHas(t *testing.T) {
	m := newModule(t, &table{rows: [][2]string{{"alice@example.org", "ld"}}})
	for _, c := range []struct {
		address, group string
		want           bool
	}{{"alice@example.org", "ld", true}, {"alice@example.org", "int", false}, {"bob@example.org", "ld", false}, {"", "", false}} {
		if got := m.Has([]byte(c.address), c.group); got != c.want {
			t.Errorf("%q in %q: %v", c.address, c.group, got)
		}
	}
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		m := newModule(t, rows)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		in := moduletest.Compile(t, m, "is_user_in", "From", "ld")
		ask := func() int { return in(moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y"))) }
		rows.set([][2]string{{"alice@example.org", "ld"}}, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if ask() != 1 {
			t.Error("a permission granted a minute ago is not in force")
		}
		rows.set(nil, errors.New("away"))
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "table grp") || ask() != 1 {
			t.Errorf("with the database away: %v", err)
		}
		rows.set(nil, nil)
		if err := m.Reload(ctx); err != nil || ask() != -1 {
			t.Errorf("revoked and reloaded: %v", err)
		}
		cancel()
		<-done
	})
}

func TestBadArguments(t *testing.T) {
	m := group.New(group.Config{})
	if err := m.Init(); err != nil {
		t.Errorf("Init without a database: %v", err)
	}
	for _, c := range []struct{ who, group, want string }{
		{"Contact", "ld", `"Contact" is none of "From", "To", "Request-URI" and "Credentials"`},
		{"froms", "ld", `"froms" is none of "From", "To", "Request-URI" and "Credentials"`},
		{"From", "", "the name of a group has 1 to 64 characters"},
		{"From", strings.Repeat("x", 65), "the name of a group has 1 to 64 characters"},
		{"From", "a b", `the name of a group has letters, digits, "-", "_" and "." only, not ' '`},
	} {
		if got := moduletest.Refused(t, m, "is_user_in", c.who, c.group); got != c.want {
			t.Errorf("is_user_in(%q, %q): %s", c.who, c.group, got)
		}
	}
	if err := moduletest.Set(t, m, "use_domain", "2"); err == nil {
		t.Error("use_domain 2 is taken")
	}
	if err := moduletest.Set(t, m, "use_domain", "0"); err != nil {
		t.Error(err)
	}
	if err := moduletest.Set(t, m, "db_url", ""); err == nil {
		t.Error("an empty db_url is taken")
	}
}
