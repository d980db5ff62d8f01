package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// TestNoPhoneThere: where no phone can ever ring is refused where it is typed, alike for
// contacts and for where calls are forwarded to; nothing is told the router.
func TestNoPhoneThere(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlAdd: ctltest.Result(nil), ctlproto.MethodUlLookup: contacts()},
		func(o *server.Options) { o.Machine = "vm.office.example" })
	b := s.browser().signIn("alice", "wonderland")
	const host, transport = "No phone can be reached at this host.", "No phone can be reached in this way"
	for typed, want := range map[string]string{
		"sip:x@localhost": host, "x@vm:5070": host, "x@VM.office.example.": host, "x@0.0.0.0": host, "x@127.1": host, "sip:x@2130706433:25061": host, "x@0": host,
		"x@255.255.255.255": host, "x@224.0.0.1": host, "sip:x@[ff02::1]": host, "sip:x@192.0.2.7;maddr=localhost": host, "sip:x@192.0.2.7;m%61ddr=0": host,
		"sip:x@192.0.2.7;transport=foo": transport, "sip:x@192.0.2.7;%74ransport=foo": transport, "sips:x@192.0.2.7;transport=udp": transport,
	} {
		a := b.post("/user/account/phones", "/user/account/phones", "contact", typed, "lifetime", "hour").is(http.StatusUnprocessableEntity)
		if got := a.fault("contact"); !strings.HasPrefix(got, want) || a.form("/user/account/phones").Get("contact") != typed {
			t.Errorf("contact %s: %q", typed, got)
		}
		a = b.post("/user/account/rules", "/user/account/rules", "offline_on", "on", "offline_target", typed).is(http.StatusUnprocessableEntity)
		if got := a.fault("offline_target"); !strings.HasPrefix(got, want) || a.form("/user/account/rules").Get("offline_target") != typed {
			t.Errorf("forward to %s: %q", typed, got)
		}
	}
	for _, c := range s.router.Calls() {
		if c.Method == ctlproto.MethodUlAdd {
			t.Errorf("the router was told %s", c.Params)
		}
	}
	if rules, err := s.db.CallRules.List(t.Context(), alice); err != nil || len(rules) != 0 {
		t.Errorf("rules %v, %v", rules, err)
	}
	for _, typed := range []string{"sip:x@192.0.2.7:5062;transport=TCP", "x@phone", "sips:x@phone.example.net"} {
		b.post("/user/account/phones", "/user/account/phones", "contact", typed, "lifetime", "hour").leads("/user/account/phones")
		b.post("/user/account/rules", "/user/account/rules", "offline_on", "on", "offline_target", typed).leads("/user/account/rules")
	}
}

// TestContactsAreAuditedOnce: one line for one that is added or removed, and none for
// one that had gone by itself.
func TestContactsAreAuditedOnce(t *testing.T) {
	gone := false
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlAdd: ctltest.Result(nil),
		ctlproto.MethodUlRmContact: func(json.RawMessage) (any, *ctlproto.Error) {
			if gone {
				return nil, ctlproto.Errorf(ctlproto.CodeNotFound, "gone")
			}
			return ctlproto.Done{}, nil
		},
	})
	b := s.browser().signIn("alice", "wonderland")
	ask := "/user/account/phones/remove?" + url.Values{"contact": {phones[1].Address}}.Encode()
	for _, step := range []struct {
		do   func() *answer
		want string
	}{
		{func() *answer {
			return b.post("/user/account/phones", "/user/account/phones", "contact", "desk@192.0.2.7", "lifetime", "hour")
		}, "location.add"},
		{func() *answer { return b.post(ask, "/user/account/phones/remove") }, "location.add location.remove"},
		{func() *answer { gone = true; return b.post(ask, "/user/account/phones/remove") }, "location.add location.remove"},
	} {
		step.do().leads("/user/account/phones")
		if got := strings.Join(s.lines(alice), " "); got != step.want {
			t.Errorf("the audit has %q, want %q", got, step.want)
		}
	}
}

