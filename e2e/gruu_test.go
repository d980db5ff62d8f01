package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestGRUU: a GRUU leads to one of two phones, also after the router was started anew;
// one that was tampered with leads to nobody.
func TestGRUU(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	register := func(uuid string) (p *peer.Peer, public, temporary string) {
		p = s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
		m := p.NewRegister(fmt.Sprintf(`<%s>;+sip.instance="<urn:uuid:%s>";expires=600`, p.ContactURI(), uuid)).Add("Supported", "gruu")
		ok := wantStatus(t, p.Do(p.Answer(m, wantStatus(t, p.Do(m), 401), peer.Credentials{User: p.Name, Password: p.Password})), 200)
		for _, c := range ok.All("Contact") {
			if strings.Contains(c, uuid) {
				public, temporary = quoted(c, "pub-gruu"), quoted(c, "temp-gruu")
			}
		}
		return p, public, temporary
	}
	desk, public, temporary := register("00000000-0000-1000-8000-00000000000a")
	hall, _, _ := register("00000000-0000-1000-8000-00000000000b")
	if !strings.Contains(public, ";gr=urn:uuid:") || !strings.HasPrefix(temporary, "sip:tgruu.") {
		t.Fatalf("the GRUUs are %q and %q", public, temporary)
	}
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	for range 2 {
		for _, uri := range []string{public, temporary} {
			call := alice.Call(uri)
			invite := desk.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
			if invite.URI() != desk.ContactURI() {
				t.Errorf("%s: the Request-URI is %s", uri, invite.URI())
			}
			desk.Reply(invite, 486, "Busy Here")
			call.AckFailure(call.Expects(486))
			desk.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
		}
		hall.Quiet(200*time.Millisecond, peer.Request("INVITE"))
		s.KillProxy()
		s.Launch()
	}
	for uri, status := range map[string]int{strings.Replace(temporary, "tgruu.", "tgruu.x", 1): 404, strings.Replace(public, "00a", "00c", 1): 480} {
		call := alice.Call(uri)
		call.AckFailure(call.Expects(status))
	}
}

// TestGRUUWithinDialog: a phone that gives its GRUU as Contact gets the requests of the
// dialog, with the router's own script, and a GRUU that was never given gets a 404.
func TestGRUUWithinDialog(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	m := alice.NewRegister(own(alice, `;+sip.instance="<urn:uuid:1>"`)).Add("Supported", "gruu")
	ok := wantStatus(t, alice.Do(alice.Answer(m, wantStatus(t, alice.Do(m), 401), peer.Credentials{User: "alice", Password: alice.Password})), 200)
	for _, name := range []string{"pub-gruu", "temp-gruu"} {
		uri := quoted(ok.Get("Contact"), name)
		call := alice.Call(bob.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+uri+">") })
		invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
		if got := peer.URIOf(invite.Get("Contact")); got != uri {
			t.Errorf("the Contact that came is %s, want %s", got, uri)
		}
		answer := bob.Reply(invite, 200, "OK")
		call.Ack(call.Expects(200))
		bob.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
		callee := bob.DialogAt(invite, answer)
		for _, method := range []string{"INVITE", "BYE"} {
			callee.Send(method)
			got := alice.Expect(peer.Request(method).Of(call.Invite.CallID()))
			if got.URI() != alice.ContactURI() {
				t.Errorf("the %s to %s came for %s", method, uri, got.URI())
			}
			alice.Reply(got, 200, "OK")
			bob.Expect(peer.Response(200, method).Of(call.Invite.CallID()))
			if method == "INVITE" {
				callee.Send("ACK")
				alice.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
			}
		}
	}
	call := bob.Call("sip:tgruu.AAAA@" + stand.Domain + ";gr")
	call.AckFailure(call.Expects(404))
}

// quoted is the value of a header parameter that is a quoted string.
func quoted(value, name string) string {
	_, rest, _ := strings.Cut(value, ";"+name+`="`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}
