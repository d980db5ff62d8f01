package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// phones is a location table with two users; one agent is hostile.
var phones = []ctlproto.UlAoRItem{
	{Info: ctlproto.UlAoR{AoR: "alice@example.org", Contacts: []ctlproto.UlContactItem{
		{Contact: ctlproto.Contact{Address: "sip:alice@192.0.2.7:5062", Expires: 59 * time.Minute, Q: 0.5, UserAgent: "desk phone",
			Received: "sip:198.51.100.1:4242", Socket: "udp:192.0.2.1:5060"}},
		{Contact: ctlproto.Contact{Address: "sip:alice@192.0.2.8", Permanent: true, Q: -1}},
	}}},
	{Info: ctlproto.UlAoR{AoR: "bob@example.org", Contacts: []ctlproto.UlContactItem{
		{Contact: ctlproto.Contact{Address: "sip:bob@192.0.2.9", Expires: time.Second, Q: 1, UserAgent: "\x1b]0;owned\x07\r\nbob"}},
	}}},
}

func dump(items []ctlproto.UlAoRItem) ctltest.Handler {
	return ctltest.Result(ctlproto.UlDump{Domains: []ctlproto.UlTableItem{{Domain: ctlproto.UlTable{Domain: "location", AoRs: items}}}})
}

func TestUlShow(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"ul.dump": dump(phones), "ul.lookup": ctltest.Result(phones[1].Info)})
	want := `USER               CONTACT                   EXPIRES    Q    RECEIVED FROM          SOCKET              USER AGENT
alice@example.org  sip:alice@192.0.2.7:5062  59m0s      0.5  sip:198.51.100.1:4242  udp:192.0.2.1:5060  desk phone
alice@example.org  sip:alice@192.0.2.8       permanent  -    -                      -                   -
bob@example.org    sip:bob@192.0.2.9         1s         1    -                      -                   \x1b]0;owned\x07\r\nbob
`
	if diff := cmp.Diff(want, d.must("ul", "show")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("ul", "show", "bob", "-q"); out != "bob@example.org  sip:bob@192.0.2.9  1s  1  -  -  \\x1b]0;owned\\x07\\r\\nbob\n" {
		t.Errorf("one user, quiet: %q", out)
	}
	var lines []struct {
		AoR      string           `json:"aor"`
		Contacts []map[string]any `json:"contacts"`
	}
	decode(t, d.must("ul", "show", "-o", "json"), &lines)
	if len(lines) != 2 || lines[0].AoR != "alice@example.org" || lines[0].Contacts[0]["Address"] != "sip:alice@192.0.2.7:5062" ||
		lines[0].Contacts[0]["Expires"] != 3540.0 || lines[0].Contacts[1]["Expires"] != "permanent" {
		t.Errorf("JSON %+v", lines)
	}
	d.refuses(exitUsage, []string{"ul", "show", "a", "b"}, `"b" is too many`)
}

func TestUlOfAnEmptyTable(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	n := len(d.audited())
	d.withRouter(map[string]ctltest.Handler{
		"ul.dump":   dump(nil),
		"ul.lookup": ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound),
		"ul.rm":     ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound), "ul.rm_contact": ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextContactNotFound),
	})
	for args, want := range map[string]string{
		"ul show -o json": "[]\n", "online -o json": "[]\n", "online": "", "ul show -q": "",
	} {
		if out := d.must(strings.Fields(args)...); out != want {
			t.Errorf("%s: %q, want %q", args, out, want)
		}
	}
	d.refuses(exitFailed, []string{"ul", "show", "alice"}, "alice@example.org has no phone registered")
	d.refuses(exitFailed, []string{"ul", "rm", "alice"}, "alice@example.org has no phone registered")
	d.refuses(exitFailed, []string{"ul", "rm", "alice", "sip:x@y"}, "alice@example.org has no contact sip:x@y")
	for _, command := range []string{"ul show nobody", "ul rm nobody", "ul rm nobody sip:x@y"} {
		d.refuses(exitFailed, strings.Fields(command), "there is no user nobody@example.org")
	}
	d.refuses(exitFailed, []string{"ul", "show", "nobody@example.org", "--db", "none"}, "nobody@example.org has no phone registered")
	d.refuses(exitFailed, []string{"ul", "show", "nobody@example.org", "--state", t.TempDir()}, "nobody@example.org has no phone registered")
	if got := d.audited(); len(got) != n {
		t.Errorf("what was not done is recorded: %v", got)
	}
}

// TestUlAddToNobody: a user who does not exist gets no contact; without the database nobody can tell.
func TestUlAddToNobody(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"ul.add": done})
	d.refuses(exitFailed, []string{"ul", "add", "nobody", "sip:x@192.0.2.1"}, "there is no user nobody@example.org")
	if got := calls(router); len(got) != 0 || len(d.audited()) != 0 {
		t.Errorf("it was tried: %v", got)
	}
	d.must("ul", "add", "nobody@example.org", "sip:x@192.0.2.1", "--db", "none")
}

