package e2e_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/proc"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// example is a script of deploy/examples with lines changed: what stood there, what stands
// there now, and so on.
func example(t *testing.T, name string, changes ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../deploy/examples", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i+1 < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no line with %s", name, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// routerSays runs the router's program and returns what it says.
func routerSays(t *testing.T, code int, args ...string) string {
	t.Helper()
	p, err := proc.Start(proc.Command{Name: "seraph-proxy", Path: stand.Programs(t).Proxy, Args: args, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Wait(60 * time.Second) // the exit code says it
	if p.Running() {
		p.Kill()
		t.Fatalf("seraph-proxy %q did not end", args)
	}
	if p.ExitCode() != code {
		t.Fatalf("seraph-proxy %q: exit %d, want %d\n%s", args, p.ExitCode(), code, p.Log.String())
	}
	return p.Log.String()
}

// TestExamplesCheck: each example passes -c, and what --dump prints is a script that
// means the same. With a fault in it, -c names the line.
func TestExamplesCheck(t *testing.T) {
	files, err := filepath.Glob("../deploy/examples/*.cfg")
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".tls.cfg") { // that is module tls's
			continue
		}
		scripts++
		t.Run(filepath.Base(file), func(t *testing.T) {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			if out := routerSays(t, 0, "-c", "-f", path); !strings.Contains(out, "no problem found") {
				t.Errorf("-c says %s", out)
			}
			dump := routerSays(t, 0, "--dump", "-f", path)
			if strings.Contains(dump, "change-me") {
				t.Error("the dump has the gateways' password")
			}
			dump = strings.ReplaceAll(dump, "***", "a:b:c") // what stands for a password is none
			again := filepath.Join(t.TempDir(), "dump.cfg")
			if err := os.WriteFile(again, []byte(dump), 0o600); err != nil {
				t.Fatal(err)
			}
			if second := strings.ReplaceAll(routerSays(t, 0, "--dump", "-f", again), "***", "a:b:c"); second != dump || !strings.Contains(dump, "t_relay") {
				t.Errorf("the dump of the dump is\n%s\nand was\n%s", second, dump)
			}
			bad := filepath.Join(t.TempDir(), "bad.cfg")
			text := strings.Replace(example(t, filepath.Base(file)), "t_relay(", "t_rely(", 1)
			if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out := routerSays(t, 1, "-c", "-f", bad); !strings.Contains(out, `there is no function "t_rely"`) || !strings.Contains(out, "bad.cfg:") {
				t.Errorf("of a script with a mistake -c says %s", out)
			}
		})
	}
	if scripts < 6 {
		t.Errorf("%d examples, want 6 at least", scripts)
	}
}

// wholeCall plays a call to an address, from which the callee hangs up.
func wholeCall(t *testing.T, alice *peer.Peer, uri string, bob *peer.Peer, edit ...func(*peer.Message)) (invite *peer.Message) {
	t.Helper()
	call := alice.Call(uri, edit...)
	invite = bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 180, "Ringing")
	call.Expects(180)
	answer := bob.Reply(invite, 200, "OK")
	call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(invite.CallID()))
	bye := bob.DialogAt(invite, answer).Send("BYE")
	alice.Reply(alice.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
	bob.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
	return invite
}

// refusedCall plays one that ends with this status.
func refusedCall(t *testing.T, caller *peer.Peer, uri string, status int) {
	t.Helper()
	call := caller.Call(uri)
	final := call.Expect(peer.Final("INVITE").Of(call.Invite.CallID()).With(cseqOf(call.Invite)))
	call.AckFailure(final)
	if final.Status() != status {
		t.Errorf("%s calls %s: answered %q, want %d", caller.Name, uri, final.Start, status)
	}
}

func cseqOf(m *peer.Message) int {
	n, _ := m.CSeq()
	return n
}

