package dispatcher_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

const caller = "udp:192.0.2.7:5060"

// exchange is a router that sends calls to the gateways of set 1 by algorithm 10, with the
// table of dialogs.
type exchange struct {
	*moduletest.Router
	t *testing.T
	m *dispatcher.Module
	// dialogs is the table.
	dialogs *dialog.Module
	unsent  bool // the script answers the next calls itself
	log     bytes.Buffer
}

func attrs(list ...string) func(int, *store.Gateway) {
	return func(i int, g *store.Gateway) { g.Attrs = list[i] }
}

func newExchange(t *testing.T, rows []store.Gateway, params ...string) *exchange {
	t.Helper()
	x := &exchange{t: t, m: newModule(t, rows, params...), dialogs: dialog.New(dialog.Config{})}
	if err := x.dialogs.Init(); err != nil {
		t.Fatal(err)
	}
	pick, next, unset := moduletest.Compile(t, x.m, "ds_select_dst", "1", "10"), moduletest.Compile(t, x.m, "ds_next_dst"), moduletest.Compile(t, x.m, "ds_load_unset")
	relays := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, relays, "t_relay"), moduletest.Compile(t, relays, "t_on_failure", "1")
	refuse := func(c *module.Ctx, status int) { _ = c.Reply(&sip.Reply{Status: status}) }
	x.Router = moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			if c.LooseRoute() {
				send(c)
				return
			}
			if c.Msg.Named("X-Passing") == nil {
				c.RecordRoute()
			}
			switch {
			case pick(c) != module.True:
				refuse(c, 503)
				return
			case x.unsent:
				refuse(c, 403)
				return
			}
			if c.Msg.Named("X-Unset") != nil {
				unset(c)
			}
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			switch c.Final {
			case 500:
				if next(c) == module.True {
					arm(c)
					send(c)
				}
			case 407:
				if err := c.Authorize([]byte("Proxy-Authorization: Digest x\r\n")); err != nil {
					t.Error(err)
				}
				arm(c)
				send(c)
			case 404: // a voice box takes the call
				_ = c.SetURI([]byte("sip:box@10.0.9.9"))
				send(c)
			}
		},
	}, func(cfg *relay.Config) { cfg.Dialogs, cfg.Log = x.dialogs, slog.New(slog.NewTextHandler(&x.log, nil)) })
	x.dialogs.Attach(nil, x.Engine.OurRoute)
	return x
}

// calls are how many each gateway has, in the order of the set.
func (x *exchange) calls() (text string) {
	for _, d := range x.m.List().Records[0].Set.Targets {
		if d.Dest.Runtime == nil {
			text += " -"
		} else {
			text += fmt.Sprintf(" %d", d.Dest.Runtime.Load)
		}
	}
	return strings.TrimSpace(text)
}

func (x *exchange) want(calls, when string) {
	x.t.Helper()
	if got := x.calls(); got != calls {
		x.t.Errorf("%s: calls %s, want %s", when, got, calls)
	}
}

func request(method, id string, lines ...string) string {
	text := moduletest.Request(method, "sip:0301234@example.org", append(lines, "Contact: <sip:alice@192.0.2.7>")...)
	return strings.NewReplacer("call-1\n", id+"\n", "z9hG4bK-", "z9hG4bK-"+id+"-").Replace(text)
}

// dial begins a call, and returns the INVITE as the gateway has it.
func (x *exchange) dial(id string, lines ...string) moduletest.Packet {
	x.t.Helper()
	return moduletest.Find(x.t, x.Receive(caller, request("INVITE", id, lines...)), "INVITE")
}

func gatewayOf(p moduletest.Packet) string { return "udp:" + p.To.Remote.String() }

func (x *exchange) answer(p moduletest.Packet, status int) []moduletest.Packet {
	x.t.Helper()
	return x.Receive(gatewayOf(p), moduletest.Answer(x.t, p, status, "Contact: <sip:"+p.To.Remote.String()+">"))
}

// within sends a request within a call that is up, as the gateway has it.
func (x *exchange) within(p moduletest.Packet, id, method, tag string) moduletest.Packet {
	x.t.Helper()
	_, rest, _ := strings.Cut(p.Text, "\r\nRecord-Route: ")
	route, _, _ := strings.Cut(rest, "\r\n")
	text := request(method, id, "To: <sip:bob@example.org>;tag="+tag, "Route: "+route)
	text = strings.NewReplacer("sip:0301234@example.org", "sip:"+p.To.Remote.String(), "z9hG4bK-", "z9hG4bK-within-", "CSeq: 1", "CSeq: 2").Replace(text)
	return moduletest.Find(x.t, x.Receive(caller, text), method)
}

