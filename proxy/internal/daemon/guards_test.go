package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// outside is the way of a stranger to the proxy.
func (r *rig) outside(ip string) transport.Flow {
	f := r.flow(5060)
	f.Remote = netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)
	return f
}

// ask sends an OPTIONS for the router itself and returns the first line of the answer, "" for none.
func (r *rig) ask(from transport.Flow, n int, lines ...string) string {
	id := fmt.Sprintf("o%d", n)
	extra := strings.Join(append(lines, ""), "\r\n")
	r.receive(from, []byte(r.head("OPTIONS", "sip:"+testDomain, "eve", 5060, 1, id, id)+extra+noBody))
	if r.n == 0 {
		return ""
	}
	line, _, _ := strings.Cut(string(r.sent[0].msg), "\r\n")
	return line
}

// TestFlood: the default script does not answer a source any more that sends too much; the
// router's own host and trusted peers are not concerned, and the operator can let it go.
func TestFlood(t *testing.T) {
	r := newRig(t, transport.UDP, "")
	ctx := t.Context()
	if err := r.d.db.Addresses.Add(ctx, store.Address{Group: 1, IP: "192.0.2.10"}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.modules.Guards.Permissions.ReloadAddresses(ctx); err != nil {
		t.Fatal(err)
	}
	flood := r.outside("192.0.2.9")
	n := 0
	for ; n < 100_000 && r.ask(flood, n) != ""; n++ {
	}
	if n < 300 || n == 100_000 {
		t.Fatalf("silence after %d requests, want it after some more than 300", n)
	}
	for i := range 100 {
		if got := r.ask(flood, n+i); got != "" {
			t.Fatalf("request %d after that is answered: %s", i, got)
		}
	}
	if item, err := r.d.modules.Guards.Htable.Item("ipban", "udp:192.0.2.9"); err != nil || item.Value != int64(1) {
		t.Errorf("htable.get ipban udp:192.0.2.9: %+v, %v", item, err)
	}
	for who, from := range map[string]transport.Flow{"the router's own host": r.flow(5070), "a trusted peer": r.outside("192.0.2.10")} {
		for i := range 1000 {
			if got := r.ask(from, i); got != "SIP/2.0 200 OK" {
				t.Fatalf("request %d of %s: %q", i, who, got)
			}
		}
	}
	if got := r.ask(r.outside("192.0.2.11"), 1); got != "SIP/2.0 200 OK" {
		t.Errorf("another stranger: %q", got)
	}
	if err := r.d.modules.Guards.Htable.Delete("ipban", "udp:192.0.2.9"); err != nil || !r.d.modules.Guards.Pike.Remove(flood.Remote.Addr()) {
		t.Errorf("letting it go: %v", err)
	}
	if got := r.ask(flood, n+200); got != "SIP/2.0 200 OK" {
		t.Errorf("after it was let go: %q", got)
	}
}

// TestForgedFlood: datagrams in an office's name do not shut out its phones that have connections; a flood over
// those does.
func TestForgedFlood(t *testing.T) {
	r := newRig(t, transport.UDP, "")
	office := r.outside("192.0.2.9")
	for n := 0; r.ask(office, n) != ""; n++ {
		if n == 100_000 {
			t.Fatal("no flood is noticed")
		}
	}
	for i, proto := range []transport.Proto{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		office.Proto = proto
		if got := r.ask(office, 200_000+i); got != "SIP/2.0 200 OK" {
			t.Errorf("over %v: %q", proto, got)
		}
	}
	office.Proto = transport.TCP
	for n := 300_000; r.ask(office, n) != ""; n++ {
		if n == 400_000 {
			t.Fatal("no flood over TCP is noticed")
		}
	}
	if item, err := r.d.modules.Guards.Htable.Item("ipban", "tcp:192.0.2.9"); err != nil || item.Value != int64(1) {
		t.Errorf("htable.get ipban tcp:192.0.2.9: %+v, %v", item, err)
	}
}

// TestNonsense: what is not well formed is refused with the reason, and scanners are not answered.
func TestNonsense(t *testing.T) {
	r := newRig(t, transport.UDP, "")
	from := r.outside("192.0.2.9")
	if got := r.ask(from, 1, "Expires: soon"); got != "SIP/2.0 400 Bad Expires" {
		t.Errorf("Expires: %q", got)
	}
	if got := r.ask(from, 2, "User-Agent: friendly-scanner"); got != "" {
		t.Errorf("a scanner: %q", got)
	}
	if got := r.ask(from, 3, "User-Agent: a phone"); got != "SIP/2.0 200 OK" {
		t.Errorf("a phone: %q", got)
	}
}

// TestAssertedIdentity: who a stranger says he is does not reach our people; a trusted peer may say it,
// unless the caller wants privacy (RFC 3325).
func TestAssertedIdentity(t *testing.T) {
	r := newRig(t, transport.UDP, "")
	if err := r.d.db.Addresses.Add(t.Context(), store.Address{Group: 1, IP: "192.0.2.10"}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.modules.Guards.Permissions.ReloadAddresses(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.register("bob", r.port())
	for i, c := range []struct {
		ip, line string
		want     bool
	}{
		{"192.0.2.9", "", false},
		{"192.0.2.10", "", true},
		{"192.0.2.10", "Privacy: id\r\n", false},
	} {
		id := fmt.Sprintf("pai%d", i)
		head := strings.ReplaceAll(r.head("INVITE", "sip:bob@"+testDomain, "eve", 5060, 1, id, id), "eve@"+testDomain, "eve@example.net")
		r.receive(r.outside(c.ip), []byte(head+"Contact: <sip:eve@192.0.2.9>\r\nP-Asserted-Identity: <sip:boss@example.net>\r\n"+c.line+noBody))
		if got := strings.Contains(string(r.the("INVITE sip:bob@")), "P-Asserted-Identity"); got != c.want {
			t.Errorf("from %s with %q: asserted identity goes on: %v, want %v", c.ip, c.line, got, c.want)
		}
	}
}
