package e2e_test

import (
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// recursing is a script that follows redirections, calls one preference after the other, and
// sends some requests back to itself. ROUTER is its own port.
const recursing = `
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "uac_redirect.so"
modparam("tm", "retr_timer1", 150)
modparam("tm", "fr_timer", 1)
modparam("uac_redirect", "deny_filter", "@192\.0\.2\.")
route {
	if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); break; };
	if (method == "REGISTER") { save("location"); break; };
	if (loose_route()) { t_relay(); break; };
	record_route();
	if (uri =~ "^sip:loop@") { t_relay("127.0.0.1", "$ROUTER"); break; };
	if (uri =~ "^sip:one@") { rewriteuser("two"); t_relay("127.0.0.1", "$ROUTER"); break; };
	if (uri =~ "^sip:two@") { rewriteuser("three"); t_relay("127.0.0.1", "$ROUTER"); break; };
	if (uri =~ "^sip:three@") { rewriteuser("spiralled"); };
	if (!lookup("location")) { sl_send_reply("480", "Temporarily Unavailable"); break; };
	if ($hdr(X-Serial) == "yes") {
		t_load_contacts();
		t_next_contacts();
		t_on_failure("SERIAL");
	} else {
		t_on_failure("REDIRECT");
	};
	t_relay();
}
failure_route[REDIRECT] {
	if (t_check_status("^3") && get_redirects("4")) { t_on_failure("REDIRECT"); t_relay(); };
}
failure_route[SERIAL] {
	if (!t_is_canceled() && t_next_contacts()) { t_on_failure("SERIAL"); t_relay(); };
}
`

// TestConformanceOfScripts: what an operator switches on in his script.
func TestConformanceOfScripts(t *testing.T) {
	if stand.OnKamailio() {
		return
	}
	s := startRecursing(t)
	for _, scene := range []struct {
		name string
		play func(*testing.T, *stand.Stand)
	}{
		{"3xx is followed", redirectFollowed},
		{"3xx in a circle ends", redirectCircle},
		{"3xx to where it must not go", redirectDenied},
		{"serial by q", serialByQ},
		{"a silent branch gives way to the next", silentBranch},
		{"CANCEL ends a serial call", serialCancelled},
		{"legal spiral", legalSpiral},
		{"loop", endlessLoop},
	} {
		t.Run(scene.name, func(t *testing.T) { scene.play(t, s.For(t)) })
	}
	s.NothingLeft()
}

// startRecursing starts the router with its own port in the script.
func startRecursing(t *testing.T) *stand.Stand {
	t.Helper()
	s := stand.Start(t, stand.Options{Script: "route { exit; }"})
	_, port, _ := strings.Cut(s.Address(), ":")
	s.SetScript(strings.ReplaceAll(recursing, "$ROUTER", port))
	return s
}

func caller(s *stand.Stand) *peer.Peer {
	return s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
}

// at is a registered phone of a user, with a preference.
func at(s *stand.Stand, user, q string) *peer.Peer {
	p := s.Peer(peer.Config{Name: user})
	return p.Registered("<" + p.ContactURI() + ">;expires=3600;q=" + q)
}

// elsewhere is a phone that nobody has registered.
func elsewhere(s *stand.Stand, user string) *peer.Peer { return s.Peer(peer.Config{Name: user}) }

func moved(to ...string) func(*peer.Message) {
	return func(m *peer.Message) { m.Add("Contact", strings.Join(to, ", ")) }
}

// redirectFollowed: the router tries the contacts of a 3xx itself (RFC 3261 §16.7 (4)); the
// caller sees nothing of it.
func redirectFollowed(t *testing.T, s *stand.Stand) {
	bob, other := at(s, "redirects", "1"), elsewhere(s, "other")
	call := caller(s).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 302, "Moved Temporarily", moved("<"+other.ContactURI()+">"))
	bob.Expect(peer.Request("ACK"))
	invite := other.Expect(peer.Request("INVITE"))
	if invite.URI() != other.ContactURI() {
		t.Errorf("the Request-URI is %q, the 302 named %q", invite.URI(), other.ContactURI())
	}
	other.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	other.Expect(peer.Request("ACK"))
	if n := call.Count(peer.Response(302, "INVITE")); n != 0 {
		t.Error("the 302 went up as well")
	}
	hangup(d, other)
}

// redirectCircle: two phones that send the call to each other; each is tried once.
func redirectCircle(t *testing.T, s *stand.Stand) {
	bob, other := at(s, "circles", "1"), elsewhere(s, "back")
	call := caller(s).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 302, "Moved Temporarily", moved("<"+other.ContactURI()+">"))
	bob.Expect(peer.Request("ACK"))
	other.Reply(other.Expect(peer.Request("INVITE")), 302, "Moved Temporarily", moved("<"+bob.ContactURI()+">"))
	other.Expect(peer.Request("ACK"))
	final := call.Expect(peer.Final("INVITE"))
	if final.Status() < 300 {
		t.Errorf("the circle ended with %q", final.Start)
	}
	call.AckFailure(final)
	bob.Quiet(300*time.Millisecond, peer.Request("INVITE"))
}

