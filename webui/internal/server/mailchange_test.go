package server_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
)

// lines are the actions of somebody's that the audit holds, in their order.
func (s *stand) lines(who aor.AOR) (actions []string) {
	all := s.records()
	for i := range all { // the last one first
		if r := all[len(all)-1-i]; r.Actor == who.String() {
			actions = append(actions, r.Action)
		}
	}
	return actions
}

// confirmMail follows the link behind the back of the mail, for tests of something
// else.
func (d *desk) confirmMail(who aor.AOR) {
	d.t.Helper()
	c, err := d.db.Pending.MailOf(d.t.Context(), who)
	check(d.t, err)
	token, err := d.db.Pending.AddMail(d.t.Context(), who, c.Email, time.Hour)
	check(d.t, err)
	_, _, err = d.db.Pending.ConfirmMail(d.t.Context(), token)
	check(d.t, err)
}

// mailTo is the mail to an address among those that came.
func mailTo(t *testing.T, mails []mailer.Message, to string) (found []mailer.Message) {
	t.Helper()
	for _, m := range mails {
		if m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// TestMailNeedsPassword: a session alone does not move the address to which a new
// password goes; other fields need nothing.
func TestMailNeedsPassword(t *testing.T) {
	d := newDesk(t)
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "bob@example.net"}))
	d.addMarker()
	b := d.browser().signIn("bob", "builder's")
	b.get("/user/account").shows("Password, only to change the e-mail")
	for password, want := range map[string]string{"": "Type your password", "wonderland": "This is not your password."} {
		for _, email := range []string{"eve@evil.example", ""} {
			a := b.post("/user/account", "/user/account", "email", email, "password", password).is(422)
			if got := a.fault("password"); !strings.Contains(got, want) {
				t.Errorf("password %q for %q: %q", password, email, got)
			}
			if kept := a.form("/user/account"); kept.Get("email") != email || kept.Get("password") != "" {
				t.Errorf("the form keeps %v", kept)
			}
		}
	}
	b.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account")
	for _, bad := range []string{"a@b", "bob@[192.0.2.1]", "x y@example.net", "bob@example.net\r\nBcc: eve@evil.example"} {
		if b.post("/user/account", "/user/account", "email", bad, "password", "builder's").is(422).fault("email") == "" {
			t.Errorf("%q is taken", bad)
		}
	}
	me, err := d.db.Profiles.Load(t.Context(), bob)
	if check(t, err); me.Mail() != "bob@example.net" || me.FirstName != "Bobby" {
		t.Errorf("profile %+v", me)
	}
	if mails := d.settled(); len(mails) != 0 {
		t.Errorf("mails %+v", mails)
	}
}

