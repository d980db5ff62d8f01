package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
)

var zoe = aor.AOR{User: "zoe", Domain: "example.org"}

// TestSignUp: from the form to the first sign-in.
func TestSignUp(t *testing.T) {
	d := newDesk(t)
	b := d.browser()
	b.get("/user/sign-in").shows("Forgot your password?", "New account")
	b.get("/sign-up/terms").shows("Be kind.")
	b.post("/sign-up", "/sign-up", newcomer()...).leads("/sign-up/sent")
	b.get("/sign-up/sent").shows("Look into your mail")
	m := d.mail()
	if m.To != "zoe@example.net" || m.Name != "" || strings.Contains(m.Text, "Zoë") || !strings.Contains(m.Text, "zoe@example.org") {
		t.Errorf("mail %+v", m)
	}
	to := link(t, m, "/sign-up/confirm")
	other := d.browser() // the mail is read elsewhere
	for range 2 {        // programs that look at mails open links, too
		other.get(to).shows("zoe@example.org", "zoe@example.net")
	}
	if _, err := d.db.Subscribers.Find(t.Context(), zoe); err == nil {
		t.Fatal("a link that was opened made the account")
	}
	other.post(to, "/sign-up/confirm").is(200).shows("Your account is open", "zoe@example.org")
	other.post("/user/sign-in", "/user/sign-in", "user", "zoe", "password", "correct horse").leads("/user/phone-book")
	me, err := d.db.Profiles.Load(t.Context(), zoe)
	check(t, err)
	if me.Name() != "Zoë Nováková" || me.Email != "zoe@example.net" || me.Presence != store.PresenceSignedIn {
		t.Errorf("profile %+v", me)
	}
	c, err := d.db.Subscribers.Credentials(t.Context(), zoe)
	check(t, err)
	want := store.HashesOf(zoe, "correct horse")
	if c.HA1 != want.HA1 || c.HA1B != want.HA1B || c.SHA256 != want.SHA256 || c.SHA256B != want.SHA256B {
		t.Errorf("credentials %+v", c)
	}
	if told, _ := d.told(0); len(told) != 1 || told[0] != ctlproto.MethodAuthForget+" zoe@example.org" {
		t.Errorf("the router was told %q", told)
	}
	if d.count("SELECT COUNT(*) FROM audit WHERE action = 'subscriber.sign_up' AND object = 'zoe@example.org' AND source = '192.0.2.1'") != 1 {
		t.Error("not in the audit")
	}
	if d.count("SELECT COUNT(*) FROM pending") != 0 {
		t.Error("the pending row stays")
	}
	d.browser().get(to).is(410).shows("This link is no longer good")
	for _, secret := range []string{"correct horse", to[strings.Index(to, "t=")+2:]} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestPendingHoldsNoSecret: neither the password nor the token.
func TestPendingHoldsNoSecret(t *testing.T) {
	d := newDesk(t)
	d.browser().post("/sign-up", "/sign-up", newcomer()...).leads("/sign-up/sent")
	token := strings.TrimPrefix(link(t, d.mail(), "/sign-up/confirm"), "/sign-up/confirm?t=")
	if d.count("SELECT COUNT(*) FROM pending WHERE kind = 'sign-up' AND username = 'zoe'") != 1 {
		t.Fatal("no row")
	}
	for _, secret := range []string{"correct horse", token} {
		if n := d.count("SELECT COUNT(*) FROM pending WHERE payload LIKE ? OR token_hash LIKE ?", "%"+secret+"%", "%"+secret+"%"); n != 0 {
			t.Errorf("the row holds %q", secret)
		}
	}
}

func TestSignUpWrong(t *testing.T) {
	d := newDesk(t)
	check(t, d.db.Aliases.Add(t.Context(), aor.AOR{User: "boss", Domain: "example.org"}, alice))
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ name, field, value, fault string }{
		{"taken", "user", "alice", "This name is taken"},
		{"taken in capitals", "user", "ALICE", "This name is taken"},
		{"an alias", "user", "boss", "This name is taken"},
		{"reserved", "user", "Postmaster", "This name is taken"},
		{"empty name", "user", " ", "This is needed"},
		{"short name", "user", "zo", "This cannot be a user name"},
		{"a number", "user", "100", "This cannot be a user name"},
		{"an address", "user", "zoe@example.net", "This cannot be a user name"},
		{"a URI", "user", "sip:zoe@example.org", "This cannot be a user name"},
		{"escaped", "user", "z%6fe", "This cannot be a user name"},
		{"markup", "user", hostile, "This cannot be a user name"},
		{"injected name", "user", "zoe\r\nBcc: eve@example.net", "There are characters in it"},
		{"long name", "user", long, "At most 64"},
		{"injected first name", "first_name", "Zoe\r\nBcc: eve@example.net", "There are characters in it"},
		{"turned name", "last_name", "\u202eavon", "turn the direction"},
		{"long first name", "first_name", long, "At most 64"},
		{"no mail", "email", "", "This is needed"},
		{"bad mail", "email", "zoe", "This is no e-mail address"},
		{"two mails", "email", "zoe@example.net, eve@example.net", "This is no e-mail address"},
		{"mail with a name", "email", "Zoe <zoe@example.net>", "This is no e-mail address"},
		{"injected mail", "email", "zoe@example.net\nBcc: eve@example.net", "There are characters in it"},
		{"mail with a lone CR", "email", "zoe@example.net\rBcc: eve@example.net", "There are characters in it"},
		{"long mail", "email", long + "@example.net", "At most 254"},
		{"weak password", "new_password", "short", "shorter than 8"},
		{"guessed password", "new_password", "12345678", "too easy to guess"},
		{"one letter", "new_password", "aaaaaaaaaa", "too easy to guess"},
		{"long password", "new_password", strings.Repeat("pass", 40), "At most 128"},
		{"control characters", "new_password", "correct\x00horse", "There are characters in it"},
		{"without terms", "terms", "", "Without this there is no account"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.clock.forward(2 * time.Hour) // past all limits
			fields := newcomer(c.field, c.value)
			if c.field == "new_password" {
				fields = append(fields, "again", c.value)
			}
			a := d.browser().post("/sign-up", "/sign-up", fields...).is(422)
			if got := a.fault(c.field); !strings.Contains(got, c.fault) {
				t.Errorf("beside %s: %q, want %q", c.field, got, c.fault)
			}
			kept := a.form("/sign-up")
			if c.field != "first_name" && kept.Get("first_name") != "Zoë" || kept.Get("new_password") != "" {
				t.Errorf("the form keeps %v", kept)
			}
		})
	}
	if got := d.browser().post("/sign-up", "/sign-up", newcomer("again", "another horse")...).is(422).fault("again"); got == "" {
		t.Error("two passwords: no fault")
	}
	d.browser().post("/sign-up", "/sign-up", newcomer("first_name", strings.Repeat("x", 100_000))...).is(413)
	d.addMarker()
	if mails := d.settled(); len(mails) != 0 {
		t.Errorf("mails %+v", mails)
	}
	if d.count("SELECT COUNT(*) FROM pending WHERE kind = 'sign-up'") != 0 {
		t.Error("rows of refused forms")
	}
}

