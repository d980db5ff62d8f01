package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto/ctltest"
)

func TestRules(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"userblock.reload": done})
	d.add("alice", "x")
	if out := d.must("rule", "show", "alice", "-o", "json"); out != "[]\n" {
		t.Errorf("no rules as JSON: %q", out)
	}
	if out := d.must("rule", "add", "alice", "noanswer", "bob", "--seconds", "15"); out != "alice@example.org has the rule: noanswer sip:bob@example.org after 15 s\n" {
		t.Errorf("output %q", out)
	}
	d.must("rule", "add", "alice", "block", "SIP:*@Example.NET")
	d.must("rule", "add", "alice", "DND", "--off")
	d.must("rule", "add", "alice", "noanswer", "tel:+49-30-1")
	want := "KIND      TARGET OR PATTERN  SECONDS  IN FORCE\nnoanswer  tel:+49301         20       yes\ndnd       -                  -        no\nblock     *@example.net      -        yes\n"
	if diff := cmp.Diff(want, d.must("rule", "show", "alice")); diff != "" {
		t.Error(diff)
	}
	var lines []ruleLine
	decode(t, d.must("rule", "show", "alice", "-o", "json"), &lines)
	if len(lines) != 3 || lines[0] != (ruleLine{Address: "alice@example.org", Kind: "noanswer", Target: "tel:+49301", Seconds: 20, Enabled: true}) {
		t.Errorf("JSON %+v", lines)
	}
	if out := d.must("rule", "rm", "alice", "block", "@example.net"); out != "alice@example.org has the rule no more: block *@example.net\n" {
		t.Errorf("output %q", out)
	}
	d.must("rule", "rm", "alice", "noanswer")
	if got := d.column("SELECT kind FROM call_rule"); !cmp.Equal(got, []string{"dnd"}) {
		t.Errorf("rows %v", got)
	}
	reloads := 0
	for _, method := range calls(router) {
		if method == "userblock.reload" {
			reloads++
		}
	}
	if reloads != 6 {
		t.Errorf("the router was told %d times, want once for each change", reloads)
	}
	audit := d.audited()
	if diff := cmp.Diff([]string{"olga|seraphctl|rule.set|alice@example.org||noanswer sip:bob@example.org after 15 s", "olga|seraphctl|rule.remove|alice@example.org|noanswer|"},
		[]string{audit[1], audit[len(audit)-1]}); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestRulesRefuse(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.must("alias", "add", "100", "alice")
	n := len(d.audited())
	d.refuses(exitUsage, []string{"rule"}, "rule wants one of: add, rm, show")
	d.refuses(exitUsage, []string{"rule", "add", "alice"}, "rule add: KIND is missing")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "sometimes", "bob"}, `KIND is one of always, busy, noanswer, offline, dnd, block, not "sometimes"`)
	d.refuses(exitUsage, []string{"rule", "add", "alice", "always"}, "rule add: TARGET is missing")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "block"}, "rule add: PATTERN is missing")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "busy", "http://x"}, "TARGET is not an address that can be called")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "always", "alice"}, "TARGET is the owner's own address")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "dnd", "bob"}, "TARGET is only for the kinds that forward")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "busy", "sips:100@example.org"}, "TARGET is an alias of the owner's: the call would come back to alice@example.org")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "busy", "sip:bob@EXAMPLE.org:5070"},
		"TARGET is in a domain of ours, where no call is forwarded to a port or a host beside it: use sip:bob@example.org")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "block", "eve"}, "PATTERN is neither an address like")
	d.refuses(exitUsage, []string{"rule", "add", "alice", "noanswer", "bob", "--seconds", "3"}, "--seconds is not from 5 to 180")
	d.refuses(exitUsage, []string{"rule", "rm", "alice", "always", "bob"}, "leave")
	d.refuses(exitUsage, []string{"rule", "rm", "alice", "block"}, "PATTERN is neither")
	d.refuses(exitFailed, []string{"rule", "rm", "alice", "always"}, "alice@example.org has no such rule")
	d.refuses(exitFailed, []string{"rule", "add", "nobody", "dnd"}, "there is no user nobody@example.org")
	d.refuses(exitFailed, []string{"rule", "show", "nobody"}, "there is no user nobody@example.org")
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
}

func TestSpeedDials(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"speeddial.reload": done})
	d.add("alice", "x")
	if out := d.must("speed-dial", "add", "alice", "2", "bob", "--description", "Bob at home"); out != "2 of alice@example.org is sip:bob@example.org\n" {
		t.Errorf("output %q", out)
	}
	d.must("speed-dial", "add", "alice", "3@example.net", "tel:+49-30-1")
	if help := d.must("speed-dial", "add", "--help"); !strings.Contains(help, "seraph.cfg asks for numbers of two digits in a domain of ours") {
		t.Errorf("the help does not say which numbers are looked up:\n%s", help)
	}
	want := "NUMBER         ADDRESS              DESCRIPTION\n2              sip:bob@example.org  Bob at home\n3@example.net  tel:+49301           -\n"
	if diff := cmp.Diff(want, d.must("speed-dial", "show", "alice")); diff != "" {
		t.Error(diff)
	}
	var lines []speedDialLine
	decode(t, d.must("speed-dial", "show", "alice", "-o", "json"), &lines)
	if len(lines) != 2 || lines[0] != (speedDialLine{"alice@example.org", "2", "sip:bob@example.org", "Bob at home"}) {
		t.Errorf("JSON %+v", lines)
	}
	if out := d.must("speed-dial", "rm", "alice", "2"); out != "alice@example.org has the number 2 no more\n" {
		t.Errorf("output %q", out)
	}
	if got := calls(router); got[len(got)-1] != "speeddial.reload" {
		t.Errorf("the router was told %v", got)
	}
	n := len(d.audited())
	d.refuses(exitUsage, []string{"speed-dial", "add", "alice", "2"}, "speed-dial add: ADDRESS is missing")
	d.refuses(exitUsage, []string{"speed-dial", "add", "alice", "2", "http://x"}, "address")
	d.refuses(exitUsage, []string{"speed-dial", "add", "alice", "a b", "bob"}, `NUMBER is what is dialed, not "a b"`)
	d.refuses(exitFailed, []string{"speed-dial", "add", "alice", "3@example.net", "bob"}, "alice@example.org has the number 3@example.net already")
	d.refuses(exitFailed, []string{"speed-dial", "rm", "alice", "2"}, "alice@example.org has no number 2")
	d.refuses(exitFailed, []string{"speed-dial", "add", "nobody", "2", "bob"}, "there is no user nobody@example.org")
	d.refuses(exitFailed, []string{"speed-dial", "show", "nobody"}, "there is no user nobody@example.org")
	if got := d.audited(); len(got) != n {
		t.Errorf("refused commands were recorded: %v", got[n:])
	}
}
