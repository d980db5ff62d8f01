package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
	"seraph/sql/store"
)

// table is the table dispatcher.
type table struct {
	mu   sync.Mutex
	rows []store.Gateway
	err  error
}

func (t *table) set(rows []store.Gateway, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.err = rows, err
}

func (t *table) load(context.Context) ([]store.Gateway, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows, t.err
}

// gateways are n rows of a set, sip:10.0.0.1 and so on.
func gateways(set, n int, change ...func(i int, g *store.Gateway)) []store.Gateway {
	var rows []store.Gateway
	for i := range n {
		g := store.Gateway{Set: set, URI: fmt.Sprintf("sip:10.0.0.%d", i+1)}
		for _, f := range change {
			f(i, &g)
		}
		rows = append(rows, g)
	}
	return rows
}

func newModule(t testing.TB, rows []store.Gateway, params ...string) *dispatcher.Module {
	t.Helper()
	m := dispatcher.New(dispatcher.Config{Load: (&table{rows: rows}).load})
	for _, p := range params {
		name, value, _ := strings.Cut(p, " ")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

func call(t testing.TB, id string) *module.Ctx {
	t.Helper()
	return moduletest.Message(t, strings.Replace(moduletest.Request("INVITE", "sip:0301234@example.org"), "call-1", id, 1))
}

// host is the last number of the gateway that a request goes to, "" for none.
func host(c *module.Ctx) string {
	_, last, _ := strings.Cut(string(c.Main.Next), "sip:10.0.0.")
	return last
}

// walk selects and goes on until nothing is left.
func walk(t *testing.T, m *dispatcher.Module, c *module.Ctx, args ...string) string {
	t.Helper()
	if moduletest.Compile(t, m, "ds_select_dst", args...)(c) != module.True {
		return ""
	}
	got := host(c)
	for moduletest.Compile(t, m, "ds_next_dst")(c) == module.True {
		got += " " + host(c)
	}
	return got
}

func TestAlgorithms(t *testing.T) {
	priority := func(i int, g *store.Gateway) { g.Priority = []int{1, 9, 5}[i] }
	for _, c := range []struct {
		name, algorithm string
		rows            []store.Gateway
		params          []string
		want            []string // of calls one after the other
	}{
		{"round robin", "4", gateways(1, 3), nil, []string{"1 2 3", "2 3 1", "3 1 2", "1 2 3"}},
		{"priority", "8", gateways(1, 3, priority), nil, []string{"2 3 1", "2 3 1"}},
		{"weight", "9", gateways(1, 2, func(i int, g *store.Gateway) { g.Attrs = fmt.Sprintf("duid=x;weight=%d", []int{75, 25}[i]) }), nil,
			[]string{"1 2", "1 2", "2 1", "1 2", "1 2", "1 2", "2 1", "1 2"}},
		{"relative weight", "11", gateways(1, 2, func(i int, g *store.Gateway) { g.Attrs = fmt.Sprintf("weight=50;rweight=%d", []int{75, 25}[i]) }), nil,
			[]string{"1 2", "1 2", "2 1", "1 2"}},
		{"relative weight without any", "11", gateways(1, 2, func(i int, g *store.Gateway) { g.Attrs = "weight=50" }), nil, []string{"1 2", "2 1"}},
		{"by a variable that is empty", "7", gateways(1, 2), []string{"hash_pvar $hdr(X-Nobody)"}, []string{""}},
		{"weight without any", "9", gateways(1, 2), nil, []string{"1 2", "2 1"}},
		{"one is inactive", "4", gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{0, 1, 0}[i] }), nil, []string{"1 3", "3 1", "3 1", "1 3"}},
		{"all are away", "4", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags = 1 }), nil, []string{""}},
		{"all are away but the default", "4", gateways(1, 3, func(_ int, g *store.Gateway) { g.Flags = 1 }), []string{"use_default 1"}, []string{"3"}},
		{"all are away, and tried nevertheless", "4", gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{1, 4, 9}[i] }), []string{"ds_try_inactive 1"}, []string{"1 3", "3 1", "3 1", "1 3"}},
		{"all are disabled, and not tried", "4", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags = 4 }), []string{"ds_try_inactive 1"}, []string{""}},
		{"one is there, the others are not tried", "8", gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{1, 0, 1}[i] }), []string{"ds_try_inactive 1"}, []string{"2"}},
		{"all are away, by weight", "9", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags, g.Attrs = 1, "weight=50" }), []string{"ds_try_inactive 1"}, []string{"1 2"}},
		{"all are away, and the default is there for that", "4", gateways(1, 3, func(_ int, g *store.Gateway) { g.Flags = 1 }), []string{"ds_try_inactive 1", "use_default 1"}, []string{"3"}},
		{"the default comes last", "4", gateways(1, 3), []string{"use_default 1"}, []string{"1 2 3", "2 1 3", "1 2 3"}},
		{"the default is disabled", "4", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags = 4 }), []string{"use_default 1"}, []string{""}},
		{"another set", "4", gateways(2, 2), nil, []string{""}},
		{"by a user that is not known", "5", gateways(1, 3), nil, []string{"1 2 3", "2 3 1", "3 1 2", "1 2 3"}},
		{"by a user that is not known, and all are away", "5", gateways(1, 2, func(_ int, g *store.Gateway) { g.Flags = 1 }), nil, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, c.rows, c.params...)
			for i, want := range c.want {
				if got := walk(t, m, call(t, "x"), "1", c.algorithm); got != want {
					t.Errorf("call %d goes to %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

// TestGatewayTakenBack: without the gateway that was chosen, a call goes where the phone's owner says, who may name
// another one; the sender's own Request-URI is nobody else's word.
func TestGatewayTakenBack(t *testing.T) {
	m := newModule(t, gateways(1, 1))
	for _, phone := range []bool{true, false} {
		c := call(t, "x")
		c.Main.Phone = phone
		moduletest.Compile(t, m, "ds_select_dst", "1", "4")(c)
		if host(c) != "1" || c.Main.UsersWord() {
			t.Errorf("phone %v: with the gateway %+v", phone, c.Main)
		}
		if c.SetNext(nil); c.Main.UsersWord() != phone {
			t.Errorf("phone %v: without it a user's word is %v", phone, !phone)
		}
	}
}

// TestWeights: of many calls each gateway gets its share, and what one that is away
// would have got is shared by the others.
func TestWeights(t *testing.T) {
	rows := gateways(1, 3, func(i int, g *store.Gateway) { g.Attrs = fmt.Sprintf("weight=%d", []int{60, 30, 10}[i]) })
	m := newModule(t, rows)
	count := func() map[string]int {
		n := map[string]int{}
		for range 1000 {
			c := call(t, "x")
			moduletest.Compile(t, m, "ds_select_dst", "1", "9")(c)
			n[host(c)]++
		}
		return n
	}
	if diff := cmp.Diff(map[string]int{"1": 600, "2": 300, "3": 100}, count()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := m.SetState("i", 1, "sip:10.0.0.1"); err != nil {
		t.Fatal(err)
	}
	if got := count(); got["1"] != 0 || got["2"] < 500 || got["3"] < 100 {
		t.Errorf("without the first: %v", got)
	}
}

// TestHash: what a call goes by decides, and nothing else; many calls are spread.
func TestHash(t *testing.T) {
	m := newModule(t, gateways(1, 4), "hash_pvar $rU-$ci")
	for algorithm, change := range map[string]func(c *module.Ctx, x string){
		"0": nil,
		"7": func(c *module.Ctx, x string) { _ = c.SetURI([]byte("sip:" + x + "@example.org")) },
		"3": func(c *module.Ctx, x string) { _ = c.SetURI([]byte("sip:" + x + "@example.org")) },
		"5": func(c *module.Ctx, x string) { c.Auth = relay.Identity{User: []byte(x), Domain: []byte("example.org")} },
	} {
		seen := map[string]int{}
		for i := range 200 {
			x := fmt.Sprintf("x%d", i)
			var first string
			for range 2 {
				c := call(t, x)
				if change != nil {
					change(c, x)
				}
				moduletest.Compile(t, m, "ds_select_dst", "1", algorithm)(c)
				if first != "" && first != host(c) {
					t.Errorf("algorithm %s sends %s to %s and to %s", algorithm, x, first, host(c))
				}
				first = host(c)
			}
			seen[first]++
		}
		for i := 1; i <= 4; i++ {
			if n := seen[fmt.Sprint(i)]; n < 25 {
				t.Errorf("algorithm %s: gateway %d gets %d of 200", algorithm, i, n)
			}
		}
	}
	for _, algorithm := range []string{"1", "2", "6"} {
		if got := walk(t, m, call(t, "x"), "1", algorithm); len(strings.Fields(got)) != 4 {
			t.Errorf("algorithm %s lines up %q", algorithm, got)
		}
	}
}

// TestHashWithoutVariable: who picks by a variable has to say by which.
func TestHashWithoutVariable(t *testing.T) {
	m := dispatcher.New(dispatcher.Config{Load: (&table{rows: gateways(1, 2)}).load})
	for _, text := range []string{"", "plain", "$nonsense(", "$$"} {
		if err := moduletest.Set(t, m, "hash_pvar", text); err == nil {
			t.Errorf("hash_pvar %q is taken", text)
		}
	}
	pick := moduletest.Compile(t, m, "ds_select_dst", "1", "7")
	if err := m.Check(); err == nil || !strings.Contains(err.Error(), "hash_pvar") {
		t.Errorf("Check: %v", err)
	}
	if pick(call(t, "x")) == module.True {
		t.Error("a gateway was picked")
	}
}

// TestDomain: host and port of the Request-URI are the gateway's, and nothing else is.
func TestDomain(t *testing.T) {
	m := newModule(t, []store.Gateway{{Set: 1, URI: "sip:10.0.0.1:5070;transport=tcp"}, {Set: 1, URI: "sips:x@gw.example.net"}})
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:0301234@example.org:5090;user=phone"))
	if moduletest.Compile(t, m, "ds_select_domain", "1", "8")(c) != module.True || string(c.Main.URI) != "sip:0301234@10.0.0.1:5070;transport=tcp" || c.Main.Next != nil {
		t.Errorf("goes to %s by %s", c.Main.URI, c.Main.Next)
	}
	if moduletest.Compile(t, m, "ds_next_domain")(c) != module.True || string(c.Main.URI) != "sip:0301234@gw.example.net" {
		t.Errorf("then to %s", c.Main.URI)
	}
	if moduletest.Compile(t, m, "ds_next_domain")(c) != module.False || moduletest.Compile(t, m, "ds_next_dst")(c) != module.False {
		t.Error("there is a third")
	}
}

// TestForceDst: a destination that is set stays, if the script says so.
func TestForceDst(t *testing.T) {
	m := newModule(t, gateways(1, 1), "force_dst 0")
	c := call(t, "x")
	c.Main.Next = []byte("sip:192.0.2.1")
	if moduletest.Compile(t, m, "ds_select_dst", "1", "4")(c) != module.True || string(c.Main.Next) != "sip:192.0.2.1" {
		t.Errorf("goes to %s", c.Main.Next)
	}
}

func TestLimit(t *testing.T) {
	if got := walk(t, newModule(t, gateways(1, 5)), call(t, "x"), "1", "8", "2"); got != "1 2" {
		t.Errorf("lined up %q", got)
	}
	if got := walk(t, newModule(t, gateways(1, 40)), call(t, "x"), "1", "8"); len(strings.Fields(got)) != relay.MaxBranches {
		t.Errorf("lined up %q", got)
	}
}

func TestIsFromList(t *testing.T) {
	m := newModule(t, []store.Gateway{
		{Set: 1, URI: "sip:192.0.2.7"}, {Set: 2, URI: "sip:192.0.2.8:5070;transport=tcp"}, {Set: 3, URI: "sip:[2001:db8::1]"}, {Set: 4, URI: "sip:gw.example.net"},
	})
	for _, c := range []struct {
		from string
		args []string
		want bool
	}{
		{"udp:192.0.2.7:5060", nil, true}, {"udp:192.0.2.7:5060", []string{"1"}, true}, {"udp:192.0.2.7:5060", []string{"2"}, false},
		{"udp:192.0.2.7:5061", nil, false}, {"udp:192.0.2.7:5061", []string{"1", "1"}, true}, {"udp:192.0.2.7:5060", []string{"9"}, false},
		{"tcp:192.0.2.8:5070", nil, true}, {"udp:192.0.2.8:5070", nil, false}, {"udp:192.0.2.8:5070", []string{"-1", "2"}, true},
		{"udp:192.0.2.8:1", []string{"-1", "3"}, true}, {"udp:[2001:db8::1]:5060", nil, true}, {"udp:192.0.2.9:5060", nil, false},
	} {
		got := false
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
			got = moduletest.Compile(t, m, "ds_is_from_list", c.args...)(ctx) == module.True
		}})
		r.Receive(c.from, moduletest.Request("INVITE", "sip:bob@example.org"))
		if got != c.want {
			t.Errorf("ds_is_from_list%q from %s: %v", c.args, c.from, got)
		}
	}
	for set, want := range map[string]int{"1": module.True, "9": module.False} {
		if got := moduletest.Compile(t, m, "ds_list_exists", set)(call(t, "x")); got != want {
			t.Errorf("ds_list_exists(%s) is %d", set, got)
		}
	}
}

// TestFailover: a gateway that refuses is marked, and the call goes on at the next one
// with the Request-URI that the script had made.
func TestFailover(t *testing.T) {
	rows := gateways(1, 2)
	m, relays := newModule(t, rows), tm.New(tm.Config{})
	pick, next, mark := moduletest.Compile(t, m, "ds_select_dst", "1", "8"), moduletest.Compile(t, m, "ds_next_dst"), moduletest.Compile(t, m, "ds_mark_dst")
	arm, send := moduletest.Compile(t, relays, "t_on_failure", "1"), moduletest.Compile(t, relays, "t_relay")
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			_ = c.SetURI([]byte("sip:+49301234@pstn.example"))
			pick(c)
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			mark(c)
			if next(c) == module.True {
				arm(c)
				send(c)
			}
		},
	})
	out := r.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", "sip:0301234@example.org"))
	first := moduletest.Find(t, out, "INVITE sip:+49301234@pstn.example SIP/2.0\r\n")
	out = r.Receive("udp:10.0.0.1:5060", moduletest.Answer(t, first, 500))
	second := moduletest.Find(t, out, "INVITE sip:+49301234@pstn.example SIP/2.0\r\n")
	if got := first.To.Remote.String() + " " + second.To.Remote.String(); got != "10.0.0.1:5060 10.0.0.2:5060" {
		t.Errorf("tried %s", got)
	}
	if got := m.List().Records[0].Set.Targets; got[0].Dest.Flags != "IP" || got[1].Dest.Flags != "AX" {
		t.Errorf("states %+v", got)
	}
	moduletest.Find(t, r.Receive("udp:10.0.0.2:5060", moduletest.Answer(t, second, 404)), "SIP/2.0 404")
	// Both are marked now.
	if m.List().Records[0].Set.Targets[1].Dest.Flags != "IP" || walk(t, m, call(t, "x"), "1", "8") != "" {
		t.Error("a gateway that is marked is picked")
	}
}

