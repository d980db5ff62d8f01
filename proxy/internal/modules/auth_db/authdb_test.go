package authdb_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	authdb "seraph/proxy/internal/modules/auth_db"
)

// asked is an Authorizer that remembers what it was asked.
type asked struct {
	realm string
	proxy bool
	flags int
}

func (a *asked) Authorize(_ *module.Ctx, realm string, proxy bool) int {
	a.realm, a.proxy = realm, proxy
	return -4
}

func (a *asked) Check(_ *module.Ctx, realm string, flags int) int {
	a.realm, a.flags = realm, flags
	return -8
}

// Realm takes variables that say "ours".
func (a *asked) Realm(arg module.Arg) (func(*module.Ctx) (string, bool), error) {
	if strings.Contains(arg.Str, " ") {
		return nil, errors.New("no realm")
	}
	return func(*module.Ctx) (string, bool) { return strings.ToLower(arg.Str), arg.Str != "$fd" }, nil
}

// TestNeedsAuth: without the module auth there are no nonces to check.
func TestNeedsAuth(t *testing.T) {
	if needs := authdb.New(authdb.Config{}).Needs(); !slices.Equal(needs, []string{"auth"}) {
		t.Errorf("it needs %q", needs)
	}
}

func TestAuthorizePassesOn(t *testing.T) {
	for _, c := range []struct {
		name, realm string
		want        asked
	}{
		{"www_authorize", "Example.ORG", asked{realm: "example.org"}},
		{"proxy_authorize", "", asked{proxy: true}},
	} {
		var a asked
		m := authdb.New(authdb.Config{Auth: &a})
		f := moduletest.Func(t, m, c.name)
		if !f.MayWait || f.Routes != module.RequestRoute {
			t.Errorf("%s: MayWait %v, routes %b", c.name, f.MayWait, f.Routes)
		}
		got := moduletest.Compile(t, m, c.name, c.realm, "subscriber")(moduletest.Message(t, moduletest.Request("INVITE", "sip:x")))
		if got != -4 || a != c.want {
			t.Errorf("%s(%q): returned %d, asked for %+v, want %+v", c.name, c.realm, got, a, c.want)
		}
	}
}

// TestAuthCheck: the flags get to where the header is chosen; a realm that is not ours is nobody's.
func TestAuthCheck(t *testing.T) {
	var a asked
	m := authdb.New(authdb.Config{Auth: &a})
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:x"))
	if f := moduletest.Func(t, m, "auth_check"); !f.MayWait || !f.Dynamic || f.Routes != module.RequestRoute {
		t.Errorf("%+v", f)
	}
	if got := moduletest.Compile(t, m, "auth_check", "Example.org", "subscriber", "3")(c); got != -8 || a != (asked{realm: "example.org", flags: 3}) {
		t.Errorf("returned %d, asked for %+v", got, a)
	}
	a = asked{}
	for _, call := range [][]string{{"auth_check", "$fd", "subscriber", "1"}, {"www_authorize", "$fd", "subscriber"}, {"proxy_authorize", "$fd", "subscriber"}} {
		if got := moduletest.Compile(t, m, call[0], call[1:]...)(c); got != module.False || a != (asked{}) {
			t.Errorf("%s returned %d, asked for %+v", call, got, a)
		}
	}
}

func TestBadArguments(t *testing.T) {
	m := authdb.New(authdb.Config{Auth: &asked{}})
	for _, flags := range []string{"4", "-1", "", "x"} {
		if got := moduletest.Refused(t, m, "auth_check", "", "subscriber", flags); !strings.Contains(got, "no number from 0 to 3") {
			t.Error(got)
		}
	}
	if got := moduletest.Refused(t, m, "www_authorize", "my realm", "subscriber"); got != "no realm" {
		t.Error(got)
	}
	if got := moduletest.Refused(t, m, "proxy_authorize", "", "users"); got != `"users" is no table of users; it is called "subscriber"` {
		t.Error(got)
	}
}

func TestSettings(t *testing.T) {
	m := authdb.New(authdb.Config{})
	for _, p := range []struct{ name, good, bad, refusal string }{
		{"calculate_ha1", "0", "2", "calculate_ha1 must be 0 or 1, not 2"},
		{"use_domain", "1", "-1", "use_domain must be 0 or 1, not -1"},
		{"user_column", "username", "name", `user_column can only be "username"`},
		{"domain_column", "domain", "", `domain_column can only be "domain"`},
		{"password_column", "ha1", "passwd", `password_column can only be "ha1"`},
		{"password_column", "password", "", `password_column can only be "ha1"`},
		{"password_column_2", "ha1b", "ha1", `password_column_2 can only be "ha1b"`},
		{"load_credentials", "", "$avp(s:rpid)=rpid", `load_credentials can only be ""`},
		{"db_url", "mysql://u:p@h/d", "", "db_url is empty"},
	} {
		if err := moduletest.Set(t, m, p.name, p.good); err != nil {
			t.Errorf("%s %q: %v", p.name, p.good, err)
		}
		if err := moduletest.Set(t, m, p.name, p.bad); err == nil || err.Error() != p.refusal {
			t.Errorf("%s %q: %v, want %s", p.name, p.bad, err, p.refusal)
		}
	}
	if m.DBURL() != "mysql://u:p@h/d" {
		t.Errorf("db_url is %q", m.DBURL())
	}
	for _, p := range m.Params() {
		if p.Name == "calculate_ha1" && (p.Set("", 1) != nil || !strings.Contains(p.Told("", 1), "seraphctl db import-kamailio") || p.Told("", 0) != "") {
			t.Errorf("of passwords is told %q", p.Told("", 1))
		}
		if p.Secret != (p.Name == "db_url") {
			t.Errorf("%s: secret %v", p.Name, p.Secret)
		}
	}
}
