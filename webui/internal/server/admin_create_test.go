package server_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestUserCreate(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	carol := aor.AOR{User: "carol", Domain: "example.org"}
	const page = "/admin/users/new"
	s.tells(func() {
		b.post(page, page, "user", " Carol ", "domain", "example.org", "first_name", "Carol", "email", "carol@example.com",
			"new_password", "correct horse", "again", "correct horse").leads(userPath(carol))
	}, "auth.forget carol@example.org")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.create", Object: "carol@example.org",
		After: `first name "Carol", e-mail "carol@example.com", presence "signed-in"`})
	if got := b.said(userPath(carol)); !strings.Contains(got, "carol@example.org is added") {
		t.Errorf("said: %q", got)
	}
	if !s.opens(carol, "correct horse") {
		t.Error("the password does not open the account")
	}
	s.browser().post("/user/sign-in", "/user/sign-in", "user", "carol@example.org", "password", "correct horse").leads("/user/phone-book")

	// A password that nobody typed is made, and shown once.
	a := b.post(page, page, "user", "dan@example.net", "domain", "example.org").is(200).shows("Password for dan", "shown only now")
	dan := aor.AOR{User: "dan", Domain: "example.net"}
	made := regexp.MustCompile(`[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){3}`).FindString(a.text())
	if !s.opens(dan, made) {
		t.Errorf("the password shown, %q, does not open the account", made)
	}
	if b.get(userPath(dan)).is(200); strings.Contains(s.log.String(), made) || strings.Contains(fmt.Sprint(s.records(), b.cookies), made) {
		t.Error("the password is in the log, the audit or a cookie")
	}
	other := b.post(page, page, "user", "dave", "domain", "example.org").is(200)
	if strings.Contains(other.Body, made) {
		t.Error("two made passwords are the same")
	}
}

func TestUserCreateFaults(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "sales", Domain: "example.org"}, bob))
	before := len(s.records())
	const page = "/admin/users/new"
	good := map[string]string{"user": "carol", "domain": "example.org", "new_password": "correct horse", "again": "correct horse"}
	for _, c := range []struct{ field, value, want string }{
		{"user", "", "This is needed."},
		{"user", "two words", "This is no user name."},
		{"user", "a@b@c", "This is no user name."},
		{"user", "tel:+420", "This is no user name."},
		{"user", strings.Repeat("x", 65), "This is no user name."},
		{"user", "carol@elsewhere.example", "elsewhere.example is none of the domains that you administer."},
		{"user", "alice", "There is a user or an alias of this name already."},
		{"user", "ALICE@example.org", "There is a user or an alias of this name already."},
		{"user", "sales", "There is a user or an alias of this name already."},
		{"domain", "elsewhere.example", "Choose one of the list."},
		{"domain", "", "Choose one of the list."},
		{"first_name", strings.Repeat("x", 65), "At most 64 characters."},
		{"last_name", "a\x01b", "There are characters in it that cannot be used here."},
		{"email", "nonsense", "This is no e-mail address"},
		{"new_password", "short", "This is shorter than 8 characters."},
		{"new_password", strings.Repeat("ž", 65), "At most 128 characters"},
		{"new_password", "bell\abell\a", "There are characters in it"},
		{"again", "correct house", "This is not the same as above."},
		{"again", "", "This is not the same as above."},
	} {
		pairs := []string{}
		for field, value := range good {
			if field == c.field {
				value = c.value
			}
			pairs = append(pairs, field, value)
		}
		if _, set := good[c.field]; !set {
			pairs = append(pairs, c.field, c.value)
		}
		a := b.post(page, page, pairs...).is(422)
		if got := a.fault(c.field); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %.30q: %q, want %q", c.field, c.value, got, c.want)
		}
		if strings.Contains(a.Body, "correct horse") {
			t.Errorf("%s %.30q: the password comes back", c.field, c.value)
		}
	}
	if _, err := s.db.Subscribers.Find(t.Context(), aor.AOR{User: "carol", Domain: "example.org"}); err == nil || len(s.records()) != before {
		t.Error("a refused user was made, or recorded")
	}
}

// TestUserCreateWithoutProfile: the account that was made is recorded, and its
// password shown, even if the rest could not be saved.
func TestUserCreateWithoutProfile(t *testing.T) {
	s := adminStand(t, nil)
	s.exec("CREATE TRIGGER planted BEFORE INSERT ON profile BEGIN SELECT RAISE(ABORT, 'planted'); END")
	b := s.admin(root)
	a := b.post("/admin/users/new", "/admin/users/new", "user", "carol", "domain", "example.org", "first_name", "Carol").is(200)
	a.shows("Password for Carol", "Name and e-mail could not be saved.").lacks("planted")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.create", Object: "carol@example.org"})
}

// TestChangeThatIsNotRecorded: it stands, and the page and the log say so.
func TestChangeThatIsNotRecorded(t *testing.T) {
	s := adminStand(t, nil)
	s.exec("CREATE TRIGGER planted BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'planted'); END")
	b := s.admin(root)
	b.to(bob, "/groups", "group", "int").leads(userPath(bob))
	if got := b.said(userPath(bob)); !strings.Contains(got, "bob is in the group int now. It could not be recorded in the audit") {
		t.Errorf("said: %q", got)
	}
	if !strings.Contains(s.log.String(), "change not recorded") {
		t.Error("the log does not say so")
	}
}