// TestOneCallTakesNoGatewayOut: a gateway that a call was tried at in vain is left out
// after three such in a row, not after one.
func TestOneCallTakesNoGatewayOut(t *testing.T) {
	m := newModule(t, gateways(1, 1))
	c := call(t, "x")
	pick, mark := moduletest.Compile(t, m, "ds_select_dst", "1", "8"), moduletest.Compile(t, m, "ds_mark_dst", "tp")
	for i, want := range []string{"TP", "TP", "IP"} {
		if pick(c) != module.True {
			t.Fatalf("call %d gets no gateway", i+1)
		}
		mark(c)
		if got := m.List().Records[0].Set.Targets[0].Dest.Flags; got != want {
			t.Errorf("after call %d the gateway is %s, want %s", i+1, got, want)
		}
	}
	if pick(c) == module.True {
		t.Error("a gateway that is out is picked")
	}
}

// TestGatewaysThatGoAwayMeanwhile: what was lined up is taken even if all of it has been
// left out since, usable ones first.
func TestGatewaysThatGoAwayMeanwhile(t *testing.T) {
	for _, c := range []struct {
		param, away, want string
	}{
		{"ds_try_inactive 1", "sip:10.0.0.2", "1 3"}, {"ds_try_inactive 1", "all", "1 2 3"}, {"ds_try_inactive 0", "all", "1"},
	} {
		m := newModule(t, gateways(1, 3), c.param)
		x := call(t, "x")
		moduletest.Compile(t, m, "ds_select_dst", "1", "8")(x)
		got := host(x)
		if err := m.SetState("i", 1, c.away); err != nil {
			t.Fatal(err)
		}
		for moduletest.Compile(t, m, "ds_next_dst")(x) == module.True {
			got += " " + host(x)
		}
		if got != c.want {
			t.Errorf("%s, %s away: tried %q, want %q", c.param, c.away, got, c.want)
		}
	}
}

