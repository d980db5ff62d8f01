package e2e_test

import (
	"testing"

	"seraph/e2e/browser"
	"seraph/e2e/stand"
)

// TestMailChange: somebody changes the e-mail address in the browser: not without
// the password, and not before the link in the mail there was followed; the address
// of before is told.
func TestMailChange(t *testing.T) {
	box := newMailbox(t)
	s := stand.Start(t, stand.Options{Users: []string{"alice"}, WebConfig: mailConfig(box)})
	s.Exec("INSERT INTO profile (username, domain, first_name, email) VALUES ('alice', '" + stand.Domain + "', 'Alice', 'alice@example.net')")
	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	signInTo(seen.Browser, "alice", stand.Password("alice"))
	seen.Shows("Your phone book is empty")
	seen.Open("/user/account")
	seen.Fill("E-mail", "alice@example.com")
	seen.Press("Save")
	seen.Shows("Type your password to change the e-mail address.")
	seen.here("account-mail-error")
	seen.Fill(mailPassword, stand.Password("alice"))
	seen.Press("Save")
	seen.Shows("alice@example.com counts once you have followed the link")
	seen.here("account-mail-pending")
	if told := box.to("alice@example.net", 1); told.subject != "Your e-mail address is being changed" {
		t.Errorf("to the old address: %s", told.subject)
	}
	confirm := box.to("alice@example.com", 1).link(t, publicURL+"/e-mail/confirm")
	reader := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	reader.at("mail-confirm", "/e-mail/confirm"+confirm)
	reader.Press("Confirm the address")
	reader.Shows("Your e-mail address is confirmed")
	reader.here("mail-confirmed")
	seen.Open("/user/account")
	if seen.Has("counts once you have followed the link") {
		t.Error("the address still waits")
	}
}

// TestMailTakenBack: a mistyped address is taken back by a button; the link in the wrong
// mailbox leads nowhere then, and the mail of missed calls waits for a confirmed one.
func TestMailTakenBack(t *testing.T) {
	box := newMailbox(t)
	s := stand.Start(t, stand.Options{Users: []string{"alice"}, WebConfig: mailConfig(box)})
	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	signInTo(seen.Browser, "alice", stand.Password("alice"))
	seen.Shows("Your phone book is empty")
	seen.Open("/user/account")
	seen.Fill("E-mail", "alcie@example.com")
	seen.Fill(mailPassword, stand.Password("alice"))
	seen.Tick("Mail me the calls that I missed")
	seen.Press("Save")
	seen.Shows("alcie@example.com counts once you have followed the link")
	seen.Shows("The daily mail of missed calls begins when an e-mail address is confirmed.")
	seen.here("account-mail-wish")
	confirm := box.to("alcie@example.com", 1).link(t, publicURL+"/e-mail/confirm")
	seen.Open("/user/account")
	seen.Fill("First name", "Alice")
	seen.Press("Save")
	seen.Shows("Your profile is saved.")
	seen.Press("Take that back")
	seen.Shows("alcie@example.com will not become your e-mail address")
	seen.here("account-mail-taken-back")
	reader := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	reader.at("mail-gone", "/e-mail/confirm"+confirm)
	reader.Shows("This link is no longer good")
}
