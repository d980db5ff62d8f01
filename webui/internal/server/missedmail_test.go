package server_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/server"
)

// missed are calls that alice missed.
func (d *desk) missed(calls ...store.Call) {
	d.t.Helper()
	for i := range calls {
		c := &calls[i]
		c.Callee, c.Code, c.Started = alice, 480, d.clock.now()
		c.CallID = d.clock.now().String() + c.CallerURI + c.CallerName + string(rune('a'+i))
	}
	check(d.t, d.db.Calls.Record(d.t.Context(), calls))
}

// round looks for mails that are due.
func (d *desk) round() []mailer.Message {
	d.t.Helper()
	check(d.t, server.Desk(d.server).MailMissed(d.t.Context()))
	fresh := d.post.all()[d.read:]
	d.read += len(fresh)
	return fresh
}

// at moves the clock on to a time of day, UTC.
func (d *desk) at(hour, minute int) {
	now := d.clock.now()
	next := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	d.clock.forward(next.Sub(now))
}

// TestMissedMail: switched on on the account page, once a day at seven, of what
// was missed since the last one.
func TestMissedMail(t *testing.T) {
	d := idleDesk(t)
	d.missed(store.Call{CallerURI: "sip:before@example.net"})
	b := d.browser().signIn("alice", "wonderland")
	if got := b.post("/user/account", "/user/account", "missed_mail", "on").is(422).fault("missed_mail"); !strings.Contains(got, "e-mail address") {
		t.Errorf("without an address: %q", got)
	}
	b.post("/user/account", "/user/account", "missed_mail", "on", "email", "alice@example.net", "password", "wonderland", "time_zone", "Europe/Prague").leads("/user/account")
	d.confirmMail(alice)
	if b.get("/user/account").form("/user/account").Get("missed_mail") == "" {
		t.Error("the box is not ticked afterwards")
	}
	if got := d.round(); len(got) != 0 { // 12:00 in Prague
		t.Fatalf("at once: %+v", got)
	}
	_, err := d.db.Phonebook.Add(t.Context(), alice, store.Entry{Address: "bob", FirstName: "Bob", LastName: "Keller"})
	check(t, err)
	d.missed(store.Call{CallerURI: "sip:bob@example.org", CallerName: "Somebody"}, store.Call{CallerURI: "sip:eve@example.net", CallerName: "see www.evil.example/x\r\nBcc: x@y.z"})
	d.clock.forward(time.Hour)
	d.missed(store.Call{CallerURI: "sip:bob@example.org"}, store.Call{CallerURI: ""})
	d.at(5, 55) // 06:55 in Prague
	if got := d.round(); len(got) != 0 {
		t.Fatalf("too early: %+v", got)
	}
	d.at(6, 1)
	got := d.round()
	if len(got) != 1 || got[0].To != "alice@example.net" || got[0].Subject != "4 missed calls" {
		t.Fatalf("mails %+v", got)
	}
	text := got[0].Text
	for _, want := range []string{"Bob Keller <bob@example.org>, 2 times, last yesterday 13:00", "<eve@example.net>, yesterday 12:00", portalURL + "/user/missed", "Somebody without a number"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
	}
	for _, bad := range []string{"before@", "www.evil.example", "\r", "Somebody\""} {
		if strings.Contains(text, bad) {
			t.Errorf("the mail holds %q:\n%s", bad, text)
		}
	}
	if link(t, got[0], "/missed-mail/off") != strings.TrimPrefix(got[0].Unsubscribe, portalURL) {
		t.Errorf("unsubscribe %q", got[0].Unsubscribe)
	}
	// Once a day, also after a restart, and by two programs.
	d.missed(store.Call{CallerURI: "sip:carl@example.net"})
	d.server = server.New(d.options)
	if again := d.round(); len(again) != 0 {
		t.Errorf("again: %+v", again)
	}
	d.at(6, 0)
	one, two := server.Desk(d.server), server.Desk(server.New(d.options))
	done := make(chan error, 2)
	go func() { done <- one.MailMissed(t.Context()) }()
	go func() { done <- two.MailMissed(t.Context()) }()
	check(t, errors.Join(<-done, <-done))
	if next := d.post.all()[d.read:]; len(next) != 1 || next[0].Subject != "A missed call" || !strings.Contains(next[0].Text, "carl@example.net") || strings.Contains(next[0].Text, "Bob") {
		t.Errorf("the next day: %+v", next)
	}
	d.read++
	d.at(6, 0)
	if none := d.round(); len(none) != 0 {
		t.Errorf("nothing was missed: %+v", none)
	}
}

