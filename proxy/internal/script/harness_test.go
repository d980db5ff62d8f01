package script

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

// play is a compiled script with an engine around it, and what it does.
type play struct {
	*stage
	t      testing.TB
	prog   *Program
	engine *relay.Engine
	sent   []string // messages that went out, by engine.Receive
}

// loads brings in all modules of the stage.
const loads = `
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "auth_db.so"
loadmodule "textops.so"
loadmodule "msilo.so"
`

// compile compiles a script that loads every module; it must have no problems.
func compile(t testing.TB, text string, log *slog.Logger) *play {
	t.Helper()
	return compileWhole(t, loads+text, log)
}

// compileWhole compiles a script that says itself what it loads.
func compileWhole(t testing.TB, text string, log *slog.Logger) *play {
	t.Helper()
	p := &play{stage: newStage(), t: t}
	prog, problems := Compile("test.cfg", []byte(text), Options{Modules: p.modules(), Log: log})
	for _, x := range problems {
		t.Error(x.Error())
	}
	if prog == nil {
		t.FailNow()
	}
	p.prog = prog
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p.engine = relay.New(relay.Config{Hooks: prog, Log: log, Gateway: func(a netip.Addr) bool { return a.String() == gatewayHost },
		LocalDomain: func(host []byte) bool { return string(host) == "example.org" }})
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{{Proto: transport.UDP, Addr: "127.0.0.1:0"}}}, p.engine, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = layer.Close(context.Background()) })
	p.engine.Attach(layer, transport.NewResolver(transport.ResolverConfig{}))
	return p
}

// gatewayHost is where a gateway is.
const gatewayHost = "127.0.0.20"

// stranger is where the test's messages come from.
var stranger = transport.Flow{
	Proto:  transport.UDP,
	Remote: netip.MustParseAddrPort("192.0.2.7:5070"),
	Local:  netip.MustParseAddrPort("127.0.0.1:5060"),
}

// invite is the message that most tests look at.
const invite = "INVITE sip:Bob@example.org;user=phone SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1\r\n" +
	"From: <sip:alice@example.net>;tag=1\r\n" +
	"To: <sip:bob@example.org>\r\n" +
	"Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

// ringing is a response.
const ringing = "SIP/2.0 180 Ringing\r\n" +
	"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK2\r\n" +
	"From: <sip:alice@example.net>;tag=1\r\n" +
	"To: <sip:bob@example.org>;tag=2\r\n" +
	"Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

// message makes a relay request of a message.
func (p *play) message(text string, from transport.Flow) *relay.Request {
	p.t.Helper()
	m := &sip.Message{}
	if err := m.Parse([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
	r := p.prog.NewRequest()
	r.Engine, r.Msg, r.From = p.engine, m, from
	r.Main = relay.Target{URI: m.RequestURI()}
	r.Final = m.Status
	return r
}

// request runs the main route on a message and returns what was called.
func (p *play) request(text string, from transport.Flow) string {
	p.t.Helper()
	p.calls = p.calls[:0]
	p.prog.Request(p.message(text, from))
	return strings.Join(p.calls, " ")
}

// receive gives the engine a message as if it had come from the network.
func (p *play) receive(text string) {
	p.t.Helper()
	w := transport.NewDetached(p.engine.NewScratch(), func(_ transport.Flow, msg []byte) error {
		p.sent = append(p.sent, string(msg))
		return nil
	})
	p.engine.Receive(w, []byte(text), stranger)
}

// ctx is the run of a request.
func ctx(r *relay.Request) *module.Ctx { return r.Owner.(*module.Ctx) }