// hangUp ends a call that is up.
func (x *exchange) hangUp(p moduletest.Packet, id string) {
	x.t.Helper()
	x.answer(x.within(p, id, "BYE", "bt"), 200)
}

// TestLoad: the gateway with the fewest calls is next; a call counts from when it is sent on to
// its end, however it ends.
func TestLoad(t *testing.T) {
	x := newExchange(t, gateways(1, 3, attrs("duid=a", "duid=b;maxload=1", "duid=c")))
	var calls []moduletest.Packet
	for i, want := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.3"} {
		p := x.dial(fmt.Sprint("c", i))
		if got := p.To.Remote.Addr().String(); got != want {
			t.Errorf("call %d goes to %s, want %s: calls are %s", i, got, want, x.calls())
		}
		calls = append(calls, p)
	}
	x.want("2 1 2", "five calls ring")
	for i, p := range calls[:3] {
		x.answer(p, 180)
		x.answer(p, 200)
		x.want("2 1 2", fmt.Sprint("call ", i, " is answered"))
	}
	x.hangUp(calls[1], "c1")
	x.want("2 0 2", "BYE")
	moduletest.Find(t, x.answer(calls[3], 486), "SIP/2.0 486")
	x.want("1 0 2", "486")
	x.answer(calls[4], 180)
	cancel := strings.Replace(request("CANCEL", "c4"), "z9hG4bK-c4-CANCEL", "z9hG4bK-c4-INVITE", 1)
	moduletest.Find(t, x.Receive(caller, cancel), "CANCEL")
	x.answer(calls[4], 487)
	x.want("1 0 1", "CANCEL")
	x.answer(x.within(calls[0], "c0", "INVITE", "bt"), 481) // the gateway was restarted
	x.want("0 0 1", "481")
	if p := x.dial("c6"); p.To.Remote.Addr().String() != "10.0.0.1" {
		t.Errorf("the first one that is free is not picked, but %s", p.To.Remote)
	}
}

// TestLoadMoves: a call that goes on at another gateway is that one's, and one that goes on
// elsewhere is nobody's.
func TestLoadMoves(t *testing.T) {
	x := newExchange(t, gateways(1, 3, attrs("duid=a", "duid=b;maxload=1", "duid=c")))
	one, two := x.dial("one"), x.dial("two")
	x.want("1 1 0", "two calls")
	three := moduletest.Find(t, x.answer(one, 500), "INVITE") // the second one is full
	if got := three.To.Remote.Addr().String(); got != "10.0.0.3" {
		t.Errorf("the call goes on at %s", got)
	}
	x.want("0 1 1", "failover")
	three = moduletest.Find(t, x.Receive(gatewayOf(three), moduletest.Answer(t, three, 407, `Proxy-Authenticate: Digest realm="x", nonce="y"`)), "INVITE")
	x.want("0 1 1", "who answers a challenge stays where he is")
	x.answer(two, 500)
	x.want("1 0 1", "failover of the second")
	moduletest.Find(t, x.answer(three, 404), "INVITE sip:box@10.0.9.9")
	x.want("1 0 0", "the call goes on at the voice box")
}

// TestLoadForks: a gateway that forks a call has one call.
func TestLoadForks(t *testing.T) {
	x := newExchange(t, gateways(1, 1, attrs("duid=a")))
	p := x.dial("fork")
	for _, tag := range []string{"t1", "t2", "t3"} {
		x.Receive(gatewayOf(p), strings.ReplaceAll(moduletest.Answer(t, p, 180), "tag=bt", "tag="+tag))
	}
	x.want("1", "three branches ring")
	x.Receive(gatewayOf(p), strings.ReplaceAll(moduletest.Answer(t, p, 200, "Contact: <sip:10.0.0.1:5060>"), "tag=bt", "tag=t3"))
	x.want("1", "the third is answered")
	x.answer(x.within(p, "fork", "BYE", "t3"), 200)
	x.want("0", "and hung up")
}

