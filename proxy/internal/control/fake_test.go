package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// fakeProxy plays all parts of the proxy that methods need.
type fakeProxy struct {
	mu       sync.Mutex
	contacts map[string][]ctlproto.Contact
	order    []string
	broken   error // what Add, Flush, Reload … fail with
	done     []string
	gate     chan struct{} // Cancel waits here, if not nil
	rings    chan struct{} // a request's answer waits here, if not nil
	serves   []string      // the domains, nil = example.net and example.org
}

func newFakeProxy() *fakeProxy {
	f := &fakeProxy{contacts: make(map[string][]ctlproto.Contact)}
	f.put("alice@example.org", ctlproto.Contact{Address: "sip:alice@192.0.2.1", Expires: time.Hour, Q: 1, State: ctlproto.StateSync})
	f.put("bob@example.org", ctlproto.Contact{Address: "sip:bob@192.0.2.2", Permanent: true, Q: -1, State: ctlproto.StateNew})
	return f
}

func (f *fakeProxy) put(address string, contacts ...ctlproto.Contact) {
	f.contacts[address] = contacts
	f.order = append(f.order, address)
}

// times counts what was done.
func (f *fakeProxy) times(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, did := range f.done {
		if strings.HasPrefix(did, what) {
			n++
		}
	}
	return n
}

func (f *fakeProxy) did(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, what)
	return f.broken
}

func (f *fakeProxy) Dump(yield func(string, []ctlproto.Contact) bool) {
	for _, address := range f.order {
		if !yield(address, f.contacts[address]) {
			return
		}
	}
}

func (f *fakeProxy) AoRs(yield func(string) bool) {
	f.Dump(func(address string, _ []ctlproto.Contact) bool { return yield(address) })
}

func (f *fakeProxy) Slots() (int, int) { return 64, 2 }

func (f *fakeProxy) Lookup(address string) []ctlproto.Contact { return f.contacts[address] }

func (f *fakeProxy) Add(_ context.Context, address string, c ctlproto.Contact) error {
	raw, err := json.Marshal(c)
	return errors.Join(err, f.did("add "+address+" "+string(raw)))
}

func (f *fakeProxy) Remove(_ context.Context, address string) (bool, error) {
	return f.contacts[address] != nil, f.did("rm " + address)
}

func (f *fakeProxy) RemoveContact(_ context.Context, address, contact string) (bool, error) {
	return slices.ContainsFunc(f.contacts[address], func(c ctlproto.Contact) bool { return c.Address == contact }), f.did("rm_contact " + address + " " + contact)
}

func (f *fakeProxy) RemoveBinding(_ context.Context, address, contact, ruid string) (bool, error) {
	return slices.ContainsFunc(f.contacts[address], func(c ctlproto.Contact) bool { return c.Address == contact && c.RUID == ruid }),
		f.did("rm_contact " + address + " " + contact + " " + ruid)
}

func (f *fakeProxy) Flush(context.Context) error { return f.did("flush") }

func (f *fakeProxy) Statistics(yield func(group, name string, value int64)) {
	yield("tm", "current", 3)
	yield("core", "fwd_requests", 10)
	yield("ctd", "active", 0)
	yield("core", "drop_replies", 1)
}

func (f *fakeProxy) TmList(callID string, limit int) []ctlproto.TmTransaction {
	_ = f.did(fmt.Sprintf("tm.list %s %d", callID, limit))
	return []ctlproto.TmTransaction{{Method: "INVITE", CallID: callID, UASRequest: "yes", State: "proceeding", Status: 180, Branches: []ctlproto.TmBranch{}}}
}

func (f *fakeProxy) TmStats() ctlproto.TmStats { return ctlproto.TmStats{Current: 3, Class2xx: 7} }

func (f *fakeProxy) SlStats() ctlproto.SlStats { return ctlproto.SlStats{Code200: 9} }

func (f *fakeProxy) Dial(_ context.Context, p ctlproto.CtdDialParams) (string, error) {
	switch p.Callee {
	case "sip:busy@example.org":
		return "", ctlproto.Errorf(ctlproto.CodeBusy, "an attempt of alice@example.org is running")
	case "sip:panic@example.org":
		panic("planted")
	}
	did := strings.Join([]string{"dial", p.Caller, p.Callee, p.CalleeName, p.Actor}, "|")
	if p.NoAutoAnswer != 0 {
		did += "|no auto-answer"
	}
	if p.Visitor != 0 {
		did += "|visitor"
	}
	return "id-1", f.did(did)
}

