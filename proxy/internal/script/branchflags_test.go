package script

import (
	"strings"
	"testing"
)

// TestBranchFlagsInReplyRoutes: a branch that append_branch adds begins with the flags of the
// Request-URI. In a reply route the flags of the branch are those that the
// response's branch was sent with, each its own, and what a reply route sets is there at the
// next response, as Kamailio's NATMANAGE wants it. The route that it is calls stands in all kinds.
func TestBranchFlagsInReplyRoutes(t *testing.T) {
	p, notes := relayed(t, `
route { setbflag(5); route(NATMANAGE); t_on_branch("B"); t_on_reply("R"); t_on_failure("F");
	rewriteuri("sip:one@192.0.2.21"); append_branch("sip:two@192.0.2.22"); t_relay(); }
branch_route[B] { if ($T_branch_idx == 1) setbflag(6); route(NATMANAGE); }
onreply_route[R] { route(NATMANAGE); resetbflag(5); setbflag(7); }
failure_route[F] { route(NATMANAGE); }
route[NATMANAGE] {
	$var(f) = "";
	if (isbflagset(5)) $var(f) = $var(f) + "5";
	if (isbflagset(6)) $var(f) = $var(f) + "6";
	if (isbflagset(7)) $var(f) = $var(f) + "7";
	note("$var(f)");
}`)
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "none@192.0.2.20", 1))
	var branches []string // a 180 for each, made of what was sent
	sent := p.sent
	for i, m := range sent {
		if strings.HasPrefix(m, "INVITE ") {
			p.sent = sent[:i+1]
			branches = append(branches, reply(t, p, "180 Ringing"))
		}
	}
	p.sent = sent
	if len(branches) != 2 {
		t.Fatalf("sent %q", sent)
	}
	*notes = (*notes)[:0]
	busy := func(ringing string) string { return strings.Replace(ringing, "180 Ringing", "486 Busy Here", 1) }
	for _, m := range []string{branches[0], branches[1], branches[0], branches[1], busy(branches[1]), busy(branches[0])} {
		p.receive(m)
	}
	if got, want := strings.Join(*notes, " | "), "5 | 56 | 7 | 67 | 67 | 7 | 5"; got != want {
		t.Errorf("flags %q, want %q: those of the branches of each response, and in the failure route those of the request", got, want)
	}
}

// TestBranchFlagsOfStrayReply: a response of no branch has none.
func TestBranchFlagsOfStrayReply(t *testing.T) {
	p, notes := relayed(t, `route { setbflag(5); t_relay(); } onreply_route { if (isbflagset(5)) note("set"); else note("none"); }`)
	p.prog.Reply(p.message(ringing, stranger), 0)
	if got := strings.Join(*notes, " "); got != "none" {
		t.Errorf("%s", got)
	}
}
