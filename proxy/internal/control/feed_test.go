package control

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

func TestFeed(t *testing.T) {
	s := start(t, newFakeProxy().config())
	w := plug(t, s)
	s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{ID: "before"})
	if s.Wanted(ctlproto.TopicCtd) {
		t.Error("a topic without feeds is wanted")
	}
	if got := w.call("events.subscribe", `{"topics":["registration","ctd","ctd"]}`); got != `"result":{"topics":["ctd","registration"],"seq":0}` {
		t.Fatalf("subscribe: %s", got)
	}
	if !s.Wanted(ctlproto.TopicCtd) || s.Wanted("dialog") {
		t.Error("Wanted is wrong")
	}
	s.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: "a@b.org", Status: ctlproto.StatusOffline, Contacts: []ctlproto.Contact{}})
	if got, want := w.receive(), `{"jsonrpc":"2.0","method":"event","params":{"topic":"registration","seq":1,"data":{"aor":"a@b.org","status":"offline","contacts":[]}}}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := w.call("core.version", ""); !strings.Contains(got, "-32002") {
		t.Errorf("a call on a feed: %s", got)
	}
	if got := w.call("events.subscribe", `["nonsense"]`); !strings.Contains(got, "-32602") {
		t.Errorf("wrong topic: %s", got)
	}
	// The topics change without an event between them.
	if got := w.call("events.subscribe", `["registration"]`); got != `"result":{"topics":["registration"],"seq":1}` {
		t.Errorf("second subscribe: %s", got)
	}
	s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{})
	s.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{})
	if got := w.receive(); !strings.Contains(got, `"topic":"registration","seq":2`) {
		t.Errorf("got %s", got)
	}
	s.Publish("nonsense", 1)
	s.Publish(ctlproto.TopicRegistration, func() {}) // cannot be encoded: logged, no more
	w.nc.Close()
	waitFor(t, func() bool { return !s.Wanted(ctlproto.TopicRegistration) })
}

// TestSlowReader loses its events and learns it; others get theirs, and the
// publisher never waits.
func TestSlowReader(t *testing.T) {
	for name, limits := range map[string]Limits{
		"by number": {QueuedEvents: 10},
		"by bytes":  {QueuedBytes: 2500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := newFakeProxy().config()
				cfg.Limits = limits
				s := start(t, cfg)
				slow, quick := plug(t, s), plug(t, s)
				slow.call("events.subscribe", `["ctd"]`)
				quick.call("events.subscribe", `["ctd"]`)
				const events = 50
				for range events {
					s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{Steps: []ctlproto.CtdStep{}})
					synctest.Wait() // the pump of slow now stands in its write
					if got := quick.receive(); !strings.Contains(got, `"method":"event"`) {
						t.Fatalf("quick: %s", got)
					}
				}
				got := slow.receive()
				for n := 0; strings.Contains(got, `"method":"event"`); n++ {
					if n == events {
						t.Fatal("nothing was lost")
					}
					got = slow.receive()
				}
				if !strings.HasPrefix(got, `{"jsonrpc":"2.0","method":"lost","params":{"seq":`) {
					t.Fatalf("slow: %s", got)
				}
				if got := slow.call("events.subscribe", `["ctd"]`); got != `"result":{"topics":["ctd"],"seq":50}` {
					t.Fatalf("subscribe again: %s", got)
				}
				s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{})
				if got := slow.receive(); !strings.Contains(got, `"seq":51`) {
					t.Errorf("after lost: %s", got)
				}
				quick.receive()
			})
		})
	}
}

// TestReaderThatStops is cut off after the write timeout.
func TestReaderThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, newFakeProxy().config())
		w := plug(t, s)
		w.call("events.subscribe", `["ctd"]`)
		s.Publish(ctlproto.TopicCtd, ctlproto.CtdStatus{})
		time.Sleep(s.cfg.Limits.WriteTimeout + time.Second)
		synctest.Wait()
		if s.Wanted(ctlproto.TopicCtd) {
			t.Error("it is still subscribed")
		}
	})
}
