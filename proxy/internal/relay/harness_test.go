package relay

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// hooks is a script made of Go functions.
type hooks struct {
	request func(r *Request)
	failure func(r *Request, route int)
	reply   func(r *Request) bool
}

func (h *hooks) NewRequest() *Request { return &Request{} }
func (h *hooks) Request(r *Request)   { h.request(r) }
func (h *hooks) Failure(r *Request, route int) {
	if h.failure != nil {
		h.failure(r, route)
	}
}
func (h *hooks) Reply(r *Request, _ int) bool { return h.reply == nil || h.reply(r) }

// bench is an engine on a loopback socket with phones around it.
type bench struct {
	t      testing.TB
	engine *Engine
	layer  *transport.Layer
	addr   netip.AddrPort
	hooks  *hooks
}

// newBench makes a bench that does not read yet, so that phones and settings can be
// made first; start begins.
func newBench(t testing.TB, h *hooks, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, hooks: h}
	log := slog.New(slog.DiscardHandler)
	cfg := Config{Hooks: h, Log: log, Txn: txn.Config{T1: 50 * time.Millisecond, T4: 100 * time.Millisecond}}
	for _, f := range change {
		f(&cfg)
	}
	b.engine = New(cfg)
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: "127.0.0.1:0"}, {Proto: transport.TCP, Addr: "127.0.0.1:0"},
	}, Malformed: b.engine.RefuseStream}, b.engine, log)
	if err != nil {
		t.Fatal(err)
	}
	b.layer = layer
	b.engine.Attach(layer, transport.NewResolver(transport.ResolverConfig{}))
	b.addr = layer.Sockets()[0].Addr
	t.Cleanup(func() { _ = layer.Close(context.Background()) })
	return b
}

func (b *bench) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.engine.Run(ctx) }()
	b.layer.Start()
	b.t.Cleanup(func() {
		_ = b.layer.Close(context.Background())
		cancel()
		<-done
	})
}

// fast makes the timers of transactions short: 64·T1 is 640 ms.
func fast(c *Config) { c.Txn = txn.Config{T1: 10 * time.Millisecond, T4: 50 * time.Millisecond} }

// calm is fast for a test in which a phone must answer in time however busy the machine
// is: 64·T1 is 1.6 s.
func calm(c *Config) { c.Txn = txn.Config{T1: 25 * time.Millisecond, T4: 50 * time.Millisecond} }

// invite sends an INVITE for bob with this Call-ID and more header lines.
func (p *phone) invite(callID string, extra ...string) {
	p.t.Helper()
	p.request("INVITE", "sip:bob@example.org", callID, 1, "inv-"+callID, "", extra...)
}

// cancel sends the CANCEL of invite.
func (p *phone) cancel(callID string) {
	p.t.Helper()
	p.request("CANCEL", "sip:bob@example.org", callID, 1, "inv-"+callID, "")
}

// ack acknowledges a final reply other than 2xx to invite.
func (p *phone) ack(callID string) {
	p.t.Helper()
	p.request("ACK", "sip:bob@example.org", callID, 1, "inv-"+callID, "x")
}

// uri is where the phone is reached.
func (p *phone) uri() string { return fmt.Sprintf("sip:bob@127.0.0.1:%d", p.port()) }

// phone is a UDP socket that sends and expects SIP.
type phone struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	// refusals of INVITEs that have come, as they were: they come again until the ACK is there, which a slow machine
	// delays.
	refusals []string
}

func (b *bench) phone() *phone {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return &phone{t: b.t, conn: c, to: b.addr}
}

// withTCP is phone with a socket for connections on the same port: on one that no connection of another test has.
func (b *bench) withTCP() (*phone, *net.TCPListener) {
	for range 100 {
		p := b.phone()
		ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.port()})
		if err == nil {
			b.t.Cleanup(func() { ln.Close() })
			return p, ln
		}
	}
	b.t.Fatal("each port of 100 is taken by a connection")
	return nil, nil
}

func (p *phone) port() int { return p.conn.LocalAddr().(*net.UDPAddr).Port }

func (p *phone) send(lines ...string) {
	p.t.Helper()
	msg := strings.Join(lines, "\r\n") + "\r\n\r\n"
	if _, err := p.conn.WriteToUDPAddrPort([]byte(msg), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// expect reads messages until one begins with want, at most ten seconds.
func (p *phone) expect(want string) *sip.Message {
	p.t.Helper()
	return p.expectWithin(10*time.Second, want)
}

// expectWithin is expect with another deadline.
func (p *phone) expectWithin(d time.Duration, want string) *sip.Message {
	p.t.Helper()
	var seen []string
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	for {
		buf := make([]byte, 65536)
		n, err := p.conn.Read(buf)
		if err != nil {
			p.t.Fatalf("no %q came; saw %q", want, seen)
		}
		m := &sip.Message{}
		if err := m.Parse(buf[:n]); err != nil {
			p.t.Fatalf("%v in %q", err, buf[:n])
		}
		if cs, err := m.CSeq(); err == nil && cs.Method == sip.INVITE && m.Status >= 300 {
			p.refusals = append(p.refusals, string(buf[:n]))
		}
		if strings.HasPrefix(string(buf[:n]), want) {
			return m
		}
		seen = append(seen, strings.SplitN(string(buf[:n]), "\r\n", 2)[0])
	}
}

// forget reads what has come so far.
func (p *phone) forget() {
	_ = p.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	buf := make([]byte, 65536)
	for err := error(nil); err == nil; {
		_, err = p.conn.Read(buf)
	}
}

// nothing fails if a message that begins with bad has come or comes within d, but for repeats of a refusal. With
// a deadline that is over nothing would be read, so that it waits a little in any case.
func (p *phone) nothing(bad string, d time.Duration) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(max(d, 10*time.Millisecond)))
	buf := make([]byte, 65536)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		if strings.HasPrefix(string(buf[:n]), bad) && !slices.Contains(p.refusals, string(buf[:n])) {
			p.t.Fatalf("unexpected %q", buf[:n])
		}
	}
}

// nothingBut fails if a request has come other than repeats of req, which a slow machine has sent meanwhile.
func (p *phone) nothingBut(req *sip.Message) {
	p.t.Helper()
	via := value(req, sip.HdrVia)
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	buf := make([]byte, 65536)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m := &sip.Message{}
		if err := m.Parse(buf[:n]); err != nil || m.Method == req.Method && value(m, sip.HdrVia) != via {
			p.t.Fatalf("unexpected %q, %v", buf[:n], err)
		}
	}
}

func (p *phone) request(method, uri, callID string, cseq int, branch, toTag string, extra ...string) {
	p.t.Helper()
	to := "<sip:bob@example.org>"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	csm := method
	lines := append([]string{
		method + " " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s", p.port(), branch),
		"Max-Forwards: 70",
		"From: <sip:alice@example.org>;tag=at",
		"To: " + to,
		"Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", cseq, csm),
	}, extra...)
	p.send(append(lines, "Content-Length: 0")...)
}

// answer replies to a request as a user agent would.
func (p *phone) answer(req *sip.Message, status int, tag string, extra ...string) {
	p.t.Helper()
	rep := sip.Reply{Status: status, ToTag: []byte(tag), RecordRoute: true}
	for _, x := range extra {
		rep.Extra = append(rep.Extra, x+"\r\n"...)
	}
	if _, err := p.conn.WriteToUDPAddrPort(req.AppendReply(nil, &rep), p.to); err != nil {
		p.t.Fatal(err)
	}
}

func value(m *sip.Message, id sip.HeaderID) string { return string(m.HeaderValue(id)) }
