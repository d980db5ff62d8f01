package e2e_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/sipp"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestRegistrar is what phones and other people's tools see of the registrar.
func TestRegistrar(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			s := stand.Start(t, stand.Options{Engine: engine})
			for _, c := range []struct {
				name string
				play func(*testing.T, *stand.Stand)
			}{
				{"401 then 200", challenged},
				{"wrong password", wrongPassword},
				{"nonce count", nonceCount},
				{"forged nonce is stale", forgedNonce},
				{"unregister", unregister},
				{"all at once", unregisterAll},
				{"several contacts with q", severalContacts},
				{"423 and expiry", expiry},
				{"all or nothing", allOrNothing},
				{"SIPp", registerSIPp},
				{"sipsak", registerSipsak},
			} {
				t.Run(c.name, func(t *testing.T) { c.play(t, s.For(t)) })
			}
		})
	}
}

func newPhone(s *stand.Stand) *peer.Peer {
	name := newUser(s)
	return s.Peer(peer.Config{Name: name, Password: stand.Password(name)})
}

// wantStatus fails the test unless the response has this status.
func wantStatus(t *testing.T, m *peer.Message, status int) *peer.Message {
	t.Helper()
	if m.Status() != status {
		t.Fatalf("answered %q, want %d", m.Start, status)
	}
	return m
}

func own(p *peer.Peer, params string) string { return "<" + p.ContactURI() + ">" + params }

func challenged(t *testing.T, s *stand.Stand) {
	p := newPhone(s)
	m := p.NewRegister(own(p, ";expires=600"))
	first := wantStatus(t, p.Do(m), 401)
	ok := wantStatus(t, p.Do(p.Answer(m, first, peer.Credentials{User: p.Name, Password: p.Password})), 200)
	contacts := ok.All("Contact")
	if len(contacts) != 1 || peer.URIOf(contacts[0]) != p.ContactURI() {
		t.Fatalf("the 200 lists %q, want %s", contacts, p.ContactURI())
	}
	if e := peer.Param(contacts[0], "expires"); e != "600" && e != "599" {
		t.Errorf("the 200 grants %q seconds, asked were 600", e)
	}
}

func wrongPassword(t *testing.T, s *stand.Stand) {
	p := newPhone(s)
	m := p.NewRegister(own(p, ""))
	answer := wantStatus(t, p.Do(m), 401)
	for range 5 {
		m = p.Answer(m, answer, peer.Credentials{User: p.Name, Password: "wrong"})
		answer = p.Do(m)
		if answer.Status() == 200 {
			t.Fatal("a wrong password registered")
		}
		if answer.Status() != 401 {
			return // refused for good is right as well
		}
	}
}

// nonceCount: a used count of a nonce does not work twice, but the very same
// request repeated by the network is no replay.
func nonceCount(t *testing.T, s *stand.Stand) {
	if stand.OnKamailio() {
		return // its test script does not count
	}
	p := newPhone(s)
	m := p.NewRegister(own(p, ";expires=600"))
	first := wantStatus(t, p.Do(m), 401)
	good := peer.Credentials{User: p.Name, Password: p.Password, NC: 1}
	answered := p.Answer(m, first, good)
	wantStatus(t, p.Do(answered), 200)
	wantStatus(t, p.Do(answered), 200) // the same datagram again
	replay := p.Again(answered).Add("Authorization", answered.Get("Authorization"))
	again := wantStatus(t, p.Do(replay), 401)
	c, err := peer.ParseChallenge(again.Get("WWW-Authenticate"))
	if err != nil || !strings.EqualFold(c.Stale, "true") {
		t.Errorf("a replayed nonce count is answered with stale=%q (%v), want true", c.Stale, err)
	}
	good.NC = 2
	wantStatus(t, p.Do(p.Answer(replay, first, good)), 200) // the next count of the old nonce
}

func forgedNonce(t *testing.T, s *stand.Stand) {
	p := newPhone(s)
	m := p.NewRegister(own(p, ""))
	first := wantStatus(t, p.Do(m), 401)
	c, err := peer.ParseChallenge(first.Get("WWW-Authenticate"))
	if err != nil {
		t.Fatal(err)
	}
	c.Nonce = "0123456789abcdef0123456789abcdef"
	forged := p.Again(m)
	forged.Add("Authorization", c.Answer(peer.Credentials{User: p.Name, Password: p.Password}, "REGISTER", m.URI()))
	wantStatus(t, p.Do(forged), 401)
}

func unregister(t *testing.T, s *stand.Stand) {
	p := newPhone(s).Registered()
	ok := wantStatus(t, p.Register(own(p, ";expires=0")), 200)
	if left := ok.All("Contact"); len(left) != 0 {
		t.Errorf("after unregistering the 200 lists %q", left)
	}
	caller := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	c := caller.Call(p.AoR())
	c.AckFailure(c.Expects(480))
}