// redirectDenied: where the operator's filter forbids it, the 3xx goes up as it came.
func redirectDenied(t *testing.T, s *stand.Stand) {
	bob := at(s, "expensive", "1")
	call := caller(s).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 301, "Moved Permanently", moved("<sip:premium@192.0.2.7>"))
	final := call.Expects(301)
	if got := final.Get("Contact"); got != "<sip:premium@192.0.2.7>" {
		t.Errorf("Contact of the 301 is %q", got)
	}
	call.AckFailure(final)
}

// serialByQ: the best first, all of one q at once, the next when they have failed (§16.6).
func serialByQ(t *testing.T, s *stand.Stand) {
	last, best := at(s, "serial", "0.1"), at(s, "serial", "0.9")
	twins := []*peer.Peer{at(s, "serial", "0.5"), at(s, "serial", "0.5")}
	call := caller(s).Call(best.AoR(), func(m *peer.Message) { m.Add("X-Serial", "yes") })
	first := best.Expect(peer.Request("INVITE"))
	for _, p := range append(twins, last) {
		p.Quiet(100*time.Millisecond, peer.Request("INVITE"))
	}
	best.Reply(first, 486, "Busy Here", tag(best))
	var invites []*peer.Message
	for _, p := range twins {
		invites = append(invites, p.Expect(peer.Request("INVITE")))
	}
	last.Quiet(100*time.Millisecond, peer.Request("INVITE"))
	for i, p := range twins {
		p.Reply(invites[i], 480, "Not Now", tag(p))
	}
	invite := last.Expect(peer.Request("INVITE"))
	last.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	last.Expect(peer.Request("ACK"))
	for _, status := range []int{480, 486} {
		if n := call.Count(peer.Response(status, "INVITE")); n != 0 {
			t.Errorf("a %d went up", status)
		}
	}
	hangup(d, last)
}

// silentBranch: a phone that says nothing at all gives way after fr_timer.
func silentBranch(t *testing.T, s *stand.Stand) {
	silent, awake := at(s, "sleeps", "0.9"), at(s, "sleeps", "0.5")
	call := caller(s).Call(silent.AoR(), func(m *peer.Message) { m.Add("X-Serial", "yes") })
	silent.Expect(peer.Request("INVITE"))
	invite := awake.Expect(peer.Request("INVITE"))
	awake.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	awake.Expect(peer.Request("ACK"))
	hangup(d, awake)
}

// serialCancelled: after the caller's CANCEL the next preference is not tried.
func serialCancelled(t *testing.T, s *stand.Stand) {
	best, last := at(s, "gaveup", "0.9"), at(s, "gaveup", "0.1")
	call := caller(s).Call(best.AoR(), func(m *peer.Message) { m.Add("X-Serial", "yes") })
	invite := best.Expect(peer.Request("INVITE"))
	best.Reply(invite, 180, "Ringing", tag(best))
	call.Expects(180)
	call.Cancel()
	cancelled(t, best, invite, "")
	call.AckFailure(call.Expects(487))
	last.Quiet(300*time.Millisecond, peer.Request("INVITE"))
}

// legalSpiral: a request that comes back with another Request-URI is no loop (§16.3 (4), §6).
func legalSpiral(t *testing.T, s *stand.Stand) {
	bob := at(s, "spiralled", "1")
	call := caller(s).Call("sip:one@" + stand.Domain)
	invite := bob.Expect(peer.Request("INVITE"))
	if n := len(invite.All("Via")); n != 4 {
		t.Errorf("after three visits there are %d Vias, want 4", n)
	}
	if got := invite.Get("Max-Forwards"); got != "67" {
		t.Errorf("Max-Forwards is %q, want 67", got)
	}
	bob.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	hangup(d, bob)
	call.Expect(peer.Response(200, "BYE"))
}

// endlessLoop: a request that comes back as it was ends with 482, long before Max-Forwards
// does (RFC 5393).
func endlessLoop(t *testing.T, s *stand.Stand) {
	before := s.Statistics()["core:rcv_requests"]
	call := caller(s).Call("sip:loop@" + stand.Domain)
	final := call.Expects(482)
	call.AckFailure(final)
	if n := s.Statistics()["core:rcv_requests"] - before; n > 40 {
		t.Errorf("the loop cost %d requests", n)
	}
	walter := caller(s)
	if final := walter.Do(walter.NewRequest("MESSAGE", "sip:loop@"+stand.Domain).Set("Max-Forwards", "3")); final.Status() != 483 {
		t.Errorf("the loop of a MESSAGE with Max-Forwards 3 ended with %q, want 483", final.Start)
	}
}
