package server_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// leaveMethods are a router that does all it is told.
func leaveMethods() map[string]ctltest.Handler {
	done := ctltest.Result(ctlproto.Done{})
	return map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlRm: done, ctlproto.MethodAuthForget: done,
		ctlproto.MethodAliasReload: done, ctlproto.MethodGroupReload: done, ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{}),
	}
}

// fillAlice gives alice something of everything.
func (s *stand) fillAlice() {
	ctx := s.t.Context()
	_, err := s.db.Phonebook.Add(ctx, alice, store.Entry{FirstName: "Erin", Address: "sip:erin@iptel.org", Note: hostile})
	check(s.t, err)
	check(s.t, s.db.Aliases.Add(ctx, aor.AOR{User: "marsh", Domain: "example.org"}, alice))
	check(s.t, s.db.Groups.Grant(ctx, alice, "int"))
	check(s.t, s.db.Calls.Record(ctx, []store.Call{
		{CallID: "1", CallerURI: bob.URI(), Callee: alice, Started: s.clock.now(), Code: 480},
		{CallID: "2", CallerURI: alice.URI(), CallerName: "Alice", Callee: bob, Started: s.clock.now(), Code: 486},
	}))
	_, err = s.db.Silo.Add(ctx, store.SiloMessage{
		Owner: alice, From: bob.URI(), To: alice.URI(), Expires: s.clock.now().Add(time.Hour), ContentType: "text/plain", Body: []byte("the whole body"),
	}, 0)
	check(s.t, err)
	check(s.t, s.db.CallRules.Set(ctx, store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
}

// TestExport: one archive with everything of alice's, nothing of bob's, no secret.
func TestExport(t *testing.T) {
	s := newStand(t, leaveMethods())
	s.fillAlice()
	_, err := s.db.Phonebook.Add(t.Context(), bob, store.Entry{FirstName: "Bob's own", Address: "carol"})
	check(t, err)
	b := s.browser().signIn("alice", "wonderland")
	b.get("/user/account/data").is(200).shows("Download my data", "Delete my account")
	a := b.get("/user/account/export").is(200)
	if a.Header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), `attachment; filename="seraph-2026-11-20.zip"`) {
		t.Errorf("%v", a.Header)
	}
	archive, err := zip.NewReader(strings.NewReader(a.Body), int64(len(a.Body)))
	check(t, err)
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		check(t, err)
		text, err := io.ReadAll(r)
		check(t, err)
		files[f.Name] = string(text)
		var rows []map[string]any
		if strings.HasSuffix(f.Name, ".json") {
			if err := json.Unmarshal(text, &rows); err != nil {
				t.Errorf("%s: %v\n%s", f.Name, err, text)
			}
		}
	}
	for name, want := range map[string]string{
		"readme.txt": "alice@example.org", "account.json": `"username":"alice"`, "profile.json": `"first_name":"Alice"`, "phone-book.json": "erin@iptel.org",
		"calls-made.json": `"callid":"2"`, "calls-received.json": `"callid":"1"`, "messages.json": "the whole body", "aliases.json": "marsh",
		"permissions.json": "int", "call-rules.json": "spam.example", "sessions.json": "192.0.2.1",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %s:\n%s", name, want, files[name])
		}
	}
	cred, err := s.db.Subscribers.Credentials(t.Context(), alice)
	check(t, err)
	for name, text := range files {
		for _, secret := range []string{cred.HA1, cred.HA1B, cred.SHA256, "wonderland", "token_hash", b.cookies["seraph_session"].Value, "Bob's own"} {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
	s.audited(store.Record{Actor: "alice@example.org", Action: "account.export", Object: "alice@example.org"})
	if a := b.do("HEAD", "/user/account/export", nil).is(200); a.Body != "" {
		t.Error("HEAD has a body")
	}
	check(t, s.db.Close())
	b.get("/user/account/export").is(503)
}

// TestLeave: what goes is listed, the password asked for, and then all is gone.
func TestLeave(t *testing.T) {
	s := newStand(t, leaveMethods())
	s.fillAlice()
	b, other := s.browser().signIn("alice", "wonderland"), s.browser().signIn("alice", "wonderland")
	a := b.get("/user/account/delete").is(200)
	inspect(t, a)
	a.shows("alice@example.org stops working at once", "registered phones", "your alias", "one entry of your phone book", "one stored message", "2 browsers", "keep their own record")
	for password, want := range map[string]string{"": "This is needed.", "builder's": "This is not your password."} {
		if got := b.post("/user/account/delete", "/user/account/delete", "password", password).is(422).fault("password"); got != want {
			t.Errorf("password %q: %q", password, got)
		}
	}
	if _, err := s.db.Subscribers.Find(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	gone := b.cookies["seraph_session"]
	s.tells(func() {
		b.post("/user/account/delete", "/user/account/delete", "password", "wonderland").leads("/user/goodbye")
	}, "auth.forget alice@example.org", "ctd.list", "auth.forget alice@example.org", "ul.rm alice@example.org", "ctd.list",
		"alias.reload", "group.reload", "userblock.reload", "speeddial.reload")
	if b.cookies["seraph_session"] != nil {
		t.Error("the cookie is still there")
	}
	inspect(t, b.get("/user/goodbye").is(200).shows("Your account is deleted").lacks("could not be told"))
	b.get("/user/phone-book").leads("/user/sign-in?return=%2Fuser%2Fphone-book")
	b.cookies["seraph_session"] = gone
	b.get("/user/phone-book").leads("/user/sign-in?return=%2Fuser%2Fphone-book")
	other.get("/user/phone-book").leads("/user/sign-in?return=%2Fuser%2Fphone-book")
	s.browser().post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland").is(422)
	for _, part := range store.PersonalParts() {
		if strings.HasPrefix(part, "audit") {
			continue
		}
		check(t, s.db.Subscribers.Personal(t.Context(), alice, part, func(row map[string]any) error {
			t.Errorf("%s is left: %v", part, row)
			return nil
		}))
	}
	s.audited(store.Record{Actor: "alice@example.org", Action: "subscriber.delete", Object: "alice@example.org"})
	missed, _, err := s.db.Calls.ListMissed(t.Context(), bob, store.CallQuery{})
	if check(t, err); len(missed) != 1 || missed[0].CallerName != "Alice" {
		t.Errorf("bob's record of her call: %+v", missed)
	}
}

// TestLeaveRefused: without the router nothing is done; administrators cannot, the
// last one least of all; another's form does not count.
func TestLeaveRefused(t *testing.T) {
	s := newStand(t, leaveMethods())
	b := s.browser().signIn("alice", "wonderland")
	token := b.get("/user/account").form("/user/account").Get("csrf")
	send := func() *answer {
		return b.do("POST", "/user/account/delete", url.Values{"csrf": {token}, "password": {"wonderland"}})
	}
	for _, privilege := range []store.Privilege{store.PrivilegeAdmin, store.PrivilegeDomain} {
		check(t, s.db.Admins.Grant(t.Context(), alice, privilege))
		inspect(t, b.get("/user/account/delete").is(200).shows("You are an administrator here").lacks("for good"))
		send().is(409).shows("Another administrator has to take these rights")
		if privilege == store.PrivilegeAdmin {
			check(t, s.db.Admins.Grant(t.Context(), bob, store.PrivilegeAdmin))
		}
		check(t, s.db.Admins.RevokeAll(t.Context(), alice))
	}
	s.router.Close()
	b.get("/user/account/delete").is(200).shows("The router cannot be reached")
	send().is(503).shows("Nothing was deleted")
	if _, err := s.db.Subscribers.Find(t.Context(), alice); err != nil {
		t.Errorf("alice is gone: %v", err)
	}
	b.get("/user/phone-book").is(200)
}

// TestLeaveLate: the router goes away in the midst of it: the account is deleted,
// and the last page says what remains.
func TestLeaveLate(t *testing.T) {
	methods := leaveMethods()
	methods[ctlproto.MethodGroupReload] = ctltest.Refuse(ctlproto.CodeInternal, "x")
	s := newStand(t, methods)
	b := s.browser().signIn("alice", "wonderland")
	b.post("/user/account/delete", "/user/account/delete", "password", "wonderland").leads("/user/goodbye?late=1")
	b.get("/user/goodbye?late=1").is(200).shows("The router could not be told everything")
}

// TestLeaveKeepsContacts: while the credentials are not forgotten, or the router does not tell of the attempts, nothing
// is deleted, the contacts least of all: one that was added by hand never comes back. What fails later keeps nobody.
func TestLeaveKeepsContacts(t *testing.T) {
	failing := ctltest.Refuse(ctlproto.CodeUnavailable, "shutting down")
	for _, method := range []string{ctlproto.MethodAuthForget, ctlproto.MethodCtdList, ctlproto.MethodCtdCancel} {
		methods := leaveMethods()
		methods[ctlproto.MethodCtdList] = ctltest.Result([]ctlproto.CtdStatus{{ID: "rings", Cancellable: true}})
		methods[method] = failing
		s := newStand(t, methods)
		removed := func() bool {
			return slices.ContainsFunc(s.router.Calls(), func(c ctltest.Call) bool { return c.Method == ctlproto.MethodUlRm })
		}
		a := s.browser().signIn("alice", "wonderland").post("/user/account/delete", "/user/account/delete", "password", "wonderland")
		_, err := s.db.Subscribers.Find(t.Context(), alice)
		if method == ctlproto.MethodCtdCancel {
			if a.leads("/user/goodbye?late=1"); !errors.Is(err, store.ErrNotFound) || !removed() {
				t.Errorf("%s fails: the account: %v, its contacts are removed: %v", method, err, removed())
			}
			continue
		}
		if a.is(503).shows("Nothing was deleted"); err != nil || removed() {
			t.Errorf("%s fails: the account: %v, its contacts are removed: %v", method, err, removed())
		}
	}
}

// TestLeaveLateLog: what the router says to each of several calls stands in the log once, on one line.
func TestLeaveLateLog(t *testing.T) {
	methods := leaveMethods()
	for _, method := range []string{ctlproto.MethodUlRm, ctlproto.MethodAliasReload, ctlproto.MethodGroupReload} {
		methods[method] = ctltest.Refuse(ctlproto.CodeUnavailable, "shutting down")
	}
	methods[ctlproto.MethodSpeeddialReload] = ctltest.Refuse(ctlproto.CodeInternal, "x")
	s := newStand(t, methods)
	s.browser().signIn("alice", "wonderland").post("/user/account/delete", "/user/account/delete", "password", "wonderland").leads("/user/goodbye?late=1")
	if want := `error="shutting down (-32004); x (-32603)"`; !strings.Contains(s.log.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, s.log)
	}
}

// TestEndOtherSessions at once.
func TestEndOtherSessions(t *testing.T) {
	s := newStand(t, leaveMethods())
	b := s.browser().signIn("alice", "wonderland")
	b.get("/user/account/security").is(200).lacks("Sign out everywhere else")
	others := []*browser{s.browser().signIn("alice", "wonderland"), s.browser().signIn("alice", "wonderland")}
	bobs := s.browser().signIn("bob", "builder's")
	b.get("/user/account/security").is(200).shows("Sign out everywhere else")
	b.get("/user/account/security/sessions").is(200).shows("Sign out everywhere else?", "All browsers but this one")
	others[0].get("/user/account").is(200) // nothing has happened yet
	b.post("/user/account/security/sessions", "/user/account/security/sessions").leads("/user/account/security")
	b.get("/user/account/security").is(200).shows("2 other browsers are signed out.")
	for _, other := range others {
		other.get("/user/account").is(303)
	}
	bobs.get("/user/account").is(200)
}
