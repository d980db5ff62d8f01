package e2e_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/stand"
)

// TestGuide does on the demo what docs/user-guide.md and docs/admin-guide.md tell
// people to do.
func TestGuide(t *testing.T) {
	p, dir := startDemo(t)
	report := readReport(t, p, dir)
	guideUser(t, report)
	guideAdmin(t, report)
	guideCommands(t, report, dir)
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// lookAt opens a browser as wide as the pictures of the guides are.
func lookAt(t *testing.T, report demoReport) *browser.Browser {
	t.Helper()
	b := browser.Start(t, report.URL)
	b.Wear(browser.Look{Width: 960, Theme: "light"})
	b.Resize(960, 560)
	return b
}

func guideUser(t *testing.T, report demoReport) {
	t.Helper()
	b := lookAt(t, report)
	b.Open("/user")
	b.Fill("User name", report.Users[0].User)
	b.Fill("Password", report.Users[0].Password)
	b.Press("Sign in")
	b.Status("bob@demo.test", "online", 5*time.Second)
	b.Picture("user-phone-book")

	b.Resize(960, 780) // the card below the rows
	b.Press("Call Bob Keller")
	b.ShowsWithin(20*time.Second, "You are connected with Bob.")
	b.Picture("user-call")
	b.Press("Close")
	b.Resize(960, 560)

	b.Open("/user/missed")
	b.Shows("you were not on line")
	b.Picture("user-missed-calls")

	b.Open("/user/messages")
	b.Shows("Lunch at noon?")
	b.Picture("user-messages")

	b.Open("/user/messages/new")
	b.Fill("To", "carol")
	b.Fill("Message", "Hello Carol, are you back?")
	b.Shows("bytes left")
	b.Picture("user-send-message")
	b.Press("Send")
	b.Shows("Your message is kept and delivered when their phone registers.")

	b.Open("/user/account")
	b.Shows("Let others find me")
	b.Picture("user-account")
	b.Open("/user/account/phones")
	b.Shows("Seraph demo phone")
	b.Picture("user-phones")
}

func guideAdmin(t *testing.T, report demoReport) {
	t.Helper()
	b := lookAt(t, report)
	b.Open("/admin")
	for _, u := range report.Users {
		if u.Admin {
			b.Fill("User name", u.User)
			b.Fill("Password", u.Password)
		}
	}
	b.Press("Sign in")
	b.Shows("Registered users")
	b.Picture("admin-overview")

	b.Open("/admin/users")
	b.Shows("carol")
	b.Picture("admin-users")
	b.Press("Add a user")
	b.Fill("User name", "dora")
	b.Press("Add the user")
	b.Shows("dora@demo.test")
	b.Open("/admin/users/alice@demo.test")
	b.Shows("Groups")
	b.Fill("Group", "int")
	b.Press("Grant")
	b.Shows("is in the group int now.")
	b.Picture("admin-user")
}

// guideCommands types what the guide lists for ordinary days, right and wrong.
func guideCommands(t *testing.T, report demoReport, dir string) {
	t.Helper()
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"online", 0, "bob@demo.test\n"},
		{"ping alice", 0, "sip:alice@demo.test answered 200 OK in "},
		{"ping carol", 1, "no phone of carol@demo.test is registered (480 "},
		{"ping sip:nobody@127.0.0.1:9 --wait 1s", 1, "no answer from sip:nobody@127.0.0.1:9 within 1s"},
		{"alias add 100 alice", 0, "100@demo.test is an alias of alice@demo.test"},
		{"ping 100", 0, "sip:100@demo.test answered 200 OK in "}, // the router knows it at once
		{"alias add 100 bob", 1, "100@demo.test is a user or an alias already"},
		{"acl grant alice ld", 0, "alice@demo.test is in the group ld"},
		{"acl grant alice l/d", 2, "GROUP is not 1 to 64 letters"},
		{"missed alice", 0, "Bob Keller <sip:bob@demo.test>  480 Temporarily Unavailable"},
		{"missed zoe", 1, "there is no user zoe@demo.test"},
		{"msilo show alice", 0, "Lunch at noon?"},
		{"message alice bob hello", 0, "delivered to sip:bob@demo.test (200 OK)"},
		{"message bob 100 hello", 0, "stored until a phone of sip:100@demo.test registers (202 "}, // her phone takes none
		{"message bob sip:zoe@demo.test hello", 1, "failed: sip:zoe@demo.test did not get it (503 "},
		{"msilo rm alice 999", 1, "none of these messages is stored for alice@demo.test"},
		{"msilo rm alice --all", 0, "2 messages of alice@demo.test removed"},
		{"msilo show alice -o json", 0, "[]"},
		{"admin rm admin", 1, "admin@demo.test is the last administrator"},
		{"admin add alice", 0, "alice@demo.test may now do as administrator"},
		{"admin show", 0, "admin@demo.test  change_privileges, is_admin"},
	} {
		args := append([]string{"--socket", report.Ctl, "--state", dir}, strings.Fields(c.line)...)
		cmd := exec.Command(stand.Programs(t).Ctl, args...)
		out, _ := cmd.CombinedOutput() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("seraphctl %s: exit %d, want %d and %q:\n%s", c.line, code, c.code, c.says, out)
		}
	}
}