// TestProbing: a gateway without a good answer is left out after the threshold, is asked
// on, and is back when it answers; that is in the log, once each.
func TestProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var log bytes.Buffer
		status, asked := 200, 0
		answer := func(n int) { mu.Lock(); defer mu.Unlock(); status = n }
		rows := &table{rows: append(gateways(1, 2, func(i int, g *store.Gateway) { g.Flags = []int{8, 0}[i] }), gateways(2, 1)...)}
		m := dispatcher.New(dispatcher.Config{Load: rows.load, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Ping: func(ctx context.Context, uri, from string) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				if uri != "sip:10.0.0.1" || from != "sip:pinger@example.org" {
					t.Errorf("asks %s as %s", uri, from)
				}
				asked++
				if status == 0 {
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					return 0, ctx.Err()
				}
				return status, nil
			}})
		for name, value := range map[string]string{"ds_ping_interval": "10", "ds_ping_from": "sip:pinger@example.org", "ds_probing_threshold": "2",
			"ds_inactive_threshold": "2", "ds_ping_reply_codes": "code=404", "ds_ping_timeout": "4", "reload_interval": "3600"} {
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
		time.Sleep(time.Second)
		for i, step := range []struct {
			answer int
			want   string
		}{{200, "AP"}, {503, "TP"}, {200, "AP"}, {0, "TP"}, {0, "IP"}, {503, "IP"}, {404, "IP"}, {503, "IP"}, {404, "IP"}, {404, "AP"}} {
			answer(step.answer)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if step.answer == 0 {
				time.Sleep(5 * time.Second)
				synctest.Wait()
			}
			if got := m.List().Records[0].Set.Targets[0].Dest.Flags; got != step.want {
				t.Errorf("step %d: after %d its state is %s, want %s", i, step.answer, got, step.want)
			}
			// A new reading of the table changes nothing of that.
			if err := m.Reload(ctx); err != nil {
				t.Error(err)
			}
		}
		if m.List().Records[1].Set.Targets[0].Dest.Flags != "AX" {
			t.Error("a gateway that is not marked for it is probed")
		}
		if err := m.SetState("dp", 1, "sip:10.0.0.1"); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		before := asked
		mu.Unlock()
		time.Sleep(time.Minute)
		cancel()
		<-done
		if asked != before {
			t.Error("a disabled gateway is asked")
		}
		if text := log.String(); strings.Count(text, "left out") != 2 || strings.Count(text, "is back") != 1 || !strings.Contains(text, "destination=sip:10.0.0.1") {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestProbeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := map[string]int{}
		rows := &table{rows: append(gateways(1, 2), gateways(2, 2)...)}
		m := dispatcher.New(dispatcher.Config{Load: rows.load, Ping: func(_ context.Context, uri, _ string) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[uri]++
			return 0, errors.New("away")
		}})
		for _, p := range []string{"ds_ping_interval 10", "ds_probing_mode 1", "ds_probing_threshold 1"} {
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
		time.Sleep(15 * time.Second)
		cancel()
		<-done
		if diff := cmp.Diff(map[string]int{"sip:10.0.0.1": 1, "sip:10.0.0.2": 1}, asked); diff != "" {
			t.Errorf("a gateway in two sets is asked (-want +got):\n%s", diff)
		}
		for _, r := range m.List().Records {
			for _, d := range r.Set.Targets {
				if d.Dest.Flags != "IX" {
					t.Errorf("%s of set %d is %s", d.Dest.URI, r.Set.ID, d.Dest.Flags)
				}
			}
		}
	})
}

