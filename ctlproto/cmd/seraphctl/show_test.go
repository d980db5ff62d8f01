package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// profiles gives alice and bob names; bob's are hostile.
func profiles(d *desk) {
	d.add("alice", "x")
	d.add("bob", "x")
	d.exec("INSERT OR IGNORE INTO profile (username, domain) VALUES ('alice', 'example.org'), ('bob', 'example.org')")
	d.exec("UPDATE profile SET first_name = 'Alice', last_name = '愛', email = 'alice@example.com' WHERE username = 'alice'")
	d.exec("UPDATE profile SET first_name = ?, disabled = 1 WHERE username = 'bob'", "\x1b[31mBob\x07\u202e\u009b1m")
	d.exec("INSERT INTO grp (username, domain, grp) VALUES ('alice', 'example.org', 'local'), ('alice', 'example.org', 'int')")
	d.exec("INSERT INTO dbaliases (alias_username, alias_domain, username, domain) VALUES ('100', 'example.org', 'alice', 'example.org')")
}

func TestShowListsUsers(t *testing.T) {
	d := newDesk(t)
	if out := d.must("show", "-o", "json"); out != "[]\n" {
		t.Errorf("no users: %q", out)
	}
	profiles(d)
	want := `USER               NAME                         E-MAIL             STATE
alice@example.org  Alice 愛                     alice@example.com
bob@example.org    \x1b[31mBob\x07\u202e\x9b1m                     disabled
`
	if diff := cmp.Diff(want, d.must("show")); diff != "" {
		t.Error(diff)
	}
	want = `[
  {
    "address": "alice@example.org",
    "first_name": "Alice",
    "last_name": "愛",
    "email": "alice@example.com",
    "disabled": false
  },
  {
    "address": "bob@example.org",
    "first_name": "\u001b[31mBob\u0007\u202e\u009b1m",
    "last_name": "",
    "email": "",
    "disabled": true
  }
]
`
	if diff := cmp.Diff(want, d.must("show", "-o", "json")); diff != "" {
		t.Error(diff)
	}
	if out := d.must("show", "-q"); strings.Contains(out, "USER") {
		t.Errorf("quiet, with a heading:\n%s", out)
	}
	d.refuses(exitUsage, []string{"show", "a", "b"}, "show wants one USER")
}

func TestShowOneUser(t *testing.T) {
	d := newDesk(t)
	profiles(d)
	want := `user      alice@example.org
name      Alice 愛
e-mail    alice@example.com
state     enabled
presence  shown to users who are signed in
digests   MD5, SHA-256
groups    int, local
aliases   100@example.org
contacts  not known: the router is not running
`
	if diff := cmp.Diff(want, d.must("show", "alice")); diff != "" {
		t.Error(diff)
	}
	d.withRouter(map[string]ctltest.Handler{"ul.lookup": ctltest.Result(ctlproto.UlAoR{AoR: "alice@example.org", Contacts: []ctlproto.UlContactItem{
		{Contact: ctlproto.Contact{Address: "sip:alice@192.0.2.7", Expires: time.Minute, Q: -1, UserAgent: "phone\x1b[2J"}},
		{Contact: ctlproto.Contact{Address: "sip:alice@192.0.2.8", Permanent: true, Q: 0.5, UserAgent: "desk"}},
	}})})
	out := d.must("show", "alice")
	want = "contacts  sip:alice@192.0.2.7  expires in 1m0s  phone\\x1b[2J\n          sip:alice@192.0.2.8  permanent  desk\n"
	if !strings.HasSuffix(out, want) {
		t.Errorf("contacts:\n%s\nwant\n%s", out, want)
	}
	var details userDetails
	decode(t, d.must("show", "alice", "-o", "json"), &details)
	if len(details.Contacts) != 2 || details.Contacts[0].Address != "sip:alice@192.0.2.7" || details.Presence != "signed-in" ||
		!cmp.Equal(details.Groups, []string{"int", "local"}) || !cmp.Equal(details.Credentials, []string{"MD5", "SHA-256"}) {
		t.Errorf("JSON %+v", details)
	}
	d.refuses(exitFailed, []string{"show", "zoe"}, "there is no user zoe@example.org")
}

func TestShowAUserOfKamctl(t *testing.T) {
	d := newDesk(t)
	d.exec("INSERT INTO subscriber (username, domain) VALUES ('kim', 'example.org')")
	if out := d.must("show", "kim"); !strings.Contains(out, "digests   none: no password is set\n") {
		t.Errorf("output:\n%s", out)
	}
}