func TestUlChangesAreRecorded(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	before := len(d.audited())
	router := d.withRouter(map[string]ctltest.Handler{"ul.lookup": ctltest.Result(phones[0].Info), "ul.rm": done, "ul.rm_contact": done, "ul.add": done})
	steps := []struct {
		args string
		out  string
	}{
		{"ul add alice sip:alice@192.0.2.7 --expires 90s --q 0.5", "alice@example.org has the contact sip:alice@192.0.2.7\n"},
		{"ul rm alice sip:alice@192.0.2.7", "the contact sip:alice@192.0.2.7 of alice@example.org is removed\n"},
		{"ul rm alice", "all contacts of alice@example.org are removed\n"},
		{"ul rm alice -o json", "{\n  \"aor\": \"alice@example.org\"\n}\n"},
		{"ul add alice@example.org sip:a@b --expires 0 -o json", "{\n  \"aor\": \"alice@example.org\",\n  \"contact\": \"sip:a@b\"\n}\n"},
	}
	for _, s := range steps {
		if out := d.must(strings.Fields(s.args)...); out != s.out {
			t.Errorf("%s: %q, want %q", s.args, out, s.out)
		}
	}
	want := []string{
		`ul.add {"table":"location","aor":"alice@example.org","contact":"sip:alice@192.0.2.7","expires":90,"q":0.5}`,
		`ul.rm_contact {"table":"location","aor":"alice@example.org","contact":"sip:alice@192.0.2.7"}`,
		`ul.lookup {"table":"location","aor":"alice@example.org"}`,
		`ul.rm {"table":"location","aor":"alice@example.org"}`,
		`ul.lookup {"table":"location","aor":"alice@example.org"}`,
		`ul.rm {"table":"location","aor":"alice@example.org"}`,
		`ul.add {"table":"location","aor":"alice@example.org","contact":"sip:a@b","expires":0,"q":1}`,
	}
	if diff := cmp.Diff(want, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	const both = "sip:alice@192.0.2.7:5062, sip:alice@192.0.2.8"
	want = []string{
		"olga|seraphctl|location.add|alice@example.org||sip:alice@192.0.2.7", "olga|seraphctl|location.remove|alice@example.org|sip:alice@192.0.2.7|",
		"olga|seraphctl|location.remove|alice@example.org|" + both + "|", "olga|seraphctl|location.remove|alice@example.org|" + both + "|",
		"olga|seraphctl|location.add|alice@example.org||sip:a@b",
	}
	if diff := cmp.Diff(want, d.audited()[before:]); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
	d.must("--db", "none", "ul", "rm", "alice@example.org")
	if got := d.audited()[before:]; len(got) != len(want) {
		t.Errorf("--db none was recorded: %v", got)
	}
}

func TestUlChangesRefuse(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.refuses(exitUnreachable, []string{"ul", "rm", "alice"}, "seraph-proxy is not running: nothing listens on /nonexistent/ctl.sock")
	router := d.withRouter(map[string]ctltest.Handler{"ul.add": ctltest.Refuse(ctlproto.CodeInvalidParams, "Invalid params: contact: there is no host")})
	d.refuses(exitUsage, []string{"ul", "rm"}, "ul rm wants a USER")
	d.refuses(exitUsage, []string{"ul", "add", "alice"}, "ul add: CONTACT is missing")
	d.refuses(exitUsage, []string{"ul", "add", "alice", "sip:a@b", "--expires", "-1s"}, "--expires: want 0 (permanent) or at least 1s")
	d.refuses(exitUsage, []string{"ul", "add", "alice", "sip:a@b", "--expires", "soon"}, "--expires")
	if s := d.refuses(exitUsage, []string{"ul", "add", "alice", "sip:"}); s.errs != "seraphctl: contact: there is no host\nsee seraphctl ul add --help\n" {
		t.Errorf("said %q", s.errs)
	}
	n := len(calls(router))

	// Without a record there is no change.
	d.refuses(exitFailed, []string{"--state", t.TempDir(), "ul", "rm", "alice@example.org"},
		"nothing was done, because it could not be recorded in the audit: there is no database", "--db none does without a record")
	if got := calls(router)[n:]; len(got) != 0 {
		t.Errorf("calls without a record: %v", got)
	}
}

func TestOnline(t *testing.T) {
	d := emptyDesk(t)
	d.withRouter(map[string]ctltest.Handler{"ul.dump": func(params json.RawMessage) (any, *ctlproto.Error) {
		if string(params) != `["brief"]` {
			t.Errorf("ul.dump %s", params)
		}
		return ctlproto.UlBrief{Domains: []ctlproto.UlBriefTableItem{{Domain: ctlproto.UlBriefTable{AoRs: []ctlproto.UlBriefAoR{
			{AoR: "zoe@example.org"}, {AoR: "alice@example.org"}, {AoR: "b\x1bob@example.org"}}}}}}, nil
	}})
	if out := d.must("online"); out != "alice@example.org\nb\\x1bob@example.org\nzoe@example.org\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("online", "-o", "json"); out != "[\n  \"alice@example.org\",\n  \"b\\u001bob@example.org\",\n  \"zoe@example.org\"\n]\n" {
		t.Errorf("JSON %q", out)
	}
	d.refuses(exitUsage, []string{"online", "x"}, "online takes no arguments")
	d.socket = "/nonexistent/ctl.sock"
	d.refuses(exitUnreachable, []string{"online"}, "seraph-proxy is not running")
}
