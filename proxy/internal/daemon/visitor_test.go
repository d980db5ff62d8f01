package daemon

import (
	"fmt"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/dns/dnstest"
)

// TestVisitorsAreNotCalledInside: what a stranger gives as an address is looked up, and
// nobody's phone rings for one that leads to the router, to its machine or to a gateway,
// whatever its name looks like.
func TestVisitorsAreNotCalledInside(t *testing.T) {
	server := dnstest.New(t)
	s := newStand(t, fmt.Sprintf(`
		dns_server=%q dns_try_ipv6=no dns_try_naptr=no
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "usrloc.so"
		loadmodule "registrar.so"
		loadmodule "dispatcher.so"
		loadmodule "ctd.so"
		route {
			if (method == "REGISTER") { save("location"); exit; };
			if (!lookup("location")) { sl_send_reply("480", "Offline"); exit; };
			t_relay();
		}`, server.Addr), "anne", "bob")
	server.Set("good.test 300 IN A 198.51.100.20", "gw.test 300 IN A 203.0.113.9", "sub.gw.test 300 IN A 203.0.113.9",
		"1.0.0.127.in-addr.arpa 300 IN A 127.0.0.1", "127.0.0.1.nip.test 300 IN A 127.0.0.1",
		"srv.test 300 IN A 198.51.100.20", "_sip._udp.srv.test 300 IN SRV 1 1 5060 127.0.0.1.nip.test.")
	db := s.open()
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO dispatcher (setid, destination) VALUES (1, 'sip:203.0.113.9:5060')"); err != nil {
		t.Fatal(err)
	}
	if err := s.d.modules.Calls.Dispatcher.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	anne := s.phone("anne")
	anne.send(anne.request("REGISTER", "sip:"+testDomain, "reg", 1, ""))
	anne.expect("SIP/2.0 200")
	dial := func(callee string) (string, error) {
		return s.d.modules.Ctd.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "anne@" + testDomain, Callee: callee, Visitor: 1})
	}
	for _, host := range []string{"gw.test", "sub.gw.test", "1.0.0.127.in-addr.arpa", "127.0.0.1.nip.test", "srv.test", "nobody.test", "127.0.0.1", "203.0.113.9"} {
		if _, err := dial("sip:eve@" + host); ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, callee := range []string{"sip:eve@good.test", bobURI()} {
		id, err := dial(callee)
		if err != nil {
			t.Fatalf("%s: %v", callee, err)
		}
		ringing := anne.expect("INVITE")
		anne.answer(ringing, 180)
		if err := s.d.modules.Ctd.Cancel(t.Context(), id, "test"); err != nil {
			t.Error(err)
		}
		anne.answer(anne.expect("CANCEL"), 200)
		anne.answer(ringing, 487)
		anne.expect("ACK")
	}
}
