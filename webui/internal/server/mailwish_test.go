package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/server"
)

// TestMailFlood: who is signed in sends few mails an hour from our server, to however
// many addresses, the notices to his own old one counted; the page says when it is
// possible again, and then it is.
func TestMailFlood(t *testing.T) {
	d := newDesk(t)
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "bob@example.net", TimeZone: "UTC"}))
	d.addMarker()
	b := d.browser().signIn("bob", "builder's")
	taken := 0
	for i := range 60 {
		a := b.post("/user/account", "/user/account", "email", fmt.Sprintf("victim%d@flood.example", i), "password", "builder's")
		if a.Code == 303 {
			taken++
			continue
		}
		if got := a.is(422).fault("email"); !strings.Contains(got, "possible again: today "+d.clock.now().Add(time.Hour).UTC().Format("15:04")) {
			t.Fatalf("the page says %q at %s", got, d.clock.now().UTC())
		}
	}
	mails := d.settled()
	if taken != 3 || len(mails) != 6 || len(mailTo(t, mails, "bob@example.net")) != 3 {
		t.Errorf("%d changes are taken, %d mails: %+v", taken, len(mails), mails)
	}
	b.post("/user/account", "/user/account", "email", "", "password", "builder's", "missed_mail", "").is(422) // a notice is a mail, too
	d.browser().signIn("bob", "builder's").post("/user/account", "/user/account", "email", "x@flood.example", "password", "builder's").is(422)
	other := d.browser().signIn("alice", "wonderland")
	other.post("/user/account", "/user/account", "email", "alice@example.net", "password", "wonderland").leads("/user/account")
	b.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account") // the rest is saved
	d.clock.forward(time.Hour + time.Second)
	b.post("/user/account", "/user/account", "email", "late@flood.example", "password", "builder's").leads("/user/account")
}

// TestMailServerAway: while the mail server is away no kind of mail fills the queue for
// the others, and one source not even its kind.
func TestMailServerAway(t *testing.T) {
	d := idleDesk(t)
	d.post.fail = errors.New("away")
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: alice, Email: "alice@example.net"}))
	d.start()
	b := d.browser()
	for i := range 40 {
		b.post("/sign-up", "/sign-up", newcomer("user", fmt.Sprintf("zoe%d", i), "email", fmt.Sprintf("zoe%d@example.net", i))...)
	}
	if n := server.Desk(d.server).Waiting(); n > 12 {
		t.Errorf("one source has %d mails wait", n)
	}
	for i := range 200 { // as if from many accounts
		who := aor.AOR{User: fmt.Sprintf("u%d", i), Domain: "example.org"}
		if server.Desk(d.server).MailWait(who, fmt.Sprintf("x%d@example.net", i)) == 0 {
			server.Desk(d.server).MailWanted(store.Profile{AOR: who}, fmt.Sprintf("x%d@example.net", i), "t")
		}
	}
	if n := server.Desk(d.server).Waiting(); n > mailer.DefaultQueue/2 {
		t.Errorf("changes have %d mails wait", n)
	}
	c := d.browser().signIn("bob", "builder's") // the page says it, and asks for nothing that no mail comes of
	if got := c.post("/user/account", "/user/account", "email", "b@example.net", "password", "builder's").is(422).fault("email"); !strings.Contains(got, "possible again") {
		t.Errorf("without room: %q", got)
	}
	before := server.Desk(d.server).Waiting()
	x := d.browser()
	x.remote = "198.51.100.9:1"
	x.post("/reset", "/reset", "user", "alice").leads("/reset/sent")
	until(t, "alice's mail waits", func() bool { return server.Desk(d.server).Waiting() > before })
}

