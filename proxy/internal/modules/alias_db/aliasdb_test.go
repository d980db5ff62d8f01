package aliasdb_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module/moduletest"
	aliasdb "seraph/proxy/internal/modules/alias_db"
	"seraph/sql/aor"
)

// table is the table dbaliases: pairs of alias and target.
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

func (t *table) load(_ context.Context, yield func(alias, target aor.AOR)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rows {
		alias, err := aor.Parse(r[0], "")
		if err != nil {
			return err
		}
		target, err := aor.Parse(r[1], "")
		if err != nil {
			return err
		}
		yield(alias, target)
	}
	return t.err
}

func newModule(t *testing.T, rows *table) *aliasdb.Module {
	t.Helper()
	m := aliasdb.New(aliasdb.Config{Load: rows.load})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

var aliases = [][2]string{
	{"boss@example.org", "alice@example.org"},
	{"100@example.org", "boss@example.org"}, // an alias of an alias
	{"loop@example.org", "loop@example.org"},
	{"a%23b@example.org", "b%23b@example.org"},
}

func TestLookup(t *testing.T) {
	m := newModule(t, &table{rows: aliases})
	lookup := moduletest.Compile(t, m, "alias_db_lookup", "dbaliases")
	for _, c := range []struct {
		uri  string
		want int
		now  string
	}{
		{"sip:boss@example.org", 1, "sip:alice@example.org"},
		{"sip:Bo%73s@EXAMPLE.org.:5060;transport=tcp", 1, "sip:alice@example.org"},
		{"sips:boss@example.org", 1, "sip:alice@example.org"},
		{"sip:100@example.org", 1, "sip:boss@example.org"}, // one step
		{"sip:loop@example.org", 1, "sip:loop@example.org"},
		{"sip:a%23b@example.org", 1, "sip:b%23b@example.org"},
		{"sip:boss@example.com", -1, "sip:boss@example.com"},
		{"sip:example.org", -1, "sip:example.org"},
		{"tel:100", -1, "tel:100"},
		{"sip:boss@", -1, "sip:boss@"},
		{"sip:" + strings.Repeat("x", 900) + "@example.org", -1, "sip:" + strings.Repeat("x", 900) + "@example.org"},
	} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", c.uri))
		if got := lookup(ctx); got != c.want || string(ctx.Main.URI) != c.now {
			t.Errorf("%.60s: %d and %s, want %d and %.60s", c.uri, got, ctx.Main.URI, c.want, c.now)
		}
	}
}

// TestLookupOfSIPS: what a sips address stands for has to be reached over TLS as well, if
// that is what the script has made of the request.
func TestLookupOfSIPS(t *testing.T) {
	lookup := moduletest.Compile(t, newModule(t, &table{rows: aliases}), "alias_db_lookup", "dbaliases")
	for uri, want := range map[string]bool{"sips:boss@example.org": true, "sip:boss@example.org": false, "sips:nobody@example.org": false} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:22@example.org"))
		if err := ctx.SetURI([]byte(uri)); err != nil {
			t.Fatal(err)
		}
		if lookup(ctx); ctx.WantsTLS() != want {
			t.Errorf("%s is %s now; TLS is asked for: %v", uri, ctx.Main.URI, ctx.WantsTLS())
		}
	}
}

func TestResolve(t *testing.T) {
	m := newModule(t, &table{rows: aliases})
	if got, ok := m.Resolve([]byte(">"), []byte("boss@example.org")); !ok || string(got) != ">alice@example.org" {
		t.Errorf("%q %v", got, ok)
	}
	if got, ok := m.Resolve([]byte(">"), []byte("alice@example.org")); ok || string(got) != ">" {
		t.Errorf("%q %v", got, ok)
	}
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: aliases[:1]}
		m := newModule(t, rows)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		known := func(alias string) bool { _, ok := m.Resolve(nil, []byte(alias)); return ok }
		rows.set(aliases[1:], nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if known("boss@example.org") || !known("100@example.org") {
			t.Error("a minute later the old table is in force")
		}
		rows.set(aliases[:1], errors.New("lost in the middle"))
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "table dbaliases") {
			t.Errorf("Reload: %v", err)
		}
		if known("boss@example.org") || !known("100@example.org") {
			t.Error("a half-read table is in force")
		}
		rows.set(aliases[:1], nil)
		if err := m.Reload(ctx); err != nil || !known("boss@example.org") {
			t.Errorf("reloaded: %v", err)
		}
		cancel()
		<-done
	})
}

func TestWithoutDatabase(t *testing.T) {
	m := aliasdb.New(aliasdb.Config{})
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:boss@example.org"))
	if err := m.Init(); err != nil || moduletest.Compile(t, m, "alias_db_lookup", "dbaliases")(ctx) != -1 {
		t.Error("an alias without a database", err)
	}
	rows := &table{err: errors.New("away")}
	if err := aliasdb.New(aliasdb.Config{Load: rows.load}).Init(); err == nil || err.Error() != "reading table dbaliases: away" {
		t.Errorf("Init: %v", err)
	}
}

func TestBadArguments(t *testing.T) {
	m := aliasdb.New(aliasdb.Config{})
	if got := moduletest.Refused(t, m, "alias_db_lookup", "aliases"); got != `"aliases" is no table of aliases; it is called "dbaliases"` {
		t.Error(got)
	}
	if err := moduletest.Set(t, m, "use_domain", "2"); err == nil {
		t.Error("use_domain 2 is taken")
	}
	if err := moduletest.Set(t, m, "use_domain", "0"); err != nil {
		t.Error(err)
	}
	if err := moduletest.Set(t, m, "use_domain", "1"); err != nil {
		t.Error(err)
	}
	if err := moduletest.Set(t, m, "db_url", ""); err == nil {
		t.Error("an empty db_url is taken")
	}
	if err := moduletest.Set(t, m, "db_url", "sqlite:///x"); err != nil || m.DBURL() != "sqlite:///x" {
		t.Error(err, m.DBURL())
	}
}