// TestMissedMailWaits: with the mail server away, the mail comes later, and no
// call is lost.
func TestMissedMailWaits(t *testing.T) {
	d := idleDesk(t).withMissedMail()
	d.missed(store.Call{CallerURI: "sip:bob@example.org"})
	d.at(7, 0)
	d.post.fail = mailer.ErrAway
	if err := server.Desk(d.server).MailMissed(t.Context()); !errors.Is(err, mailer.ErrAway) {
		t.Errorf("error %v", err)
	}
	d.clock.forward(10 * time.Minute)
	d.post.fail = nil
	if got := d.round(); len(got) != 1 {
		t.Fatalf("later: %+v", got)
	}
	d.missed(store.Call{CallerURI: "sip:carl@example.org"})
	d.at(7, 0)
	d.post.fail = &mailer.PermanentError{Err: errors.New("550")} // not again today
	d.round()
	d.post.fail = nil
	if got := d.round(); len(got) != 0 {
		t.Errorf("refused for good, and sent again: %+v", got)
	}
	d.at(7, 0)
	if got := d.round(); len(got) != 1 || !strings.Contains(got[0].Text, "carl") {
		t.Errorf("the next day: %+v", got)
	}
}

// withMissedMail has alice want the mail, from the clock's day on.
func (d *desk) withMissedMail() *desk {
	d.t.Helper()
	d.withMail()
	me, err := d.db.Profiles.Load(d.t.Context(), alice)
	check(d.t, err)
	me.MissedMail = me.Email
	check(d.t, d.db.Profiles.Save(d.t.Context(), me))
	if got := d.round(); len(got) != 0 {
		d.t.Fatalf("at once: %+v", got)
	}
	return d
}

// TestMissedMailOff: by the link and a button, and by the mail program (RFC 8058).
func TestMissedMailOff(t *testing.T) {
	wants := func(d *desk) bool {
		me, err := d.db.Profiles.Load(t.Context(), alice)
		check(t, err)
		return me.MissedMail != ""
	}
	for _, way := range []string{"button", "program"} {
		t.Run(way, func(t *testing.T) {
			d := idleDesk(t).withMissedMail()
			d.missed(store.Call{CallerURI: "sip:bob@example.org"})
			d.at(7, 0)
			off := strings.TrimPrefix(d.round()[0].Unsubscribe, portalURL)
			b := d.browser()
			b.get(off).is(200).shows("alice@example.org")
			if !wants(d) {
				t.Fatal("a link that was opened turned it off")
			}
			if way == "button" {
				b.post(off, off).is(200).shows("The mail is turned off")
			} else { // no cookie, another site's
				r := httptest.NewRequest(http.MethodPost, "http://portal.example.org"+off, strings.NewReader("List-Unsubscribe=One-Click"))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Origin", "https://mail.example.net")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				d.browser().send(r).is(200)
			}
			if wants(d) {
				t.Fatal("it is still on")
			}
			d.missed(store.Call{CallerURI: "sip:carl@example.org"})
			d.at(7, 0)
			if got := d.round(); len(got) != 0 {
				t.Errorf("mails %+v", got)
			}
			// On again: only what comes from then on.
			d.withMissedMail()
			d.missed(store.Call{CallerURI: "sip:dave@example.org"})
			d.at(7, 0)
			if got := d.round(); len(got) != 1 || strings.Contains(got[0].Text, "carl") || !strings.Contains(got[0].Text, "dave") {
				t.Errorf("on again: %+v", got)
			}
			d.browser().do("POST", "/missed-mail/off?t=guessed", map[string][]string{}).is(404)
			d.browser().get("/missed-mail/off").is(404)
			if !wants(d) {
				t.Error("a guess turned it off")
			}
		})
	}
}

// TestMissedMailWho: those who are disabled, without an address, or with another
// language.
func TestMissedMailWho(t *testing.T) {
	d := idleDesk(t).withMissedMail()
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, MissedMail: "bob@example.net"})) // without an address
	d.missed(store.Call{CallerURI: "sip:bob@example.org"})
	check(t, d.db.Profiles.SetDisabled(t.Context(), alice, true))
	d.at(7, 0)
	if got := d.round(); len(got) != 0 {
		t.Errorf("mails %+v", got)
	}
	if _, err := d.db.MissedMails.FindOff(t.Context(), ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an empty word: %v", err)
	}
	list, err := d.db.MissedMails.Wanted(t.Context(), aor.AOR{}, 10)
	if err != nil || len(list) != 0 {
		t.Errorf("wanted by %v, %v", list, err)
	}
}
