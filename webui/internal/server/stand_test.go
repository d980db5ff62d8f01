package server_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/admin"
	"seraph/webui/internal/assets"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
	"seraph/webui/internal/session"
	"seraph/webui/internal/user"
	"seraph/webui/internal/view"
)

// hostile is a name that is markup; it must come out as text.
const hostile = `<script>alert(1)</script>"'&`

var (
	alice = aor.AOR{User: "alice", Domain: "example.org"}
	bob   = aor.AOR{User: "bob", Domain: "example.org"}
)

// clock is a clock that tests set.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(by)
}

// logs is what the server logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// stand is a portal with the users alice and bob, whose passwords are
// "wonderland" and "builder's", on a real database, and a paper router.
type stand struct {
	t      *testing.T
	server *server.Server
	db     *store.DB
	router *ctltest.Server
	clock  *clock
	log    *logs
	pages  *view.Set
	// options are those of the server.
	options server.Options
}

// newStand makes a stand whose router has these methods; change alters the options.
func newStand(t *testing.T, methods map[string]ctltest.Handler, change ...func(*server.Options)) *stand {
	t.Helper()
	s := &stand{t: t, clock: &clock{time: begin}, log: &logs{}}
	s.db = openStore(t, s.clock)
	s.router = ctltest.Serve(t, methods)
	ctl := ctlproto.NewRedialer(s.router.Path, ctlproto.Dialer{})
	t.Cleanup(func() { ctl.Close() })
	files, err := assets.Load()
	check(t, err)
	templates, err := user.Templates()
	check(t, err)
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	adminTemplates, err := admin.Templates()
	check(t, err)
	publicTemplates, err := public.Templates()
	check(t, err)
	s.pages, err = view.New(view.Options{Assets: files, Pages: []fs.FS{templates, adminTemplates, publicTemplates}, Now: s.clock.now, Log: log})
	check(t, err)
	o := server.Options{DB: s.db, Ctl: ctl, Assets: files, View: s.pages, Zone: time.UTC, Now: s.clock.now, Log: log}
	for _, f := range change {
		f(&o)
	}
	s.options, s.server = o, server.New(o)
	return s
}

// begin is the time at which every clock begins, and the accounts.
var begin = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

// filled is a database file with the users, made once: the schema takes longer
// than most tests.
var filled = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "seraph")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path, ctx := filepath.Join(folder, "seraph.db"), context.Background()
	db, err := store.Open(ctx, "sqlite://"+path, store.Options{Now: func() time.Time { return begin }})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(ctx)
	err = errors.Join(err, db.Domains.Add(ctx, "example.org"),
		db.Subscribers.Create(ctx, alice, "wonderland"), db.Subscribers.Create(ctx, bob, "builder's"),
		db.Profiles.Save(ctx, store.Profile{AOR: alice, FirstName: "Alice", LastName: hostile, Presence: store.PresenceSignedIn}),
		db.Close())
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func openStore(t *testing.T, c *clock) *store.DB {
	t.Helper()
	content, err := filled()
	check(t, err)
	path := filepath.Join(t.TempDir(), "seraph.db")
	check(t, os.WriteFile(path, content, 0o600))
	db, err := store.Open(t.Context(), "sqlite://"+path, store.Options{Now: c.now})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser is one browser with its cookies.
type browser struct {
	*stand
	cookies map[string]*http.Cookie
	// header is sent with every request.
	header http.Header
	remote string
}

func (s *stand) browser() *browser {
	return &browser{stand: s, cookies: map[string]*http.Cookie{}, header: http.Header{}, remote: "192.0.2.1:4711"}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	Code   int
	Header http.Header
	Body   string
	doc    *html.Node
}

// do sends one request. A form is sent as one.
func (b *browser) do(method, path string, form url.Values) *answer {
	b.t.Helper()
	r := httptest.NewRequest(method, "http://portal.example.org"+path, strings.NewReader(form.Encode()))
	if form == nil {
		r = httptest.NewRequest(method, "http://portal.example.org"+path, nil)
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.send(r)
}

func (b *browser) send(r *http.Request) *answer {
	b.t.Helper()
	r.RemoteAddr = b.remote
	for name, values := range b.header {
		r.Header[name] = values
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	check(b.t, err)
	return &answer{b.t, r.Method + " " + r.URL.RequestURI(), w.Code, w.Header(), w.Body.String(), doc}
}

func (b *browser) get(path string) *answer {
	b.t.Helper()
	return b.do("GET", path, nil)
}

// post opens a page and sends its form with the given action, changed by pairs
// of field and value.
func (b *browser) post(page, action string, pairs ...string) *answer {
	b.t.Helper()
	form := b.get(page).form(action)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do("POST", action, form)
}

// signIn signs in and fails the test if that does not lead on.
func (b *browser) signIn(name, password string) *browser {
	b.t.Helper()
	b.post("/user/sign-in", "/user/sign-in", "user", name, "password", password).leads("/user/phone-book")
	return b
}

// contacts is a ul.lookup that knows alice's.
func contacts(list ...ctlproto.Contact) ctltest.Handler {
	var items []ctlproto.UlContactItem
	for _, c := range list {
		items = append(items, ctlproto.UlContactItem{Contact: c})
	}
	return ctltest.Result(ctlproto.UlAoR{AoR: alice.String(), Contacts: items})
}

// trust makes 192.0.2.1 a reverse proxy.
func trust(o *server.Options) {
	o.Proxies = session.Proxies{netip.MustParsePrefix("192.0.2.1/32")}
}
