package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto/ctltest"
)

func TestACL(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"group.reload": done})
	d.add("alice", "x")
	d.add("bob", "x")
	if out := d.must("acl", "show", "-q", "alice"); out != "alice@example.org  -\n" {
		t.Errorf("no groups: %q", out)
	}
	if out := d.must("acl", "grant", "alice", "ld"); out != "alice@example.org is in the group ld\n" {
		t.Errorf("output %q", out)
	}
	d.must("acl", "grant", "alice", "ld") // again is no fault
	if out := d.must("acl", "grant", "alice", "int", "-o", "json"); out != "{\n  \"address\": \"alice@example.org\",\n  \"group\": \"int\"\n}\n" {
		t.Errorf("JSON %q", out)
	}
	d.must("acl", "grant", "bob", "local")
	want := "USER               GROUPS\nalice@example.org  int, ld\nbob@example.org    local\n"
	if diff := cmp.Diff(want, d.must("acl", "show")); diff != "" {
		t.Error(diff)
	}
	var lines []groupLine
	decode(t, d.must("acl", "show", "alice", "-o", "json"), &lines)
	if diff := cmp.Diff([]groupLine{{"alice@example.org", []string{"int", "ld"}}}, lines); diff != "" {
		t.Error(diff)
	}
	if out := d.must("acl", "revoke", "alice", "ld"); out != "alice@example.org is no longer in the group ld\n" {
		t.Errorf("output %q", out)
	}
	if got := d.column("SELECT username || ':' || grp FROM grp ORDER BY 1"); !cmp.Equal(got, []string{"alice:int", "bob:local"}) {
		t.Errorf("rows %v", got)
	}
	if got := strings.Count(strings.Join(calls(router), "\n"), "group.reload"); got != 5 {
		t.Errorf("the router was told %d times, want once for each change", got)
	}
	audit := d.audited()[2:]
	if diff := cmp.Diff([]string{"olga|seraphctl|group.grant|alice@example.org||ld", "olga|seraphctl|group.revoke|alice@example.org|ld|"},
		[]string{audit[0], audit[len(audit)-1]}); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestACLRefuses(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	n := len(d.audited())
	d.refuses(exitUsage, []string{"acl"}, "acl wants one of: grant, revoke, show")
	d.refuses(exitUsage, []string{"acl", "grant"}, "acl grant: USER is missing")
	d.refuses(exitUsage, []string{"acl", "grant", "alice"}, "acl grant: GROUP is missing")
	d.refuses(exitUsage, []string{"acl", "grant", "alice", "ld", "int"}, `"int" is one argument too many`)
	d.refuses(exitUsage, []string{"acl", "grant", "alice", "l d"}, "GROUP is not 1 to 64 letters, digits, -, _ and .")
	d.refuses(exitUsage, []string{"acl", "grant", "alice", strings.Repeat("g", 65)}, "GROUP is not")
	d.refuses(exitUsage, []string{"acl", "grant", "a@b@c", "ld"}, "more than one @")
	d.refuses(exitFailed, []string{"acl", "grant", "zoe", "ld"}, "there is no user zoe@example.org")
	d.refuses(exitFailed, []string{"acl", "revoke", "alice", "ld"}, `alice@example.org is not in the group "ld"`)
	d.refuses(exitFailed, []string{"acl", "show", "zoe"}, "there is no user zoe@example.org")
	d.refuses(exitUsage, []string{"acl", "show", "a", "b"}, `"b" is too many`)
	d.refuses(exitUsage, []string{"acl", "give"}, "there is grant, revoke, show")
	if got := d.column("SELECT COUNT(*) FROM grp"); got[0] != "0" {
		t.Errorf("rows afterwards: %v", got)
	}
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
}