// TestMailIsConfirmed: a new address counts after a click in a mail, the old one is
// told, what was mailed there is void, and all of it is in the audit.
func TestMailIsConfirmed(t *testing.T) {
	d := newDesk(t)
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, FirstName: "Your bank: https://evil.example", Email: "bob@example.net"}))
	d.addMarker()
	reset := func() string {
		t.Helper()
		d.clock.forward(2 * time.Hour)
		d.browser().post("/reset", "/reset", "user", "bob").leads("/reset/sent")
		for {
			if m := d.mail(); strings.Contains(m.Text, "/reset/new") {
				return m.To + " " + link(t, m, "/reset/new")
			}
		}
	}
	_, before, _ := strings.Cut(reset(), " ")
	b := d.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "email", "robert@example.com", "password", "builder's", "missed_mail", "on").leads("/user/account")
	b.get("/user/account").shows("To confirm robert@example.com, follow the link", "robert@example.com counts once you have followed the link")
	d.browser().get(before).is(410)
	mails := d.settled()
	old, fresh := mailTo(t, mails, "bob@example.net"), mailTo(t, mails, "robert@example.com")
	if len(fresh) != 1 || fresh[0].Name != "" || strings.Contains(fresh[0].Text, "bank") || strings.Contains(fresh[0].Text, "evil") {
		t.Fatalf("to the new address: %+v", fresh)
	}
	told := old[len(old)-1]
	if !strings.Contains(told.Text, "asked for another e-mail address") || strings.Contains(told.Text+told.Name, "https://evil") || strings.Contains(told.Text, "robert") {
		t.Errorf("to the old address: %+v", told)
	}
	if to := reset(); !strings.HasPrefix(to, "bob@example.net ") { // not yet
		t.Errorf("before the click: %s", to)
	}
	confirm := link(t, fresh[0], "/e-mail/confirm")
	d.browser().get(confirm).is(200).shows("robert@example.com", "bob@example.org") // opened by a program
	if me, _ := d.db.Profiles.Load(t.Context(), bob); me.Mail() != "bob@example.net" {
		t.Errorf("a link that was opened changed it: %+v", me)
	}
	d.browser().post(confirm, "/e-mail/confirm").is(200).shows("Your e-mail address is confirmed")
	d.browser().get(confirm).is(410).shows("This link is no longer good") // once
	me, err := d.db.Profiles.Load(t.Context(), bob)
	if check(t, err); me.Mail() != "robert@example.com" || me.MissedMail != "robert@example.com" {
		t.Errorf("profile %+v", me)
	}
	if to := reset(); !strings.HasPrefix(to, "robert@example.com ") {
		t.Errorf("after the click: %s", to)
	}
	d.clock.forward(2 * time.Hour)
	b.post("/user/account", "/user/account", "email", "", "password", "builder's", "missed_mail", "").leads("/user/account")
	if gone := mailTo(t, d.settled(), "robert@example.com"); !strings.Contains(gone[len(gone)-1].Text, "or for none") {
		t.Errorf("taken away: %+v", gone[len(gone)-1])
	}
	if got := strings.Join(d.lines(bob), " "); got != "email.ask email.confirm email.change" {
		t.Errorf("the audit has %q", got)
	}
	for _, secret := range []string{"builder's", confirm[strings.Index(confirm, "t=")+2:]} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestMailLinksDie: with their day, a newer one, another password, the account.
func TestMailLinksDie(t *testing.T) {
	d := newDesk(t)
	ask := func(email string) string {
		t.Helper()
		d.clock.forward(2 * time.Hour)
		token, err := d.db.Pending.AddMail(t.Context(), bob, email, 24*time.Hour)
		check(t, err)
		return "/e-mail/confirm?t=" + token
	}
	for why, die := range map[string]func(){
		"expired":               func() { d.clock.forward(24*time.Hour + time.Second) },
		"a newer one":           func() { ask("b2@example.net") },
		"a new password":        func() { check(t, d.db.Subscribers.SetPassword(t.Context(), bob, "another one")) },
		"an operator's address": func() { check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "b3@example.net"})) },
		"the account is closed": func() { check(t, d.db.Profiles.SetDisabled(t.Context(), bob, true)) },
	} {
		check(t, d.db.Profiles.SetDisabled(t.Context(), bob, false))
		check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob}))
		to := ask("b@example.net")
		x := d.browser()
		form := x.get(to).is(200).form("/e-mail/confirm")
		die()
		x.do("POST", "/e-mail/confirm", form).is(410)
		d.browser().get(to).is(410)
		if me, _ := d.db.Profiles.Load(t.Context(), bob); me.Email == "b@example.net" {
			t.Errorf("%s: %+v", why, me)
		}
	}
	for _, token := range []string{"", strings.Repeat("A", 43), "' OR 1=1 --", strings.Repeat("A", 10_000)} {
		d.browser().get("/e-mail/confirm?t=" + url.QueryEscape(token)).is(410)
	}
}

