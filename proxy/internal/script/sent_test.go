package script

import (
	"strings"
	"testing"
)

// fails plays a call that the first place answers with a status, and each further one too, and
// returns the Request-URIs that it was sent with.
func (p *play) fails(request, status string) string {
	p.t.Helper()
	p.receive(request)
	for n := 0; n < 8 && len(targets(p.sent)) > n; n++ {
		p.receive(reply(p.t, p, status))
	}
	return strings.Join(targets(p.sent), " ")
}

// TestFailureRouteStartsAsSent: a failure route begins with the Request-URI and the next hop
// that the request route has sent the request with, however often one ran before it.
func TestFailureRouteStartsAsSent(t *testing.T) {
	for _, x := range []struct{ name, main, failure, notes, sent string }{
		{"a second gateway gets the number that the first one got",
			`strip(2); prefix("+"); rewritehostport("192.0.2.21:5080");`,
			`note("$ru"); rewritehostport("192.0.2.22"); append_branch();`,
			"sip:+49301@192.0.2.21:5080", "sip:+49301@192.0.2.21:5080 sip:+49301@192.0.2.22"},
		{"another user on the same host", `rewriteuri("sip:busy@192.0.2.21");`, `rewriteuser("ok"); append_branch();`,
			"", "sip:busy@192.0.2.21 sip:ok@192.0.2.21"},
		{"which gateway it was", `rewritehostport("192.0.2.21");`, `if (uri =~ "@192.0.2.21") { note("first"); $rd = "192.0.2.22"; }`,
			"first", "sip:0049301@192.0.2.21 sip:0049301@192.0.2.22"},
		{"the received one comes back", `rewriteuri("sip:busy@192.0.2.21");`, `revert_uri(); note("$ru"); $rd = "192.0.2.22";`,
			"sip:0049301@192.0.2.20", "sip:busy@192.0.2.21 sip:0049301@192.0.2.22"},
		{"what was sent is not sent again", `rewriteuri("sip:busy@192.0.2.21");`, `note("$ru");`, "sip:busy@192.0.2.21", "sip:busy@192.0.2.21"},
		{"not even along a next hop", `$du = "sip:192.0.2.23";`, `note("$du");`, "sip:192.0.2.23", "sip:0049301@192.0.2.20"},
		{"the next hop stays", `rewriteuri("sip:busy@192.0.2.21"); $du = "sip:192.0.2.23";`, `rewriteuser("ok"); note("$du");`,
			"sip:192.0.2.23", "sip:busy@192.0.2.21 sip:ok@192.0.2.21"},
		{"the second begins as the first", `rewriteuri("sip:busy@192.0.2.21");`,
			`if (!isflagset(1)) { setflag(1); $rU = "first"; t_on_failure("F"); } else { note("$ru"); }`,
			"sip:busy@192.0.2.21", "sip:busy@192.0.2.21 sip:first@192.0.2.21"},
		{"branches are not what it begins with", `rewriteuri("sip:one@192.0.2.21");`,
			`if (!isflagset(1)) { setflag(1); append_branch("sip:two@192.0.2.22"); t_on_failure("F"); } else { note("$ru"); }`,
			"sip:one@192.0.2.21", "sip:one@192.0.2.21 sip:two@192.0.2.22"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, notes := relayed(t, `route { t_on_failure("F"); `+x.main+` t_relay(); } failure_route[F] { `+x.failure+` t_relay(); }`)
			sent := p.fails(strings.Replace(invite, "Bob@example.org;user=phone", "0049301@192.0.2.20", 1), "486 Busy Here")
			if sent != x.sent {
				t.Errorf("sent to %q, want %q", sent, x.sent)
			}
			if got := strings.Join(*notes, " | "); got != x.notes {
				t.Errorf("notes %q, want %q", got, x.notes)
			}
		})
	}
}

