package ctlproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// deadline bounds everything that a test waits for.
const deadline = 10 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, path string) *ctlproto.Client {
	t.Helper()
	c, err := ctlproto.Dial(within(t), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSubscription(t *testing.T) {
	server := ctltest.Serve(t, nil)
	ctx := within(t)
	s, err := dial(t, server.Path).Subscribe(ctx, ctlproto.TopicCtd)
	if err != nil {
		t.Fatal(err)
	}
	server.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "not@asked.for"})
	server.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "7", State: ctlproto.CtdAnswered})
	event, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := event.Ctd(); err != nil || status.ID != "7" || event.Seq != 2 {
		t.Errorf("event %d: %+v, %v", event.Seq, status, err)
	}

	server.Lose(ctlproto.TopicCtd) // the feed ends, and Next opens it again
	if event, err := s.Next(ctx); err != nil || event.Topic != ctlproto.TopicLost {
		t.Fatalf("event %+v, %v; want lost", event, err)
	}
	if n := server.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "8"}); n != 1 {
		t.Fatalf("%d feeds after lost", n)
	}
	if event, err := s.Next(ctx); err != nil || event.Seq != 3 {
		t.Errorf("event %+v, %v", event, err)
	}

	server.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "9"})
	server.Close() // what came before the end is still delivered
	if event, err := s.Next(ctx); err != nil || event.Seq != 4 {
		t.Errorf("event %+v, %v", event, err)
	}
	if _, err := s.Next(ctx); !errors.Is(err, ctlproto.ErrUnreachable) {
		t.Errorf("after the end: %v", err)
	}
	s.Close()
	s.Close()
}

func TestSubscriptionCloseWhileFull(t *testing.T) {
	server := ctltest.Serve(t, nil)
	s, err := dial(t, server.Path).Subscribe(within(t), ctlproto.TopicCtd)
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan struct{})
	go func() { // beside us: neither subscription nor socket holds them all
		defer close(published)
		for range 200 {
			server.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{})
		}
	}()
	defer func() { <-published }()
	s.Close()
	ctx := within(t)
	for {
		if _, err := s.Next(ctx); err != nil {
			if !errors.Is(err, ctlproto.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
			return
		}
	}
}

func TestRedialer(t *testing.T) {
	folder, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "sock")
	hello := ctlproto.Hello{Name: "x", Protocol: ctlproto.ProtocolVersion}
	methods := map[string]ctltest.Handler{ctlproto.MethodCoreVersion: ctltest.Result("x 1")}
	r := ctlproto.NewRedialer(path, ctlproto.Dialer{})
	defer r.Close()
	ctx := within(t)
	for range 3 {
		if _, err := r.CoreVersion(ctx); !errors.Is(err, ctlproto.ErrUnreachable) {
			t.Fatalf("nobody there: %v", err)
		}
	}
	for range 2 { // the server comes, goes, comes
		server := ctltest.ServeAt(t, path, hello, methods)
		for {
			version, err := r.CoreVersion(ctx)
			if err == nil && version == "x 1" {
				break
			}
			if !errors.Is(err, ctlproto.ErrUnreachable) {
				t.Fatalf("%q, %v", version, err)
			}
		}
		if got, err := r.Hello(ctx); err != nil || got != hello {
			t.Errorf("hello %+v, %v", got, err)
		}
		server.Close()
		for {
			if _, err := r.CoreVersion(ctx); errors.Is(err, ctlproto.ErrUnreachable) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Close()
	if _, err := r.CoreVersion(ctx); !errors.Is(err, ctlproto.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestFollow(t *testing.T) {
	folder, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "sock")
	hello := ctlproto.Hello{Name: "x", Protocol: ctlproto.ProtocolVersion}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	events, result := make(chan ctlproto.Event), make(chan error, 1)
	go func() {
		r := ctlproto.NewRedialer(path, ctlproto.Dialer{})
		result <- r.Follow(ctx, func(e ctlproto.Event) { events <- e }, ctlproto.TopicCtd)
	}()
	expect := func(topic string) {
		t.Helper()
		select {
		case e := <-events:
			if e.Topic != topic {
				t.Fatalf("topic %q, want %q", e.Topic, topic)
			}
		case <-ctx.Done():
			t.Fatalf("no event of topic %q came", topic)
		}
	}
	expect(ctlproto.TopicAway) // said once, however often it is tried
	server := ctltest.ServeAt(t, path, hello, nil)
	expect(ctlproto.TopicLost)
	server.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "1"})
	expect(ctlproto.TopicCtd)
	server.Close()
	expect(ctlproto.TopicAway)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow: %v", err)
	}
}

