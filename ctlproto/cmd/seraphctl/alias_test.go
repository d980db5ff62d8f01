package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestAliases(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"alias.reload": done})
	d.add("alice", "x")
	d.add("bob", "x")
	if out := d.must("alias", "show"); out != "ALIAS  USER\n" {
		t.Errorf("no aliases: %q", out)
	}
	if out := d.must("alias", "show", "alice", "-o", "json"); out != "[]\n" {
		t.Errorf("no aliases as JSON: %q", out)
	}
	if out := d.must("alias", "add", "100", "Alice@Example.ORG"); out != "100@example.org is an alias of alice@example.org\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("alias", "add", "ally", "alice", "-o", "json"); out != "{\n  \"alias\": \"ally@example.org\",\n  \"address\": \"alice@example.org\"\n}\n" {
		t.Errorf("JSON %q", out)
	}
	d.must("alias", "add", "-q", "200", "bob")
	want := "ALIAS             USER\n100@example.org   alice@example.org\nally@example.org  alice@example.org\n200@example.org   bob@example.org\n"
	if diff := cmp.Diff(want, d.must("alias", "show")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("alias", "show", "-q", "bob"); out != "200@example.org  bob@example.org\n" {
		t.Errorf("of bob: %q", out)
	}
	// An alias tells whose it is.
	if out := d.must("alias", "show", "-q", "ally"); out != "ally@example.org  alice@example.org\n" {
		t.Errorf("of an alias: %q", out)
	}
	if out := d.must("alias", "rm", "100"); out != "100@example.org is no alias of alice@example.org any more\n" {
		t.Errorf("output %q", out)
	}
	if got := d.column("SELECT alias_username || '>' || username FROM dbaliases ORDER BY 1"); !cmp.Equal(got, []string{"200>bob", "ally>alice"}) {
		t.Errorf("rows %v", got)
	}
	wantCalls := []string{"auth.forget", "auth.forget", "alias.reload", "alias.reload", "alias.reload", "alias.reload"}
	var methods []string
	for _, c := range router.Calls() {
		methods = append(methods, c.Method)
	}
	if diff := cmp.Diff(wantCalls, methods); diff != "" {
		t.Errorf("what the router was told:\n%s", diff)
	}
	wantAudit := []string{
		"olga|seraphctl|alias.add|alice@example.org||100@example.org", "olga|seraphctl|alias.add|alice@example.org||ally@example.org",
		"olga|seraphctl|alias.add|bob@example.org||200@example.org", "olga|seraphctl|alias.remove|alice@example.org|100@example.org|",
	}
	if diff := cmp.Diff(wantAudit, d.audited()[2:]); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestAliasesRefuse(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.add("bob", "x")
	d.must("alias", "add", "100", "alice")
	n := len(d.audited())
	for _, c := range []struct {
		code int
		args []string
		say  string
	}{
		{exitUsage, []string{"alias"}, "alias wants one of: add, rm, show"},
		{exitUsage, []string{"alias", "add"}, "alias add: ALIAS is missing"},
		{exitUsage, []string{"alias", "add", "7"}, "alias add: USER is missing"},
		{exitUsage, []string{"alias", "add", "7", "alice", "bob"}, `"bob" is one argument too many`},
		{exitUsage, []string{"alias", "add", "a b", "alice"}, "want USER or USER@DOMAIN"},
		{exitUsage, []string{"alias", "add", "7", "a<b"}, "want USER or USER@DOMAIN"},
		{exitUsage, []string{"alias", "add", "7", "a@b@c"}, "more than one @"},
		{exitFailed, []string{"alias", "add", "100", "bob"}, "100@example.org is a user or an alias already"},
		{exitFailed, []string{"alias", "add", "bob", "alice"}, "bob@example.org is a user or an alias already"},
		{exitFailed, []string{"alias", "add", "7", "zoe"}, "there is no user zoe@example.org"},
		{exitFailed, []string{"alias", "add", "7@example.net", "alice"}, "example.net is none of the router's domains"},
		{exitUsage, []string{"alias", "rm"}, "alias rm: ALIAS is missing"},
		{exitFailed, []string{"alias", "rm", "7"}, "there is no alias 7@example.org"},
		{exitFailed, []string{"alias", "rm", "alice"}, "there is no alias alice@example.org"},
		{exitFailed, []string{"alias", "rm", "100' OR '1'='1"}, ""},
		{exitUsage, []string{"alias", "show", "alice", "bob"}, `"bob" is too many`},
		{exitFailed, []string{"alias", "show", "zoe"}, "zoe@example.org is neither a user nor an alias"},
	} {
		if c.say == "" { // whichever way it fails, nothing may go
			if s := d.run(c.args...); s.code == exitOK {
				t.Errorf("seraphctl %v succeeded", c.args)
			}
			continue
		}
		d.refuses(c.code, c.args, c.say)
	}
	if got := d.column("SELECT alias_username FROM dbaliases"); !cmp.Equal(got, []string{"100"}) {
		t.Errorf("aliases afterwards: %v", got)
	}
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
	d.refuses(exitUnreachable, []string{"--db", "mysql://u@127.0.0.1:1/x", "alias", "show"}, "database mysql://u@127.0.0.1:1/x")
}

// TestAliasWhenTheRouterCannotBeTold: the change stands, and what is late is said.
func TestAliasWhenTheRouterCannotBeTold(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.withRouter(map[string]ctltest.Handler{"alias.reload": ctltest.Refuse(ctlproto.CodeInternal, "no")})
	if s := d.refuses(exitOK, []string{"alias", "add", "7", "alice"}, "it knows the alias after its next look at the database"); s.out == "" {
		t.Error("no confirmation")
	}
	d.refuses(exitOK, []string{"alias", "rm", "7"}, "it knows the alias until its next look at the database")
}
