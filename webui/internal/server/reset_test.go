package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// withMail gives alice a mail address.
func (d *desk) withMail() *desk {
	d.t.Helper()
	me, err := d.db.Profiles.Load(d.t.Context(), alice)
	check(d.t, err)
	me.Email, me.LastName = "alice@example.net", "Liddell"
	check(d.t, d.db.Profiles.Save(d.t.Context(), me))
	return d
}

// forgotten asks for a link and gives its path.
func (d *desk) forgotten(user string) string {
	d.t.Helper()
	d.clock.forward(90 * time.Minute) // past all limits
	d.browser().post("/reset", "/reset", "user", user).leads("/reset/sent")
	return link(d.t, d.mail(), "/reset/new")
}

// TestReset: a forgotten password is replaced, and everything that the old one
// opened is closed.
func TestReset(t *testing.T) {
	d := newDesk(t).withMail()
	old := d.browser().signIn("alice", "wonderland")
	for _, name := range []string{"alice", "Alice@example.org", "ALICE@example.net"} {
		d.clock.forward(2 * time.Hour)
		d.browser().post("/reset", "/reset", "user", name).leads("/reset/sent")
		if m := d.mail(); m.To != "alice@example.net" || !strings.Contains(m.Text, "alice@example.org") || !strings.Contains(m.Text, "/reset/new?t=") {
			t.Errorf("by %s: %+v", name, m)
		}
	}
	to := d.forgotten("alice")
	b := d.browser()
	b.get(to).is(200).shows("alice@example.org")
	if a := b.post(to, "/reset/new", "new_password", "short", "again", "short").is(422); !strings.Contains(a.fault("new_password"), "shorter than 8") {
		t.Errorf("weak: %q", a.fault("new_password"))
	}
	if a := b.post(to, "/reset/new", "new_password", "through the glass", "again", "through the grass").is(422); a.fault("again") == "" {
		t.Error("two passwords: no fault")
	}
	_, before := d.told(0)
	b.post(to, "/reset/new", "new_password", "through the glass", "again", "through the glass").is(200).shows("The password is changed")
	if told, _ := d.told(before); len(told) != 1 || told[0] != ctlproto.MethodAuthForget+" alice@example.org" {
		t.Errorf("the router was told %q", told)
	}
	if m := d.mail(); m.To != "alice@example.net" || !strings.Contains(m.Text, "was changed") {
		t.Errorf("notice %+v", m)
	}
	old.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	d.browser().post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland").is(422)
	d.browser().signIn("alice", "through the glass")
	c, err := d.db.Subscribers.Credentials(t.Context(), alice)
	check(t, err)
	want := store.HashesOf(alice, "through the glass")
	if c.HA1 != want.HA1 || c.HA1B != want.HA1B || c.SHA256 != want.SHA256 || c.SHA256B != want.SHA256B {
		t.Errorf("credentials %+v", c)
	}
	b.get(to).is(410).shows("This link is no longer good") // once
	if d.count("SELECT COUNT(*) FROM audit WHERE action = 'subscriber.reset' AND object = 'alice@example.org'") != 1 {
		t.Error("not in the audit")
	}
	for _, secret := range []string{"through the glass", to[strings.Index(to, "t=")+2:]} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestResetLinksDie: with their hour, with a newer one, with the password, with
// the account.
func TestResetLinksDie(t *testing.T) {
	d := newDesk(t).withMail()
	over := func(to, why string) {
		t.Helper()
		if a := d.browser().get(to); a.Code != 410 {
			t.Errorf("%s: status %d", why, a.Code)
		}
	}
	try := func(b *browser, form url.Values, why string) {
		t.Helper()
		form.Set("new_password", "through the glass")
		form.Set("again", "through the glass")
		if a := b.do("POST", "/reset/new", form); a.Code != 410 {
			t.Errorf("%s: status %d", why, a.Code)
		}
	}
	for why, die := range map[string]func(){
		"expired":        func() { d.clock.forward(time.Hour + time.Second) },
		"a newer one":    func() { d.forgotten("alice") },
		"a new password": func() { check(t, d.db.Subscribers.SetPassword(t.Context(), alice, "another one")) },
		"a new password by a script": func() {
			d.exec("UPDATE subscriber SET ha1 = '0123456789abcdef0123456789abcdef' WHERE username = 'alice'")
		},
		"the account is closed": func() { check(t, d.db.Profiles.SetDisabled(t.Context(), alice, true)) },
	} {
		check(t, d.db.Profiles.SetDisabled(t.Context(), alice, false))
		to := d.forgotten("alice")
		b := d.browser()
		form := b.get(to).is(200).form("/reset/new")
		die()
		try(b, form, why)
		over(to, why)
	}
	for what, token := range map[string]string{"none": "", "guessed": strings.Repeat("A", 43), "injected": "' OR 1=1 --"} {
		over("/reset/new?t="+url.QueryEscape(token), what)
	}
}

// TestResetTellsNobody: the answer is the same, and comes before anything is
// looked up, so that its time is the same, too.
func TestResetTellsNobody(t *testing.T) {
	d := idleDesk(t).withMail()
	ctx := t.Context()
	check(t, d.db.Profiles.Save(ctx, store.Profile{AOR: bob, Email: "bob@example.net"}))
	check(t, d.db.Profiles.SetDisabled(ctx, bob, true))
	check(t, d.db.Subscribers.Create(ctx, root, adminPassword))
	check(t, d.db.Admins.Grant(ctx, root, store.PrivilegeAdmin))
	check(t, d.db.Profiles.Save(ctx, store.Profile{AOR: root, Email: "root@example.net"}))
	asked := []string{
		"alice", "nobody", "alice@example.org", "nobody@example.org", "alice@example.net", "bob", "bob@example.net", "root", "root@example.net", "eve@elsewhere.example",
		hostile, "alice@example.org@example.org", strings.Repeat("ž", 200), "sip:alice@example.org",
	}
	want := ""
	for i, text := range asked {
		b := d.browser()
		b.remote = fmt.Sprintf("198.51.100.%d:1", i)
		a := b.post("/reset", "/reset", "user", text).leads("/reset/sent")
		got := fmt.Sprint(a.Code, a.Header, a.Body, b.get("/reset/sent").text())
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%q is answered with\n%s\nothers with\n%s", text, got, want)
		}
	}
	if n := d.count("SELECT COUNT(*) FROM pending"); n != 0 || len(d.post.all()) != 0 {
		t.Fatalf("%d rows, %d mails before the work began", n, len(d.post.all()))
	}
	// Without the database there is the same answer, too: none was asked.
	check(t, d.db.Close())
	d.browser().post("/reset", "/reset", "user", "alice@example.org").leads("/reset/sent")
}

