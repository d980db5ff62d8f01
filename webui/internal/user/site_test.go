package user_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/assets"
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
	s.start(live)
	return s
}

func (s *site) start(live user.LiveOptions) {
	files, err := assets.Load()
	check(s.t, err)
	pages, err := user.Templates()
	check(s.t, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	views, err := view.New(view.Options{Assets: files, Pages: []fs.FS{pages}, Now: time.Now, Log: log})
	check(s.t, err)
	ctl := ctlproto.NewRedialer(s.router.path, ctlproto.Dialer{})
	s.server = server.New(server.Options{
		DB: s.db, Ctl: ctl, Assets: files, View: views, DefaultDomain: "example.org", Log: log, Live: live,
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

// paperRouter answers presence and click-to-dial from what the test wrote on it.
type paperRouter struct {
	*ctltest.Server
	path string

	mu       sync.Mutex
	presence map[string]ctlproto.PresenceStatus // by viewer and address: "alice@example.org bob@example.org"
	attempts map[string]ctlproto.CtdStatus
	refuse   map[string]*ctlproto.Error // by method
}

func newPaperRouter(t *testing.T) *paperRouter {
	folder, err := os.MkdirTemp("", "ctl")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	r := &paperRouter{
		path: filepath.Join(folder, "sock"), presence: map[string]ctlproto.PresenceStatus{},
		attempts: map[string]ctlproto.CtdStatus{}, refuse: map[string]*ctlproto.Error{},
	}
	r.listen(t)
	return r
}

// listen opens the socket, again after Close.
func (r *paperRouter) listen(t *testing.T) {
	r.Server = ctltest.ServeAt(t, r.path, ctlproto.Hello{Name: "paper", Version: "0", Protocol: ctlproto.ProtocolVersion}, map[string]ctltest.Handler{
		ctlproto.MethodPresenceGet: r.presenceGet, ctlproto.MethodCtdDial: r.dial,
		ctlproto.MethodCtdStatus: r.status, ctlproto.MethodCtdCancel: r.cancel,
	})
}

// see says what viewer may see of an address.
func (r *paperRouter) see(viewer aor.AOR, address string, status ctlproto.PresenceStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.presence[viewer.String()+" "+address] = status
}

func (r *paperRouter) presenceGet(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.PresenceParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.refuse[ctlproto.MethodPresenceGet]; refusal != nil {
		return nil, refusal
	}
	result := ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{}}
	for _, address := range p.Addresses {
		status, ok := r.presence[p.Viewer+" "+address]
		if !ok {
			status = ctlproto.StatusOffline
		}
		result.Presence[address] = status
	}
	return result, nil
}

func (r *paperRouter) dial(params json.RawMessage) (any, *ctlproto.Error) {
	var p ctlproto.CtdDialParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.refuse[ctlproto.MethodCtdDial]; refusal != nil {
		return nil, refusal
	}
	id := fmt.Sprintf("call-%d", len(r.attempts)+1)
	r.attempts[id] = ctlproto.CtdStatus{
		ID: id, Caller: p.Caller, Callee: p.Callee, CalleeName: p.CalleeName, State: ctlproto.CtdRingingYou, Cancellable: true,
		Steps: []ctlproto.CtdStep{{State: ctlproto.CtdRingingYou, At: time.Now().UTC()}},
	}
	return ctlproto.CtdDialResult{ID: id}, nil
}

func (r *paperRouter) status(params json.RawMessage) (any, *ctlproto.Error) {
	var p struct{ ID string }
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	status, ok := r.attempts[p.ID]
	if !ok {
		return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "no click-to-dial attempt")
	}
	return status, nil
}

func (r *paperRouter) cancel(params json.RawMessage) (any, *ctlproto.Error) {
	var p struct{ ID string }
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, ctlproto.Errorf(ctlproto.CodeInvalidParams, "%v", err)
	}
	r.mu.Lock()
	status := r.attempts[p.ID]
	r.mu.Unlock()
	if !status.Cancellable {
		return nil, ctlproto.Errorf(ctlproto.CodeRefused, "it can no longer be cancelled")
	}
	r.step(p.ID, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "")
	return ctlproto.Done{}, nil
}

// step takes an attempt to a state and publishes that.
func (r *paperRouter) step(id string, state ctlproto.CtdState, outcome ctlproto.CtdOutcome, code int, reason string) {
	r.mu.Lock()
	s := r.attempts[id]
	s.State, s.Message, s.Code, s.Reason = state, outcome, code, reason
	s.Steps = append(append([]ctlproto.CtdStep{}, s.Steps...), ctlproto.CtdStep{
		State: state, At: time.Now().UTC(), ElapsedMS: 1200 * int64(len(s.Steps)),
	})
	s.Ended = state == ctlproto.CtdConnected || state == ctlproto.CtdFailed || state == ctlproto.CtdCancelled
	s.Cancellable = !s.Ended
	r.attempts[id] = s
	r.mu.Unlock()
	r.Publish(ctlproto.TopicCtd, s)
}

// called lists the parameters of every call of a method.
func called[T any](t *testing.T, r *paperRouter, method string) []T {
	t.Helper()
	var all []T
	for _, call := range r.Calls() {
		if call.Method != method {
			continue
		}
		var p T
		check(t, json.Unmarshal(call.Params, &p))
		all = append(all, p)
	}
	return all
}

// browser is a person at a browser without JavaScript.
type browser struct {
	t      *testing.T
	site   *site
	client *http.Client
	csrf   string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	path   string // of the page that redirects led to
}

// signIn opens a browser and signs somebody in.
func (s *site) signIn(who aor.AOR) *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	check(s.t, err)
	b := &browser{t: s.t, site: s, client: &http.Client{Jar: jar}}
	b.get("/user/sign-in")
	got := b.post("/user/sign-in", "user", who.String(), "password", password)
	if got.path != "/user/phone-book" || got.status != http.StatusOK {
		s.t.Fatalf("sign-in as %s led to %s, status %d:\n%s", who, got.path, got.status, got.body)
	}
	return b
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	response, err := b.client.Do(r)
	check(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(b.t, err)
	if m := csrfField.FindSubmatch(body); m != nil {
		b.csrf = string(m[1])
	}
	return answer{response.StatusCode, response.Header, string(body), response.Request.URL.Path}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+path, nil)
	check(b.t, err)
	return b.do(r)
}