// TestMailSquat: who types somebody else's address keeps nobody out, and makes no
// mail say what he likes.
func TestMailSquat(t *testing.T) {
	d := newDesk(t)
	d.addMarker()
	b := d.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "email", "zoe@example.net", "password", "builder's",
		"first_name", "Your bank: log in at", "last_name", "https://evil.example").leads("/user/account")
	d.browser().post("/sign-up", "/sign-up", newcomer()...).leads("/sign-up/sent")
	var to string
	for _, m := range mailTo(t, d.settled(), "zoe@example.net") {
		if strings.Contains(m.Text+m.Name+m.Subject, "bank") || strings.Contains(m.Text+m.Name, "evil.example") {
			t.Errorf("bob's text: %+v", m)
		}
		if strings.Contains(m.Text, "/sign-up/confirm") {
			to = link(t, m, "/sign-up/confirm")
		}
	}
	d.browser().post(to, "/sign-up/confirm").is(200).shows("Your account is open")
	d.clock.forward(2 * time.Hour)
	had := len(d.settled())
	d.browser().post("/reset", "/reset", "user", "zoe@example.net").leads("/reset/sent")
	fresh := d.settled()[had:]
	if len(fresh) != 1 || !strings.Contains(fresh[0].Text, "zoe@example.org") {
		t.Errorf("a forgotten password: %+v", fresh)
	}
}

// TestMailWithoutMail: where no mail is sent, the address is only text, and is
// nobody's when mail is set up later.
func TestMailWithoutMail(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "email", "zoe@example.net").is(422)
	b.post("/user/account", "/user/account", "email", "zoe@example.net", "password", "builder's").leads("/user/account")
	if b.get("/user/account").shows("Your profile is saved.").form("/user/account").Get("email") != "zoe@example.net" {
		t.Error("the form has no address")
	}
	me, err := s.db.Profiles.Load(t.Context(), bob)
	if check(t, err); me.Email != "zoe@example.net" || me.Mail() != "" {
		t.Errorf("profile %+v", me)
	}
	if known, err := s.db.Profiles.OfMail(t.Context(), "zoe@example.net"); err != nil || len(known) != 0 {
		t.Errorf("known as %v, %v", known, err)
	}
	b.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account") // stays unconfirmed
	if me, _ := s.db.Profiles.Load(t.Context(), bob); me.Mail() != "" || me.FirstName != "Bobby" {
		t.Errorf("profile %+v", me)
	}
}

// TestMailsCarryNoNames: names that a stranger typed stand in no mail before the
// mailbox's owner has confirmed them, and are no links afterwards.
func TestMailsCarryNoNames(t *testing.T) {
	d := newDesk(t)
	d.browser().post("/sign-up", "/sign-up", newcomer("first_name", "You won 500 EUR! https://evil.example/win", "last_name", "write to win@evil.example")...).leads("/sign-up/sent")
	m := d.mail()
	if m.Name != "" || strings.Contains(m.Text+m.Subject, "won") || strings.Contains(m.Text+m.Subject, "evil") {
		t.Errorf("before: %+v", m)
	}
	d.browser().post(link(t, m, "/sign-up/confirm"), "/sign-up/confirm").is(200)
	d.browser().post("/reset", "/reset", "user", "zoe").leads("/reset/sent")
	m = d.mail()
	for _, bad := range []string{"https://", "evil.example", "@evil"} {
		if strings.Contains(m.Name, bad) || strings.Contains(m.Text, bad+"/win") || bad != "https://" && strings.Contains(m.Text, bad) {
			t.Errorf("after: %q in %+v", bad, m)
		}
	}
}

// TestResetOneMailbox: however many accounts share one, it gets few mails an hour.
func TestResetOneMailbox(t *testing.T) {
	d := newDesk(t)
	d.addMarker()
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5"} {
		who := aor.AOR{User: name, Domain: "example.org"}
		check(t, d.db.Subscribers.Create(t.Context(), who, "pw"))
		check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: who, Email: "all@example.net"}))
	}
	for i, who := range []string{"all@example.net", "ALL@example.net", "all@example.net", "a1", "a2"} {
		b := d.browser()
		b.remote = "198.51." + itoa(int64(i)) + ".9:1"
		b.post("/reset", "/reset", "user", who).leads("/reset/sent")
	}
	if got := mailTo(t, d.settled(), "all@example.net"); len(got) < 5 || len(got) > 6 {
		t.Errorf("%d mails", len(got))
	}
}

