package ctd

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// names are where the tests' names lead.
var names = map[string][]string{
	"good.example":            {"198.51.100.20", "2001:db8::20"},
	"127.0.0.1.nip.io":        {"127.0.0.1"},
	"1.0.0.127.in-addr.arpa":  {"127.0.0.1"},
	"six.example":             {"::1"},
	"mapped.example":          {"::ffff:127.0.0.1"},
	"any.example":             {"0.0.0.0"},
	"lan.example":             {"10.1.2.3"},
	"link.example":            {"169.254.1.1"},
	"ula.example":             {"fd00::1"},
	"cgn.example":             {"100.64.0.1"},
	"multicast.example":       {"224.0.1.75"},
	"sub.gw.provider.example": {"203.0.113.9"},
	"mappedgw.example":        {"::ffff:203.0.113.9"},
	"router.example":          {"192.0.2.1"},
	"half.example":            {"198.51.100.20", "127.0.0.1"},
	"nobody.example":          nil,
}

// hostsOf looks the tests' names up; unsure.example has an address, and perhaps others.
func hostsOf(ctx context.Context, uri []byte) (list []netip.Addr, err error) {
	_, name, _ := strings.Cut(string(uri), "@")
	switch name {
	case "unsure.example":
		return []netip.Addr{netip.MustParseAddr("198.51.100.20")}, errors.New("no name server answers")
	case "slow.example":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, text := range names[name] {
		list = append(list, netip.MustParseAddr(text))
	}
	return list, nil
}

func only(addr string) func(netip.Addr) bool {
	return func(a netip.Addr) bool { return a == netip.MustParseAddr(addr) }
}

var testReach = Reach{HostsOf: hostsOf, Gateway: only("203.0.113.9"), Own: only("192.0.2.1")}

// TestVisitorsReach: a stranger's address is called where it leads to the public network,
// and nowhere inside, whatever its name looks like.
func TestVisitorsReach(t *testing.T) {
	m := New(Config{Local: func(domain string) bool { return domain == "example.org" }})
	m.Guard(testReach)
	for callee, ok := range map[string]bool{
		"sip:eve@good.example": true, "sips:eve@good.example": true, "sip:bob@example.org": true, "sip:0800123@example.org": true,
		"sip:eve@127.0.0.1.nip.io": false, "sip:eve@1.0.0.127.in-addr.arpa": false, "sip:eve@six.example": false, "sip:eve@mapped.example": false,
		"sip:eve@any.example": false, "sip:eve@lan.example": false, "sip:eve@link.example": false, "sip:eve@ula.example": false, "sip:eve@cgn.example": false,
		"sip:eve@multicast.example": false, "sip:eve@sub.gw.provider.example": false, "sip:eve@mappedgw.example": false, "sip:eve@router.example": false,
		"sip:eve@half.example": false, "sip:eve@nobody.example": false, "sip:eve@unsure.example": false,
		"sip:bob@example.org:5099": false, "sip:bob@example.org;maddr=127.0.0.1": false, "sip:eve@good.example:5061": false,
		"sip:eve@good.example;transport=tcp": false, "tel:+4930123": false, "sip:good.example": false,
	} {
		err := m.mayVisit(t.Context(), callee)
		if ok != (err == nil) || err != nil && ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
			t.Errorf("%s: %v", callee, err)
		}
	}
	blind := New(Config{Local: func(domain string) bool { return domain == "example.org" }})
	if blind.mayVisit(t.Context(), "sip:eve@good.example") == nil || blind.mayVisit(t.Context(), "sip:bob@example.org") != nil {
		t.Error("without a resolver only our own domains can be called")
	}
}

// TestVisitorsSlowName: a name server that does not answer keeps nobody waiting for long.
func TestVisitorsSlowName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{})
		m.Guard(testReach)
		start := time.Now()
		if err := m.mayVisit(t.Context(), "sip:eve@slow.example"); ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != reachTimeout {
			t.Errorf("it took %s", took)
		}
	})
}

// TestVisitorIsRefused: nothing rings for a stranger's address that leads inside; the
// caller's own clicks are not looked at.
func TestVisitorIsRefused(t *testing.T) {
	s := newStand(t)
	s.module.Guard(testReach)
	inside := ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "sip:eve@127.0.0.1.nip.io", Visitor: 1}
	if _, err := s.module.Dial(t.Context(), inside); ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
		t.Errorf("got %v", err)
	}
	if n := s.statistic("dials"); n != 0 {
		t.Errorf("%d attempts", n)
	}
	inside.Visitor = 0
	id, err := s.module.Dial(t.Context(), inside)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.module.Cancel(t.Context(), id, "test"); err != nil {
		t.Error(err)
	}
}