// request makes a POST with the page's CSRF token.
func (b *browser) request(path string, pairs ...string) *http.Request {
	b.t.Helper()
	values := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.site.url+path, strings.NewReader(values.Encode()))
	check(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	return b.do(b.request(path, pairs...))
}

// htmx is post as the page's script sends it.
func (b *browser) htmx(path string, pairs ...string) answer {
	b.t.Helper()
	r := b.request(path, pairs...)
	r.Header.Set("HX-Request", "true")
	return b.do(r)
}

// shows fails the test unless the page shows the texts.
func (a answer) shows(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d:\n%s", a.status, status, a.body)
		return
	}
	shown := html.UnescapeString(a.body)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("%s does not show %q:\n%s", a.path, text, a.body)
		}
	}
}

// hides fails the test if the answer has one of the texts, as it is sent.
func (a answer) hides(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%s has %q:\n%s", a.path, text, a.body)
		}
	}
}

// row is the row of an address: its status.
func (a answer) rowStatus(t *testing.T, address string) string {
	t.Helper()
	m := regexp.MustCompile(`<tr data-aor="` + regexp.QuoteMeta(address) + `" data-status="([^"]*)"`).FindStringSubmatch(html.UnescapeString(a.body))
	if m == nil {
		t.Fatalf("no row of %s:\n%s", address, a.body)
	}
	return m[1]
}

// event is one event of a stream.
type event struct{ name, data string }

// stream is an open /user/events.
type stream struct {
	t        *testing.T
	response *http.Response
	events   chan event // closed when the stream has ended
	comments chan struct{}
}

// listen opens a stream and returns when it has begun.
func (b *browser) listen() *stream {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.site.url+"/user/events", nil)
	check(b.t, err)
	r.Header.Set("Accept-Encoding", "gzip, br")
	response, err := b.client.Do(r)
	check(b.t, err)
	s := &stream{b.t, response, make(chan event, 100), make(chan struct{}, 1000)}
	b.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("stream: status %d", response.StatusCode)
	}
	go s.read()
	return s
}

func (s *stream) read() {
	defer close(s.events)
	lines := bufio.NewScanner(s.response.Body)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		line := lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case line == "" && e != event{}:
			s.events <- e
			e = event{}
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		case strings.HasPrefix(line, ":"):
			s.comments <- struct{}{}
		}
	}
}

// next waits for the next event, which must have the name, and decodes it.
func (s *stream) next(name string, data any) {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatalf("the stream ended before event %q", name)
		}
		if e.name != name {
			s.t.Fatalf("event %q %s, want %q", e.name, e.data, name)
		}
		if data != nil {
			check(s.t, json.Unmarshal([]byte(e.data), data))
		}
	case <-time.After(patience):
		s.t.Fatalf("no event %q", name)
	}
}

// ends waits for the end of the stream.
func (s *stream) ends() {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if ok {
			s.t.Fatalf("event %q %s, want the end of the stream", e.name, e.data)
		}
	case <-time.After(patience):
		s.t.Fatal("the stream does not end")
	}
}

// state is the data of the event "state".
type state struct {
	Presence map[string]string
	Card     card
}

// card is the data of the event "card".
type card struct{ ID, HTML string }

// add puts an entry into a phone book.
func (s *site) add(owner aor.AOR, first, last, address, group string) store.Entry {
	s.t.Helper()
	e, err := s.db.Phonebook.Add(context.Background(), owner, store.Entry{FirstName: first, LastName: last, Address: address, Group: group})
	check(s.t, err)
	return e
}
