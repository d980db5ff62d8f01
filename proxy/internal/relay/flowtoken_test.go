package relay

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

func withKey(c *Config) { c.Key = []byte("the key of the state folder") }

// TestFlowToken: a token names its flow, to us only, and that of a connection as long as
// the process lives.
func TestFlowToken(t *testing.T) {
	b, later := newBench(t, &hooks{}, withKey), newBench(t, &hooks{}, withKey)
	stranger := newBench(t, &hooks{})
	udp := transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.MustParseAddrPort("192.0.2.1:5060")}
	six := udp
	six.Remote = netip.MustParseAddrPort("[2001:db8::1]:65535")
	tcp := transport.Flow{Proto: transport.TCP, Socket: 1, Conn: 1 << 40, Local: b.addr, Remote: udp.Remote}
	gone := udp
	gone.Socket = 7
	wrong := udp
	wrong.Socket = 1
	for _, c := range []struct {
		name        string
		flow        transport.Flow
		alive, then bool // now, and after a restart
	}{{"UDP", udp, true, true}, {"IPv6", six, true, true}, {"TCP", tcp, true, false}, {"no socket", gone, false, false}, {"socket of another kind", wrong, false, false}} {
		token := b.engine.AppendFlowToken(nil, c.flow)
		if got, ok := b.engine.parseFlowToken(token, pathUse); !ok || got.flow != c.flow || got.alive != c.alive || got.initiators {
			t.Errorf("%s: read is %+v, ours %v", c.name, got, ok)
		}
		if _, ok := b.engine.parseFlowToken(token, routeUse); ok {
			t.Errorf("%s: the token of a Path is taken for one of Record-Route", c.name)
		}
		if got, ok := later.engine.parseFlowToken(token, pathUse); !ok || got.alive != c.then {
			t.Errorf("%s after a restart: alive %v, ours %v", c.name, got.alive, ok)
		}
		if _, ok := stranger.engine.parseFlowToken(token, pathUse); ok {
			t.Errorf("%s: another router takes it for its own", c.name)
		}
		for i := range token {
			forged := bytes.Clone(token)
			if forged[i] ^= 1; forged[i] == '.' || forged[i] == '@' {
				continue
			}
			if got, ok := b.engine.parseFlowToken(forged, pathUse); ok && got.flow != c.flow {
				t.Errorf("%s: with byte %d changed it leads to %v", c.name, i, got.flow)
			}
		}
	}
}

// TestOtherFlow: a flow that is lost before anything is sent on it is followed by the
// phone's next one, and by that of no other phone.
func TestOtherFlow(t *testing.T) {
	t.Parallel()
	h := &hooks{}
	b := newBench(t, h)
	bob, eve, caller := b.phone(), b.phone(), b.phone()
	to := func(p *phone) transport.Flow {
		return transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.AddrPortFrom(b.addr.Addr(), uint16(p.port()))}
	}
	lost := transport.Flow{Proto: transport.TCP, Socket: 1, Conn: 99, Remote: to(bob).Remote}
	h.request = func(r *Request) {
		r.Main = Target{URI: []byte("sip:bob@192.0.2.1"), Flow: lost, Group: 1}
		r.AddFlow(Target{URI: []byte("sip:eve@192.0.2.1"), Flow: to(eve), Group: 2})
		r.AddFlow(Target{URI: []byte("sip:bob@192.0.2.1;again"), Flow: lost, Group: 1})
		r.AddFlow(Target{URI: []byte("sip:bob@192.0.2.1;third"), Flow: to(bob), Group: 1})
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 480, Reason: err.Error()})
		}
	}
	b.start()
	caller.invite("other-flow")
	m := bob.expect("INVITE sip:bob@192.0.2.1;third")
	bob.answer(m, 486, "b")
	caller.expect("SIP/2.0 486")
	caller.ack("other-flow")
	eve.nothing("INVITE", 50*time.Millisecond)
}

// FuzzFlowToken: no text makes the reader fail, or is a token.
func FuzzFlowToken(f *testing.F) {
	b := newBench(f, &hooks{})
	f.Add(bytes.Repeat([]byte("A"), flowText))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, ok := b.engine.parseFlowToken(text, pathUse); ok {
			t.Errorf("%q leads to %v", text, got.flow)
		}
	})
}

// TestFlowRoute: a request along a Route with a token goes to its flow, wherever the
// Request-URI points; what only looks so goes nowhere.
func TestFlowRoute(t *testing.T) {
	t.Parallel()
	h := &hooks{}
	b := newBench(t, h)
	var trusted atomic.Bool
	trusted.Store(true)
	h.request = func(r *Request) {
		if trusted.Load() {
			r.FollowPath()
		}
		if !r.LooseRoute() {
			_ = r.Reply(&sip.Reply{Status: 403, Reason: "No Route"})
			return
		}
		switch err := r.Relay(); {
		case err == nil:
		case errors.Is(err, ErrFlowFailed):
			_ = r.Reply(&sip.Reply{Status: 430})
		default:
			_ = r.Reply(&sip.Reply{Status: 478, Reason: err.Error()})
		}
	}
	b.start()
	bob, caller, victim := b.phone(), b.phone(), b.phone()
	flow := transport.Flow{Proto: transport.UDP, Local: b.addr, Remote: netip.AddrPortFrom(b.addr.Addr(), uint16(bob.port()))}
	token := string(b.engine.AppendFlowToken(nil, flow))
	dead := string(b.engine.AppendFlowToken(nil, transport.Flow{Proto: transport.TCP, Socket: 1, Conn: 99, Remote: flow.Remote}))
	n := 0
	send := func(method, route, toTag string) {
		n++
		caller.request(method, victim.uri(), fmt.Sprint("flow-", n), 1, fmt.Sprint("flow-", n), toTag, "Route: "+route)
	}
	send("MESSAGE", "<sip:"+token+"@"+b.addr.String()+";lr;ob>", "")
	m := bob.expect("MESSAGE " + victim.uri())
	if value(m, sip.HdrRoute) != "" {
		t.Errorf("our Route went along: %s", m.Buf)
	}
	bob.answer(m, 200, "b")
	caller.expect("SIP/2.0 200")
	send("MESSAGE", "<sip:"+dead+"@"+b.addr.String()+";lr;ob>", "")
	caller.expect("SIP/2.0 430")
	for _, route := range []string{"<sip:B" + token[1:] + "@" + b.addr.String() + ";lr>", "<sip:x@" + b.addr.String() + ";lr>"} {
		send("MESSAGE", route, "")
		caller.expect("SIP/2.0 403")
	}
	// Within a dialog the token alone is no proof.
	send("INFO", "<sip:"+token+"@"+b.addr.String()+";lr;ob>", "bt")
	caller.expect("SIP/2.0 403")
	// From whom the script does not trust it leads nowhere, nor when it has grown old.
	trusted.Store(false)
	send("MESSAGE", "<sip:"+token+"@"+b.addr.String()+";lr;ob>", "")
	caller.expect("SIP/2.0 403")
	trusted.Store(true)
	old := string(b.engine.appendToken(nil, pathUse, flow, false, time.Now().Add(-b.engine.cfg.RouteLife-time.Minute)))
	send("MESSAGE", "<sip:"+old+"@"+b.addr.String()+";lr;ob>", "")
	caller.expect("SIP/2.0 430")
	victim.nothing("MESSAGE", 50*time.Millisecond)
	bob.nothing("", 50*time.Millisecond)
}