// TestLeaveAskedWhileAway: before anything is pressed, the page does not say that
// something was not done.
func TestLeaveAskedWhileAway(t *testing.T) {
	s := newStand(t, leaveMethods())
	b := s.browser().signIn("alice", "wonderland")
	s.router.Close()
	b.get("/user/account/delete").is(200).shows("Until it can, your account cannot be deleted").lacks("Nothing was deleted")
	b.post("/user/account/delete", "/user/account/delete", "password", "wonderland").is(503).shows("Nothing was deleted")
}

// TestAliasGivenBack: nobody else has it at once, neither as an alias nor by a sign-up;
// its former owner takes it again.
func TestAliasGivenBack(t *testing.T) {
	d := idleDesk(t)
	d.options.AliasRules = user.AliasRules{Limit: 5}
	d.server = server.New(d.options)
	d.start()
	const page, remove = "/user/account/aliases", "/user/account/aliases/remove?alias=boss%40example.org"
	b, other := d.browser().signIn("bob", "builder's"), d.browser().signIn("alice", "wonderland")
	b.post(page, page, "alias", "boss").leads(page)
	b.post(remove, "/user/account/aliases/remove").leads(page)
	if got := other.post(page, page, "alias", "BOSS").is(422).fault("alias"); got == "" {
		t.Error("alice takes it")
	}
	if got := d.browser().post("/sign-up", "/sign-up", newcomer("user", "boss")...).is(422).fault("user"); !strings.Contains(got, "taken") {
		t.Errorf("a sign-up: %q", got)
	}
	b.post(page, page, "alias", "boss").leads(page)
	if to, err := d.db.Aliases.Resolve(t.Context(), aor.AOR{User: "boss", Domain: "example.org"}); err != nil || to != bob {
		t.Errorf("it leads to %v, %v", to, err)
	}
}

// TestMailIsOneRule: whoever asks for a mail address takes the same ones; one of before
// that is none keeps nothing else from being saved.
func TestMailIsOneRule(t *testing.T) {
	d := newDesk(t)
	plain := newStand(t, nil)
	admins := adminStand(t, nil)
	own, without, root := d.browser().signIn("bob", "builder's"), plain.browser().signIn("bob", "builder's"), admins.admin(root)
	for _, bad := range []string{
		"a@b", "žofie@example.org", "alice@exämple.org", "alice@[127.0.0.1]", `"a b"@example.org`, "a@x.test,b@x.test", "a@x.test>", "a@x..test", "a%b@example.org", "a\t@x.test",
		"a@x.test\r\nBcc: x@y.z",
	} {
		for who, got := range map[string]string{
			"own page":     own.post("/user/account", "/user/account", "email", bad, "password", "builder's").is(422).fault("email"),
			"without mail": without.post("/user/account", "/user/account", "email", bad, "password", "builder's").is(422).fault("email"),
			"sign-up":      d.browser().post("/sign-up", "/sign-up", newcomer("email", bad)...).is(422).fault("email"),
			"admin":        root.to(bob, "", "email", bad).is(422).fault("email"),
		} {
			if got == "" {
				t.Errorf("%s takes %q", who, bad)
			}
		}
	}
	for _, s := range []*stand{d.stand, admins} {
		check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, Email: "bob@example.net"}))
		s.exec(`UPDATE profile SET email = 'bob@intranet' WHERE username = 'bob'`)
	}
	own.post("/user/account", "/user/account", "first_name", "Bobby").leads("/user/account")
	root.to(bob, "", "first_name", "Bobby").leads(userPath(bob))
	for _, s := range []*stand{d.stand, admins} {
		if me, err := s.db.Profiles.Load(t.Context(), bob); err != nil || me.Email != "bob@intranet" || me.FirstName != "Bobby" {
			t.Errorf("profile %+v, %v", me, err)
		}
	}
}
