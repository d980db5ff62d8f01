//go:build !race

package script

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"seraph/proxy/internal/transport"
)

// TestNoAllocation runs a script with every kind of condition and command 10,000
// times: in steady state it allocates nothing.
func TestNoAllocation(t *testing.T) {
	p := compile(t, `
route {
	if (!mf_process_maxfwd_header("10") || msg:len > 4000) { sl_send_reply("483", "Too Many Hops"); exit; };
	if (method == "ACK" && src_ip != 10.0.0.0/8 && proto == UDP && af == INET) { break; };
	if (uri =~ "^sip:[a-z]+@" && from_uri != myself && uri == myself && src_ip =~ "^192\.") { route(1); };
	if (to_uri == "sip:bob@example.org" && !lookup("location")) { t_reply("480", "x"); return; };
	log("never seen");
	setflag(1);
	$var(x) = 3; $avp(who) = $fU; $avp(n) = $var(x) * 2 + 1;
	$var(to) = "sip:" + $rU + "@" + $rd + $si;
	if ($rU != "bob" || $avp(who) == $null || $avp(n) != 7 || $var(to) !~ "^sip:bob@" || $hdr(To) == $null) { exit; }
	switch ($rm) { case "ACK": exit; case "INVITE": break; default: exit; }
	while ($var(i) < 5) { $var(i) = $var(i) + 1; }
	$rU = "eve"; $rd = "example.net"; $rp = 5080; $du = $ru; $ru = $ou;
	if (isflagset(1)) { route(NAMED); t_relay(); };
}
route[NAMED] { return $var(i); }
route[1] {
	strip(1); prefix("b"); rewritehost("example.net"); rewriteport("5061"); revert_uri();
	append_branch(); force_rport();
	return(1);
}`, nil)
	w := transport.NewDetached(p.engine.NewScratch(), func(transport.Flow, []byte) error { return nil })
	text := []byte(invite)
	run := func(n int) {
		for range n {
			p.calls = p.calls[:0]
			p.engine.Receive(w, text, stranger)
		}
	}
	run(1000)
	if got := p.calls[len(p.calls)-1]; got != "t_relay()" {
		t.Fatalf("the script ended with %s, so the test looks at nothing: %s", got, strings.Join(p.calls, " "))
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	run(100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const times = 10000
	run(times)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > 20 {
		t.Errorf("%d allocations in %d runs", n, times)
	}
}
