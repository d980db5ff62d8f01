package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdmins(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.add("bob", "x")
	if out := d.must("admin", "add", "alice"); out != "alice@example.org may now do as administrator: change_privileges, is_admin\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("admin", "add", "bob", "--privilege", "domain_admin", "--privilege", "grp:ld,grp:int"); out != "bob@example.org may now do as administrator: domain_admin, grp:int, grp:ld\n" {
		t.Errorf("output %q", out)
	}
	want := "USER               MAY\nalice@example.org  change_privileges, is_admin\nbob@example.org    domain_admin, grp:int, grp:ld\n"
	if diff := cmp.Diff(want, d.must("admin", "show")); diff != "" {
		t.Error(diff)
	}
	var list []adminResult
	decode(t, d.must("admin", "show", "-o", "json"), &list)
	if diff := cmp.Diff([]adminResult{{"alice@example.org", []string{"change_privileges", "is_admin"}}, {"bob@example.org", []string{"domain_admin", "grp:int", "grp:ld"}}}, list); diff != "" {
		t.Error(diff)
	}
	if out := d.must("admin", "rm", "bob", "--privilege", "grp:ld", "-o", "json"); out != "{\n  \"address\": \"bob@example.org\",\n  \"privileges\": [\n    \"domain_admin\",\n    \"grp:int\"\n  ]\n}\n" {
		t.Errorf("JSON %q", out)
	}
	if out := d.must("admin", "rm", "bob"); out != "bob@example.org is no administrator any more\n" {
		t.Errorf("output %q", out)
	}
	if got := d.column("SELECT username || ':' || priv_name FROM admin_privilege ORDER BY 1"); !cmp.Equal(got, []string{"alice:change_privileges", "alice:is_admin"}) {
		t.Errorf("rows %v", got)
	}
	wantAudit := []string{
		"olga|seraphctl|admin.grant|alice@example.org||is_admin", "olga|seraphctl|admin.grant|alice@example.org||change_privileges",
		"olga|seraphctl|admin.grant|bob@example.org||domain_admin", "olga|seraphctl|admin.grant|bob@example.org||grp:ld",
		"olga|seraphctl|admin.grant|bob@example.org||grp:int", "olga|seraphctl|admin.revoke|bob@example.org|grp:ld|",
		"olga|seraphctl|admin.revoke|bob@example.org|domain_admin, grp:int|",
	}
	if diff := cmp.Diff(wantAudit, d.audited()[2:]); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestAdminsRefuse(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.add("bob", "x")
	d.must("admin", "add", "alice")
	n := len(d.audited())
	d.refuses(exitUsage, []string{"admin"}, "admin wants one of: add, rm, show")
	d.refuses(exitUsage, []string{"admin", "add"}, "admin add: USER is missing")
	d.refuses(exitUsage, []string{"admin", "add", "bob", "geheim"}, "one argument too many")
	d.refuses(exitUsage, []string{"admin", "add", "b<b"}, "want USER or USER@DOMAIN")
	d.refuses(exitUsage, []string{"admin", "add", "bob", "--privilege", "is_admin,root"}, `--privilege: "root" is none of is_admin, domain_admin, change_privileges, grp:NAME`)
	d.refuses(exitUsage, []string{"admin", "rm", "alice", "--privilege", "change_privileges,grp:"}, `--privilege: "grp:" is none of`)
	d.refuses(exitFailed, []string{"admin", "add", "zoe"}, "there is no user zoe@example.org")
	d.refuses(exitFailed, []string{"admin", "rm", "bob"}, "bob@example.org is no administrator")
	d.refuses(exitFailed, []string{"admin", "rm", "alice", "--privilege", "domain_admin"}, "alice@example.org has not got the privilege domain_admin")
	d.refuses(exitUsage, []string{"admin", "show", "x"}, "admin show takes no arguments")

	// Somebody must be able to administer.
	const last = `alice@example.org is the last administrator: make another one first ("seraphctl admin add USER")`
	d.refuses(exitFailed, []string{"admin", "rm", "alice"}, last)
	d.refuses(exitFailed, []string{"admin", "rm", "alice", "--privilege", "is_admin"}, last)
	d.refuses(exitFailed, []string{"rm", "alice"}, last)
	if got := d.column("SELECT username || ':' || priv_name FROM admin_privilege ORDER BY 1"); !cmp.Equal(got, []string{"alice:change_privileges", "alice:is_admin"}) {
		t.Errorf("rows afterwards: %v", got)
	}
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
}