func (f *fakeProxy) Status(id string) (ctlproto.CtdStatus, bool) {
	return ctlproto.CtdStatus{ID: id, State: ctlproto.CtdAnswered, Steps: []ctlproto.CtdStep{}}, id == "id-1"
}

func (f *fakeProxy) List(caller string, limit int) []ctlproto.CtdStatus {
	_ = f.did(fmt.Sprintf("ctd.list %s %d", caller, limit))
	return []ctlproto.CtdStatus{}
}

func (f *fakeProxy) Cancel(ctx context.Context, id, actor string) error {
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.did("cancel " + id + " " + actor)
}

func (f *fakeProxy) Send(_ context.Context, p ctlproto.ImSendParams) (ctlproto.ImSendResult, error) {
	if p.To == "sip:away@example.org" {
		return ctlproto.ImSendResult{Result: ctlproto.ImStored, Code: 202, Reason: "Accepted"}, f.broken
	}
	return ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, f.did(strings.Join([]string{"send", p.From, p.To, p.Text, p.Actor}, "|"))
}

// fakeSilo is fakeProxy as a Silo. Alice has one message, 7.
type fakeSilo struct{ *fakeProxy }

func (f fakeSilo) List(_ context.Context, owner aor.AOR, limit, offset int) (ctlproto.MsiloListResult, error) {
	var r ctlproto.MsiloListResult
	if owner.User == "alice" {
		r.Total, r.Unread = 1, 1
		r.Messages = []ctlproto.MsiloMessage{{ID: 7, From: "sip:bob@example.org", FromName: "<b>Bob", To: "sip:alice@example.org",
			Received: time.Unix(1700000000, 0).UTC(), Expires: time.Unix(1700000600, 0).UTC(), ContentType: "text/plain", Body: []byte("hi\xff"), CallID: "c7"}}
	}
	return r, f.did(fmt.Sprintf("list %s %d %d", owner, limit, offset))
}

func (f fakeSilo) Remove(_ context.Context, owner aor.AOR, ids []int64) (int, error) {
	removed := 0
	if owner.User == "alice" && slices.Contains(ids, 7) {
		removed = 1
	}
	return removed, f.did(fmt.Sprintf("msilo.rm %s %v", owner, ids))
}

func (f fakeSilo) MarkRead(_ context.Context, owner aor.AOR, ids []int64) (int, error) {
	read := 0
	if owner.User == "alice" && slices.Contains(ids, 7) {
		read = 1
	}
	return read, f.did(fmt.Sprintf("msilo.read %s %v", owner, ids))
}

func (f fakeSilo) Dump(_ context.Context, owner aor.AOR) (int, error) {
	if f.contacts[owner.String()] == nil {
		return 0, ctlproto.Errorf(ctlproto.CodeRefused, "%s has no phone registered", owner)
	}
	return 1, f.did("msilo.dump " + owner.String())
}

func (f *fakeProxy) Statuses(_ context.Context, viewer aor.AOR, addresses []aor.AOR) ([]ctlproto.PresenceStatus, error) {
	statuses := make([]ctlproto.PresenceStatus, len(addresses))
	for i, a := range addresses {
		switch {
		case a.Domain != "example.org":
			statuses[i] = ctlproto.StatusNonLocal
		case viewer.IsZero():
			statuses[i] = ctlproto.StatusUnknown
		case f.contacts[a.String()] != nil:
			statuses[i] = ctlproto.StatusOnLine
		default:
			statuses[i] = ctlproto.StatusOffline
		}
	}
	return statuses, f.broken
}

func (f *fakeProxy) Check(name, text string, _ bool) (faults, remarks []ctlproto.ScriptError) {
	if text == "good" {
		return nil, nil
	}
	if of, ok := strings.CutPrefix(text, "remarkable"); ok {
		return nil, slices.Repeat([]ctlproto.ScriptError{{File: name, Line: 2, Column: 1, Message: "hm", Kind: ctlproto.ScriptWarning}}, 1+strings.Count(of, ";"))
	}
	return slices.Repeat([]ctlproto.ScriptError{{File: name, Line: 1, Column: 1, Message: "bad " + text}}, max(1, strings.Count(text, ";"))), nil
}

