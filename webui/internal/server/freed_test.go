package server_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// exported is all that somebody's export holds.
func (b *browser) exported() map[string]string {
	b.t.Helper()
	text := b.get("/user/account/export").is(200).Body
	z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	check(b.t, err)
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		check(b.t, err)
		content, err := io.ReadAll(r)
		check(b.t, err)
		files[f.Name] = string(content)
	}
	return files
}

// TestFreedNameIsEmpty: who gets a name that somebody else had gets nothing of that
// somebody: not from what stays for the operator, nor from what came in between,
// also if it was kamctl that gave the name.
func TestFreedNameIsEmpty(t *testing.T) {
	for _, giver := range []string{"us", "kamctl"} {
		t.Run(giver, func(t *testing.T) {
			s := newStand(t, leaveMethods())
			ctx := t.Context()
			check(t, s.db.Subscribers.Create(ctx, zoe, "zoe's secret"))
			row := `'a', 'b', 'x', '200', 'OK', '` + s.clock.now().Format(time.DateTime) + `', `
			s.exec(`INSERT INTO acc (method, from_tag, to_tag, callid, sip_code, sip_reason, time, src_user, src_domain, dst_user, dst_domain, src_ip)` +
				` VALUES ('INVITE', ` + row + `'zoe', 'example.org', 'OLDCALLEE', 'private.example', '203.0.113.79')`)
			s.exec(`INSERT INTO missed_calls (method, from_tag, to_tag, callid, sip_code, sip_reason, time, src_user, src_domain, dst_user, dst_domain, src_ip)` +
				` VALUES ('INVITE', ` + row + `'OLDCALLER', 'private.example', 'zoe', 'example.org', '203.0.113.79')`)
			check(t, s.db.Audit.Append(ctx, store.Record{Actor: zoe.String(), Source: "203.0.113.77", Action: "subscriber.sign_up", Object: zoe.String(), After: "OLDMAIL"}))
			check(t, s.db.Audit.Append(ctx, store.Record{Actor: "visitor", Source: "203.0.113.78", Action: "call.request", Object: zoe.String(), After: "OLDLOVER"}))
			b := s.browser().signIn("zoe", "zoe's secret")
			own := b.exported()
			for file, want := range map[string]string{"audit-by-you.json": "OLDMAIL", "audit-of-you.json": "OLDLOVER", "accounting-made.json": "OLDCALLEE", "accounting-missed.json": "OLDCALLER"} {
				if !strings.Contains(own[file], want) {
					t.Errorf("her own %s lacks %s: %s", file, want, own[file])
				}
			}
			b.post("/user/account/delete", "/user/account/delete", "password", "zoe's secret").leads("/user/goodbye")
			s.clock.forward(time.Minute)
			if giver == "us" {
				check(t, s.db.Subscribers.Create(ctx, zoe, "somebody else"))
			} else {
				h := store.HashesOf(zoe, "somebody else")
				s.exec(`INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES ('zoe', 'example.org', '` + h.HA1 + `', '` + h.HA1B + `')`)
			}
			check(t, s.db.Audit.Append(ctx, store.Record{Actor: "visitor", Action: "call.request", Object: zoe.String(), After: "NEWCALLER"}))
			fresh := s.browser().signIn("zoe", "somebody else").exported()
			for name, text := range fresh {
				if strings.Contains(text, "OLD") || strings.Contains(text, "203.0.113") || strings.Contains(text, "subscriber.delete") {
					t.Errorf("%s of the next owner: %s", name, text)
				}
			}
			if !strings.Contains(fresh["audit-of-you.json"], "NEWCALLER") {
				t.Errorf("the new owner's own line is missing: %s", fresh["audit-of-you.json"])
			}
		})
	}
}

// TestFreedNameIsKept: nobody gives himself the name of a deleted account, or its
// alias, for thirty days; an operator does.
func TestFreedNameIsKept(t *testing.T) {
	marsh := aor.AOR{User: "marsh", Domain: "example.org"}
	d := idleDesk(t)
	d.options.AliasRules = user.AliasRules{Limit: 5}
	d.server = server.New(d.options)
	d.start()
	ctx := t.Context()
	check(t, d.db.Aliases.Add(ctx, marsh, alice))
	check(t, d.db.Subscribers.Delete(ctx, alice))
	b := d.browser().signIn("bob", "builder's")
	for _, name := range []string{"alice", "marsh", "ALICE"} {
		if got := b.post("/user/account/aliases", "/user/account/aliases", "alias", name).is(422).fault("alias"); got == "" {
			t.Errorf("bob takes %s", name)
		}
		if got := d.browser().post("/sign-up", "/sign-up", newcomer("user", name)...).is(422).fault("user"); !strings.Contains(got, "taken") {
			t.Errorf("sign-up as %s: %q", name, got)
		}
	}
	check(t, d.db.Aliases.Add(ctx, marsh, bob)) // an operator
	d.clock.forward(30*24*time.Hour + time.Minute)
	b = d.browser().signIn("bob", "builder's")
	b.post("/user/account/aliases", "/user/account/aliases", "alias", "alice").leads("/user/account/aliases")
}