// TestReload: gateways come and go, and a table that cannot be read changes nothing.
func TestReload(t *testing.T) {
	rows := &table{rows: gateways(1, 2)}
	var log bytes.Buffer
	m := dispatcher.New(dispatcher.Config{Load: rows.load, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	c := call(t, "x")
	moduletest.Compile(t, m, "ds_select_dst", "1", "8")(c)
	rows.set(nil, errors.New("away"))
	if err := m.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "table dispatcher") || len(m.List().Records) != 1 {
		t.Errorf("with the database away: %v", err)
	}
	// A gateway lined up before that is gone is passed over.
	rows.set([]store.Gateway{{Set: 1, URI: "sip:10.0.0.9"}, {Set: 1, URI: "tel:+49"}, {Set: 1, URI: "sip:"}, {Set: -1, URI: "sip:x"}}, nil)
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if moduletest.Compile(t, m, "ds_next_dst")(c) != module.False || walk(t, m, call(t, "x"), "1", "8") != "9" {
		t.Errorf("after the reload: %+v", m.List())
	}
	if n := strings.Count(log.String(), "is not used"); n != 3 {
		t.Errorf("%d rows are said to be of no use:\n%s", n, log.String())
	}
}

func TestSetState(t *testing.T) {
	m := newModule(t, append(gateways(1, 2), gateways(3, 1)...))
	for _, c := range []struct {
		state string
		set   int
		uri   string
		want  string // the error, or the states of the set 1
	}{
		{"ip", 1, "sip:10.0.0.1", "IP AX"}, {"D", 1, "all", "DX DX"}, {"a", 1, "all", "AX AX"}, {"t", 1, "sip:10.0.0.2", "AX TX"},
		{"x", 1, "all", `state "x": 'x' is none of a, i, d, t and p`}, {"p", 1, "all", `state "p" has not one of a, i, d and t`},
		{"ai", 1, "all", `state "ai" has not one of a, i, d and t`}, {"", 1, "all", `state "" has not one of a, i, d and t`},
		{"a", 9, "all", "there is no set 9"}, {"a", 1, "sip:10.0.0.7", "set 1 has no destination sip:10.0.0.7"},
	} {
		err := m.SetState(c.state, c.set, c.uri)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			for _, d := range m.List().Records[0].Set.Targets {
				got = strings.TrimSpace(got + " " + d.Dest.Flags)
			}
		}
		if got != c.want {
			t.Errorf("SetState(%q, %d, %q): %s, want %s", c.state, c.set, c.uri, got, c.want)
		}
	}
}