// TestSignUpDoesNotTellOfMails: whose mail is known gets a mail that says so, and
// the page says the same.
func TestSignUpDoesNotTellOfMails(t *testing.T) {
	d := idleDesk(t)
	check(t, d.db.Profiles.Save(t.Context(), store.Profile{AOR: alice, FirstName: "Alice", Email: "Alice@example.net"}))
	known := d.browser().post("/sign-up", "/sign-up", newcomer("email", "alice@Example.NET")...).leads("/sign-up/sent")
	fresh := d.browser().post("/sign-up", "/sign-up", newcomer("user", "yve")...).leads("/sign-up/sent")
	if known.Body != fresh.Body || fmt.Sprint(known.Header) != fmt.Sprint(fresh.Header) {
		t.Errorf("the answers differ:\n%v\n%v", known.Header, fresh.Header)
	}
	if d.count("SELECT COUNT(*) FROM pending") != 0 {
		t.Error("something was done before the answer")
	}
	d.start()
	first, second := d.mail(), d.mail()
	if first.To != "Alice@example.net" {
		first, second = second, first
	}
	if first.To != "Alice@example.net" || first.Name != "Alice" || !strings.Contains(first.Text, "alice@example.org") || strings.Contains(first.Text, "/confirm") {
		t.Errorf("to the known address: %+v", first)
	}
	link(t, first, "/reset")
	link(t, second, "/sign-up/confirm")
	if d.count("SELECT COUNT(*) FROM pending") != 1 {
		t.Error("a row for the known address")
	}
}

