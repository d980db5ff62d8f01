package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/modules/tm"
	"seraph/sql/store"
)

// slow are gateways that take so many milliseconds to answer a ping; -1 is for ever, and
// -2 that it cannot be sent.
type slow struct {
	mu    sync.Mutex
	times map[string]int
}

func (s *slow) set(uri string, ms int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[uri] = ms
}

func (s *slow) ping(ctx context.Context, uri, _ string) (int, error) {
	s.mu.Lock()
	ms := s.times[uri]
	s.mu.Unlock()
	switch ms {
	case -2:
		return 0, errors.New("nobody listens there")
	case -1:
		<-ctx.Done()
		return 0, ctx.Err()
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return 200, nil
}

// measured is a module whose gateways have been asked once.
func measured(t *testing.T, s *slow, rows []store.Gateway, params ...string) *dispatcher.Module {
	t.Helper()
	m := dispatcher.New(dispatcher.Config{Load: (&table{rows: rows}).load, Ping: s.ping})
	for _, p := range append([]string{"ds_ping_interval 10", "ds_ping_latency_stats 1", "ds_ping_timeout 4"}, params...) {
		name, value, _ := strings.Cut(p, " ")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(19 * time.Second)
	synctest.Wait()
	return m
}

// TestLatency: the fastest first; those that are not measured before them; a high priority
// falls as Kamailio has it, and who stands alike takes turns.
func TestLatency(t *testing.T) {
	const pinged, unpinged = 8, 0
	type gate struct{ ms, priority, flags int }
	for _, c := range []struct {
		name  string
		gates []gate
		cc    bool
		want  []string
	}{
		{"by latency alone", []gate{{50, 0, pinged}, {10, 0, pinged}, {30, 0, pinged}}, false, []string{"2 3 1", "2 3 1"}},
		{"what was not measured comes first", []gate{{50, 0, pinged}, {10, 0, unpinged}, {30, 0, pinged}}, false, []string{"2 3 1"}},
		{"and takes turns", []gate{{50, 0, unpinged}, {10, 0, pinged}, {30, 0, unpinged}}, false, []string{"1 3 2", "3 1 2", "1 3 2"}},
		{"who does not answer comes last", []gate{{-1, 0, pinged}, {900, 0, pinged}}, false, []string{"2 1"}},
		{"nor does who cannot be asked come first", []gate{{-2, 0, pinged}, {900, 0, pinged}}, false, []string{"2 1"}},
		{"an inactive one is left out", []gate{{5, 0, pinged | 1}, {900, 0, pinged}}, false, []string{"1 2"}}, // it has answered
		{"priority holds while latency is below it", []gate{{20, 30, pinged}, {29, 30, pinged}, {5, 29, pinged}}, false, []string{"1 2 3", "2 1 3", "1 2 3"}},
		{"and falls by one for each time", []gate{{65, 30, pinged}, {5, 29, pinged}, {31, 30, pinged}}, false, []string{"3 2 1", "2 3 1"}},
		{"but not below 1", []gate{{3000, 2, pinged}, {1, 1, pinged}}, false, []string{"1 2", "2 1"}},
		{"congestion is none where it is always slow", []gate{{900, 0, pinged}, {10, 0, pinged}}, true, []string{"1 2", "2 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slow{times: map[string]int{}}
				rows := gateways(1, len(c.gates), func(i int, g *store.Gateway) {
					s.times[g.URI], g.Priority, g.Flags = c.gates[i].ms, c.gates[i].priority, c.gates[i].flags
					if c.cc {
						g.Attrs = "cc=1"
					}
				})
				m := measured(t, s, rows)
				for i, want := range c.want {
					if got := walk(t, m, call(t, "x"), "1", "13"); got != want {
						t.Errorf("call %d goes to %q, want %q", i+1, got, want)
					}
				}
			})
		})
	}
}

// TestLatencyList: what the operator sees, and that a gateway which slows down is passed
// over.
func TestLatencyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{times: map[string]int{"sip:10.0.0.1": 10, "sip:10.0.0.2": 20}}
		m := measured(t, s, gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{8, 8, 0}[i] }), "ds_latency_estimator_alpha 500", "reload_interval 3600")
		latency := func(i int) *ctlproto.DispatcherLatency { return m.List().Records[0].Set.Targets[i].Dest.Latency }
		if diff := cmp.Diff(&ctlproto.DispatcherLatency{Average: 10, Estimate: 10, Max: 10}, latency(0)); diff != "" {
			t.Error(diff)
		}
		if latency(2) != nil {
			t.Errorf("of one that is not asked: %+v", latency(2))
		}
		s.set("sip:10.0.0.1", 90)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff(&ctlproto.DispatcherLatency{Average: 50, Deviation: 56.569, Estimate: 50, Max: 90}, latency(0)); diff != "" {
			t.Error(diff)
		}
		if got := walk(t, m, call(t, "x"), "1", "13"); got != "3 2 1" {
			t.Errorf("calls go to %q", got)
		}
		s.set("sip:10.0.0.1", -1)
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if got := latency(0); got.Timeouts != 1 || got.Max != 4000 || got.Estimate != 2025 {
			t.Errorf("a ping without an answer: %+v", got)
		}
	})
}

