package dispatcher_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
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

// nowhere is what a cache says that knows nothing.
func nowhere([]byte, netip.Addr) bool { return false }

// wantHosts checks which addresses are gateways.
func wantHosts(t *testing.T, m *dispatcher.Module, leads func([]byte, netip.Addr) bool, want map[string]bool) {
	t.Helper()
	for text, is := range want {
		if got := m.Gateway(netip.MustParseAddr(text), leads); got != is {
			t.Errorf("%s: %v, want %v", text, got, is)
		}
	}
}

// TestGatewayHosts: every row that is used is a gateway, whatever its set, state and port.
func TestGatewayHosts(t *testing.T) {
	rows := &table{rows: []store.Gateway{{Set: 1, URI: "sip:10.0.0.1"}, {Set: 7, URI: "sip:[2001:db8::1]:5070;transport=tcp", Flags: 4}, {Set: 1, URI: "tel:10"}}}
	m := dispatcher.New(dispatcher.Config{Load: rows.load})
	wantHosts(t, m, nowhere, map[string]bool{"10.0.0.1": false})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	wantHosts(t, m, nowhere, map[string]bool{"10.0.0.1": true, "::ffff:10.0.0.1": true, "2001:db8::1": true, "10.0.0.2": false, "2001:db8::2": false})
	if m.Gateway(netip.Addr{}, nowhere) {
		t.Error("no address is a gateway")
	}
	rows.set(nil, nil)
	if err := m.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantHosts(t, m, nowhere, map[string]bool{"10.0.0.1": false, "10.0.0.9": false})
}

// TestKnownGatewayBesideANameless: a name that nobody has resolved makes no stranger of a gateway with
// a number, nor of a host that the resolver knows the name to lead to, and no gateway of others.
func TestKnownGatewayBesideANameless(t *testing.T) {
	rows := &table{rows: []store.Gateway{{Set: 1, URI: "sip:10.0.0.1"}, {Set: 1, URI: "sip:gw.example.net"}, {Set: 2, URI: "sip:[2001:db8::1]"}}}
	m := dispatcher.New(dispatcher.Config{Load: rows.load})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	leads := func(_ []byte, a netip.Addr) bool { return a.String() == "10.0.0.7" }
	for text, want := range map[string]bool{"10.0.0.1": true, "::ffff:10.0.0.1": true, "2001:db8::1": true, "10.0.0.7": true, "10.0.0.9": false, "2001:db8::2": false} {
		a := netip.MustParseAddr(text)
		if !m.Gateway(a, leads) {
			t.Errorf("%s is no gateway while one may be anywhere", text)
		}
		if got := m.KnownGateway(a, leads); got != want {
			t.Errorf("%s is known as a gateway: %v", text, got)
		}
	}
	if m.KnownGateway(netip.Addr{}, nowhere) {
		t.Error("no address is known as a gateway")
	}
}

// names is a name server that a test may change.
type names struct {
	mu    sync.Mutex
	addrs []string
	err   error
}

func (n *names) set(err error, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs, n.err = addrs, err
}

func (n *names) resolve(context.Context, []byte) (list []netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	return list, n.err
}

// TestNamedGatewayHosts: a gateway with a name is one wherever that has led, the cache of the
// resolver may say what it wants, be it empty; as long as nobody knows where it leads, every
// host may be it. What was known outlives errors, name servers that say the name is gone,
// and readings of the table.
func TestNamedGatewayHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("no name server answers")
		rows := &table{rows: []store.Gateway{{Set: 1, URI: "sip:gw.example.net"}, {Set: 2, URI: "sip:gw.example.net"}}}
		m := dispatcher.New(dispatcher.Config{Load: rows.load})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		dns := &names{err: away}
		m.Attach(dns.resolve)
		wantHosts(t, m, nowhere, map[string]bool{"10.0.0.9": true, "10.0.0.2": true}) // before the first look-up
		if m.Known() {
			t.Error("where the name leads is known before the first look-up")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		for _, step := range []struct {
			name  string
			err   error
			addrs []string
			wait  time.Duration
			want  map[string]bool
		}{
			{"nobody answers", away, nil, 0, map[string]bool{"10.0.0.9": true, "10.0.0.2": true}},
			{"some answer", away, []string{"10.0.0.9"}, 31 * time.Second, map[string]bool{"10.0.0.9": true, "10.0.0.2": true}},
			{"the name is known to lead nowhere", nil, nil, 31 * time.Second, map[string]bool{"10.0.0.9": false}},
			{"it leads to one", nil, []string{"10.0.0.9"}, 31 * time.Second, map[string]bool{"10.0.0.9": true, "::ffff:10.0.0.9": true, "10.0.0.2": false}},
			{"errors", away, nil, 31 * time.Second, map[string]bool{"10.0.0.9": true, "10.0.0.2": false}},
			{"it is gone", nil, nil, 31 * time.Second, map[string]bool{"10.0.0.9": true, "10.0.0.2": false}},
			{"to another", nil, []string{"10.0.0.8"}, 31 * time.Second, map[string]bool{"10.0.0.9": true, "10.0.0.8": true, "10.0.0.2": false}},
			{"a day later", nil, []string{"10.0.0.8"}, 25 * time.Hour, map[string]bool{"10.0.0.9": false, "10.0.0.8": true}},
			{"a day of errors later", away, nil, 25 * time.Hour, map[string]bool{"10.0.0.8": true, "10.0.0.2": false}},
		} {
			dns.set(step.err, step.addrs...)
			time.Sleep(step.wait)
			synctest.Wait()
			if err := m.Reload(ctx); err != nil { // which changes nothing
				t.Fatal(err)
			}
			synctest.Wait()
			t.Log(step.name)
			wantHosts(t, m, nowhere, step.want)
		}
		leads := func(uri []byte, a netip.Addr) bool {
			return string(uri) == "sip:gw.example.net" && a.String() == "10.0.0.7"
		}
		wantHosts(t, m, leads, map[string]bool{"10.0.0.7": true, "10.0.0.6": false})
		rows.set(nil, nil)
		if err := m.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		wantHosts(t, m, leads, map[string]bool{"10.0.0.8": false, "10.0.0.7": false})
		cancel()
		<-done
	})
}