// TestExampleMinimal: two subscribers call each other and others, strangers reach them
// and nobody else.
func TestExampleMinimal(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: example(t, "minimal.cfg"), Users: []string{"alice", "bob", "carol"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	wholeCall(t, alice, bob.AoR(), bob)
	far := s.Peer(peer.Config{Name: "far", Domain: "elsewhere.example"})
	wholeCall(t, alice, "sip:far@"+far.Address(), far)
	wholeCall(t, far, alice.AoR(), alice)

	refusedCall(t, alice, "sip:carol@"+stand.Domain, 480)
	refusedCall(t, alice, "sip:nobody@"+stand.Domain, 480)
	stranger := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"})
	refusedCall(t, stranger, "sip:far@"+far.Address(), 403)
	liar := s.Peer(peer.Config{Name: "alice", Password: "wrong"})
	if final := liar.Register(); final.Status() != 401 {
		t.Errorf("a wrong password is answered %q", final.Start)
	}
	refusedCall(t, liar, bob.AoR(), 407)
	m := bob.NewRegister("<"+bob.ContactURI()+">").Set("To", alice.AoR())
	m = bob.Answer(m, wantStatus(t, bob.Do(m), 401), peer.Credentials{User: "bob", Password: bob.Password})
	wantStatus(t, bob.Do(m), 403)

	screen := s.Ctl("", "moni", "--count", "1")
	for _, line := range []string{`users on line +2`, `registrations accepted +2`, `transactions +\d+`, `answered 2xx +\d+`, `connections +\d+`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(screen) {
			t.Errorf("seraphctl moni has no line %s:\n%s", line, screen)
		}
	}
}

// TestExampleNAT: phones whose addresses lead nowhere are called, hang up both ways and
// are pinged; a silent one is dropped. A stranger who writes the hidden address of his
// victim into a Request-URI does not get there through us.
func TestExampleNAT(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: example(t, "nat.cfg", `"natping_interval", 25`, `"natping_interval", 1`, `"keepalive_timeout", 100`, `"keepalive_timeout", 10`)})
	alice, _ := behindNAT(s, 1)
	bob, pings := behindNAT(s, 1)
	silent, unanswered := behindNAT(s, 0)
	for _, p := range []*peer.Peer{alice, bob, silent} {
		p.Registered()
	}
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	if contact := invite.Get("Contact"); !strings.Contains(contact, ";alias=127.0.0.1~") || !strings.Contains(contact, alice.Claim) {
		t.Errorf("the caller's Contact arrives as %s", contact)
	}
	answer := bob.Reply(invite, 200, "OK")
	caller := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	alice.Send(caller.New("INFO"))
	bob.Reply(bob.Expect(peer.Request("INFO")), 200, "OK")
	alice.Expect(peer.Response(200, "INFO"))
	bye := bob.DialogAt(invite, answer).Send("BYE")
	alice.Reply(alice.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
	bob.Expect(peer.Response(200, "BYE"))

	wait.For(t, 60*time.Second, "the silent phone is pinged and dropped", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM location WHERE username = ?", silent.Name); n != 0 || unanswered.Load() == 0 {
			return fmt.Errorf("%d rows after %d pings", n, unanswered.Load())
		}
		return nil
	})
	refusedCall(t, alice, silent.AoR(), 480)
	if n := s.QueryInt("SELECT COUNT(*) FROM location WHERE username = ?", bob.Name); n != 1 || pings.Load() == 0 {
		t.Errorf("the phone that answers has %d rows after %d pings", n, pings.Load())
	}

	victim := s.Peer(peer.Config{Name: "victim", Domain: "elsewhere.example"})
	alias := fmt.Sprintf(";alias=127.0.0.1~%d~1", victim.LocalPort())
	stranger := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"})
	refusedCall(t, stranger, "sip:victim@192.0.2.99"+alias, 403)
	m := stranger.NewRequest("INFO", "sip:victim@192.0.2.99"+alias).Add("Route", "<sip:"+s.Address()+";lr>")
	m.Set("To", m.Get("To")+";tag=invented")
	wantStatus(t, stranger.Do(m), 404)
	if n := victim.Count(peer.Request("INFO")) + victim.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("the victim got %d requests", n)
	}
}