// TestLatencyIsMeasured: without pings that are measured, algorithm 13 has nothing to go by.
func TestLatencyIsMeasured(t *testing.T) {
	for _, params := range [][]string{nil, {"ds_ping_latency_stats 1"}, {"ds_ping_interval 10"}} {
		m := dispatcher.New(dispatcher.Config{})
		for _, p := range params {
			name, value, _ := strings.Cut(p, " ")
			if err := moduletest.Set(t, m, name, value); err != nil {
				t.Fatal(err)
			}
		}
		moduletest.Compile(t, m, "ds_select_dst", "1", "13")
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), "ds_ping_latency_stats and ds_ping_interval") {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// TestParallel: all gateways that can be used ring at once, and nothing comes after them.
func TestParallel(t *testing.T) {
	for _, c := range []struct {
		name, function string
		rows           []store.Gateway
		params         []string
		limit          string
		want           string
	}{
		{"all", "ds_select_dst", gateways(1, 3), nil, "", "0301234@example.org>1 0301234@example.org>2 0301234@example.org>3"},
		{"into the Request-URI", "ds_select_domain", gateways(1, 2), nil, "", "0301234@10.0.0.1>1 0301234@10.0.0.2>2"},
		{"two at most", "ds_select_dst", gateways(1, 3), nil, "2", "0301234@example.org>1 0301234@example.org>2"},
		{"but the inactive ones", "ds_select_domain", gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{1, 0, 4}[i] }), nil, "", "0301234@10.0.0.2>2"},
		{"but the default", "ds_select_domain", gateways(1, 3), []string{"use_default 1"}, "", "0301234@10.0.0.1>1 0301234@10.0.0.2>2"},
		{"the default alone", "ds_select_domain", gateways(1, 3, func(_ int, g *store.Gateway) { g.Flags = 1 }), []string{"use_default 1"}, "", "0301234@10.0.0.3>3"},
		{"all are away, and tried", "ds_select_domain", gateways(1, 2, func(i int, g *store.Gateway) { g.Flags = []int{1, 4}[i] }), []string{"ds_try_inactive 1"}, "", "0301234@10.0.0.1>1"},
		{"all are away", "ds_select_domain", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags = 1 }), nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, c.rows, c.params...)
			args := []string{"1", "12"}
			if c.limit != "" {
				args = append(args, c.limit)
			}
			pick, next, mark := moduletest.Compile(t, m, c.function, args...), moduletest.Compile(t, m, "ds_next_dst"), moduletest.Compile(t, m, "ds_mark_dst")
			for _, failed := range []bool{false, true} {
				picked := false
				choose := func(cx *module.Ctx) {
					picked = pick(cx) == module.True
					if next(cx) == module.True || mark(cx) == module.True {
						t.Error("something is lined up after them")
					}
					if picked {
						if err := cx.Relay(); err != nil {
							t.Error(err)
						}
					}
				}
				// In the failure route of a target that failed, they are tried in its place.
				arm := moduletest.Compile(t, tm.New(tm.Config{}), "t_on_failure", "1")
				r := moduletest.New(t, &moduletest.Script{Request: func(cx *module.Ctx) {
					if !failed {
						choose(cx)
						return
					}
					arm(cx)
					cx.Main.Flow = cx.From
					_ = cx.Relay()
				}, Failure: func(cx *module.Ctx, _ int) { choose(cx) }})
				out := r.Receive(caller, moduletest.Request("INVITE", "sip:0301234@example.org"))
				if failed {
					out = r.Receive(caller, moduletest.Answer(t, moduletest.Find(t, out, "INVITE"), 500))
				}
				var got []string
				for _, p := range out {
					if uri, ok := strings.CutPrefix(p.Text, "INVITE sip:"); ok {
						uri, _, _ = strings.Cut(uri, " ")
						got = append(got, fmt.Sprintf("%s>%d", uri, p.To.Remote.Addr().As4()[3]))
					}
				}
				if strings.Join(got, " ") != c.want || picked != (c.want != "") {
					t.Errorf("after a failure %v: sent %v, want %q", failed, got, c.want)
				}
			}
		})
	}
}
