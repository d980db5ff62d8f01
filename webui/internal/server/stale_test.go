package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
)

// TestOldAdminPage: an administrator who corrects a name on a page that is older than the
// user's own change of the mail address and of the privacy leaves those as they are.
func TestOldAdminPage(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "old@example.net", Presence: store.PresenceEveryone, Findable: true}))
	b := s.admin(root)
	old := b.get(userPath(bob)).form(userPath(bob))
	now := store.Profile{AOR: bob, Email: "new@example.net", Presence: store.PresenceNobody, Phone: "+49 1"}
	check(t, s.db.Profiles.Save(t.Context(), now))
	token, err := s.db.Pending.AddReset(t.Context(), bob, time.Hour)
	check(t, err)
	old.Set("first_name", "Bobby")
	old.Set("phone", "nonsense")
	again := b.do("POST", userPath(bob), old).is(http.StatusUnprocessableEntity).form(userPath(bob)) // shows what is there now
	if again.Get("email") != "new@example.net" || again.Get("presence") != "nobody" || again.Get("first_name") != "Bobby" || again.Get("phone") != "nonsense" {
		t.Errorf("shown once more: %v", again)
	}
	again.Set("phone", "+49 2")
	b.do("POST", userPath(bob), again).leads(userPath(bob))
	me, err := s.db.Profiles.Load(t.Context(), bob)
	if check(t, err); me.Mail() != "new@example.net" || me.Presence != store.PresenceNobody || me.Findable || me.FirstName != "Bobby" || me.Phone != "+49 2" {
		t.Errorf("profile %+v", me)
	}
	if _, err := s.db.Pending.FindReset(t.Context(), token); err != nil {
		t.Errorf("the link for a new password is void: %v", err)
	}
	for _, r := range s.records() {
		if strings.Contains(r.Before, "old@example.net") {
			t.Errorf("the audit says %+v", r)
		}
	}
	old.Set("phone", "")
	old.Set("email", "typed@example.net") // on purpose
	b.do("POST", userPath(bob), old).leads(userPath(bob))
	if me, err := s.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "typed@example.net" || me.Presence != store.PresenceNobody {
		t.Errorf("profile %+v, %v", me, err)
	}
}

// TestOldProfilePage: My account in one tab does not undo what another tab has saved, nor
// what became of the mail address.
func TestOldProfilePage(t *testing.T) {
	d := newDesk(t)
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{
		AOR: bob, Email: "old@example.net", Presence: store.PresenceEveryone, AutoAnswer: true, Findable: true, TimeZone: "Europe/Prague",
	}))
	b := d.browser().signIn("bob", "builder's")
	old := b.get("/user/account").form("/user/account")
	now := b.get("/user/account").form("/user/account")
	for name, value := range map[string]string{
		"presence": "nobody", "time_zone": "", "language": "de", "email": "new@example.net", "password": "builder's", "missed_mail": "on",
	} {
		now.Set(name, value)
	}
	now.Del("auto_answer")
	now.Del("findable")
	b.do("POST", "/user/account", now).leads("/user/account")
	phone := func(number string) {
		t.Helper()
		old.Set("phone", number)
		b.do("POST", "/user/account", old).leads("/user/account")
		me, err := d.db.Profiles.Load(t.Context(), bob)
		if check(t, err); me.Phone != number || me.Presence != store.PresenceNobody || me.AutoAnswer || me.Findable || me.TimeZone != "" || me.Language != "de" || me.MissedMail == "" {
			t.Errorf("profile %+v", me)
		}
	}
	phone("+49 30 1")
	if c, err := d.db.Pending.MailOf(t.Context(), bob); err != nil || c.Email != "new@example.net" { // is not taken back
		t.Errorf("what waits: %+v, %v", c, err)
	}
	d.confirmMail(bob)
	phone("+49 30 2")
	if me, err := d.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "new@example.net" {
		t.Errorf("profile %+v, %v", me, err)
	}
}