// TestLoadLimits: what is full, or has no duid, gets no call; no call is counted that is not
// sent on.
func TestLoadLimits(t *testing.T) {
	x := newExchange(t, gateways(1, 2, attrs("duid=a;maxload=1", "weight=50")))
	x.unsent = true
	moduletest.Find(t, x.Receive(caller, request("INVITE", "refused")), "SIP/2.0 403")
	x.want("0 -", "the script refused the call")
	x.unsent = false
	x.dial("first")
	moduletest.Find(t, x.Receive(caller, request("INVITE", "second")), "SIP/2.0 503")
	x.want("1 -", "all are full")
	moduletest.Find(t, x.Receive(caller, request("OPTIONS", "options")), "SIP/2.0 503") // begins no call
	x = newExchange(t, gateways(1, 1, attrs("duid=a;maxload=1")))
	x.dial("not counted", "X-Unset: yes")
	x.want("0", "ds_load_unset")
	for _, id := range []string{"passes by", "passes by again"} {
		x.dial(id, "X-Passing: yes")
	}
	x.want("0", "calls that are not record-routed")
	if n := strings.Count(x.log.String(), "without record_route"); n != 1 {
		t.Errorf("that they are not counted is said %d times:\n%s", n, x.log.String())
	}
}

// TestLoadOfMadeUpTag: a call counts, and may be one too many, whatever To tag its INVITE has.
func TestLoadOfMadeUpTag(t *testing.T) {
	const tagged = "To: <sip:bob@example.org>;tag=made-up"
	x := newExchange(t, gateways(1, 1, attrs("duid=a;maxload=1")))
	p := x.dial("first", tagged)
	x.want("1", "it is sent on")
	x.Receive(caller, request("INVITE", "second", tagged))
	x.want("1", "the gateway is full")
	x.answer(p, 200)
	x.want("1", "it is answered")
	x.answer(x.within(p, "first", "BYE", "made-up"), 200)
	x.want("0", "BYE")
	moduletest.Find(t, x.answer(x.dial("third", tagged), 486), "SIP/2.0 486")
	x.want("0", "486")
}

// TestLoadByTime: a call that nobody ends, ends by its time, and with it its count.
func TestLoadByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, gateways(1, 1, attrs("duid=a")))
		for name, value := range map[string]string{"early_timeout": "30", "default_timeout": "60", "noack_timeout": "60"} {
			if err := moduletest.Set(t, x.dialogs, name, value); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); x.dialogs.Run(ctx) }()
		x.dial("rings on")
		up := x.dial("is up")
		x.answer(up, 200)
		x.want("2", "two calls")
		time.Sleep(35 * time.Second)
		synctest.Wait()
		x.want("1", "nobody answered")
		time.Sleep(120 * time.Second)
		synctest.Wait()
		x.want("0", "nobody hung up")
		cancel()
		<-done
	})
}

// TestLoadOutlives: a reading of the table keeps the counts by duid, whatever else of a row has
// changed; and says which gateways algorithm 10 leaves out.
func TestLoadOutlives(t *testing.T) {
	var log bytes.Buffer
	rows := &table{rows: gateways(1, 2, attrs("duid=a", "duid=b"))}
	m := dispatcher.New(dispatcher.Config{Load: rows.load, Log: slog.New(slog.NewTextHandler(&log, nil))})
	moduletest.Compile(t, m, "ds_select_dst", "1", "10")
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	x := newExchange(t, gateways(1, 2, attrs("duid=a", "duid=b")))
	x.m = m
	pick := moduletest.Compile(t, m, "ds_select_dst", "1", "10")
	x.Router = moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		c.RecordRoute()
		pick(c)
		if err := c.Relay(); err != nil {
			t.Error(err)
		}
	}}, func(cfg *relay.Config) { cfg.Dialogs = x.dialogs })
	p := x.dial("stays")
	x.want("1 0", "a call")
	rows.set(append(gateways(1, 1, func(_ int, g *store.Gateway) { g.URI, g.Attrs, g.Flags = "sip:10.0.0.9", "duid=a", 8 }), gateways(1, 2, attrs("maxload=5", "duid=b"))...), nil)
	if err := m.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.want("1 - 0", "the table was read")
	if !strings.Contains(log.String(), "never picked by algorithm 10") || !strings.Contains(log.String(), "destination=sip:10.0.0.1") {
		t.Errorf("log:\n%s", log.String())
	}
	moduletest.Find(t, x.answer(p, 603), "SIP/2.0 603")
	x.want("0 - 0", "the call has ended")
}