// gatewayAt is a gateway that answers pings.
func gatewayAt(s *stand.Stand, name, ip string) *peer.Peer {
	g := s.Peer(peer.Config{Name: name, Domain: "pstn.example", IP: ip, Router: s.Address()})
	g.OnMessage = func(m *peer.Message) {
		if m.IsRequest() && m.Method() == "OPTIONS" {
			g.Reply(m, 200, "OK")
		}
	}
	return g
}

// pstn is a stand with two gateways, the first with the higher priority.
func pstn(t *testing.T) (s *stand.Stand, first, second *peer.Peer) {
	t.Helper()
	s = stand.Start(t, stand.Options{Users: []string{"alice", "bob"},
		Script: example(t, "pstn-gateway.cfg", "192.0.2.20", "127.0.0.20", "192.0.2.21", "127.0.0.21", "change-me", "s3cret-pw", `"5000");`, `"2000");`)})
	first, second = gatewayAt(s, "gw1", "127.0.0.20"), gatewayAt(s, "gw2", "127.0.0.21")
	for i, g := range []*peer.Peer{first, second} {
		s.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', %d)", g.Address(), 9-i))
	}
	s.Ctl("", "rpc", "dispatcher.reload")
	s.Ctl("", "acl", "grant", "alice", "local")
	s.Ctl("", "acl", "grant", "alice", "ld")
	s.Ctl("", "alias", "add", "+49301234", "alice")
	return s, first, second
}

