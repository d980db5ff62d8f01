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
	for _, uri := range []string{strings.Replace(temporary, "tgruu.", "tgruu.x", 1), strings.Replace(public, "00a", "00c", 1)} {
		call := alice.Call(uri)
		call.AckFailure(call.Expects(480))
	}
}

// quoted is the value of a header parameter that is a quoted string.
func quoted(value, name string) string {
	_, rest, _ := strings.Cut(value, ";"+name+`="`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}