func unregisterAll(t *testing.T, s *stand.Stand) {
	p := newPhone(s).Registered("<sip:a@127.0.0.1:9>;expires=600", "<sip:b@127.0.0.1:9>;expires=600")
	withExpires := func(contact, expires string) *peer.Message {
		m := p.NewRegister(contact).Add("Expires", expires)
		return p.Do(p.Answer(m, wantStatus(t, p.Do(m), 401), peer.Credentials{User: p.Name, Password: p.Password}))
	}
	wantStatus(t, withExpires("*", "60"), 400)
	ok := wantStatus(t, withExpires("*", "0"), 200)
	if left := ok.All("Contact"); len(left) != 0 {
		t.Errorf("after * the 200 lists %q", left)
	}
}

func severalContacts(t *testing.T, s *stand.Stand) {
	p := newPhone(s)
	ok := wantStatus(t, p.Register("<sip:low@127.0.0.1:9>;q=0.2;expires=600", "<sip:high@127.0.0.1:9>;q=0.9;expires=600",
		"<sip:mid@127.0.0.1:9>;q=0.5;expires=600"), 200)
	var order []string
	for _, c := range ok.All("Contact") {
		user, _, _ := strings.Cut(strings.TrimPrefix(peer.URIOf(c), "sip:"), "@")
		order = append(order, user)
	}
	if got := strings.Join(order, " "); got != "high mid low" && !stand.OnKamailio() {
		t.Errorf("contacts are listed as %q, want highest q first", got)
	}
	for _, c := range []string{"<sip:x@127.0.0.1:9>;q=1.5", "<sip:x@127.0.0.1:9>;q=no"} {
		if !stand.OnKamailio() {
			wantStatus(t, p.Register(c), 400)
		}
	}
}

func expiry(t *testing.T, s *stand.Stand) {
	p := newPhone(s)
	m := p.NewRegister(own(p, ";expires=5"))
	short := p.Do(p.Answer(m, wantStatus(t, p.Do(m), 401), peer.Credentials{User: p.Name, Password: p.Password}))
	if stand.OnKamailio() {
		return // raises the time instead
	}
	wantStatus(t, short, 423)
	if short.Get("Min-Expires") == "" {
		t.Error("423 has no Min-Expires")
	}
	if !stand.Everything() {
		return // waiting for the shortest binding to end takes a minute
	}
	p.Registered(own(p, ";expires="+short.Get("Min-Expires")))
	wait.For(t, 90*time.Second, "the binding ends by itself", func() error {
		ask := p.NewRegister() // without a contact: a question
		ok := p.Do(p.Answer(ask, p.Do(ask), peer.Credentials{User: p.Name, Password: p.Password}))
		if ok.Status() == 200 && len(ok.All("Contact")) > 0 {
			return fmt.Errorf("still there: %q", ok.All("Contact"))
		}
		return nil
	})
}

// allOrNothing: one bad contact of a request keeps its good ones out (RFC 3261 §10.3).
func allOrNothing(t *testing.T, s *stand.Stand) {
	if stand.OnKamailio() {
		return
	}
	p := newPhone(s)
	wantStatus(t, p.Register("<sip:good@127.0.0.1:9>;expires=600", "<sip:bad@127.0.0.1:9>;q=7"), 400)
	query := p.NewRegister()
	first := wantStatus(t, p.Do(query), 401)
	ok := wantStatus(t, p.Do(p.Answer(query, first, peer.Credentials{User: p.Name, Password: p.Password})), 200)
	if left := ok.All("Contact"); len(left) != 0 {
		t.Errorf("a refused REGISTER left %q", left)
	}
}

func registerSIPp(t *testing.T, s *stand.Stand) {
	name := newUser(s)
	for _, c := range []struct {
		password string
		good     bool
	}{{stand.Password(name), true}, {"wrong", false}} {
		run, err := sipp.Start(sipp.Job{Scenario: "register", Remote: s.Address(), Service: name, Domain: stand.Domain,
			User: name, Password: c.password, Rate: 50, Calls: 100, Timeout: 30 * time.Second,
			Dir: s.Dir, Name: fmt.Sprintf("register-%v", c.good)})
		if err != nil {
			t.Fatal(err)
		}
		counts, err := run.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 100, false: 0}[c.good]; counts.Successful != want {
			t.Errorf("right password %v: %d of 100 were answered 401 and then 200, want %d", c.good, counts.Successful, want)
		}
	}
}

// registerSipsak registers in a domain called localhost: sipsak resolves the name
// of the domain whatever outbound proxy it is given.
func registerSipsak(t *testing.T, s *stand.Stand) {
	s.AddDomain("localhost")
	name := newUser(s) + "@localhost"
	s.AddAddress(name, "pw-sipsak")
	user, _, _ := strings.Cut(name, "@")
	if stand.OnKamailio() {
		return // its script knows one domain
	}
	try := func(password string) (string, error) {
		out, err := exec.Command("sipsak", "-U", "-C", "sip:"+user+"@127.0.0.1:9", "-a", password, "-u", user,
			"-s", "sip:"+name, "-p", s.Address(), "-x", "600", "-vv").CombinedOutput()
		return string(out), err
	}
	if out, err := try("pw-sipsak"); err != nil || !strings.Contains(out, "completed successful") {
		t.Errorf("sipsak could not register: %v\n%s", err, out)
	}
	if out, err := try("wrong"); err == nil {
		t.Errorf("sipsak registered with a wrong password:\n%s", out)
	}
}
