package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// linesScript sends calls to the gateways of set 1 by the number of calls that each has, under
// another name than the caller's.
const linesScript = `
loadmodule "sl.so" loadmodule "tm.so" loadmodule "rr.so" loadmodule "siputils.so" loadmodule "dispatcher.so" loadmodule "uac.so"
modparam("uac", "restore_mode", "auto")
route {
	if (loose_route()) {
		t_relay();
		break;
	};
	if (method == "ACK") {
		t_relay();
		break;
	};
	record_route();
	uac_replace_from("Office", "sip:+49301230@pstn.example");
	if (!ds_select_dst("1", "10")) {
		sl_send_reply("503", "All Lines Busy");
		break;
	};
	t_relay();
}
`

// TestRenamedCalls: a phone and a gateway that tell dialogs apart by the whole From and To (RFC 2543)
// talk to each other under two names, across a restart of the router too; the gateways
// get one call each, and the third caller hears that all are busy until one hangs up.
func TestRenamedCalls(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice"}, Script: linesScript})
	gates := map[string]*peer.Peer{}
	for _, name := range []string{"gw1", "gw2"} {
		g := s.Peer(peer.Config{Name: name, Domain: "pstn.example"})
		gates[name] = g
		s.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, attrs) VALUES (1, 'sip:%s', 'duid=%s;maxload=1')", g.Address(), name))
	}
	s.Ctl("", "rpc", "dispatcher.reload")
	alice := s.Peer(peer.Config{Name: "alice", Domain: stand.Domain})
	number := "sip:0301234@" + stand.Domain
	first, gw1 := line(t, alice, gates["gw1"], number)
	second, gw2 := line(t, alice, gates["gw2"], number)
	busy := alice.Call(number)
	busy.AckFailure(busy.Expects(503))
	load(t, s, "gw1", 1)

	// One hangs up, and its gateway gets the next call.
	same(t, alice, gates["gw1"], first.Send("BYE"), gw1)
	load(t, s, "gw1", 0)
	load(t, s, "gw2", 1)
	third, gw3 := line(t, alice, gates["gw1"], number)

	// The names outlive the router, the loads do not. A call of the router's last second is not known
	// from one that is over.
	alice.Quiet(2*time.Second, peer.Request("BYE"))
	s.KillProxy()
	s.Launch()
	load(t, s, "gw1", 0)
	same(t, gates["gw2"], alice, gw2.Send("INFO"), second)
	same(t, alice, gates["gw2"], second.Send("BYE"), gw2)
	same(t, gates["gw1"], alice, gw3.Send("BYE"), third)
}

// line sets a call up between alice and the gateway that gets it.
func line(t *testing.T, alice, gateway *peer.Peer, number string) (caller, callee *peer.Dialog) {
	t.Helper()
	call := alice.Call(number)
	invite := gateway.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	if from := invite.Get("From"); !strings.HasPrefix(from, `"Office" <sip:+49301230@pstn.example>;tag=`) {
		t.Errorf("the gateway is called by %s", from)
	}
	answer := gateway.Reply(invite, 200, "OK", tag(gateway))
	ok := call.Expects(200)
	if ok.Get("From") != call.Invite.Get("From") || !strings.HasPrefix(ok.Get("To"), call.Invite.Get("To")+";tag=") {
		t.Errorf("alice called from %s to %s, and is answered from %s to %s", call.Invite.Get("From"), call.Invite.Get("To"), ok.Get("From"), ok.Get("To"))
	}
	caller = call.Ack(ok)
	ack := gateway.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
	callee = gateway.DialogAt(invite, answer)
	if ack.Get("From") != callee.Remote || ack.Get("To") != callee.Local {
		t.Errorf("the gateway gets ACK from %s to %s, and knows %s and %s", ack.Get("From"), ack.Get("To"), callee.Remote, callee.Local)
	}
	return caller, callee
}

// same checks that a request within a dialog bears the addresses that its receiver knows, and
// its answer those that its sender does.
func same(t *testing.T, from, to *peer.Peer, sent *peer.Message, theirs *peer.Dialog) {
	t.Helper()
	method, _, _ := strings.Cut(sent.Start, " ")
	got := to.Expect(peer.Request(method).Of(sent.CallID()))
	if got.Get("From") != theirs.Remote || got.Get("To") != theirs.Local {
		t.Errorf("%s is from %s to %s, and who gets it knows %s and %s", method, got.Get("From"), got.Get("To"), theirs.Remote, theirs.Local)
	}
	to.Reply(got, 200, "OK")
	answer := from.Expect(peer.Response(200, method).Of(sent.CallID()))
	if answer.Get("From") != sent.Get("From") || answer.Get("To") != sent.Get("To") {
		t.Errorf("the answer to %s is from %s to %s, sent were %s and %s", method, answer.Get("From"), answer.Get("To"), sent.Get("From"), sent.Get("To"))
	}
}

// load waits until a gateway has so many calls.
func load(t *testing.T, s *stand.Stand, duid string, calls int) {
	t.Helper()
	wait.For(t, 10*time.Second, fmt.Sprintf("%s has %d calls", duid, calls), func() error {
		list := s.Ctl("", "rpc", "dispatcher.list")
		_, rest, _ := strings.Cut(list, `"DUID": "`+duid+`"`)
		_, rest, _ = strings.Cut(rest, `"DLGLOAD": `)
		if !strings.HasPrefix(rest, fmt.Sprint(calls)) {
			return fmt.Errorf("in\n%s", list)
		}
		return nil
	})
}
