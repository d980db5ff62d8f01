package dialog

import (
	"net/netip"
	"testing"

	"seraph/proxy/internal/transport"
)

func flowOf(proto transport.Proto, remote string, conn uint64) transport.Flow {
	return transport.Flow{Proto: proto, Remote: netip.MustParseAddrPort(remote), Conn: conn}
}

// TestHome: what is a party's home, its host, and its own although it does not come from home.
func TestHome(t *testing.T) {
	udp, tcp := transport.UDP, transport.TCP
	far := &party{home: flowOf(udp, "198.51.100.1:5060", 0)}
	for name, x := range map[string]struct {
		p                      party
		other                  *party
		from                   transport.Flow
		isHome, isFrom, isOwns bool
	}{
		"home":                       {party{home: flowOf(udp, "192.0.2.1:5060", 0)}, far, flowOf(udp, "192.0.2.1:5060", 0), true, true, true},
		"another port":               {party{home: flowOf(udp, "192.0.2.1:5060", 0)}, far, flowOf(udp, "192.0.2.1:5061", 0), false, true, true},
		"another connection":         {party{home: flowOf(tcp, "192.0.2.1:5060", 4)}, far, flowOf(tcp, "192.0.2.1:5060", 5), false, true, true},
		"another transport":          {party{home: flowOf(tcp, "192.0.2.1:5060", 0)}, far, flowOf(udp, "192.0.2.1:5060", 0), false, true, true},
		"another host":               {party{home: flowOf(udp, "192.0.2.1:5060", 0)}, far, flowOf(udp, "192.0.2.2:5060", 0), false, false, false},
		"the other end's":            {party{home: flowOf(udp, "192.0.2.1:5060", 0)}, far, far.home, false, false, false},
		"one host, another port":     {party{home: flowOf(udp, "198.51.100.1:5070", 0)}, far, flowOf(udp, "198.51.100.1:5071", 0), false, true, false},
		"behind others":              {party{home: flowOf(tcp, "192.0.2.1:5060", 4), routes: []byte("<sip:192.0.2.1;lr>")}, far, flowOf(tcp, "192.0.2.1:7000", 5), true, true, true},
		"behind others, not by them": {party{home: flowOf(tcp, "192.0.2.1:5060", 4), routes: []byte("<sip:192.0.2.1;lr>")}, far, flowOf(tcp, "192.0.2.2:7000", 5), false, false, false},
		"the host it has named":      {party{home: flowOf(udp, "192.0.2.1:5060", 0), contact: []byte("sip:gw@192.0.2.3:5070"), sure: true}, far, flowOf(udp, "192.0.2.3:5060", 0), false, true, true},
		"a host somebody has named":  {party{home: flowOf(udp, "192.0.2.1:5060", 0), contact: []byte("sip:gw@192.0.2.3:5070")}, far, flowOf(udp, "192.0.2.3:5060", 0), false, false, false},
		"unknown":                    {party{}, far, transport.Flow{}, false, false, false},
	} {
		if a, b, c := x.p.isHome(x.from), x.p.isFrom(x.from.Remote.Addr()), x.p.owns(x.from, x.other); a != x.isHome || b != x.isFrom || c != x.isOwns {
			t.Errorf("%s: isHome %v, isFrom %v, owns %v", name, a, b, c)
		}
	}
}

// TestOwnSocketIsNobodysHome: what comes from a socket of ours was sent for whomever.
func TestOwnSocketIsNobodysHome(t *testing.T) {
	m := New(Config{Sockets: func() []transport.Socket {
		return []transport.Socket{
			{Proto: transport.UDP, Addr: netip.MustParseAddrPort("192.0.2.10:5060")},
			{Proto: transport.UDP, Addr: netip.MustParseAddrPort("0.0.0.0:5070")},
		}
	}})
	local := netip.MustParseAddrPort("192.0.2.11:5070")
	for remote, want := range map[string]bool{"192.0.2.10:5060": false, "192.0.2.10:5061": true, "192.0.2.11:5070": false, "192.0.2.12:5070": true, "192.0.2.12:5060": true} {
		f := transport.Flow{Proto: transport.UDP, Local: local, Remote: netip.MustParseAddrPort(remote)}
		if got := m.homeOf(f); got.IsZero() == want || want && got != f {
			t.Errorf("%s: %+v", remote, got)
		}
	}
}
