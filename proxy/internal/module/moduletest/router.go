// Package moduletest drives modules in tests: a relay engine whose script is a Go
// function, and whose messages are handed over and caught without a socket being
// read. Everything happens on the test's goroutine, so that it also serves in a
// synctest bubble and in counts of allocations.
package moduletest

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Script is the routes of a test; a route that is nil does nothing.
type Script struct {
	Request func(c *module.Ctx)
	Failure func(c *module.Ctx, route int)
	// Branch returns false to leave the branch out.
	Branch func(c *module.Ctx, route int) bool
	// Reply returns false to drop the response.
	Reply func(c *module.Ctx, route int) bool
}

// Packet is a message that the router sent.
type Packet struct {
	To   transport.Flow
	Text string
}

// Router is an engine without a reader: UDP is its socket 0, TCP its socket 1.
type Router struct {
	Engine *relay.Engine
	// Quiet keeps what is sent from being recorded, for counts of allocations.
	Quiet bool
	// SendErr, if set, is what sending fails with.
	SendErr error

	t      testing.TB
	script *Script
	worker *transport.Worker
	sent   []Packet
}

// New makes a router that ends with the test. change may alter the engine's
// configuration.
func New(t testing.TB, s *Script, change ...func(*relay.Config)) *Router {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	cfg := relay.Config{Hooks: hooks{s}, Log: log, Key: []byte("0123456789abcdef0123456789abcdef")}
	for _, f := range change {
		f(&cfg)
	}
	r := &Router{Engine: relay.New(cfg), t: t, script: s}
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: "127.0.0.1:0"}, {Proto: transport.TCP, Addr: "127.0.0.1:0"},
	}}, r.Engine, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = layer.Close(context.Background()) })
	r.Engine.Attach(layer, transport.NewResolver(transport.ResolverConfig{}))
	r.worker = transport.NewDetached(r.Engine.NewScratch(), r.take)
	return r
}

// For makes a fuzz target's or subtest's failures its own.
func (r *Router) For(t testing.TB) { r.t = t }

func (r *Router) take(f transport.Flow, msg []byte) error {
	if r.SendErr != nil {
		return r.SendErr
	}
	if !r.Quiet {
		r.sent = append(r.sent, Packet{f, string(msg)})
	}
	return nil
}

// Flow is the flow of a message from remote, "ip:port" after "udp:" or "tcp:".
func (r *Router) Flow(remote string) transport.Flow {
	r.t.Helper()
	name, addr, ok := strings.Cut(remote, ":")
	proto, known := transport.ParseProto(name)
	if !ok || !known {
		r.t.Fatalf("flow %q: want udp:ip:port or tcp:ip:port", remote)
	}
	f := transport.Flow{Proto: proto, Remote: netip.MustParseAddrPort(addr)}
	if proto == transport.TCP {
		f.Socket, f.Conn = 1, 1
	}
	f.Local = r.Engine.Sockets()[f.Socket].Addr
	return f
}

// Address is "ip:port" of the router's UDP socket.
func (r *Router) Address() string { return r.Engine.Sockets()[0].Addr.String() }

// Receive hands a message over as if it had come from remote, and returns what was
// sent on account of it. The text may be written with plain line ends.
func (r *Router) Receive(remote, text string) []Packet {
	r.t.Helper()
	r.sent = nil
	r.Engine.Receive(r.worker, Wire(text), r.Flow(remote))
	return r.sent
}

// Meanwhile hands a message over on another worker, from within the script of the first.
func (r *Router) Meanwhile(remote, text string) {
	r.t.Helper()
	r.Engine.Receive(transport.NewDetached(r.Engine.NewScratch(), r.take), Wire(text), r.Flow(remote))
}

// ReceiveBytes is Receive of a message and a flow that are ready.
func (r *Router) ReceiveBytes(f transport.Flow, msg []byte) { r.Engine.Receive(r.worker, msg, f) }