func TestSignUpLinks(t *testing.T) {
	d := newDesk(t)
	ask := func(pairs ...string) string {
		t.Helper()
		d.clock.forward(2 * time.Hour)
		d.browser().post("/sign-up", "/sign-up", newcomer(pairs...)...).leads("/sign-up/sent")
		return link(t, d.mail(), "/sign-up/confirm")
	}
	for what, path := range map[string]string{
		"none": "/sign-up/confirm", "empty": "/sign-up/confirm?t=", "guessed": "/sign-up/confirm?t=" + strings.Repeat("A", 43),
		"injected": "/sign-up/confirm?t=" + url.QueryEscape("' OR 1=1 --"), "long": "/sign-up/confirm?t=" + strings.Repeat("A", 10_000),
	} {
		if a := d.browser().get(path); a.Code != 410 {
			t.Errorf("token %s: status %d", what, a.Code)
		}
	}
	late := ask()
	d.clock.forward(24*time.Hour - time.Minute)
	b := d.browser()
	form := b.get(late).is(200).form("/sign-up/confirm")
	d.clock.forward(2 * time.Minute)
	b.do("POST", "/sign-up/confirm", form).is(410).shows("older than 24 hours")
	b.get(late).is(410)

	one, two := ask("email", "one@example.net"), ask("email", "two@example.net") // the same name twice
	d.browser().post(one, "/sign-up/confirm").is(200)
	d.browser().post(two, "/sign-up/confirm").is(409).shows("The name has been taken meanwhile", "zoe@example.org")
	d.browser().get(two).is(410)

	three, four := ask("user", "xaver", "email", "same@example.net"), ask("user", "yve", "email", "SAME@example.net") // the same mail twice
	d.browser().post(three, "/sign-up/confirm").is(200)
	d.browser().post(four, "/sign-up/confirm").is(409).shows("You have an account already")

	// A reset's token opens no account, and the other way round.
	d.browser().post("/reset", "/reset", "user", "xaver").leads("/reset/sent")
	token := strings.TrimPrefix(link(t, d.mail(), "/reset/new"), "/reset/new?t=")
	d.browser().get("/sign-up/confirm?t=" + token).is(410)
	d.browser().get("/reset/new?t=" + strings.TrimPrefix(ask("user", "quinn", "email", "quinn@example.net"), "/sign-up/confirm?t=")).is(410)

	// What has expired is swept away.
	d.clock.forward(48 * time.Hour)
	if _, err := d.db.Pending.DeleteExpired(t.Context()); err != nil || d.count("SELECT COUNT(*) FROM pending") != 0 {
		t.Errorf("expired rows stay, %v", err)
	}
}