// running is an attempt of alice's that rings.
func running(at time.Time) ctlproto.CtdStatus {
	return ctlproto.CtdStatus{
		ID: "att9", Caller: alice.String(), Callee: "sip:OLDLOVER@private.example", State: ctlproto.CtdRingingThem, Cancellable: true,
		Steps: []ctlproto.CtdStep{{State: ctlproto.CtdRingingYou, At: at}, {State: ctlproto.CtdRingingThem, At: at}},
	}
}

// TestLeaveEndsAttempts: a call that somebody just clicked does not outlive the
// account, and is not the next owner's.
func TestLeaveEndsAttempts(t *testing.T) {
	m := leaveMethods()
	m[ctlproto.MethodCtdDial] = ctltest.Result(ctlproto.CtdDialResult{ID: "att9"})
	m[ctlproto.MethodCtdCancel] = ctltest.Result(ctlproto.Done{})
	var now atomic.Pointer[ctlproto.CtdStatus]
	m[ctlproto.MethodCtdStatus] = func(json.RawMessage) (any, *ctlproto.Error) { return *now.Load(), nil }
	m[ctlproto.MethodCtdList] = func(json.RawMessage) (any, *ctlproto.Error) {
		return []ctlproto.CtdStatus{*now.Load(), {ID: "over", Caller: alice.String(), Ended: true}}, nil
	}
	s := newStand(t, m)
	at := func(when time.Time) { status := running(when); now.Store(&status) }
	at(s.clock.now())
	b := s.browser().signIn("alice", "wonderland")
	b.post("/user/dial", "/user/dial", "to", "sip:OLDLOVER@private.example").is(303)
	b.get("/user/dial/att9").is(200).shows("OLDLOVER")
	b.post("/user/account/delete", "/user/account/delete", "password", "wonderland").leads("/user/goodbye")
	var cancelled []string
	for _, call := range s.router.Calls() {
		if call.Method == ctlproto.MethodCtdCancel {
			cancelled = append(cancelled, string(call.Params))
		}
	}
	if len(cancelled) == 0 || !strings.Contains(cancelled[0], "att9") || strings.Contains(strings.Join(cancelled, ""), "over") {
		t.Errorf("cancelled: %v", cancelled)
	}
	s.clock.forward(time.Minute)
	check(t, s.db.Subscribers.Create(t.Context(), alice, "somebody else"))
	n := s.browser().signIn("alice", "somebody else")
	n.get("/user/dial/att9").is(404)
	n.get("/user/phone-book").lacks("OLDLOVER")
	at(s.clock.now()) // the new owner's own
	n.get("/user/dial/att9").is(200)
}

// TestLateEventsAreDropped: what the router tells of an attempt of a deleted account
// reaches nobody, whoever deleted it.
func TestLateEventsAreDropped(t *testing.T) {
	s := newStand(t, leaveMethods())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.server.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	b := s.browser().signIn("alice", "wonderland")
	shown := func(b *browser, what string) func() bool {
		return func() bool { return strings.Contains(b.get("/user/phone-book").Body, what) }
	}
	old := running(s.clock.now())
	s.router.Publish(ctlproto.TopicCtd, old)
	until(t, "the old owner sees the call", func() bool {
		if !shown(b, "OLDLOVER")() {
			s.router.Publish(ctlproto.TopicCtd, old)
			return false
		}
		return true
	})
	b.post("/user/account/delete", "/user/account/delete", "password", "wonderland").leads("/user/goodbye")
	old.Steps = append(old.Steps, ctlproto.CtdStep{State: ctlproto.CtdRingingThem, At: s.clock.now()})
	s.router.Publish(ctlproto.TopicCtd, old) // the account is gone
	s.clock.forward(2 * time.Minute)
	check(t, s.db.Subscribers.Create(ctx, alice, "somebody else"))
	old.Steps = append(old.Steps, ctlproto.CtdStep{State: ctlproto.CtdRingingThem, At: s.clock.now()})
	s.router.Publish(ctlproto.TopicCtd, old) // the name has a new owner
	n, other := s.browser().signIn("alice", "somebody else"), s.browser().signIn("bob", "builder's")
	after := running(s.clock.now()) // events come in their order: this one is last
	after.ID, after.Caller, after.Callee = "att10", bob.String(), "sip:marker@private.example"
	s.router.Publish(ctlproto.TopicCtd, after)
	until(t, "bob sees his call", shown(other, "marker@private.example"))
	if shown(n, "OLDLOVER")() {
		t.Error("the next owner sees the old owner's call")
	}
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !met(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never", what)
		}
	}
}