// Request is the text of a request from alice@example.org to bob@example.org with
// further header lines.
func Request(method, uri string, lines ...string) string {
	to := "To: <sip:bob@example.org>"
	extra := ""
	for _, l := range lines {
		if strings.HasPrefix(l, "To:") {
			to = l
			continue
		}
		extra += l + "\n"
	}
	return method + " " + uri + " SIP/2.0\n" +
		"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-" + method + "\n" +
		"From: \"Alice\" <sip:alice@example.org>;tag=at\n" + to + "\n" +
		"Call-ID: call-1\nCSeq: 1 " + method + "\n" + extra + "Content-Length: 0\n"
}

// Wire gives text the line ends of the wire; the header part ends in an empty line
// even where text does not.
func Wire(text string) []byte {
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	head = strings.TrimLeft(strings.TrimRight(head, "\n"), "\n")
	return []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
}

// hooks is the script as the relay sees it.
type hooks struct{ s *Script }

func (h hooks) NewRequest() *relay.Request {
	c := &module.Ctx{}
	c.Owner = c
	return &c.Request
}

func ctxOf(r *relay.Request, route module.Routes) *module.Ctx {
	c := r.Owner.(*module.Ctx)
	c.Route, c.ReturnCode, c.Depth = route, 0, 0
	return c
}

func (h hooks) Request(r *relay.Request) {
	if h.s.Request != nil {
		h.s.Request(ctxOf(r, module.RequestRoute))
	}
}

// Branch is one of relay.MoreHooks, as LocalRequest is.
func (h hooks) Branch(r *relay.Request, route int) bool {
	return h.s.Branch == nil || h.s.Branch(ctxOf(r, module.BranchRoute), route)
}

// LocalRequest lets the request pass.
func (hooks) LocalRequest(*relay.Request) bool { return true }

func (h hooks) Failure(r *relay.Request, route int) {
	if h.s.Failure != nil {
		h.s.Failure(ctxOf(r, module.FailureRoute), route)
	}
}

func (h hooks) Reply(r *relay.Request, route int) bool {
	return h.s.Reply == nil || h.s.Reply(ctxOf(r, module.ReplyRoute), route)
}

// Message parses a message for functions that only read or edit it.
func Message(t testing.TB, text string) *module.Ctx {
	t.Helper()
	c := &module.Ctx{Route: module.RequestRoute}
	c.Msg = &sip.Message{}
	if err := c.Msg.Parse(Wire(text)); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	c.Owner, c.Main.URI = c, c.Msg.RequestURI()
	if !c.Msg.IsRequest {
		c.Route, c.Final = module.ReplyRoute, c.Msg.Status
	}
	return c
}

// Headers are the header lines of a message as they would be written, edits applied.
func Headers(c *module.Ctx) string { return string(c.Msg.AppendHeaders(nil)) }

// Answer is the response of a user agent to a request that the router sent to it.
func Answer(t testing.TB, request Packet, status int, lines ...string) string {
	t.Helper()
	var m sip.Message
	if err := m.Parse([]byte(request.Text)); err != nil {
		t.Fatalf("%v in %q", err, request.Text)
	}
	rep := sip.Reply{Status: status, ToTag: []byte("bt"), RecordRoute: true}
	for _, l := range lines {
		rep.Extra = append(append(rep.Extra, l...), "\r\n"...)
	}
	return string(m.AppendReply(nil, &rep))
}

// Find returns the first packet whose text begins with prefix; the test fails if
// there is none.
func Find(t testing.TB, packets []Packet, prefix string) Packet {
	t.Helper()
	var seen []string
	for _, p := range packets {
		if strings.HasPrefix(p.Text, prefix) {
			return p
		}
		line, _, _ := strings.Cut(p.Text, "\r\n")
		seen = append(seen, line)
	}
	t.Fatalf("nothing sent begins with %q; sent were %q", prefix, seen)
	panic("unreachable")
}