// TestSecurityIsAudited: what somebody who got hold of a session would do leaves a
// line.
func TestSecurityIsAudited(t *testing.T) {
	s := newStand(t, leaveMethods())
	for range 3 {
		s.browser().signIn("alice", "wonderland")
	}
	b := s.browser().signIn("alice", "wonderland")
	sessions, err := s.db.Sessions.List(t.Context(), alice)
	check(t, err)
	for _, one := range sessions {
		at := "/user/account/security/sessions/" + itoa(one.ID)
		if strings.Contains(b.get("/user/account/security").Body, `href="`+at+`"`) { // not this browser
			b.post(at, at).leads("/user/account/security")
			break
		}
	}
	b.post("/user/account/security/sessions", "/user/account/security/sessions").leads("/user/account/security")
	b.post("/user/account/security", "/user/account/security", "old_password", "wrong", "new_password", "through the glass", "again", "through the glass").is(422)
	b.post("/user/account/security", "/user/account/security", "old_password", "wonderland", "new_password", "through the glass", "again", "through the glass").leads("/user/account/security")
	if got := strings.Join(s.lines(alice), " "); got != "session.end session.end_others subscriber.password" {
		t.Errorf("the audit has %q", got)
	}
	for _, r := range s.records() {
		if strings.Contains(r.Before+r.After, "glass") || strings.Contains(r.Before+r.After, "wonderland") {
			t.Errorf("a secret in %+v", r)
		}
	}
}

// TestMailByAdmin: an address that an administrator types counts at once; one that
// he leaves as it is stays what it was.
func TestMailByAdmin(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "typed@example.net", Unconfirmed: true}))
	b := s.admin(root)
	for _, c := range []struct{ first, email, want string }{
		{"Bobby", "typed@example.net", ""}, {"Bobby", "bob@example.com", "bob@example.com"},
	} {
		b.to(bob, "", "first_name", c.first, "email", c.email).leads(userPath(bob))
		if me, err := s.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != c.want || me.FirstName != c.first {
			t.Errorf("%s: %+v, %v", c.email, me, err)
		}
	}
}

// TestMailConfirmedByAdmin: an administrator sees that an address was never confirmed, and
// makes it count as it is, by a button; not one that has changed since, nor one that is none.
func TestMailConfirmedByAdmin(t *testing.T) {
	s := adminStand(t, nil)
	typed := func(email string) {
		t.Helper()
		check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: email, Unconfirmed: true}))
	}
	typed("typed@example.net")
	_, err := s.db.Pending.AddMail(t.Context(), bob, "typed@example.net", time.Hour)
	check(t, err)
	b, at := s.admin(root), userPath(bob)+"/e-mail"
	old := b.get(userPath(bob)).shows("Nobody has confirmed typed@example.net").form(at)
	typed("other@example.net")
	b.do("POST", at, old).leads(userPath(bob))
	b.get(userPath(bob)).shows("Nothing was confirmed: bob has another e-mail address now.", "Nobody has confirmed other@example.net")
	if me, err := s.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "" {
		t.Errorf("profile %+v, %v", me, err)
	}
	_, err = s.db.Pending.AddMail(t.Context(), bob, "other@example.net", time.Hour)
	check(t, err)
	b.post(userPath(bob), at).leads(userPath(bob))
	b.get(userPath(bob)).shows("other@example.net is now the confirmed address of bob.").lacks("Nobody has confirmed")
	if me, err := s.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "other@example.net" {
		t.Errorf("profile %+v, %v", me, err)
	}
	if _, err := s.db.Pending.MailOf(t.Context(), bob); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it still waits for its owner: %v", err)
	}
	if got := strings.Join(s.lines(root), " "); got != "email.confirm" {
		t.Errorf("the audit has %q", got)
	}
	// Not of somebody with more rights, nor by whose domain it is not.
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: root, Email: "root@example.net", Unconfirmed: true}))
	d := s.admin(dora)
	d.get(userPath(root)).lacks("Confirm the address")
	form := b.get(userPath(root)).form(userPath(root) + "/e-mail")
	form.Set("csrf", d.get("/admin/users/new").form("/admin/users/new").Get("csrf"))
	d.do("POST", userPath(root)+"/e-mail", form).is(403)
	if me, err := s.db.Profiles.Load(t.Context(), root); err != nil || me.Mail() != "" {
		t.Errorf("profile %+v, %v", me, err)
	}
}