func TestStatistics(t *testing.T) {
	m := newModule(t, gateways(1, 3, func(i int, g *store.Gateway) { g.Flags = []int{0, 0, 1}[i] }))
	walk(t, m, call(t, "x"), "1", "8")
	got := map[string]int64{}
	m.Statistics(func(group, name string, n int64) { got[group+":"+name] = n })
	want := map[string]int64{"dispatcher:active": 2, "dispatcher:inactive": 1, "dispatcher:picked": 2, "dispatcher:exhausted": 1,
		"dispatcher:pings": 0, "dispatcher:pings_failed": 0, "dispatcher:went_down": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadArguments(t *testing.T) {
	m := dispatcher.New(dispatcher.Config{})
	if err := m.Init(); err != nil {
		t.Errorf("Init without a database: %v", err)
	}
	for _, c := range [][]string{
		{"ds_select_dst", "x", "4"}, {"ds_select_dst", "-1", "4"}, {"ds_select_dst", "1", "14"}, {"ds_select_dst", "1", "load"}, {"ds_select_domain", "1", "4", "0"},
		{"ds_select_domain", "1", "4", "17"}, {"ds_mark_dst", "x"}, {"ds_mark_dst", ""}, {"ds_is_from_list", "-2"}, {"ds_is_from_list", "1", "4"}, {"ds_list_exists", "x"},
	} {
		moduletest.Refused(t, m, c[0], c[1:]...)
	}
	for name, values := range map[string][]string{
		"db_url": {""}, "table_name": {"gateways"}, "flags": {"4"}, "force_dst": {"2"}, "use_default": {"-1"}, "ds_ping_interval": {"-1", "3601"},
		"ds_ping_timeout": {"0", "33"}, "ds_ping_method": {"INFO"}, "ds_ping_from": {"", "x", "tel:+49", "sip:a@b>\r\nX: y"},
		"ds_ping_reply_codes": {"class=1", "code=700", "x=404", "404"}, "ds_probing_threshold": {"0", "101"}, "ds_inactive_threshold": {"0"}, "ds_try_inactive": {"2", "-1"}, "ds_probing_mode": {"2"},
		"ds_ping_latency_stats": {"2"}, "ds_latency_estimator_alpha": {"-1", "1001"}, "ds_hash_size": {"-1", "26"}, "ds_hash_expire": {"-1"},
	} {
		for _, value := range values {
			if err := moduletest.Set(t, m, name, value); err == nil {
				t.Errorf("%s %q is taken", name, value)
			}
		}
	}
	for _, f := range []string{"ds_next_dst", "ds_next_domain", "ds_mark_dst"} {
		if moduletest.Compile(t, m, f)(call(t, "x")) != module.False {
			t.Errorf("%s without a selection is true", f)
		}
	}
}