func TestPasswordReset(t *testing.T) {
	s := adminStand(t, nil)
	b, signedIn := s.admin(root), s.browser()
	signedIn.post("/user/sign-in", "/user/sign-in", "user", bob.String(), "password", "builder's").leads("/user/phone-book")
	page := userPath(bob, "password")
	if got := b.post(page, page, "new_password", "short").is(422).fault("new_password"); got != "This is shorter than 8 characters." {
		t.Errorf("short: %q", got)
	}
	signedIn.get("/user/account").is(200)
	s.tells(func() {
		b.post(page, page, "new_password", "new and long", "again", "new and long").leads(userPath(bob))
	}, "auth.forget bob@example.org")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.password", Object: "bob@example.org"})
	if !s.opens(bob, "new and long") {
		t.Error("the new password does not open the account")
	}
	signedIn.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	a := b.post(page, page).is(200).shows("Password for bob", "bob has a new password.")
	if s.opens(bob, "new and long") || strings.Contains(a.Body, "new and long") {
		t.Error("no new password was made")
	}
}

func TestDisableAndEnable(t *testing.T) {
	s := adminStand(t, nil)
	b, signedIn := s.admin(root), s.browser()
	signedIn.post("/user/sign-in", "/user/sign-in", "user", bob.String(), "password", "builder's").leads("/user/phone-book")
	page := userPath(bob, "disable")
	b.get(page).is(200).shows("Disable bob?", "Keep it")
	s.tells(func() { b.post(page, page).leads(userPath(bob)) }, "auth.forget bob@example.org", "ul.rm bob@example.org", "ctd.list", "userblock.reload", "speeddial.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.disable", Object: "bob@example.org", Before: "enabled", After: "disabled"})
	signedIn.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	b.get(userPath(bob)).shows("bob is disabled.", "Enable").lacks("Disable")
	s.tells(func() { b.to(bob, "/enable").leads(userPath(bob)) }, "auth.forget bob@example.org", "userblock.reload", "speeddial.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.enable", Object: "bob@example.org", Before: "disabled", After: "enabled"})
	s.browser().post("/user/sign-in", "/user/sign-in", "user", bob.String(), "password", "builder's").leads("/user/phone-book")
}

func TestDelete(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{ctlproto.MethodUlLookup: contacts(phones...)})
	ctx := t.Context()
	sales := aor.AOR{User: "sales", Domain: "example.org"}
	check(t, s.db.Aliases.Add(ctx, sales, bob))
	check(t, s.db.Groups.Grant(ctx, bob, "int"))
	check(t, s.db.Groups.Grant(ctx, bob, "ld"))
	_, err := s.db.Phonebook.Add(ctx, bob, store.Entry{Address: "alice"})
	check(t, err)
	addMessage(t, s, bob)
	b := s.admin(root)
	page := userPath(bob, "delete")
	b.get(page).is(200).shows("Delete bob?", fmt.Sprintf("%d registered phones", len(phones)), "an alias", "the membership in 2 groups",
		"a phone-book entry", "a stored message", "It cannot be undone.")
	for _, c := range []struct{ typed, want string }{{"", "This is needed."}, {"wrong", "This is not your password."}, {"builder's", "This is not your password."}} {
		if got := b.post(page, page, "own_password", c.typed).is(422).fault("own_password"); got != c.want {
			t.Errorf("%q: %q", c.typed, got)
		}
	}
	if _, err := s.db.Subscribers.Find(ctx, bob); err != nil {
		t.Fatalf("bob is gone: %v", err)
	}
	s.tells(func() { b.post(page, page, "own_password", adminPassword).leads("/admin/users") },
		"auth.forget bob@example.org", "ul.rm bob@example.org", "ctd.list", "alias.reload", "group.reload", "userblock.reload", "speeddial.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.delete", Object: "bob@example.org", Before: `presence "signed-in"`})
	if got := b.said("/admin/users"); got != "bob@example.org is deleted." {
		t.Errorf("said: %q", got)
	}
	if _, err := s.db.Aliases.Resolve(ctx, sales); err == nil {
		t.Error("the alias is left")
	}
	b.get(userPath(bob)).is(404)
	b.do("POST", page, url.Values{"csrf": {b.get("/admin").form("/admin/sign-out").Get("csrf")}, "own_password": {adminPassword}}).is(404)
}

// TestGoneUserCallsNobody: the calls that a user just clicked do not go on once an
// administrator has closed or deleted the account.
func TestGoneUserCallsNobody(t *testing.T) {
	for _, way := range []string{"disable", "delete"} {
		t.Run(way, func(t *testing.T) {
			s := adminStand(t, map[string]ctltest.Handler{
				ctlproto.MethodCtdList: ctltest.Result([]ctlproto.CtdStatus{
					{ID: "rings", Cancellable: true}, {ID: "over", Ended: true}, {ID: "connecting"}, {ID: "rings-too", Cancellable: true},
				}),
				ctlproto.MethodCtdCancel: ctltest.Result(ctlproto.Done{}),
			})
			b, page := s.admin(root), userPath(bob, way)
			b.post(page, page, "own_password", adminPassword).is(303)
			var got []string
			for _, call := range s.router.Calls() {
				switch call.Method {
				case ctlproto.MethodCtdList, ctlproto.MethodCtdCancel:
					got = append(got, call.Method+" "+string(call.Params))
				}
			}
			want := []string{
				`ctd.list {"caller":"bob@example.org","limit":1000}`,
				`ctd.cancel {"id":"rings","actor":"root@example.org"}`, `ctd.cancel {"id":"rings-too","actor":"root@example.org"}`,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the router was told (-want +got):\n%s", diff)
			}
		})
	}
}
