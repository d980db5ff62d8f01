package dialog

import (
	"net/netip"
	"testing"

	"seraph/proxy/internal/transport"
)

// TestWhereAnEndIs: the operator sees where a phone is, and of the router's own end of a call
// that it is here.
func TestWhereAnEndIs(t *testing.T) {
	m := New(Config{Sockets: func() []transport.Socket { return []transport.Socket{{Name: "udp:192.0.2.1:5060"}} }})
	for _, x := range []struct {
		flow           transport.Flow
		remote, socket string
	}{
		{transport.Flow{}, "", ""},
		{transport.Flow{Proto: transport.Local, Conn: 1}, "local", ""},
		{transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.7:5060")}, "udp:192.0.2.7:5060", "udp:192.0.2.1:5060"},
	} {
		if p := m.describeParty(&party{flow: x.flow}); p.Remote != x.remote || p.Socket != x.socket {
			t.Errorf("%v: at %q by %q, want %q by %q", x.flow, p.Remote, p.Socket, x.remote, x.socket)
		}
	}
}