// TestExamplePSTN: numbers go to the gateways in one form, for those who may; calls for
// help for everybody in the house; calls from outside to our people and nobody else.
func TestExamplePSTN(t *testing.T) {
	s, first, second := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	number := func(n string) string { return "sip:" + n + "@" + stand.Domain }

	for _, c := range []struct{ dialed, called string }{
		{"55501", "+493055501"}, {"03055501", "+493055501"}, {"08955501", "+498955501"}, {"004930555012", "+4930555012"}, {"+498955501", "+498955501"},
	} {
		invite := wholeCall(t, alice, number(c.dialed), first)
		if want := "sip:" + c.called + "@" + first.Address(); invite.URI() != want {
			t.Errorf("%s is called as %s, want %s", c.dialed, invite.URI(), want)
		}
		if from := peer.URIOf(invite.Get("From")); from != "sip:+49301230@pstn.example" || invite.Get("Proxy-Authorization") != "" {
			t.Errorf("the gateway gets From %s and our user's digest %q", from, invite.Get("Proxy-Authorization"))
		}
	}
	before := first.Count(peer.Request("INVITE"))
	for _, c := range []struct {
		caller *peer.Peer
		uri    string
		status int
	}{
		{alice, number("0033155501"), 403}, {bob, number("55501"), 403}, {bob, number("08955501"), 403}, {alice, number("089"), 484},
		{alice, "sip:+33155501@" + first.Address(), 403}, {alice, "sip:+498955501@" + first.Address(), 403},
		{s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"}), number("08955501"), 480},
		{s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"}), number("112"), 480},
		{s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"}), "sip:1@" + first.Address(), 403},
	} {
		refusedCall(t, c.caller, c.uri, c.status)
	}
	if n := first.Count(peer.Request("INVITE")) + second.Count(peer.Request("INVITE")); n != before {
		t.Errorf("the gateways got %d calls of people who may not", n-before)
	}
	s.Ctl("", "acl", "grant", "alice", "int")
	wholeCall(t, alice, number("0033155501"), first)

	// Calls for help: without a group, and from the house without a password.
	if invite := wholeCall(t, bob, number("112"), first); invite.URI() != "sip:112@"+first.Address() {
		t.Errorf("the call for help goes to %s", invite.URI())
	}
	s.Ctl("", "address", "add", "2", "127.0.0.30")
	visitor := s.Peer(peer.Config{Name: "anybody", IP: "127.0.0.30", Router: s.Address()})
	wholeCall(t, visitor, number("110"), first)
	final := visitor.Do(visitor.NewRequest("MESSAGE", number("110")))
	wantStatus(t, final, 403)

	// From outside, and our own number from within.
	wholeCall(t, first, number("+49301234"), alice)
	if invite := wholeCall(t, bob, number("0301234"), alice); strings.Contains(invite.Get("From"), "pstn.example") {
		t.Errorf("a call within the house has From %s", invite.Get("From"))
	}
	refusedCall(t, second, number("+49305559"), 480)
	refusedCall(t, second, "sip:+33155501@"+first.Address(), 480)

	// The gateways end with the test; what is pinged and gone is always being asked.
	for _, set := range []string{"1", "2"} {
		s.TryCtl("", "rpc", "dispatcher.set_state", "d", set, "all")
	}
	s.NothingLeft()
}

// TestExamplePSTNFailover: the second gateway gets the call when the first is silent or
// refuses; not when the callee is busy. A gateway's challenge is answered by the router
// and never reaches the caller.
func TestExamplePSTNFailover(t *testing.T) {
	s, first, second := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	number := "sip:08955501@" + stand.Domain
	asks := func(realm string) func(*peer.Message) {
		return func(m *peer.Message) { m.Add("Proxy-Authenticate", `Digest realm="`+realm+`", nonce="n1", qop="auth"`) }
	}

	call := alice.Call(number)
	first.Reply(first.Expect(peer.Request("INVITE")), 407, "Who Are You", asks("pstn.example"))
	first.Expect(peer.Request("ACK"))
	invite := first.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	if got := invite.Get("Proxy-Authorization"); !strings.Contains(got, `username="seraph"`) {
		t.Errorf("the gateway's challenge is answered %q", got)
	}
	first.Reply(invite, 486, "Busy Here", tag(first))
	call.AckFailure(call.Expects(486))

	call = alice.Call(number)
	first.Reply(first.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 407, "Who Are You", asks("phishing.example"))
	call.AckFailure(call.Expects(500))
	if n := second.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("the second gateway got %d calls", n)
	}

	call = alice.Call(number)
	first.Reply(first.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 503, "Full")
	second.Reply(second.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 200, "OK")
	dialog := call.Ack(call.Expects(200))
	second.Expect(peer.Request("ACK"))
	hangup(dialog, second)
	alice.Expect(peer.Response(200, "BYE"))

	s.Ctl("", "rpc", "dispatcher.set_state", "a", "1", "all")
	call = alice.Call(number) // to a gateway that says nothing
	first.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	invite = second.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	if invite.URI() != "sip:+498955501@"+second.Address() {
		t.Errorf("the second gateway is called as %s", invite.URI())
	}
	second.Reply(invite, 404, "No Such Number")
	call.AckFailure(call.Expects(404))
	if strings.Contains(s.Proxy.Log.String(), "s3cret-pw") {
		t.Error("the log has the gateway's password")
	}
}

// TestExampleMultiDomain: each domain has its certificate, users, numbers, groups and
// rules.
func TestExampleMultiDomain(t *testing.T) {
	ca := stand.NewAuthority(t)
	ca.Issue("example.org", "example.org")
	ca.Issue("example.net", "example.net")
	port, err := proc.FreePort("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s := stand.Start(t, stand.Options{Args: []string{"--listen", "tls:" + address},
		Script: example(t, "multi-domain.cfg", "/etc/seraph/multi-domain.tls.cfg", ca.Config(example(t, "multi-domain.tls.cfg")))})
	s.AddDomain("example.net")
	phone := func(name, domain, network string) *peer.Peer {
		c := peer.Config{Name: name, Domain: domain, Password: "pw-" + name + domain, Network: network}
		if network == "tls" { // the certificate has to be the domain's
			c.Router, c.TLS = address, &tls.Config{RootCAs: ca.Pool}
		}
		s.AddAddress(name+"@"+domain, c.Password)
		return s.Peer(c)
	}
	boss := phone("ann", "example.org", "tls").Registered()
	clerk := phone("carl", "example.org", "udp").Registered()
	teacher := phone("tom", "example.net", "tls").Registered()
	pupil := phone("ann", "example.net", "tls").Registered() // as the boss is called, too
	s.Ctl("", "acl", "grant", "tom@example.net", "outside")
	s.Ctl("", "acl", "grant", "ann@example.org", "outside") // says nothing of ann@example.net
	s.Ctl("", "alias", "add", "100@example.org", "carl@example.org")
	s.Ctl("", "alias", "add", "100@example.net", "tom@example.net")
	s.Ctl("", "alias", "add", "200@example.org", "tom@example.net")
	stranger := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"})

	wholeCall(t, boss, "sip:100@example.org", clerk)
	wholeCall(t, pupil, "sip:100@example.net", teacher)
	wholeCall(t, teacher, boss.AoR(), boss)
	wholeCall(t, stranger, clerk.AoR(), clerk)
	wholeCall(t, clerk, "sip:eve@"+stranger.Address(), stranger)

	refusedCall(t, pupil, boss.AoR(), 403)
	refusedCall(t, pupil, "sip:eve@"+stranger.Address(), 403)
	refusedCall(t, stranger, pupil.AoR(), 403)
	refusedCall(t, clerk, pupil.AoR(), 403)
	refusedCall(t, clerk, "sip:200@example.org", 403) // which leads into the school
	lea := phone("lea", "example.net", "udp")
	wantStatus(t, lea.Register(), 403)
	wantStatus(t, lea.Do(lea.NewRegister("<"+lea.ContactURI()+">").Set("To", "<sip:lea@Example.Net.>")), 403)
	refusedCall(t, stranger, "sip:ann@EXAMPLE.net.", 403) // which is the same name
	liar := s.Peer(peer.Config{Name: "ann", Domain: "example.net", Password: boss.Password})
	refusedCall(t, liar, teacher.AoR(), 407)
}

// TestExampleLoadBalancer: phones behind edge.cfg, on flows that are the only way to them,
// are known by name at load-balancer.cfg, which nobody else reaches. A router that says
// nothing is passed over.
func TestExampleLoadBalancer(t *testing.T) {
	home := stand.Start(t, stand.Options{IPs: []string{"127.0.0.40"}, Users: []string{"alice", "bob"}, Script: example(t, "load-balancer.cfg")})
	front := stand.Start(t, stand.Options{IPs: []string{"127.0.0.41"}, Script: example(t, "edge.cfg", `"180000", "5000"`, `"180000", "2000"`)})
	home.Ctl("", "address", "add", "1", "127.0.0.41")
	home.Ctl("", "address", "add", "2", "127.0.0.42")
	front.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', 1)", home.Address()))
	front.Ctl("", "rpc", "dispatcher.reload")

	alice := front.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), IP: "127.0.0.1", Router: front.Address(), Claim: "192.0.2.98:5060"})
	bob := front.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), IP: "127.0.0.1", Router: front.Address(), Network: "tcp", Claim: "192.0.2.99:5060"})
	if ok := wantStatus(t, flow(t, bob, 1), 200); ok.Get("Require") != "outbound" || ok.Get("Flow-Timer") != "120" {
		t.Errorf("the phone that knows outbound is told %s", ok)
	}
	alice.Registered()
	if n := home.QueryInt("SELECT COUNT(*) FROM location WHERE path LIKE '%127.0.0.41%'"); n != 2 {
		t.Errorf("%d contacts with our Path, want 2", n)
	}
	identity := func(caller *peer.Peer, edit ...func(*peer.Message)) string {
		t.Helper()
		return strings.Join(wholeCall(t, caller, bob.AoR(), bob, edit...).All("P-Asserted-Identity"), " and ")
	}
	claims := func(m *peer.Message) { m.Add("P-Asserted-Identity", "<sip:boss@example.org>") }
	private := func(m *peer.Message) { m.Add("Privacy", "id") }
	if got := identity(alice, claims); got != "<sip:alice@example.org>" {
		t.Errorf("the called is told %q of a subscriber", got)
	}
	if got := identity(alice, claims, private); got != "" {
		t.Errorf("the called is told %q of one who wants to stay unknown", got)
	}
	visitor := front.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.1", Router: front.Address()})
	if got := identity(visitor, claims); got != "" {
		t.Errorf("the called is told %q of a stranger", got)
	}
	carrier := home.Peer(peer.Config{Name: "+4930555", Domain: "carrier.example", IP: "127.0.0.42", Router: home.Address()})
	if got := identity(carrier, claims); got != "<sip:boss@example.org>" {
		t.Errorf("the called is told %q of a peer's caller", got)
	}
	wholeCall(t, bob, alice.AoR(), alice)
	phone, path := gruuBehindBalancer(t, front, bob)
	pathIsNoPass(t, visitor, phone, path)

	// Round the balancers, and through us to others.
	refusedCall(t, home.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.1", Router: home.Address()}), bob.AoR(), 403)
	refusedCall(t, carrier, "sip:x@192.0.2.1", 403)
	refusedCall(t, visitor, "sip:x@192.0.2.1", 403)
	liar := front.Peer(peer.Config{Name: "alice", Password: "wrong", IP: "127.0.0.1", Router: front.Address()})
	wantStatus(t, liar.Register(), 401)

	// A better router that says nothing.
	silent := front.Peer(peer.Config{Name: "silent", IP: "127.0.0.43", Router: front.Address()})
	front.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', 9)", silent.Address()))
	front.Ctl("", "rpc", "dispatcher.reload")
	wholeCall(t, visitor, bob.AoR(), bob)
	silent.Expect(peer.Request("INVITE"))
	wait.For(t, 30*time.Second, "the silent router is left out", func() error { return stateOf(front, silent, "TP", "IP") })

	// The phone is away without having said so: once it has hung up on its balancer there is no way to it.
	bob.Hangup()
	refusedCall(t, visitor, bob.AoR(), 430)
	home.NothingLeft()
}

