package domain_test

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
	"seraph/proxy/internal/modules/domain"
)

// table is the table domain.
type table struct {
	mu   sync.Mutex
	rows []string
	err  error
}

func (t *table) load(context.Context) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows, t.err
}

func (t *table) set(err error, rows ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.err = rows, err
}

func TestLocal(t *testing.T) {
	rows := &table{rows: []string{"example.org", "Sip.Example.NET.", "[2001:db8::1]", "not a domain", ""}}
	m := domain.New(domain.Config{Load: rows.load, Static: []string{"static.example", "192.0.2.1"}})
	if m.Local([]byte("example.org")) || !m.Local([]byte("static.example")) {
		t.Error("before Init the static names are ours and nothing else")
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"example.org": true, "EXAMPLE.org": true, "example.org.": true, "sip.example.net": true, "STATIC.example": true,
		"192.0.2.1": true, "[2001:DB8:0::1]": true,
		"xample.org": false, "a.example.org": false, "example.org.uk": false, "": false, ".": false, "192.0.2.10": false,
		"[2001:db8::2]": false, "[": false, "not a domain": false, strings.Repeat("a", 300): false,
	} {
		if got := m.Local([]byte(host)); got != want {
			t.Errorf("Local(%q) = %v", host, got)
		}
	}
	m.SetStatic([]string{"other.example"})
	if m.Local([]byte("static.example")) || !m.Local([]byte("other.example")) || !m.Local([]byte("example.org")) {
		t.Error("SetStatic replaces the static names and keeps those of the table")
	}
}

// TestReload: a new domain is ours within a minute, at once by a reload; while the
// database is away the old ones stay.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: []string{"one.example"}}
		m := domain.New(domain.Config{Load: rows.load})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		want := func(step string, hosts string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, h := range []string{"one", "two", "three"} {
				if m.Local([]byte(h + ".example")) {
					got = append(got, h)
				}
			}
			if strings.Join(got, " ") != hosts {
				t.Errorf("%s: ours are %q, want %q", step, got, hosts)
			}
		}
		rows.set(nil, "one.example", "two.example")
		time.Sleep(59 * time.Second)
		want("before a minute", "one")
		time.Sleep(time.Second)
		want("after a minute", "one two")
		rows.set(errors.New("away"))
		time.Sleep(time.Hour)
		want("database away", "one two")
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "table domain") {
			t.Errorf("Reload: %v", err)
		}
		rows.set(nil, "three.example")
		if err := m.Reload(ctx); err != nil {
			t.Error(err)
		}
		want("reloaded", "three")
		cancel()
		<-done
	})
}

func TestInitFails(t *testing.T) {
	rows := &table{err: errors.New("away")}
	if err := domain.New(domain.Config{Load: rows.load}).Init(); err == nil || err.Error() != "reading table domain: away" {
		t.Errorf("Init: %v", err)
	}
	if err := domain.New(domain.Config{}).Init(); err != nil {
		t.Errorf("Init without a database: %v", err)
	}
}

func TestFunctions(t *testing.T) {
	m := domain.New(domain.Config{Static: []string{"example.org"}})
	request := func(uri, from, to string) *module.Ctx {
		text := moduletest.Request("INVITE", uri, "To: "+to)
		return moduletest.Message(t, strings.Replace(text, `"Alice" <sip:alice@example.org>`, from, 1))
	}
	all := request("sip:bob@Example.org:5060", "<sip:a@example.ORG>", "<sip:b@example.org>")
	none := request("tel:+49", "<sip:a@example.com>", "<nonsense>")
	rewritten := request("sip:bob@elsewhere", "<sip:a@x>", "<sip:b@x>")
	if err := rewritten.SetURI([]byte("sip:bob@example.org")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call []string
		ctx  *module.Ctx
		want int
	}{
		{[]string{"is_uri_host_local"}, all, 1},
		{[]string{"is_uri_host_local"}, none, -1},
		{[]string{"is_uri_host_local"}, rewritten, 1},
		{[]string{"is_from_local"}, all, 1},
		{[]string{"is_from_local"}, none, -1},
		{[]string{"is_domain_local", "$rd"}, all, 1},
		{[]string{"is_domain_local", "$fd"}, all, 1},
		{[]string{"is_domain_local", "$td"}, all, 1},
		{[]string{"is_domain_local", "$rd"}, none, -1},
		{[]string{"is_domain_local", "$fd"}, none, -1},
		{[]string{"is_domain_local", "$td"}, none, -1},
		{[]string{"is_domain_local", "Example.org"}, none, 1},
		{[]string{"is_domain_local", "example.com"}, all, -1},
		{[]string{"is_domain_local", "$(rd)"}, all, 1},
		{[]string{"is_domain_local", "$(fd)"}, none, -1},
		{[]string{"is_domain_local", "$si"}, all, -1},
		{[]string{"is_domain_local", "$avp(d)"}, all, -1},
	} {
		if got := moduletest.Compile(t, m, c.call[0], c.call[1:]...)(c.ctx); got != c.want {
			t.Errorf("%q of %s: %d, want %d", c.call, c.ctx.Main.URI, got, c.want)
		}
	}
	for from, want := range map[string]int{ // whoever reads it sees alice@example.org
		"<im:alice@example.org>": 1, "<pres:alice@Example.ORG.>": 1, "<mailto:alice@example.org?x>": 1, "<tel:alice;x@example.org>": 1, "<tel:1;@example.org>": 1,
		"<sip:alice@example.org.>": 1, "<xmpp:alice@example.org:5>": 1, "<sip:example.org>": 1,
		"<im:alice@example.org..>": -1, "<im:alice@example.com>": -1, "<tel:+49;phone-context=example.org>": -1, "<urn:example.org>": -1, "<im:alice@sip@example.org>": -1,
	} {
		if got := moduletest.Compile(t, m, "is_from_local")(request("sip:b@x", from, "<sip:b@x>")); got != want {
			t.Errorf("is_from_local of %s: %d, want %d", from, got, want)
		}
	}
	if got := moduletest.Refused(t, m, "is_domain_local", "$nonsense("); got == "" {
		t.Error(got)
	}
	if got := moduletest.Refused(t, m, "is_domain_local", "a b"); !strings.HasPrefix(got, `domain "a b": bad domain`) {
		t.Error(got)
	}
	if err := moduletest.Set(t, m, "db_url", ""); err == nil || err.Error() != "db_url is empty" {
		t.Error(err)
	}
	if err := moduletest.Set(t, m, "db_url", "sqlite:///x"); err != nil || m.DBURL() != "sqlite:///x" {
		t.Error(err, m.DBURL())
	}
}

func TestRegisterMyself(t *testing.T) {
	for value, want := range map[string]bool{"1": true, "0": false, "2": false} {
		if err := moduletest.Set(t, domain.New(domain.Config{}), "register_myself", value); (err == nil) != want {
			t.Errorf("%s: %v", value, err)
		}
	}
}