// fakeScriptReload is script.reload.
type fakeScriptReload struct{ *fakeProxy }

func (f fakeScriptReload) Reload(context.Context) (ctlproto.ScriptReloadResult, error) {
	if err := f.did("reload script"); err != nil {
		return ctlproto.ScriptReloadResult{}, err
	}
	return ctlproto.ScriptReloadResult{OK: true, AtNextStart: []string{"listen"},
		Remarks: []ctlproto.ScriptError{{File: "seraph.cfg", Line: 2, Column: 1, Message: "hm", Kind: ctlproto.ScriptNote}}}, nil
}

func (f *fakeProxy) Forget(user aor.AOR) { _ = f.did("forget " + user.String()) }

func (f *fakeProxy) Reload(context.Context) error { return f.did("reload") }

func (f *fakeProxy) Domains() []string {
	if f.serves != nil {
		return f.serves
	}
	return []string{"example.net", "example.org"}
}

// config is a Config with everything in it.
// enabled knows everybody but ghost.
func (f *fakeProxy) enabled(_ context.Context, user aor.AOR) (bool, error) {
	if user.User == "fault" {
		return false, errors.New("password=hunter2")
	}
	return user.User != "ghost", nil
}

func (f *fakeProxy) config() Config {
	return Config{
		Name: "seraph-proxy", Version: "0.1.0", Log: slog.New(slog.DiscardHandler),
		Enabled: f.enabled, Usrloc: f, Statistics: f, Tm: f, Sl: f, Ctd: f, Dialogs: fakeDialogs{f}, Messages: f, Silo: fakeSilo{f}, Uac: f, Requests: f, Presence: f, Script: f, ScriptReload: fakeScriptReload{f}, Credentials: f, Domains: f, DomainList: f, Aliases: f, Groups: f, TLS: f,
	}
}

// start makes a server that ends with the test.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s := New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return s
}

// wire is a raw connection to a server.
type wire struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

// plug connects to s over a pipe and reads the hello.
func plug(t *testing.T, s *Server) *wire {
	t.Helper()
	ours, theirs := net.Pipe()
	go s.ServeConn(theirs)
	return newWire(t, ours)
}

func newWire(t *testing.T, nc net.Conn) *wire {
	t.Helper()
	t.Cleanup(func() { nc.Close() })
	w := &wire{t: t, nc: nc, in: bufio.NewReader(nc)}
	const hello = `{"jsonrpc":"2.0","method":"hello","params":{"name":"seraph-proxy","version":"0.1.0","protocol":1}}`
	if got := w.receive(); got != hello {
		t.Fatalf("hello:\n%s\nwant\n%s", got, hello)
	}
	return w
}

func (w *wire) send(text string) {
	w.t.Helper()
	_ = w.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := w.nc.Write([]byte(text)); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

// receive reads one line.
func (w *wire) receive() string {
	w.t.Helper()
	_ = w.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := ctlproto.ReadLine(w.in, ctlproto.MaxReply)
	if err != nil {
		w.t.Fatalf("receive: %v", err)
	}
	return string(line)
}

// ended checks that the server has closed the connection.
func (w *wire) ended() {
	w.t.Helper()
	_ = w.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	if line, err := ctlproto.ReadLine(w.in, ctlproto.MaxReply); err == nil || errors.Is(err, context.DeadlineExceeded) {
		w.t.Fatalf("the connection goes on: %q, %v", line, err)
	}
}

// call sends a request with id 1 and returns the reply without its envelope.
func (w *wire) call(method, params string) string {
	w.t.Helper()
	if params != "" {
		params = `,"params":` + params
	}
	w.send(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"` + params + "}\n")
	got, ok := strings.CutPrefix(w.receive(), `{"jsonrpc":"2.0","id":1,`)
	if !ok {
		w.t.Fatalf("%s: reply to somebody else", method)
	}
	return strings.TrimSuffix(got, "}")
}