// TestNextHopStays: a next hop that the script has set is not forgotten when it changes the
// Request-URI.
func TestNextHopStays(t *testing.T) {
	for _, change := range []string{`$ru = "sip:a@pbx.invalid";`, `$rd = "pbx.invalid";`, `$rp = 5090;`, `$rU = "a";`, `rewritehost("pbx.invalid");`,
		`rewritehostport("pbx.invalid:5070");`, `rewriteport("5070");`, `rewriteuri("sip:a@pbx.invalid");`, `revert_uri();`} {
		p, notes := relayed(t, `route { rewriteuser("b"); $du = "sip:192.0.2.99"; `+change+` note("$du"); if (t_relay()) { note("sent"); } $du = $null; note("$du"); }`)
		p.receive(invite)
		if got, want := strings.Join(*notes, " | "), "sip:192.0.2.99 | sent | <null>"; got != want {
			t.Errorf("%s: %q, want %q", change, got, want)
		}
		if len(targets(p.sent)) != 1 {
			t.Errorf("%s: sent to %q", change, targets(p.sent))
		}
	}
}

// TestRelayTwice: what was sent on is not sent again, in whatever route; what is new is.
func TestRelayTwice(t *testing.T) {
	for _, x := range []struct{ name, main, notes, sent string }{
		{"as it came", `t_relay(); if (t_relay()) { note("yes"); } else { note("no $rc"); }`, "no -1", "sip:Bob@192.0.2.20"},
		{"forked", `append_branch("sip:two@192.0.2.22"); t_relay(); if (!t_relay()) { note("no"); }`, "no", "sip:Bob@192.0.2.20 sip:two@192.0.2.22"},
		{"by a next hop", `$du = "sip:192.0.2.23"; t_relay(); if (!t_relay()) { note("no"); }`, "no", "sip:Bob@192.0.2.20"},
		{"one more branch", `t_relay(); append_branch("sip:two@192.0.2.22"); if (t_relay()) { note("yes"); } if (!t_relay()) { note("no"); }`,
			"yes | no", "sip:Bob@192.0.2.20 sip:two@192.0.2.22"},
		{"another user", `t_relay(); $rU = "two"; if (t_relay()) { note("yes"); } if (!t_relay()) { note("no"); }`, "yes | no", "sip:Bob@192.0.2.20 sip:two@192.0.2.20"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, notes := relayed(t, `route { `+x.main+` }`)
			p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "Bob@192.0.2.20", 1))
			if got := strings.Join(targets(p.sent), " "); got != x.sent {
				t.Errorf("sent to %q, want %q", got, x.sent)
			}
			if got := strings.Join(*notes, " | "); got != x.notes {
				t.Errorf("notes %q, want %q", got, x.notes)
			}
		})
	}
}

// TestRelayTwiceAfterFailure: in a failure route too.
func TestRelayTwiceAfterFailure(t *testing.T) {
	p, notes := relayed(t, `route { t_on_failure("F"); t_relay(); }
failure_route[F] { append_branch("sip:two@192.0.2.22"); t_relay(); if (!t_relay()) { note("no"); } }`)
	sent := p.fails(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1), "486 Busy Here")
	if sent != "sip:one@192.0.2.21 sip:two@192.0.2.22" || strings.Join(*notes, " ") != "no" {
		t.Errorf("sent to %q, notes %q", sent, *notes)
	}
}

// TestReplyRouteFlags: a flag that a reply route sets is the request's from there on.
func TestReplyRouteFlags(t *testing.T) {
	p, notes := relayed(t, `route { setflag(1); t_on_failure("F"); t_on_reply("R"); t_relay(); }
onreply_route[R] { setflag(9); resetflag(1); }
failure_route[F] { if (isflagset(9)) { note("nine"); } if (isflagset(1)) { note("one"); } }`)
	p.fails(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1), "486 Busy Here")
	if got := strings.Join(*notes, " | "); got != "nine" {
		t.Errorf("notes %q", got)
	}
}