// TestHasDialog: a request within a dialog that began at a gateway or led to one is told from
// others, whichever side sends it and whatever its Request-URI says.
func TestHasDialog(t *testing.T) {
	for _, c := range []struct {
		name, from, callee string
		set                string
		want               bool
	}{
		{"to the gateway", "udp:192.0.2.7:5060", "10.0.0.1", "1", true}, {"any set", "udp:192.0.2.7:5060", "10.0.0.1", "", true},
		{"another set", "udp:192.0.2.7:5060", "10.0.0.1", "2", false}, {"from the gateway", "udp:10.0.0.1:5060", "192.0.2.8", "1", true},
		{"between others", "udp:192.0.2.7:5060", "192.0.2.8", "1", false}, {"a name nobody knows", "udp:192.0.2.7:5060", "192.0.2.8", "3", true},
		{"no such set", "udp:192.0.2.7:5060", "10.0.0.1", "9", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, []store.Gateway{{Set: 1, URI: "sip:10.0.0.1"}, {Set: 2, URI: "sip:10.0.0.2"}, {Set: 3, URI: "sip:gw.example.net"}})
			relays := tm.New(tm.Config{})
			var args []string
			if c.set != "" {
				args = []string{c.set}
			}
			has, send := moduletest.Compile(t, m, "ds_has_dialog", args...), moduletest.Compile(t, relays, "t_relay")
			var got []bool
			r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
				ctx.LooseRoute()
				ctx.RecordRoute()
				got = append(got, has(ctx) == module.True)
				send(ctx)
			}})
			out := r.Receive(c.from, moduletest.Request("INVITE", "sip:bob@"+c.callee, "Contact: <sip:alice@192.0.2.7>"))
			invite := moduletest.Find(t, out, "INVITE ")
			_, route, _ := strings.Cut(invite.Text, "Record-Route: ")
			route, _, _ = strings.Cut(route, "\r\n")
			r.Receive(c.from, moduletest.Request("REFER", "sip:bob@192.0.2.99", "To: <sip:bob@example.org>;tag=bt", "Route: "+route))
			if len(got) != 2 || got[0] || got[1] != c.want {
				t.Errorf("ds_has_dialog is %v, want false and %v", got, c.want)
			}
		})
	}
}

// TestHasDialogWhateverTheRoute: the Route of another call with the same Call-ID and From tag does
// not hide that this one is with a gateway.
func TestHasDialogWhateverTheRoute(t *testing.T) {
	const gateway, bob = "udp:10.0.0.1:5060", "udp:192.0.2.8:5060"
	m := newModule(t, []store.Gateway{{Set: 1, URI: "sip:10.0.0.1"}})
	table := dialog.New(dialog.Config{})
	if err := table.Init(); err != nil {
		t.Fatal(err)
	}
	has, send := moduletest.Compile(t, m, "ds_has_dialog", "1"), moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
	got := false
	r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
		ctx.LooseRoute()
		ctx.RecordRoute()
		got = has(ctx) == module.True
		send(ctx)
	}}, func(cfg *relay.Config) { cfg.Dialogs = table })
	table.Attach(nil, r.Engine.OurRoute)
	invite := moduletest.Request("INVITE", "sip:bob@192.0.2.8", "Contact: <sip:gw@10.0.0.1>")
	in := moduletest.Find(t, r.Receive(gateway, invite), "INVITE ")
	answer := sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true, Extra: []byte("Contact: <sip:bob@192.0.2.8>\r\n")}
	parsed := &sip.Message{}
	if err := parsed.Parse([]byte(in.Text)); err != nil {
		t.Fatal(err)
	}
	r.Receive(bob, string(parsed.AppendReply(nil, &answer)))
	twin := moduletest.Find(t, r.Receive(bob, strings.NewReplacer("z9hG4bK-INVITE", "z9hG4bK-twin", "CSeq: 1 ", "CSeq: 2 ").Replace(invite)), "INVITE ")
	for name, from := range map[string]string{"its own": in.Text, "the other's": twin.Text} {
		_, route, _ := strings.Cut(from, "Record-Route: ")
		route, _, _ = strings.Cut(route, "\r\n")
		refer := moduletest.Request("REFER", "sip:gw@10.0.0.1", "To: <sip:alice@example.org>;tag=at", "Route: "+route)
		r.Receive(bob, strings.NewReplacer("From: \"Alice\" <sip:alice@example.org>;tag=at", "From: <sip:bob@example.org>;tag=bt", "z9hG4bK-REFER", "z9hG4bK-"+route[len(route)-9:len(route)-1]).Replace(refer))
		if !got {
			t.Errorf("by %s Route the request is not of a dialog with the gateway", name)
		}
	}
}