// gruuBehindBalancer: a phone behind a balancer, at an address that leads nowhere, gives its
// GRUU as Contact, and gets the requests of the call. It is not registered any more then.
func gruuBehindBalancer(t *testing.T, front *stand.Stand, bob *peer.Peer) (phone *peer.Peer, path string) {
	t.Helper()
	phone = front.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), IP: "127.0.0.1", Router: front.Address(), Claim: "192.0.2.97:5060"})
	m := phone.NewRegister(own(phone, `;+sip.instance="<urn:uuid:7>";expires=600`)).Add("Supported", "gruu, path").Add("Path", "<sip:192.0.2.66;lr>")
	ok := wantStatus(t, phone.Do(phone.Answer(m, wantStatus(t, phone.Do(m), 401), peer.Credentials{User: "alice", Password: phone.Password})), 200)
	if path = ok.Get("Path"); !strings.Contains(path, "@127.0.0.41") || strings.Contains(path, "192.0.2.66") {
		t.Errorf("the 200 says Path: %s, want the balancer's alone", path)
	}
	for _, c := range ok.All("Contact") {
		uri := quoted(c, "pub-gruu")
		if uri == "" {
			continue
		}
		call := phone.Call(bob.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+uri+">") })
		invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
		answer := bob.Reply(invite, 200, "OK")
		call.Ack(call.Expects(200))
		bob.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
		bob.DialogAt(invite, answer).Send("BYE")
		phone.Reply(phone.Expect(peer.Request("BYE").Of(call.Invite.CallID())), 200, "OK")
		bob.Expect(peer.Response(200, "BYE").Of(call.Invite.CallID()))
	}
	m = phone.NewRegister(own(phone, ";expires=0"))
	wantStatus(t, phone.Do(phone.Answer(m, wantStatus(t, phone.Do(m), 401), peer.Credentials{User: "alice", Password: phone.Password})), 200)
	return phone, path
}

// pathIsNoPass: a stranger who has read a phone's Path does not get to it past the routers.
func pathIsNoPass(t *testing.T, stranger, phone *peer.Peer, path string) {
	t.Helper()
	for _, method := range []string{"INVITE", "REFER", "NOTIFY", "MESSAGE"} {
		m := stranger.NewRequest(method, "sip:alice@192.0.2.98").Add("Route", path)
		stranger.Send(m)
		if final := stranger.Expect(peer.Final(method).Of(m.CallID())); final.Status() != 403 {
			t.Errorf("a stranger's %s along %s was answered %q", method, path, final.Start)
		}
		phone.Quiet(50*time.Millisecond, peer.Request(method))
	}
}
