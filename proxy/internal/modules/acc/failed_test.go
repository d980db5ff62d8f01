package acc_test

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// TestFailedElsewhere: what one of ours tried elsewhere in vain is in call_log, for the
// list of calls that he made, and nobody's missed call. What a stranger tried is not, nor
// what the script refused: it may have doubted the name.
func TestFailedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *module.Ctx) {
			if from, err := c.Msg.From(); err == nil && strings.Contains(string(from.URI), "carol@") {
				c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
			}
			if u, err := c.URI(); err == nil && string(u.User) == "refused" {
				_ = c.NewTransaction()
				_ = c.Reply(&sip.Reply{Status: 403})
				return
			}
			if err := c.Relay(); err != nil {
				t.Error(err)
			}
		})
		defer b.run()()
		calls := func(id, uri, from string, status int) {
			b.sent++
			text := strings.Replace(moduletest.Request("INVITE", uri), "call-1\n", id+"\n", 1)
			text = strings.Replace(text, "z9hG4bK-INVITE", "z9hG4bK-"+id, 1)
			if from != "" {
				for old := range strings.Lines(text) {
					if strings.HasPrefix(old, "From:") {
						text = strings.Replace(text, old, from+"\n", 1)
					}
				}
			}
			out := b.router.Receive("udp:192.0.2.7:5060", text)
			if status != 0 {
				b.router.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, moduletest.Find(t, out, "INVITE"), status))
			}
		}
		calls("busy", "sip:+4930@198.51.100.9", carol, 486)
		calls("challenged", "sip:+4931@198.51.100.9", carol, 407)
		calls("stranger", "sip:+4932@198.51.100.9", "", 486)
		calls("refused", "sip:refused@198.51.100.9", carol, 0)
		calls("ours", "sip:bob@198.51.100.9", carol, 486) // the bench has every bob for a subscriber
		time.Sleep(soon)
		got := b.seen()
		if len(got.calls) != 1 || got.calls[0].CallID != "busy" || got.calls[0].Code != 486 || !got.calls[0].Answered.IsZero() ||
			got.calls[0].Caller != (aor.AOR{User: "carol", Domain: "example.org"}) || got.calls[0].Callee != (aor.AOR{User: "+4930", Domain: "198.51.100.9"}) {
			t.Errorf("calls %+v", got.calls)
		}
		if len(got.missed)+len(got.events) != 0 {
			t.Errorf("missed %+v, told %+v", got.missed, got.events)
		}
		if len(got.news) != 1 || got.news[0].State != ctlproto.CallUnanswered || got.news[0].Caller != "carol@example.org" || got.news[0].Callee != "+4930@198.51.100.9" {
			t.Errorf("carol's list is said to have changed so: %+v", got.news)
		}
	})
}

// TestFailedToNobody: what one of ours tried at an address of our domains that is nobody's
// is in call_log as a call that he made, as it would be if somebody had it: the list of
// calls must not tell who our users are. A stranger has no list, and nothing is noted.
func TestFailedToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := refusing(480)
		b := newBench(t, func(c *module.Ctx) {
			if from, err := c.Msg.From(); err == nil && strings.Contains(string(from.URI), "carol@") {
				c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
			}
			refuse(c)
		})
		defer b.run()()
		b.call("sip:bob@example.org")
		tried := b.call("sip:bib@example.org", carol)
		found := b.call("sip:bob@example.org", carol)
		b.call("sip:bib@example.org")
		time.Sleep(soon)
		got := b.seen()
		carols := map[string]aor.AOR{}
		for _, c := range got.calls {
			if c.Caller == (aor.AOR{User: "carol", Domain: "example.org"}) && c.Code == 480 && c.Answered.IsZero() {
				carols[c.CallID] = c.Callee
			}
		}
		if want := map[string]aor.AOR{tried: {User: "bib", Domain: "example.org"}, found: {User: "bob", Domain: "example.org"}}; !maps.Equal(carols, want) {
			t.Errorf("carol's calls %v, want %v; all are %+v", carols, want, got.calls)
		}
		if len(got.calls) != 3 || len(got.missed) != 2 || len(got.events) != 2 {
			t.Errorf("calls %+v, missed %+v, told %+v; want three, bob's two and those", got.calls, got.missed, got.events)
		}
	})
}
