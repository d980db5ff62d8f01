package server_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Administrators: root of every domain, dora of example.org alone. Their
// password is adminPassword.
var (
	root = aor.AOR{User: "root", Domain: "example.org"}
	dora = aor.AOR{User: "dora", Domain: "example.org"}
	eve  = aor.AOR{User: "eve", Domain: "example.net"} // a user of another domain
)

const adminPassword = "open sesame"

// adminStand is a stand with administrators, and a router that takes every
// command.
func adminStand(t *testing.T, methods map[string]ctltest.Handler) *stand {
	t.Helper()
	all := map[string]ctltest.Handler{
		ctlproto.MethodUlLookup:    ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound),
		ctlproto.MethodUlRm:        ctltest.Result(ctlproto.Done{}),
		ctlproto.MethodAuthForget:  ctltest.Result(ctlproto.Done{}),
		ctlproto.MethodAliasReload: ctltest.Result(ctlproto.Done{}),
		ctlproto.MethodGroupReload: ctltest.Result(ctlproto.Done{}),

		ctlproto.MethodUserblockReload: ctltest.Result(ctlproto.Done{}), ctlproto.MethodSpeeddialReload: ctltest.Result(ctlproto.Done{}),

		ctlproto.MethodCoreVersion: ctltest.Result("seraph-proxy 1.0"),
		ctlproto.MethodCoreUptime:  ctltest.Result(ctlproto.CoreUptime{Uptime: 3600}),
		ctlproto.MethodStatistics: ctltest.Result([]string{
			"usrloc:registered_users = 1284", "usrloc:location-contacts = 1501", "usrloc:pending = 0", "tm:current = 37",
			"tm:2xx = 1000000", "tm:4xx = 17", "sl:4xx = 23",
		}),
	}
	for name, method := range methods {
		all[name] = method
	}
	s := newStand(t, all)
	ctx := t.Context()
	check(t, s.db.Domains.Add(ctx, "example.net"))
	for who, privilege := range map[aor.AOR]store.Privilege{root: store.PrivilegeAdmin, dora: store.PrivilegeDomain, eve: ""} {
		check(t, s.db.Subscribers.Create(ctx, who, adminPassword))
		if privilege != "" {
			check(t, s.db.Admins.Grant(ctx, who, privilege))
		}
	}
	return s
}

// admin is a browser that is signed in as an administrator.
func (s *stand) admin(who aor.AOR) *browser {
	s.t.Helper()
	b := s.browser()
	b.post("/admin/sign-in", "/admin/sign-in", "user", who.String(), "password", adminPassword).leads("/admin")
	return b
}

// userPath is the address of a user's page.
func userPath(who aor.AOR, more ...string) string {
	return strings.Join(append([]string{"/admin/users", url.PathEscape(who.String())}, more...), "/")
}

// to opens a user's page and sends the form that leads to a path below it.
func (b *browser) to(who aor.AOR, below string, pairs ...string) *answer {
	b.t.Helper()
	at := userPath(who)
	return b.post(at, at+below, pairs...)
}

// said is the note that the page after a change shows.
func (b *browser) said(path string) string {
	b.t.Helper()
	text := ""
	each(b.get(path).is(200).doc, func(n *html.Node) {
		if attr(n, "class") == "note" {
			text = strings.Join(strings.Fields(textOf(n)), " ")
		}
	})
	return text
}

// told are the commands that the router got since the last question, questions
// of what there is left out.
func (s *stand) told(since int) (commands []string, now int) {
	calls := s.router.Calls()
	for _, c := range calls[since:] {
		switch c.Method {
		case ctlproto.MethodUlLookup, ctlproto.MethodCoreVersion, ctlproto.MethodCoreUptime, ctlproto.MethodStatistics:
			continue
		}
		var p struct {
			AoR string `json:"aor"`
		}
		_ = json.Unmarshal(c.Params, &p) // some have none
		commands = append(commands, strings.TrimSpace(c.Method+" "+p.AoR))
	}
	return commands, len(calls)
}

// tells checks what the router was told by what f does.
func (s *stand) tells(f func(), want ...string) {
	s.t.Helper()
	_, before := s.told(0)
	f()
	got, _ := s.told(before)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("what the router was told (-want +got):\n%s", diff)
	}
}

// open is the database behind the store's back.
func (s *stand) open() *sql.DB {
	s.t.Helper()
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.db.String(), "sqlite://"))
	check(s.t, err)
	return raw
}

// exec changes the database behind the store's back.
func (s *stand) exec(statement string) {
	s.t.Helper()
	raw := s.open()
	defer raw.Close()
	_, err := raw.ExecContext(s.t.Context(), statement)
	check(s.t, err)
}

// records are the rows of the audit, the newest first.
func (s *stand) records() (all []store.Record) {
	s.t.Helper()
	raw := s.open()
	defer raw.Close()
	rows, err := raw.QueryContext(s.t.Context(), "SELECT actor, source, action, object, state_before, state_after FROM audit ORDER BY id DESC")
	check(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var r store.Record
		check(s.t, rows.Scan(&r.Actor, &r.Source, &r.Action, &r.Object, &r.Before, &r.After))
		all = append(all, r)
	}
	check(s.t, rows.Err())
	return all
}

// audited checks the last record of the audit.
func (s *stand) audited(want store.Record) {
	s.t.Helper()
	all := s.records()
	if len(all) == 0 {
		s.t.Fatal("the audit is empty")
	}
	want.Source = "192.0.2.1"
	if diff := cmp.Diff(want, all[0]); diff != "" {
		s.t.Errorf("the last record of the audit (-want +got):\n%s", diff)
	}
}

// opens reports whether a password opens an account.
func (s *stand) opens(who aor.AOR, password string) bool {
	s.t.Helper()
	c, err := s.db.Subscribers.Credentials(s.t.Context(), who)
	check(s.t, err)
	return c.HA1 == aor.HA1(who.User, who.Domain, password)
}

// names are the users of a list in its order.
func (a *answer) names() (names []string) {
	each(a.doc, func(n *html.Node) {
		if n.Data == "a" && attr(n, "class") == "person" {
			name, err := url.PathUnescape(strings.TrimPrefix(attr(n, "href"), "/admin/users/"))
			check(a.t, err)
			names = append(names, name)
		}
	})
	return names
}

// forms are the actions of the forms of a page, the frame's left out.
func (a *answer) forms() (actions []string) {
	each(a.doc, func(n *html.Node) {
		if to := attr(n, "action"); n.Data == "form" && to != "/admin/theme" && to != "/admin/language" && to != "/admin/sign-out" {
			actions = append(actions, to)
		}
	})
	slices.Sort(actions)
	return actions
}

// cookie is one that the browser has.
func (b *browser) cookie(name string) *http.Cookie {
	b.t.Helper()
	c := b.cookies[name]
	if c == nil {
		b.t.Fatalf("no cookie %s: %v", name, b.cookies)
	}
	return c
}

// undo is what the note of a page would send to take the last change back.
func (a *answer) undo(to string) url.Values {
	a.t.Helper()
	part := *a
	each(a.doc, func(n *html.Node) {
		if attr(n, "class") == "note" {
			part.doc = n
		}
	})
	return part.form(to)
}
