package daemon

import "testing"

// TestDomainLocalInScripts: the forms in which scripts of several domains ask whether one is ours.
func TestDomainLocalInScripts(t *testing.T) {
	s := newStand(t, `alias="`+testDomain+`"
loadmodule "sl.so"
loadmodule "domain.so"
route {
	$var(d) = $rd;
	if (is_domain_local("$rd") && is_domain_local("$(rd)") && is_domain_local("$var(d)") && !is_domain_local("$si")) sl_send_reply("200", "Ours");
	else sl_send_reply("404", "Not ours");
}
`)
	p := s.phone("alice")
	for uri, want := range map[string]string{"sip:bob@" + testDomain: "SIP/2.0 200", "sip:bob@elsewhere.example": "SIP/2.0 404"} {
		p.send(p.request("OPTIONS", uri, "asks-"+want[8:], 1, ""))
		p.expect(want)
	}
}
