package authdb_test

import (
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
}

func (a *asked) Authorize(_ *module.Ctx, realm string, proxy bool) int {
	a.realm, a.proxy = realm, proxy
	return -4
}

func (a *asked) Ready() bool { return a.realm == "ready" }

// TestNeedsAuth: without the module auth there are no nonces to check.
func TestNeedsAuth(t *testing.T) {
	if err := authdb.New(authdb.Config{Auth: &asked{realm: "ready"}}).Init(); err != nil {
		t.Error(err)
	}
	for _, m := range []*authdb.Module{authdb.New(authdb.Config{}), authdb.New(authdb.Config{Auth: &asked{}})} {
		if err := m.Init(); err == nil || err.Error() != `it needs the module auth before it: loadmodule "auth.so"` {
			t.Errorf("Init: %v", err)
		}
	}
}

func TestAuthorizePassesOn(t *testing.T) {
	for _, c := range []struct {
		name, realm string
		want        asked
	}{
		{"www_authorize", "Example.ORG", asked{"example.org", false}},
		{"proxy_authorize", "", asked{"", true}},
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

func TestBadArguments(t *testing.T) {
	m := authdb.New(authdb.Config{})
	if got := moduletest.Refused(t, m, "www_authorize", "my realm", "subscriber"); !strings.HasPrefix(got, "the realm is a domain of ours") {
		t.Error(got)
	}
	if got := moduletest.Refused(t, m, "proxy_authorize", "", "users"); got != `"users" is no table of users; it is called "subscriber"` {
		t.Error(got)
	}
}

func TestSettings(t *testing.T) {
	m := authdb.New(authdb.Config{})
	for _, p := range []struct{ name, good, bad, refusal string }{
		{"calculate_ha1", "0", "1", "calculate_ha1 can only be 0: passwords are stored as hashes only"},
		{"use_domain", "1", "0", "use_domain can only be 1: a user is a user name in a domain"},
		{"user_column", "username", "name", `user_column can only be "username"`},
		{"domain_column", "domain", "", `domain_column can only be "domain"`},
		{"password_column", "ha1", "password", `password_column can only be "ha1"`},
		{"password_column_2", "ha1b", "ha1", `password_column_2 can only be "ha1b"`},
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
		if p.Secret != (p.Name == "db_url") {
			t.Errorf("%s: secret %v", p.Name, p.Secret)
		}
	}
}