// TestMailTypedBack: a mistyped address is taken back by typing the right one, or by a
// button: the link in the wrong mailbox is void then.
func TestMailTypedBack(t *testing.T) {
	for name, back := range map[string]func(b *browser){
		"typed": func(b *browser) {
			b.post("/user/account", "/user/account", "email", "bob@example.net").leads("/user/account")
		},
		"button": func(b *browser) {
			b.get("/user/account").shows("Take that back")
			b.post("/user/account", "/user/account/e-mail/take-back").leads("/user/account")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "bob@example.net"}))
			d.addMarker()
			b := d.browser().signIn("bob", "builder's")
			b.post("/user/account", "/user/account", "email", "bob@wrong.example", "password", "builder's").leads("/user/account")
			if got := b.get("/user/account").shows("Mails go to bob@example.net meanwhile.").form("/user/account").Get("email"); got != "bob@wrong.example" {
				t.Errorf("the form shows %q", got)
			}
			b.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account") // takes nothing back
			b.get("/user/account").shows("bob@wrong.example counts once")
			wrong := link(t, mailTo(t, d.settled(), "bob@wrong.example")[0], "/e-mail/confirm")
			opened := d.browser()
			form := opened.get(wrong).is(200).form("/e-mail/confirm")
			back(b)
			b.get("/user/account").shows("bob@wrong.example will not become your e-mail address").lacks("counts once", "Take that back")
			d.browser().get(wrong).is(410)
			opened.do("POST", "/e-mail/confirm", form).is(410) // by who had opened it before
			if me, err := d.db.Profiles.Load(t.Context(), bob); err != nil || me.Mail() != "bob@example.net" || me.FirstName != "Bobby" {
				t.Errorf("profile %+v, %v", me, err)
			}
			if got := strings.Join(d.lines(bob), " "); got != "email.ask email.take_back" {
				t.Errorf("the audit has %q", got)
			}
			// Nothing waits: the button of an old page says so, and changes nothing.
			b.do("POST", "/user/account/e-mail/take-back", b.get("/user/account").form("/user/sign-out")).leads("/user/account")
			b.get("/user/account").shows("No e-mail address waits for its confirmation.")
			d.browser().do("POST", "/user/account/e-mail/take-back", nil).leads("/user/sign-in")
		})
	}
}

// TestMissedMailWish: the daily mail of missed calls together with a first address is
// kept, begins when that is confirmed, and keeps nothing else from being saved.
func TestMissedMailWish(t *testing.T) {
	d := newDesk(t)
	d.addMarker()
	b := d.browser().signIn("bob", "builder's")
	b.post("/user/account", "/user/account", "missed_mail", "on").is(422).shows("Type the e-mail address above")
	b.post("/user/account", "/user/account", "email", "bob@new.example", "password", "builder's", "missed_mail", "on").leads("/user/account")
	const waits = "The daily mail of missed calls begins when an e-mail address is confirmed."
	if got := b.get("/user/account").shows(waits).form("/user/account").Get("missed_mail"); got != "on" {
		t.Errorf("the switch is %q", got)
	}
	b.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account")
	wanted := func() int {
		t.Helper()
		list, err := d.db.MissedMails.Wanted(t.Context(), aor.AOR{}, 10)
		check(t, err)
		return len(list)
	}
	if n := wanted(); n != 0 {
		t.Errorf("%d get mails at an address that nobody has confirmed", n)
	}
	d.clock.forward(25 * time.Hour) // the link has had its day
	b = d.browser().signIn("bob", "builder's")
	b.get("/user/account").shows(waits).lacks("counts once")
	b.post("/user/account", "/user/account", "first_name", "Robert").leads("/user/account")
	b.post("/user/account", "/user/account", "email", "bob@new.example", "password", "builder's").leads("/user/account")
	d.confirmMail(bob)
	b.get("/user/account").lacks(waits)
	if me, err := d.db.Profiles.Load(t.Context(), bob); err != nil || me.MissedMail != "bob@new.example" || me.FirstName != "Robert" || wanted() != 1 {
		t.Errorf("profile %+v, %v; %d want mails", me, err, wanted())
	}
	b.post("/user/account", "/user/account", "email", "", "password", "builder's").is(422).shows("Type the e-mail address above") // still on
	b.post("/user/account", "/user/account", "missed_mail", "").leads("/user/account")
	if wanted() != 0 {
		t.Error("it is not turned off")
	}
}
