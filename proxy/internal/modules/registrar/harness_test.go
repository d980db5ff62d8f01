package registrar

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
	"seraph/sql/store"
)

// hooks is a script made of Go functions, which can be changed while it runs.
type hooks struct {
	mu       sync.Mutex
	handlers [2]func(c *module.Ctx) // of the request route and the failure route
}

// on sets a route block.
func (h *hooks) on(route module.Routes, f func(c *module.Ctx)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers[index(route)] = f
}

func (h *hooks) run(r *relay.Request, route module.Routes) {
	h.mu.Lock()
	f := h.handlers[index(route)]
	h.mu.Unlock()
	c := r.Owner.(*module.Ctx)
	c.Route = route
	f(c)
}

func index(route module.Routes) int {
	if route == module.FailureRoute {
		return 1
	}
	return 0
}

func (h *hooks) NewRequest() *relay.Request {
	c := &module.Ctx{}
	c.Owner = c
	return &c.Request
}

func (h *hooks) Request(r *relay.Request)        { h.run(r, module.RequestRoute) }
func (h *hooks) Failure(r *relay.Request, _ int) { h.run(r, module.FailureRoute) }

func (h *hooks) Reply(*relay.Request, int) bool { return true }

// router is an engine on loopback whose script saves REGISTERs and looks the
// rest up.
type router struct {
	t         testing.TB
	engine    *relay.Engine
	usrloc    *usrloc.Module
	registrar *Module
	hooks     *hooks
	udp, tcp  netip.AddrPort
	codes     chan int // what save returned
	gateway   atomic.Pointer[netip.Addr]
	stop      func()
}

// nextStamp waits until a binding gets another time, which counts in milliseconds, than one
// that was made before.
func nextStamp() {
	for before := time.Now().UnixMilli(); time.Now().UnixMilli() == before; {
		runtime.Gosched()
	}
}

// setting is a parameter of a module: usrloc's if it has it, else registrar's. The
// text of one that is a text follows its name.
type setting struct {
	name  string
	value int
}

func newRouter(t testing.TB, db usrloc.Store, settings ...setting) *router {
	t.Helper()
	return newRouterAt(t, db, "127.0.0.1:0", settings...)
}

// newRouterAt is newRouter with its UDP socket at an address.
func newRouterAt(t testing.TB, db usrloc.Store, addr string, settings ...setting) *router {
	t.Helper()
	b := &router{t: t, hooks: &hooks{}, codes: make(chan int, 1000)}
	log := slog.New(slog.DiscardHandler)
	b.engine = relay.New(relay.Config{
		Hooks: b.hooks, Log: log, Txn: txn.Config{T1: 50 * time.Millisecond, T4: 100 * time.Millisecond},
		FlowFailed:  func(f *relay.FailedFlow) { b.registrar.FlowFailed(f) },
		LocalDomain: func(host []byte) bool { return string(host) == "example.org" || string(host) == "example.net" },
		Gateway:     func(a netip.Addr) bool { g := b.gateway.Load(); return g != nil && *g == a },
	})
	b.usrloc = usrloc.New(usrloc.Config{Store: db, Sockets: b.engine.Sockets})
	b.registrar = New(Config{Usrloc: b.usrloc})
	for _, s := range settings {
		b.set(s)
	}
	for _, init := range []module.Initializer{b.usrloc, b.registrar} {
		if err := init.Init(); err != nil {
			t.Fatal(err)
		}
	}
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: addr}, {Proto: transport.TCP, Addr: "127.0.0.1:0"},
	}}, b.engine, log)
	if err != nil {
		t.Fatal(err)
	}
	b.engine.Attach(layer, transport.NewResolver(transport.ResolverConfig{}))
	b.udp, b.tcp = layer.Sockets()[0].Addr, layer.Sockets()[1].Addr
	if err := b.usrloc.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.script("")
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.engine.Run(ctx) })
	wg.Go(func() { b.usrloc.Run(ctx) })
	layer.Start()
	b.stop = sync.OnceFunc(func() {
		_ = layer.Close(context.Background())
		cancel()
		wg.Wait()
	})
	t.Cleanup(b.stop)
	return b
}

func (b *router) set(s setting) {
	b.t.Helper()
	name, text, _ := strings.Cut(s.name, " ")
	for _, p := range slices.Concat(b.usrloc.Params(), b.registrar.Params()) {
		if p.Name == name {
			if err := p.Set(text, s.value); err != nil {
				b.t.Fatal(err)
			}
			return
		}
	}
	b.t.Fatalf("no parameter %s", s.name)
}

