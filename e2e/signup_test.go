package e2e_test

import (
	"fmt"
	"testing"

	"seraph/e2e/baresip"
	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// publicURL is how mails name the portal of these tests.
const publicURL = "http://phone.example.org"

// mailConfig is a portal with mail and new accounts.
func mailConfig(box *mailbox) string {
	return fmt.Sprintf(`public_url = %q
[mail]
host = "127.0.0.1"
port = %d
from = "Seraph <phone@example.org>"
tls = "none"
[signup]
enabled = true
domain = "example.org"
`, publicURL, box.port)
}

// TestSignUp: a newcomer makes an account in the browser, confirms it by the link
// in a mail that came over SMTP, signs in, and her phone registers with the same
// password. She forgets it, sets another one by mail, and the old one opens
// nothing any more: neither the pages nor the router.
func TestSignUp(t *testing.T) {
	box := newMailbox(t)
	s := stand.Start(t, stand.Options{Users: []string{"alice"}, WebConfig: mailConfig(box)})
	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	seen.Open("/user/sign-in")
	seen.Press("New account")
	seen.Shows("An account at example.org")
	seen.here("sign-up")
	fill := func(name string) {
		seen.Fill("User name", name)
		seen.Fill("First name", "Zoë")
		seen.Fill("Last name", "Nováková")
		seen.Fill("E-mail", "zoe@example.net")
		seen.Fill("Password", "correct-horse-9")
		seen.Fill("Password once more", "correct-horse-9")
		seen.Press("Ask for the account")
	}
	fill("alice")
	seen.Shows("This name is taken.")
	seen.here("sign-up-error")
	fill("zoe")
	seen.Shows("Look into your mail")
	seen.here("sign-up-sent")

	m := box.to("zoe@example.net", 1)
	if m.from != "phone@example.org" || m.subject != "Your new account" {
		t.Errorf("mail from %s: %s", m.from, m.subject)
	}
	confirm := m.link(t, publicURL+"/sign-up/confirm")
	reader := looked{browser.Start(t, s.Portal()), t, map[string]string{}} // she reads mail on another machine
	reader.at("sign-up-confirm", "/sign-up/confirm"+confirm)
	reader.Press("Open the account")
	reader.Shows("Your account is open")
	reader.here("sign-up-done")
	reader.Open("/sign-up/confirm" + confirm)
	reader.Shows("This link is no longer good")
	reader.here("link-gone")
	signInTo(seen.Browser, "zoe", "correct-horse-9")
	seen.Shows("Your phone book is empty")
	account := baresip.Account{User: "zoe", Domain: stand.Domain, Password: "correct-horse-9", Router: s.Address()}
	first := baresip.Start(t, account)
	wantStatus(t, register(s, "correct-horse-9"), 200)

	reader.Open("/user/sign-in")
	reader.Press("Forgot your password?")
	reader.Shows("We send a link")
	reader.here("reset")
	reader.Fill("User name, address or e-mail", "zoe@example.net")
	reader.Press("Send the link")
	reader.Shows("Look into your mail")
	reader.here("reset-sent")
	reset := box.to("zoe@example.net", 2).link(t, publicURL+"/reset/new")
	reader.at("reset-new", "/reset/new"+reset)
	reader.Fill("Password", "battery-staple-9")
	reader.Fill("Password once more", "battery-staple-9")
	reader.Press("Set the password")
	reader.Shows("The password is changed")
	reader.here("reset-done")
	box.to("zoe@example.net", 3) // the notice

	seen.Open("/user/account") // her session there has ended
	seen.Shows("Sign in")
	signInTo(seen.Browser, "zoe", "correct-horse-9")
	seen.Shows("User name or password is wrong.")
	signInTo(seen.Browser, "zoe", "battery-staple-9")
	seen.Shows("Your phone book is empty")
	if got := register(s, "correct-horse-9").Status(); got != 401 && got != 403 {
		t.Errorf("the old password registers: %d", got)
	}
	account.Password = "battery-staple-9"
	first.Quit()
	baresip.Start(t, account)
}

// register is what the router says to a REGISTER of zoe's with a password.
func register(s *stand.Stand, password string) *peer.Message {
	return s.Peer(peer.Config{Name: "zoe", Domain: stand.Domain, Password: password}).Register()
}

// signInTo signs in on the page of that.
func signInTo(b *browser.Browser, user, password string) {
	b.Open("/user/sign-in")
	b.Fill("User name", user)
	b.Fill("Password", password)
	b.Press("Sign in")
}

// TestSignUpApproval: the newcomer waits until an administrator agrees, and hears
// of it by mail.
func TestSignUpApproval(t *testing.T) {
	box := newMailbox(t)
	s := stand.Start(t, stand.Options{Users: []string{"alice", "root"}, WebConfig: mailConfig(box) + "approve = true\n"})
	s.Ctl("", "admin", "add", "root")
	b := browser.Start(t, s.Portal())
	for _, name := range []string{"zoe", "yve"} {
		b.Open("/sign-up")
		b.Shows("The operator looks at each new account")
		b.Fill("User name", name)
		b.Fill("First name", "<b>Zoë</b>")
		b.Fill("E-mail", name+"@example.net")
		b.Fill("Password", "correct-horse-9")
		b.Fill("Password once more", "correct-horse-9")
		b.Press("Ask for the account")
		b.Shows("Look into your mail")
		b.Open("/sign-up/confirm" + box.to(name+"@example.net", 1).link(t, publicURL+"/sign-up/confirm"))
		b.Press("Open the account")
		b.Shows("The operator looks at it")
	}
	signInTo(b, "zoe", "correct-horse-9")
	b.Shows("User name or password is wrong.")

	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	seen.Open("/admin/sign-in")
	seen.Fill("User name", "root")
	seen.Fill("Password", stand.Password("root"))
	seen.Press("Sign in")
	seen.Shows("2 new accounts wait for you")
	seen.here("admin-overview-signups")
	seen.Press("2 new accounts wait for you")
	seen.Shows("zoe@example.org")
	seen.here("admin-signups")
	seen.Press("Approve zoe@example.org")
	seen.Shows("zoe@example.org has its account now")
	seen.here("admin-signups-approved")
	seen.Press("Decline yve@example.org")
	seen.Shows("Decline yve@example.org?")
	seen.here("admin-signups-decline")
	seen.Press("Decline")
	seen.Shows("yve@example.org was declined")
	seen.here("admin-signups-none")
	box.to("yve@example.net", 2)
	if to := box.to("zoe@example.net", 2).link(t, publicURL+"/user"); to != "/sign-in" {
		t.Errorf("the mail leads to /user%s", to)
	}
	signInTo(b, "zoe", "correct-horse-9")
	b.Shows("Your phone book is empty")
	own := looked{b, t, map[string]string{}}
	own.at("account-with-mail", "/user/account")
}
