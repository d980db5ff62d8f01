package acc_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/acc"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestWhoHasCalled: a missed call is in the caller's own list, and told to him, only if the script has
// authenticated who is named in From. The script that lets a user of ours or a stranger call himself
// as he likes makes no calls of the others'.
func TestWhoHasCalled(t *testing.T) {
	for from, proven := range map[string]bool{
		"<sip:carol@example.org>": true, "<sips:%43arol@Example.org.:5061;x=y>": true,
		"<sip:alice@example.org>": false, "<sip:carol@example.net>": false, "<sip:example.org>": false, "<tel:+49301>": false,
		"<im:carol@example.org>": false, "<sip:carol@elsewhere.example>": false,
	} {
		for _, signedIn := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(c *module.Ctx) {
					if signedIn {
						c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
					}
					refusing(480)(c)
				})
				defer b.run()()
				b.call(bob, "From: "+from+";tag=c")
				time.Sleep(soon)
				got := b.seen()
				if len(got.calls) != 1 || len(got.missed) != 1 || len(got.news) != 1 {
					t.Fatalf("%s: calls %+v, missed %+v, news %+v", from, got.calls, got.missed, got.news)
				}
				hers := proven && signedIn
				if c := got.calls[0]; c.Unproven == hers || (c.Caller.Domain == "example.org") != hers || strings.Contains(got.news[0].Caller, "@example.org") != hers {
					t.Errorf("%s, signed in: %v: the call is %+v, told is %+v", from, signedIn, c, got.news[0])
				}
			})
		}
	}
}

// TestNobodyByAFallback: who has proven nothing is no name in our domain by what is made of a URI that is
// no address of record; it stands beside the row as the name that he gives himself. For callers of
// other hosts nothing is different.
func TestNobodyByAFallback(t *testing.T) {
	for from, want := range map[string][2]string{ // CallerURI and CallerName
		"<im:alice@example.org>":            {"", "im:alice@example.org"},
		`"Alice" <pres:alice@Example.ORG.>`: {"", "Alice"},
		"<tel:1001;@example.org>":           {"", "tel:1001;@example.org"},
		"<sip:alice%20@example.org>":        {"", "sip:alice%20@example.org"},
		"<im:eve@evil.example>":             {"im:eve@evil.example", ""},
		"<sip:eve%20x@evil.example>":        {"sip:eve%20x@evil.example", ""},
		"<tel:+49301>":                      {"tel:+49301", ""},
		"<sip:alice@example.org>":           {"sip:alice@example.org", ""}, // the script's matter
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &bench{t: t, tables: &tables{}}
			b.m = acc.New(acc.Config{Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers,
				Local: func(host []byte) bool { return strings.EqualFold(string(host), "example.org") }})
			b.start(refusing(480))
			defer b.run()()
			b.call(bob, "From: "+from+";tag=c")
			time.Sleep(soon)
			got := b.seen().calls
			if len(got) != 1 || got[0].CallerURI != want[0] || got[0].CallerName != want[1] || !got[0].Unproven {
				t.Errorf("%s: %+v, want %q", from, got, want)
			}
		})
	}
}

// TestTalkOfAnother: an answered call is in the caller's list only if it was he who was authenticated.
func TestTalkOfAnother(t *testing.T) {
	for caller, proven := range map[string]bool{"alice@example.org": true, "carol@example.org": false, "": false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, refusing(480))
			defer b.run()()
			x := talk("t1", caller, "bob@example.org", "sip:bob@example.org")
			b.m.Talk(x)
			b.m.HungUp(x)
			time.Sleep(soon)
			want := aor.AOR{}
			if proven {
				want = aor.AOR{User: "alice", Domain: "example.org"}
			}
			got := b.seen()
			if len(got.calls) != 1 || got.calls[0].Unproven == proven || got.calls[0].Caller != want {
				t.Errorf("of %q: calls %+v", caller, got.calls)
			}
			for _, e := range got.news {
				if (e.Caller != "") != proven {
					t.Errorf("of %q: told is %+v", caller, e)
				}
			}
			if len(got.ends) != 1 || got.ends[0].HungUpBy != store.HungUpCallee || len(got.news) != 2 || got.news[1].State != ctlproto.CallEnded {
				t.Errorf("of %q: ends %+v, told %+v", caller, got.ends, got.news)
			}
		})
	}
}