// TestOldEntryPage: the same of an entry of the phone book, whose group went by another
// name, and of the switch of the public page.
func TestOldEntryPage(t *testing.T) {
	s := newStand(t, nil, func(o *server.Options) { o.CallMe = public.CallMeRules{PerOwner: 9, PerSource: 9, Window: time.Hour} })
	e, err := s.db.Phonebook.Add(t.Context(), bob, store.Entry{FirstName: "Ann", Address: "ann", Group: "Work", Note: "n"})
	check(t, err)
	b := s.browser().signIn("bob", "builder's")
	path := "/user/phone-book/" + itoa(e.ID)
	old, public := b.get(path).form(path), b.get("/user/account/public").form("/user/account/public")
	_, err = s.db.Phonebook.RenameGroup(t.Context(), bob, "Work", "Office")
	check(t, err)
	old.Set("note", "in the office")
	b.do("POST", path, old).leads("/user/phone-book")
	got, err := s.db.Phonebook.Find(t.Context(), bob, e.ID)
	if check(t, err); got.Group != "Office" || got.Note != "in the office" || got.FirstName != "Ann" {
		t.Errorf("entry %+v", got)
	}
	old.Set("group", "Friends")
	old.Set("note", "n") // as this page showed it: not typed
	b.do("POST", path, old).leads("/user/phone-book")
	if got, err := s.db.Phonebook.Find(t.Context(), bob, e.ID); err != nil || got.Group != "Friends" || got.Note != "in the office" {
		t.Errorf("entry %+v, %v", got, err)
	}

	check(t, s.db.CallMe.Allow(t.Context(), bob, true)) // in another tab
	b.do("POST", "/user/account/public", public).leads("/user/account/public")
	if on, err := s.db.CallMe.Allowed(t.Context(), bob); err != nil || !on {
		t.Errorf("visitors may ask: %v, %v", on, err)
	}
	b.post("/user/account/public", "/user/account/public", "call_me", "").leads("/user/account/public")
	if on, err := s.db.CallMe.Allowed(t.Context(), bob); err != nil || on {
		t.Errorf("after it was switched off, visitors may ask: %v, %v", on, err)
	}
}

// TestMailPasswordFilledIn: browsers fill a saved password into the field of the profile,
// whatever it asks them. Saving something else then neither voids the link that was mailed
// nor counts as another change of the address; a button of its own sends the link again.
func TestMailPasswordFilledIn(t *testing.T) {
	d := newDesk(t)
	d.addMarker()
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "old@example.net"}))
	b := d.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "email", "bob@example.com", "password", "builder's").leads("/user/account")
	mails := mailTo(t, d.settled(), "bob@example.com")
	if len(mails) != 1 {
		t.Fatalf("mails %+v", mails)
	}
	confirm := link(t, mails[0], "/e-mail/confirm")
	for _, phone := range []string{"+49 1", "+49 2", "+49 3", "+49 4"} {
		for _, password := range []string{"builder's", "of another site"} {
			b.post("/user/account", "/user/account", "phone", phone, "password", password).leads("/user/account")
		}
		if me, err := d.db.Profiles.Load(t.Context(), bob); err != nil || me.Phone != phone {
			t.Errorf("the phone number is %q, want %q: %v", me.Phone, phone, err)
		}
	}
	d.browser().get(confirm).is(200)
	const again = "/user/account/e-mail/again"
	twice := b.get("/user/account").shows("Send the link again").form(again)
	for range 2 { // a double click
		b.do("POST", again, twice).leads("/user/account")
	}
	b.get("/user/account").shows("The link was mailed to bob@example.com.", "bob@example.com counts once")
	mails = d.settled()
	if len(mails) != 3 || len(mailTo(t, mails, "bob@example.com")) != 2 { // the old address was told once
		t.Fatalf("mails %+v", mails)
	}
	d.browser().get(confirm).is(410)
	b.post("/user/account", again).leads("/user/account")
	b.post("/user/account", again).is(422).shows("There were too many mails")
	mails = mailTo(t, d.settled(), "bob@example.com")
	fresh := link(t, mails[len(mails)-1], "/e-mail/confirm")
	old := b.get("/user/account").form(again)
	d.browser().post(fresh, "/e-mail/confirm").is(200)
	b.do("POST", again, old).leads("/user/account") // nothing waits any more
	b.get("/user/account").shows("No e-mail address waits for its confirmation.").lacks("Send the link")
	if n := server.Desk(d.server).Waiting(); n != 0 {
		t.Errorf("%d mails wait", n)
	}
}

// TestMailNeverConfirmed: the link for the profile's own address, from before there was
// mail here, comes of a button.
func TestMailNeverConfirmed(t *testing.T) {
	d := newDesk(t)
	d.addMarker()
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "bob@example.net", Unconfirmed: true}))
	b := d.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "phone", "+49 1", "password", "builder's").leads("/user/account")
	b.get("/user/account").shows("This address is not confirmed")
	b.post("/user/account", "/user/account/e-mail/again").leads("/user/account")
	mails := d.settled()
	if len(mails) != 1 || mails[0].To != "bob@example.net" {
		t.Fatalf("mails %+v", mails)
	}
	d.browser().post(link(t, mails[0], "/e-mail/confirm"), "/e-mail/confirm").is(200)
	if me, err := d.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "bob@example.net" {
		t.Errorf("profile %+v, %v", me, err)
	}
	d.browser().do("POST", "/user/account/e-mail/again", nil).leads("/user/sign-in")
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: alice}))
	nobody := d.browser().signIn("alice", "wonderland")
	nobody.do("POST", "/user/account/e-mail/again", nobody.get("/user/account").form("/user/sign-out")).leads("/user/account")
	nobody.get("/user/account").shows("No e-mail address waits for its confirmation.")
	if list := d.lines(aor.AOR{User: "alice", Domain: "example.org"}); len(list) != 0 {
		t.Errorf("the audit has %v", list)
	}
}