// call compiles a function of the registrar.
func call(t testing.TB, m *Module, name string, args ...string) module.Call {
	t.Helper()
	for _, f := range m.Funcs() {
		if f.Name == name {
			var list []module.Arg
			for _, a := range args {
				list = append(list, module.Arg{Str: a})
			}
			c, err := f.Compile(list)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

// script sets the request route: save for REGISTER, and after it, like careful
// scripts do, an error reply if save is false; lookup and t_relay for the rest.
func (b *router) script(flags string) {
	args := []string{"location"}
	if flags != "" {
		args = append(args, flags)
	}
	save, lookup := call(b.t, b.registrar, "save", args...), call(b.t, b.registrar, "lookup", "location")
	b.hooks.on(module.RequestRoute, func(c *module.Ctx) {
		if c.Msg.Method == sip.REGISTER {
			code := save(c)
			if code < 0 {
				_ = c.Reply(&sip.Reply{Status: 500, Reason: "Second Answer"})
			}
			b.codes <- code
			return
		}
		if code := lookup(c); code < 0 {
			_ = c.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint("lookup ", code)})
			return
		}
		if err := c.Relay(); err != nil {
			_ = c.Reply(&sip.Reply{Status: 503, Reason: err.Error()})
		}
	})
}

// phone speaks SIP over UDP or TCP.
type phone struct {
	t     testing.TB
	conn  net.Conn
	read  *bufio.Reader // TCP
	calls int
	name  string
}

func (b *router) phone() *phone { return b.dial("udp", b.udp) }

func (b *router) tcpPhone() *phone {
	p := b.dial("tcp", b.tcp)
	p.read = bufio.NewReader(p.conn)
	return p
}

func (b *router) dial(network string, to netip.AddrPort) *phone {
	b.t.Helper()
	conn, err := net.Dial(network, to.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return &phone{t: b.t, conn: conn, name: "bob"}
}

func (p *phone) addr() string { return p.conn.LocalAddr().String() }

func (p *phone) send(msg string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(msg)); err != nil {
		p.t.Fatal(err)
	}
}

// register makes a REGISTER with a Call-ID of its own; lines may replace header
// lines by their name.
func (p *phone) register(lines ...string) string {
	p.calls++
	return p.request("REGISTER", "sip:example.org", fmt.Sprintf("reg-%s-%d", p.addr(), p.calls), 1, lines...)
}

func (p *phone) request(method, uri, callID string, cseq int, lines ...string) string {
	via := "UDP"
	if p.read != nil {
		via = "TCP"
	}
	p.calls++
	headers := []string{
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%s-%d-%d", via, p.addr(), callID, cseq, p.calls), "Max-Forwards: 70",
		"From: <sip:" + p.name + "@example.org>;tag=ft", "To: <sip:" + p.name + "@example.org>", "Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", cseq, method), "Content-Length: 0",
	}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		i := slices.IndexFunc(headers, func(h string) bool { return strings.HasPrefix(h, name+":") })
		switch name {
		case "To", "Call-ID", "CSeq":
			headers[i] = line
		default:
			headers = slices.Insert(headers, len(headers)-1, line)
		}
	}
	return method + " " + uri + " SIP/2.0\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

// next is the next message that comes within d; nil if none does.
func (p *phone) next(d time.Duration) *sip.Message {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 65536)
	n := 0
	var err error
	if p.read == nil {
		n, err = p.conn.Read(buf)
	} else {
		for !strings.HasSuffix(string(buf[:n]), "\r\n\r\n") && err == nil {
			buf[n], err = p.read.ReadByte()
			n++
		}
	}
	if err != nil {
		return nil
	}
	m := &sip.Message{}
	if err := m.Parse(buf[:n]); err != nil {
		p.t.Fatalf("%v in %q", err, buf[:n])
	}
	return m
}

// expect is the next message, which must begin with want.
func (p *phone) expect(want string) *sip.Message {
	p.t.Helper()
	m := p.next(3 * time.Second)
	if m == nil {
		p.t.Fatalf("no %q came", want)
	}
	if !strings.HasPrefix(string(m.Buf), want) {
		p.t.Fatalf("instead of %q came %q", want, m.Buf)
	}
	return m
}

// nothing fails the test if a message comes within d.
func (p *phone) nothing(d time.Duration) {
	p.t.Helper()
	if m := p.next(d); m != nil {
		p.t.Fatalf("unexpected %q", m.Buf)
	}
}

// registered registers the contacts and returns the 200.
func (p *phone) registered(contacts ...string) *sip.Message {
	p.t.Helper()
	var lines []string
	for _, c := range contacts {
		lines = append(lines, "Contact: "+c)
	}
	p.send(p.register(lines...))
	return p.expect("SIP/2.0 200 OK")
}

// contacts are the values of all Contact lines.
func contacts(m *sip.Message) []string {
	list := []string{}
	values := m.Values(sip.HdrContact)
	for v := values.Next(); v != nil; v = values.Next() {
		list = append(list, string(v))
	}
	return list
}

// listed is what a query of the address lists, without expires.
func (p *phone) listed() string {
	p.t.Helper()
	var list []string
	for _, c := range contacts(p.registered()) {
		uri, _, _ := strings.Cut(strings.TrimPrefix(c, "<"), ">")
		list = append(list, uri)
	}
	return strings.Join(list, " ")
}

func header(m *sip.Message, name string) string {
	if h := m.Named(name); h != nil {
		return string(m.Value(h))
	}
	return ""
}

// database is a table location whose commits wait for the test.
type database struct {
	gate chan error // what the next ApplyBatch returns; closed: it succeeds
	mu   sync.Mutex
	rows map[string]store.Binding
}

func newDatabase() *database {
	return &database{gate: make(chan error), rows: map[string]store.Binding{}}
}

func (d *database) ApplyBatch(ctx context.Context, ops []store.LocationOp) error {
	select {
	case err := <-d.gate:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, op := range ops {
		if op.Delete {
			delete(d.rows, op.Binding.RUID)
		} else {
			if err := op.Binding.Check(); err != nil {
				return err
			}
			d.rows[op.Binding.RUID] = op.Binding
		}
	}
	return nil
}

func (d *database) LoadAll(_ context.Context, fn func(store.Binding) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range d.rows {
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) LoadRows(_ context.Context, ruids []string) (list []store.Binding, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ruid := range ruids {
		if b, ok := d.rows[ruid]; ok {
			list = append(list, b)
		}
	}
	return list, nil
}

func (d *database) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.rows)
}

func argsOf(text string) []module.Arg {
	var args []module.Arg
	for _, a := range strings.Fields(text) {
		args = append(args, module.Arg{Str: a})
	}
	return args
}

// fuzzRequest is a request outside of any worker.
func fuzzRequest(msg *sip.Message) *relay.Request {
	return &relay.Request{
		Engine: relay.New(relay.Config{Log: slog.New(slog.DiscardHandler)}), Msg: msg,
		From: transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.7:5060")},
	}
}