// TestResetOfManyDomains: a bare name means nobody then, and the page says so.
func TestResetOfManyDomains(t *testing.T) {
	d := newDesk(t).withMail()
	check(t, d.db.Domains.Add(t.Context(), "example.net"))
	d.clock.forward(time.Hour) // the pages know the domain for a minute
	if got := d.browser().post("/reset", "/reset", "user", "alice").is(422).fault("user"); !strings.Contains(got, "whole address") {
		t.Errorf("beside the name: %q", got)
	}
	d.forgotten("alice@example.org")
}

// TestResetMails: who gets a mail, and how many.
func TestResetMails(t *testing.T) {
	d := newDesk(t).withMail()
	ctx := t.Context()
	check(t, d.db.Profiles.Save(ctx, store.Profile{AOR: bob, Email: "bob@example.net"}))
	check(t, d.db.Profiles.SetDisabled(ctx, bob, true))
	for _, who := range []aor.AOR{root, dora} {
		check(t, d.db.Subscribers.Create(ctx, who, adminPassword))
		check(t, d.db.Profiles.Save(ctx, store.Profile{AOR: who, Email: who.User + "@example.net"}))
	}
	check(t, d.db.Admins.Grant(ctx, root, store.PrivilegeAdmin))
	check(t, d.db.Admins.Grant(ctx, dora, store.PrivilegeDomain))
	d.addMarker()
	for i, name := range []string{"bob", "bob@example.net", "nobody", "eve@example.net", "root", "dora@example.net"} {
		b := d.browser()
		b.remote = fmt.Sprintf("198.51.100.%d:1", i)
		b.post("/reset", "/reset", "user", name).leads("/reset/sent")
	}
	for i := range 8 { // many sources, one account
		b := d.browser()
		b.remote = fmt.Sprintf("198.51.100.%d:1", 100+i)
		b.post("/reset", "/reset", "user", "alice").leads("/reset/sent")
	}
	to := map[string]int{}
	for _, m := range d.settled() {
		to[m.To]++
		if strings.HasPrefix(m.To, "root") || strings.HasPrefix(m.To, "dora") {
			if strings.Contains(m.Text, "/reset/new") || !strings.Contains(m.Text, "an administrator's") {
				t.Errorf("an administrator got %s", m.Text)
			}
		}
	}
	if to["root@example.net"] != 1 || to["dora@example.net"] != 1 || to["bob@example.net"] != 0 || len(to) != 3 {
		t.Errorf("mails %v", to)
	}
	if n := to["alice@example.net"]; n < 3 || n > 4 {
		t.Errorf("%d mails to alice, want three or four", n)
	}
	for i := range 13 { // one source
		if a := d.browser().post("/reset", "/reset", "user", fmt.Sprint("x", i)); i == 12 {
			a.is(429).shows("too many attempts")
		}
	}
	d.browser().post("/reset", "/reset", "user", " ").is(422)
	d.browser().post("/reset", "/reset", "user", "x\r\nBcc: eve@example.net").is(422)
}
