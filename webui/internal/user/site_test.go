package user_test

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/assets"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
	"seraph/webui/internal/view"
)

// patience is the deadline of everything that a test waits for.
const patience = 10 * time.Second

// password is everybody's.
const password = "correct horse"

var (
	alice = aor.AOR{User: "alice", Domain: "example.org"}
	bob   = aor.AOR{User: "bob", Domain: "example.org"}
)

// site is the whole portal over HTTP, with a real database and a router made of paper.
type site struct {
	t      *testing.T
	url    string
	db     *store.DB
	router *paperRouter
	server *server.Server
	stop   context.CancelFunc
	http   *httptest.Server
	calls  int // written into the log so far
}

// newSite starts a portal with the users alice and bob.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteWith(t, user.LiveOptions{})
}

func newSiteWith(t *testing.T, live user.LiveOptions) *site {
	t.Helper()
	t.Cleanup(func() { nothingRuns(t) }) // the last to be done
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "seraph.db"), store.Options{})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Migrate(ctx)
	check(t, err)
	check(t, db.Domains.Add(ctx, "example.org"))
	for _, who := range []aor.AOR{alice, bob} {
		check(t, db.Subscribers.Create(ctx, who, password))
	}
	s := &site{t: t, db: db, router: newPaperRouter(t)}
	s.router.silo = db.Silo
	s.start(live)
	return s
}

func (s *site) start(live user.LiveOptions) {
	files, err := assets.Load()
	check(s.t, err)
	pages, err := user.Templates()
	check(s.t, err)
	everybodys, err := public.Templates()
	check(s.t, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	views, err := view.New(view.Options{Assets: files, Pages: []fs.FS{pages, everybodys}, Now: time.Now, Log: log})
	check(s.t, err)
	ctl := ctlproto.NewRedialer(s.router.path, ctlproto.Dialer{})
	s.server = server.New(server.Options{
		DB: s.db, Ctl: ctl, Assets: files, View: views, DefaultDomain: "example.org", Log: log, Live: live,
		CallMe:     public.CallMeRules{PerOwner: 3, PerSource: 2, Window: time.Hour, Numbers: regexp.MustCompile(`\A0800\d+\z`)},
		RuleLimits: user.RuleLimits{Deny: []user.ContactPattern{pattern(s.t, "0900*@*"), pattern(s.t, "*.premium.example")}, Most: 8, ForeignGroup: "int"},
		AliasRules: user.AliasRules{Limit: 2, Pattern: regexp.MustCompile(`\A[a-z][a-z0-9.]+\z`), Reserved: []string{"operator"}},
	})
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); s.server.Run(ctx) }()
	s.http = httptest.NewUnstartedServer(s.server)
	s.http.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		check(s.t, c.(*net.TCPConn).SetWriteBuffer(8<<10)) // so that a browser that does not read is soon felt
		return ctx
	}
	s.http.Start()
	s.url, s.stop = s.http.URL, stop
	s.t.Cleanup(func() {
		stop()
		<-ran
		s.http.Close()
		ctl.Close()
	})
}

// nothingRuns fails the test if a goroutine of the portal's is left.
func nothingRuns(t *testing.T) {
	for deadline := time.After(patience); ; {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left := regexp.MustCompile(`seraph/webui/internal/(user|server)\.\(.*`).Find(stacks)
		if left == nil {
			return
		}
		select {
		case <-deadline:
			t.Errorf("still running: %s", left)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add puts an entry into a phone book.
func (s *site) add(owner aor.AOR, first, last, address, group string) store.Entry {
	s.t.Helper()
	e, err := s.db.Phonebook.Add(context.Background(), owner, store.Entry{FirstName: first, LastName: last, Address: address, Group: group})
	check(s.t, err)
	return e
}
