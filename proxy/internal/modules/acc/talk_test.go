package acc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/modules/acc"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// talk is a call of three minutes.
func talk(id, caller, callee, target string) acc.Talk {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return acc.Talk{
		CallID: []byte(id), FromTag: []byte("at"), ToTag: []byte("bt"), FromURI: []byte("sip:alice@example.org"), Display: []byte(`"Alice \"A\""`),
		TargetURI: []byte(target), Caller: []byte(caller), Callee: []byte(callee),
		Began: began, Answered: began.Add(5 * time.Second), Ended: began.Add(185 * time.Second), HungUpBy: store.HungUpCallee,
	}
}

// TestTalk: an answered call gets its row in call_log at once, and its end later.
func TestTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480))
		defer b.run()()
		x := talk("t1", "alice@example.org", "bob@example.org", "sip:boss@example.org")
		b.m.Talk(x)
		time.Sleep(soon)
		bob := aor.AOR{User: "bob", Domain: "example.org"}
		want := []store.Call{{CallID: "t1", FromTag: "at", CallerURI: "sip:alice@example.org", Caller: aor.AOR{User: "alice", Domain: "example.org"},
			CallerName: `Alice "A"`, Callee: bob, TargetURI: "sip:boss@example.org", Started: x.Began, Answered: x.Answered, Code: 200, Reason: "OK"}}
		if diff := cmp.Diff(want, b.seen().calls); diff != "" {
			t.Error(diff)
		}
		if len(b.seen().ends) != 0 {
			t.Errorf("it has ended: %+v", b.seen().ends)
		}
		answered := ctlproto.CallEvent{CallID: "t1", State: ctlproto.CallAnswered, At: x.Answered, Caller: "alice@example.org", Callee: "bob@example.org"}
		if diff := cmp.Diff([]ctlproto.CallEvent{answered}, b.seen().news); diff != "" {
			t.Error(diff)
		}
		b.tables.set(func(x *tables) { x.away = true })
		b.m.HungUp(x)
		time.Sleep(soon)
		if n := len(b.seen().news); n != 1 {
			t.Errorf("%d events while the end cannot be written, want only the answer's", n)
		}
		b.tables.set(func(x *tables) { x.away = false })
		time.Sleep(time.Minute)
		ended := answered
		ended.State, ended.At = ctlproto.CallEnded, x.Ended
		if diff := cmp.Diff([]ctlproto.CallEvent{answered, ended}, b.seen().news); diff != "" {
			t.Error(diff)
		}
		end := []store.CallEnd{{CallID: "t1", FromTag: "at", Callee: bob, Ended: x.Ended, HungUpBy: store.HungUpCallee, Began: x.Began}}
		if diff := cmp.Diff(end, b.seen().ends); diff != "" {
			t.Error(diff)
		}
		if len(b.seen().events)+len(b.seen().missed)+len(b.seen().acc) != 0 {
			t.Errorf("%+v %+v %+v", b.seen().events, b.seen().missed, b.seen().acc)
		}
	})
}

// TestTalkWithOthers: a user of ours who calls somebody else has the call on the list; a
// call that is nobody's has not.
func TestTalkWithOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480))
		defer b.run()()
		for _, x := range []acc.Talk{
			talk("out", "alice@example.org", "", "sip:+4930@gateway.example"), talk("bad", "alice@example.org", "", "tel:+4930"),
			talk("stranger", "", "dora@example.org", "sip:dora@example.org"), talk("nobody", "", "", "sip:x@y.example"),
		} {
			b.m.Talk(x)
			b.m.HungUp(x)
		}
		time.Sleep(soon)
		calls, ends := b.seen().calls, b.seen().ends
		if len(calls) != 1 || calls[0].CallID != "out" || calls[0].Callee != (aor.AOR{User: "+4930", Domain: "gateway.example"}) {
			t.Errorf("calls %+v", calls)
		}
		if len(ends) != 1 || ends[0].CallID != "out" {
			t.Errorf("ends %+v", ends)
		}
	})
}

// TestHungUpInTheAgent: the BYE of a call that ends at the router's own user agent passes nowhere, and has
// its row all the same, from who has hung up to the other one, if the INVITE's flags pick it.
func TestHungUpInTheAgent(t *testing.T) {
	for _, tc := range []struct {
		by       string
		byRouter bool
		want     store.AccRow
	}{
		{by: store.HungUpCaller, want: store.AccRow{FromTag: "at", ToTag: "bt", SrcUser: "alice", DstOUser: "boss", DstUser: "bob"}},
		{by: store.HungUpCallee, want: store.AccRow{FromTag: "bt", ToTag: "at", SrcUser: "boss", DstOUser: "alice", DstUser: "alice"}},
		{by: store.HungUpRouter, want: store.AccRow{FromTag: "at", ToTag: "bt", SrcUser: "alice", DstOUser: "boss", DstUser: "bob"}},
		{by: store.HungUpCallee, byRouter: true, want: store.AccRow{FromTag: "at", ToTag: "bt", SrcUser: "alice", DstOUser: "boss", DstUser: "bob"}},
	} {
		for flags, rows := range map[uint32]int{0: 0, 1 << 3: 1} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, refusing(480), "db_flag 3")
				defer b.run()()
				x := talk("t1", "alice@example.org", "bob@example.org", "sip:boss@example.org")
				x.HungUpBy, x.ByRouter, x.InAgent, x.Flags = tc.by, tc.byRouter, true, flags
				b.m.HungUp(x)
				time.Sleep(soon)
				want := tc.want
				want.Method, want.CallID, want.Code, want.Reason, want.Time = "BYE", "t1", 200, "OK", x.Ended
				want.SrcDomain, want.DstDomain = "example.org", "example.org"
				if diff := cmp.Diff([]store.AccRow{want}[:rows], b.seen().acc); rows > 0 && diff != "" || len(b.seen().acc) != rows {
					t.Errorf("by %s, flags %b: %s %+v", tc.by, flags, diff, b.seen().acc)
				}
				if len(b.seen().ends) != 1 {
					t.Errorf("ends %+v", b.seen().ends)
				}
			})
		}
	}
}

// TestTalkQueue: answered calls wait for the database like other rows, and what does not
// fit is counted.
func TestTalkQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480), "max_queue 100")
		defer b.run()()
		b.tables.set(func(x *tables) { x.away = true })
		for range 110 {
			b.m.Talk(talk("q", "alice@example.org", "bob@example.org", "sip:bob@example.org"))
		}
		if queued, lost := b.statistic("queued"), b.statistic("lost"); queued != 100 || lost != 10 {
			t.Errorf("%d wait and %d are lost, want 100 and 10", queued, lost)
		}
		time.Sleep(time.Minute)
		b.tables.set(func(x *tables) { x.away = false })
		time.Sleep(time.Minute)
		if n := len(b.seen().calls); n != 100 || b.statistic("queued") != 0 {
			t.Errorf("%d are written, %d wait", n, b.statistic("queued"))
		}
	})
	without := acc.New(acc.Config{})
	if err := without.Init(); err != nil {
		t.Fatal(err)
	}
	without.Talk(talk("x", "alice@example.org", "bob@example.org", "sip:bob@example.org"))
	without.Statistics(func(_, name string, n int64) {
		if n != 0 {
			t.Errorf("without a database %s is %d", name, n)
		}
	})
}