// TestSignUpFlood: rows, mails to one address and tries from one source are bounded.
func TestSignUpFlood(t *testing.T) {
	d := newDesk(t, func(s *public.Settings) { s.SignUp.Most = 5 })
	from := 0
	send := func(pairs ...string) *answer {
		b := d.browser()
		b.remote = fmt.Sprintf("198.51.100.%d:1", from)
		return b.post("/sign-up", "/sign-up", newcomer(pairs...)...)
	}
	codes := map[int]int{}
	for i := range 13 { // one source, taken names: it learns no more of them
		a := send("user", "alice")
		codes[a.Code]++
		if i == 12 {
			a.is(429).shows("too many attempts")
			if a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if codes[422] < 10 || codes[422] > 11 {
		t.Errorf("statuses %v", codes)
	}
	for i := range 6 { // one mail address, many sources
		from = i + 1
		send("user", fmt.Sprintf("zoe%d", i)).leads("/sign-up/sent")
	}
	d.addMarker()
	if n := len(d.settled()); n != 3 {
		t.Errorf("%d mails to one address, want 3", n)
	}
	full := 0
	for i := range 10 {
		from = i + 20
		if a := send("user", fmt.Sprintf("yve%d", i), "email", fmt.Sprintf("yve%d@example.net", i)); a.Code == 503 {
			a.shows("Too many new accounts wait")
			full++
		}
	}
	d.settled()
	if n := d.count("SELECT COUNT(*) FROM pending WHERE kind = 'sign-up'"); n > 5 {
		t.Errorf("%d rows (%d refused), want at most 5", n, full)
	}
}

// TestTooManyJobs: when the work behind the forms does not keep up, forms are
// refused, whoever they are about.
func TestTooManyJobs(t *testing.T) {
	d := idleDesk(t)
	refused := 0
	for i := range 210 {
		b := d.browser()
		b.remote = fmt.Sprintf("10.0.%d.%d:1", i/200, i%200)
		if a := b.post("/reset", "/reset", "user", "nobody"); a.Code == 503 {
			a.shows("Too many people ask at once")
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d refused, want 10", refused)
	}
}

func TestSignUpSwitchedOff(t *testing.T) {
	d := newDesk(t, func(s *public.Settings) { s.SignUp.Enabled = false })
	b := d.browser()
	b.get("/user/sign-in").shows("Forgot your password?").lacks("New account")
	b.get("/sign-up").is(404)
	b.do("POST", "/sign-up", url.Values{}).is(404)
	b.get("/sign-up/confirm?t=x").is(404)
	off := newStand(t, nil).browser() // no mail
	off.get("/user/sign-in").lacks("Forgot your password?", "New account")
	off.get("/reset").is(404)
	off.signIn("alice", "wonderland").get("/user/account").lacks("Mail me the calls")
}

// TestApproval: the operator has to agree.
func TestApproval(t *testing.T) {
	d := newDesk(t, func(s *public.Settings) { s.SignUp.Approve = true })
	ctx := t.Context()
	check(t, d.db.Domains.Add(ctx, "example.net"))
	foreign := aor.AOR{User: "fred", Domain: "example.net"}
	for who, privilege := range map[aor.AOR]store.Privilege{root: store.PrivilegeAdmin, dora: store.PrivilegeDomain, foreign: store.PrivilegeDomain} {
		check(t, d.db.Subscribers.Create(ctx, who, adminPassword))
		check(t, d.db.Admins.Grant(ctx, who, privilege))
	}
	ask := func(name string) {
		t.Helper()
		d.browser().get("/sign-up").shows("The operator looks at each new account")
		d.browser().post("/sign-up", "/sign-up", newcomer("user", name, "email", name+"@example.net")...).leads("/sign-up/sent")
		d.browser().post(link(t, d.mail(), "/sign-up/confirm"), "/sign-up/confirm").is(200).shows("The operator looks at it")
	}
	ask("zoe")
	ask("yve")
	signIn := func(name string) *answer {
		return d.browser().post("/user/sign-in", "/user/sign-in", "user", name+"@example.org", "password", "correct horse")
	}
	signIn("zoe").is(422)
	if got := d.browser().post("/sign-up", "/sign-up", newcomer("email", "third@example.net")...).is(422).fault("user"); !strings.Contains(got, "taken") {
		t.Errorf("a name that waits for approval: %q", got)
	}
	ids := d.ids("SELECT id FROM pending ORDER BY id")
	path := func(i int, act string) string { return fmt.Sprintf("/admin/sign-ups/%d/%s", ids[i], act) }

	stranger := d.admin(foreign)
	stranger.get("/admin").lacks("wait for you")
	stranger.get("/admin/sign-ups").shows("Nobody waits")
	token := stranger.get("/admin/users/new").form("/admin/users/new").Get("csrf")
	stranger.do("POST", path(0, "approve"), url.Values{"csrf": {token}}).is(404)
	stranger.get(path(0, "decline")).is(404)
	stranger.do("POST", path(0, "decline"), url.Values{"csrf": {token}}).is(404)

	d.admin(root).get("/admin").shows("2 new accounts wait for you")
	boss := d.admin(dora)
	boss.get("/admin/sign-ups").shows("zoe@example.org", "zoe@example.net", "Zoë Nováková", "yve@example.org")
	boss.post("/admin/sign-ups", path(0, "approve")).leads("/admin/sign-ups")
	if said := boss.said("/admin/sign-ups"); !strings.Contains(said, "zoe@example.org has its account now") {
		t.Errorf("said %q", said)
	}
	if m := d.mail(); m.To != "zoe@example.net" || !strings.Contains(m.Text, portalURL+"/user/sign-in") {
		t.Errorf("mail %+v", m)
	}
	signIn("zoe").leads("/user/phone-book")
	boss.do("POST", path(0, "approve"), url.Values{"csrf": {boss.get("/admin/users/new").form("/admin/users/new").Get("csrf")}}).is(404) // once

	// Meanwhile the name was given away by hand.
	check(t, d.db.Subscribers.Create(ctx, aor.AOR{User: "yve", Domain: "example.org"}, "pw"))
	boss.post("/admin/sign-ups", path(1, "approve")).leads("/admin/sign-ups")
	if said := boss.said("/admin/sign-ups"); !strings.Contains(said, "taken meanwhile") {
		t.Errorf("said %q", said)
	}
	boss.post(path(1, "decline"), path(1, "decline")).leads("/admin/sign-ups")
	if m := d.mail(); m.To != "yve@example.net" || !strings.Contains(m.Text, "has not agreed") {
		t.Errorf("mail %+v", m)
	}
	boss.get("/admin/sign-ups").shows("Nobody waits")
	for _, action := range []string{"subscriber.approve", "subscriber.decline"} {
		if d.count("SELECT COUNT(*) FROM audit WHERE actor = 'dora@example.org' AND action = ?", action) != 1 {
			t.Errorf("%s is not in the audit", action)
		}
	}
}

// TestDeskPostsAreProtected: the pages with mail want a form's token like all
// others, but for the one whose address is the proof.
func TestDeskPostsAreProtected(t *testing.T) {
	d := idleDesk(t)
	posts := 0
	for _, r := range d.server.Routes() {
		if r.Method != http.MethodPost || strings.HasPrefix(r.Path, "/user") || strings.HasPrefix(r.Path, "/admin") || strings.HasPrefix(r.Path, "/u/") {
			continue
		}
		posts++
		a := d.browser().do("POST", r.Path, url.Values{})
		if r.Proven != (a.Code != 403) || r.Proven && r.Path != public.PathMissedOff {
			t.Errorf("%s without a token: status %d", r.Path, a.Code)
		}
		if r.Access != server.Anyone {
			t.Errorf("%s wants a sign-in", r.Path)
		}
	}
	if posts != 6 {
		t.Errorf("%d posts, want 6", posts)
	}
}