// TestTypedMethods: each method sends its name and parameters, and reads its
// result.
func TestTypedMethods(t *testing.T) {
	contact := ctlproto.Contact{Address: "sip:alice@192.0.2.1", Expires: time.Hour, Q: 1, State: ctlproto.StateSync}
	item := []ctlproto.UlContactItem{{Contact: contact}}
	message := ctlproto.MsiloMessage{ID: 7, From: "sip:b@b", Body: []byte("\x00\xff"), Received: time.Unix(1700000000, 0).UTC(), Refused: true}
	done := ctltest.Result(ctlproto.Done{})
	server := ctltest.Serve(t, map[string]ctltest.Handler{
		"core.version": ctltest.Result("v"), "core.uptime": ctltest.Result(ctlproto.CoreUptime{Uptime: 5}),
		"core.psx":             ctltest.Result([]ctlproto.Process{{PID: 4}}),
		"stats.get_statistics": ctltest.Result([]string{"tm:current = 3"}),
		"tm.stats":             ctltest.Result(ctlproto.TmStats{Class6xx: 6}), "sl.stats": ctltest.Result(ctlproto.SlStats{Code202: 2}),
		"ul.dump": func(params json.RawMessage) (any, *ctlproto.Error) {
			if string(params) == `["brief"]` {
				return ctlproto.UlBrief{Domains: []ctlproto.UlBriefTableItem{{Domain: ctlproto.UlBriefTable{AoRs: []ctlproto.UlBriefAoR{{AoR: "a@b"}}}}}}, nil
			}
			return ctlproto.UlDump{Domains: []ctlproto.UlTableItem{{Domain: ctlproto.UlTable{AoRs: []ctlproto.UlAoRItem{{Info: ctlproto.UlAoR{AoR: "a@b", Contacts: item}}}}}}}, nil
		},
		"ul.lookup": ctltest.Result(ctlproto.UlAoR{AoR: "a@b", Contacts: item}),
		"ul.add":    done, "ul.rm": done, "ul.rm_contact": done,
		"presence.get": ctltest.Result(ctlproto.PresenceResult{Presence: map[string]ctlproto.PresenceStatus{"a@b": "on line"}}),
		"ctd.dial":     ctltest.Result(ctlproto.CtdDialResult{ID: "1"}), "ctd.status": ctltest.Result(ctlproto.CtdStatus{ID: "1"}), "ctd.cancel": done,
		"im.send":    ctltest.Result(ctlproto.ImSendResult{Result: ctlproto.ImStored, Code: 202, Reason: "Accepted"}),
		"msilo.list": ctltest.Result(ctlproto.MsiloListResult{Messages: []ctlproto.MsiloMessage{message}, Total: 3, Unread: 2}),
		"msilo.rm":   ctltest.Result(ctlproto.MsiloRmResult{Removed: 2}), "msilo.read": ctltest.Result(ctlproto.MsiloReadResult{Read: 1}), "msilo.dump": ctltest.Result(ctlproto.MsiloDumpResult{Pending: 3}),
		"script.reload": ctltest.Result(ctlproto.ScriptReloadResult{OK: true}),
		"script.check":  ctltest.Result(ctlproto.ScriptCheckResult{OK: true}),
		"auth.forget":   done, "domain.reload": done, "alias.reload": done, "group.reload": done, "permissions.addressReload": done,
	})
	c, ctx := dial(t, server.Path), within(t)
	for _, tc := range []struct {
		method, params string
		call           func() (any, error)
		want           any
	}{
		{"core.version", "", func() (any, error) { return c.CoreVersion(ctx) }, "v"},
		{"core.uptime", "", func() (any, error) { return c.CoreUptime(ctx) }, ctlproto.CoreUptime{Uptime: 5}},
		{"core.psx", "", func() (any, error) { return c.CorePsx(ctx) }, []ctlproto.Process{{PID: 4}}},
		{"stats.get_statistics", `["all"]`, func() (any, error) { return c.Statistics(ctx) }, []ctlproto.Statistic{{Group: "tm", Name: "current", Value: 3}}},
		{"tm.stats", "", func() (any, error) { return c.TmStats(ctx) }, ctlproto.TmStats{Class6xx: 6}},
		{"sl.stats", "", func() (any, error) { return c.SlStats(ctx) }, ctlproto.SlStats{Code202: 2}},
		{"ul.dump", "", func() (any, error) { return c.UlDump(ctx) }, []ctlproto.AoRContacts{{AoR: "a@b", Contacts: []ctlproto.Contact{contact}}}},
		{"ul.dump", `["brief"]`, func() (any, error) { return c.UlDumpBrief(ctx) }, []string{"a@b"}},
		{"ul.lookup", `{"table":"location","aor":"a@b"}`, func() (any, error) { return c.UlLookup(ctx, "a@b") }, []ctlproto.Contact{contact}},
		{"ul.add", `{"table":"location","aor":"a@b","contact":"sip:x","expires":60,"q":1}`, func() (any, error) {
			return nil, c.UlAdd(ctx, ctlproto.UlAddParams{AoR: "a@b", Contact: "sip:x", Expires: 60, Q: 1})
		}, nil},
		{"ul.rm", `{"table":"location","aor":"a@b"}`, func() (any, error) { return nil, c.UlRm(ctx, "a@b") }, nil},
		{"ul.rm_contact", `{"table":"location","aor":"a@b","contact":"sip:x"}`, func() (any, error) { return nil, c.UlRmContact(ctx, "a@b", "sip:x") }, nil},
		{"ul.rm_contact", `{"table":"location","aor":"a@b","contact":"sip:x","ruid":"r"}`, func() (any, error) { return nil, c.UlRmBinding(ctx, "a@b", "sip:x", "r") }, nil},
		{"presence.get", `{"addresses":["a@b"],"viewer":"v@b"}`, func() (any, error) { return c.PresenceGet(ctx, "v@b", []string{"a@b"}) }, map[string]ctlproto.PresenceStatus{"a@b": "on line"}},
		{"ctd.dial", `{"caller":"a@b","callee":"c@b","callee_name":"C","actor":"x"}`, func() (any, error) {
			return c.CtdDial(ctx, ctlproto.CtdDialParams{Caller: "a@b", Callee: "c@b", CalleeName: "C", Actor: "x"})
		}, "1"},
		{"ctd.status", `{"id":"1"}`, func() (any, error) { return c.CtdStatus(ctx, "1") }, ctlproto.CtdStatus{ID: "1"}},
		{"ctd.cancel", `{"id":"1","actor":"x"}`, func() (any, error) { return nil, c.CtdCancel(ctx, "1", "x") }, nil},
		{"im.send", `{"from":"a@b","to":"c@b","text":"hi\n","actor":"x"}`, func() (any, error) {
			return c.ImSend(ctx, ctlproto.ImSendParams{From: "a@b", To: "c@b", Text: "hi\n", Actor: "x"})
		}, ctlproto.ImSendResult{Result: ctlproto.ImStored, Code: 202, Reason: "Accepted"}},
		{"msilo.list", `{"owner":"a@b","limit":10,"offset":20}`, func() (any, error) {
			return c.MsiloList(ctx, ctlproto.MsiloListParams{Owner: "a@b", Limit: 10, Offset: 20})
		}, ctlproto.MsiloListResult{Messages: []ctlproto.MsiloMessage{message}, Total: 3, Unread: 2}},
		{"msilo.rm", `{"owner":"a@b","ids":[7,8]}`, func() (any, error) { return c.MsiloRm(ctx, "a@b", 7, 8) }, 2},
		{"msilo.read", `{"owner":"a@b","ids":[7,8]}`, func() (any, error) { return c.MsiloRead(ctx, "a@b", 7, 8) }, 1},
		{"msilo.dump", `{"owner":"a@b"}`, func() (any, error) { return c.MsiloDump(ctx, "a@b") }, 3},
		{"script.reload", "", func() (any, error) { return c.ScriptReload(ctx) }, ctlproto.ScriptReloadResult{OK: true}},
		{"script.check", `{"text":"x"}`, func() (any, error) { return c.ScriptCheck(ctx, ctlproto.ScriptCheckParams{Text: "x"}) }, ctlproto.ScriptCheckResult{OK: true}},
		{"auth.forget", `{"aor":"a@b"}`, func() (any, error) { return nil, c.AuthForget(ctx, "a@b") }, nil},
		{"domain.reload", "", func() (any, error) { return nil, c.DomainReload(ctx) }, nil},
		{"alias.reload", "", func() (any, error) { return nil, c.AliasReload(ctx) }, nil},
		{"group.reload", "", func() (any, error) { return nil, c.GroupReload(ctx) }, nil},
		{"permissions.addressReload", "", func() (any, error) { return nil, c.PermAddressReload(ctx) }, nil},
	} {
		got, err := tc.call()
		if err != nil {
			t.Errorf("%s: %v", tc.method, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.method, diff)
		}
		calls := server.Calls()
		if last := calls[len(calls)-1]; last.Method != tc.method || string(last.Params) != tc.params {
			t.Errorf("sent %s %s, want %s %s", last.Method, last.Params, tc.method, tc.params)
		}
	}
}
