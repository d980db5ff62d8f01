package speeddial_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/speeddial"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func row(owner, dialed, uri string) store.SpeedDial {
	o, err1 := aor.Parse(owner, "")
	d, err2 := aor.Parse(dialed, o.Domain)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	return store.SpeedDial{Owner: o, Dialed: d, URI: uri}
}

func newModule(t testing.TB, rows ...store.SpeedDial) *speeddial.Module {
	t.Helper()
	m := speeddial.New(speeddial.Config{Load: func(context.Context) ([]store.SpeedDial, error) { return rows, nil }})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLookup(t *testing.T) {
	m := newModule(t, row("alice@example.org", "2", "sip:bob@example.org"), row("alice@example.org", "3", "tel:+49301"),
		row("dora@example.org", "2", "sip:carol@example.org"), row("alice@example.org", "4@example.net", "sip:emil@example.net"),
		row("alice@example.org", "5", "sips:bob@example.org"))
	if err := moduletest.Set(t, m, "domain_prefix", "sip."); err != nil {
		t.Fatal(err)
	}
	const dora = "sip:Dora@EXAMPLE.org;x=y"
	for _, c := range []struct {
		uri  string
		args []string
		want string // "" for no change
	}{
		{"sip:2@example.org", nil, "sip:bob@example.org"},
		{"sip:2@EXAMPLE.ORG:5060;user=phone", nil, "sip:bob@example.org"},
		{"sip:2@sip.example.org", nil, "sip:bob@example.org"},
		{"sip:3@example.org", nil, "tel:+49301"},
		{"sip:4@example.net", nil, "sip:emil@example.net"},
		{"sip:5@example.org", nil, "sips:bob@example.org"},
		{"sip:2@example.net", nil, ""},
		{"sip:9@example.org", nil, ""},
		{"tel:2", nil, ""},
		{"sip:example.org", nil, ""},
		{"sip:2@example.org", []string{dora}, "sip:carol@example.org"},
		{"sip:3@example.org", []string{dora}, ""},
		{"sip:2@example.org", []string{"$hdr(X-Owner)"}, "sip:carol@example.org"},
		{"sip:2@example.org", []string{"$hdr(X-Nothing)"}, ""},
	} {
		ctx := moduletest.Message(t, moduletest.Request("INVITE", c.uri, "X-Owner: sip:dora@example.org"))
		got := moduletest.Compile(t, m, "sd_lookup", append([]string{"speed_dial"}, c.args...)...)(ctx)
		want := c.want
		if want == "" {
			want = c.uri
		}
		if (got == module.True) != (c.want != "") || string(ctx.Main.URI) != want {
			t.Errorf("sd_lookup%q for %s: %d, %s; want %q", c.args, c.uri, got, ctx.Main.URI, c.want)
		}
		ctx.Main.URI = []byte("sip:bob@192.0.2.9") // whatever becomes of it
		if ctx.WantsTLS() != strings.HasPrefix(c.want, "sips:") {
			t.Errorf("sd_lookup%q for %s: TLS is asked for: %v", c.args, c.uri, ctx.WantsTLS())
		}
	}
}

// table is the module's table.
type table struct {
	mu   sync.Mutex
	rows []store.SpeedDial
	err  error
}

func (t *table) set(err error, rows ...store.SpeedDial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.err = rows, err
}

func (t *table) load(context.Context) ([]store.SpeedDial, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows, t.err
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows table
		var log bytes.Buffer
		m := speeddial.New(speeddial.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Load: rows.load})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		synctest.Wait()
		dial := func() int {
			return moduletest.Compile(t, m, "sd_lookup", "speed_dial")(moduletest.Message(t, moduletest.Request("INVITE", "sip:2@example.org")))
		}
		rows.set(nil, row("alice@example.org", "2", "sip:bob@example.org"), row("alice@example.org", "3", "nonsense"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if dial() != module.True || !strings.Contains(log.String(), "new_uri is no URI") {
			t.Errorf("a number added a minute ago is not known; log:\n%s", log.String())
		}
		rows.set(errors.New("away"))
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "table speed_dial") || dial() != module.True {
			t.Errorf("with the database away: %v", err)
		}
		rows.set(nil)
		if err := m.Reload(ctx); err != nil || dial() != module.False {
			t.Errorf("removed and reloaded: %v", err)
		}
		cancel()
		<-done
	})
}

func TestBadArguments(t *testing.T) {
	m := speeddial.New(speeddial.Config{})
	if err := m.Init(); err != nil {
		t.Errorf("Init without a database: %v", err)
	}
	if got := moduletest.Refused(t, m, "sd_lookup", "numbers"); got != `"numbers" is no table of speed dials; it is called "speed_dial"` {
		t.Error(got)
	}
	moduletest.Refused(t, m, "sd_lookup", "speed_dial", "nobody")
	moduletest.Refused(t, m, "sd_lookup", "speed_dial", "$nothing_like_it")
	for name, values := range map[string][]string{"db_url": {""}, "use_domain": {"-1", "2"}, "domain_prefix": {"", strings.Repeat("x", 65)}} {
		for _, value := range values {
			if err := moduletest.Set(t, m, name, value); err == nil {
				t.Errorf("%s %q is taken", name, value)
			}
		}
	}
}
