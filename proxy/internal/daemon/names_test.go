package daemon

import (
	"fmt"
	"testing"

	"seraph/proxy/internal/dns/dnstest"
)

// TestScriptNamesServer: the name server of the script is asked, the place that it prefers
// is tried first, the next one after a 503, and the statistics count it.
func TestScriptNamesServer(t *testing.T) {
	server := dnstest.New(t)
	s := newStand(t, fmt.Sprintf(`
		dns_server=%q dns_try_ipv6=no dns_try_naptr=no
		loadmodule "tm.so"
		route { t_relay(); }`, server.Addr))
	anne, first, second := s.phone("anne"), s.phone("bob"), s.phone("bob")
	server.Set("here.test 300 IN A 127.0.0.1",
		fmt.Sprintf("_sip._udp.gw.test 300 IN SRV 1 1 %d here.test.", first.port()),
		fmt.Sprintf("_sip._udp.gw.test 300 IN SRV 2 1 %d here.test.", second.port()))
	anne.send(anne.request("MESSAGE", "sip:bob@gw.test", "named", 1, "hello"))
	first.answer(first.expect("MESSAGE sip:bob@gw.test "), 503)
	second.answer(second.expect("MESSAGE sip:bob@gw.test "), 200)
	anne.expect("SIP/2.0 200")
	if n := server.Asked("NAPTR gw.test") + server.Asked("AAAA here.test"); n != 0 {
		t.Errorf("%d questions that the script forbids", n)
	}
	got := map[string]int64{}
	s.d.statistics(func(group, name string, value int64) { got[group+":"+name] = value })
	if got["dns:dns_requests"] == 0 || got["dns:failed_dns_request"] != 0 || got["dns:blocked_places"] != 1 {
		t.Errorf("statistics %d asked, %d failed, %d blocked", got["dns:dns_requests"], got["dns:failed_dns_request"], got["dns:blocked_places"])
	}
}
