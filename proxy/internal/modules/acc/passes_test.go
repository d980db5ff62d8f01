package acc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// TestOfACall: an INVITE without our Route that is one within a call of the table of dialogs makes no row: not
// one that the script has refused before it asked that table, with a transaction or without. Where the table
// knows of no such call, without a To tag, and if it was sent on and answered, it is a call.
func TestOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, x := range []struct {
			name         string
			status       int
			stateless    bool
			to           string
			holds        bool
			rows, missed int
		}{
			{"hold refused", 488, true, "bt", true, 0, 0},
			{"hold refused in its transaction", 488, false, "bt", true, 0, 0},
			{"made-up tag", 480, true, "bt", false, 0, 1},
			{"made-up tag in a transaction", 480, false, "bt", false, 0, 1},
			{"new call", 480, true, "", true, 0, 1},
			{"answered", 200, false, "bt", true, 1, 0},
			{"new call answered", 200, false, "", true, 1, 0},
		} {
			b := &bench{t: t, tables: &tables{}}
			b.m = acc.New(acc.Config{Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers,
				Holds: func(callID, fromTag, toTag []byte) bool {
					return x.holds && string(callID) == "held" && string(fromTag) == "at" && string(toTag) == x.to
				},
			})
			b.start(func(c *module.Ctx) {
				c.Callee = []byte("bob@example.org")
				if x.stateless {
					_ = c.ReplyStateless(&sip.Reply{Status: x.status})
					return
				}
				_ = c.NewTransaction()
				_ = c.Reply(&sip.Reply{Status: x.status})
			})
			stop := b.run()
			to := "To: <sip:bob@example.org>"
			if x.to != "" {
				to += ";tag=" + x.to
			}
			b.again("held", bob, to)
			time.Sleep(soon)
			stop()
			if got := b.seen(); len(got.acc) != x.rows || len(got.missed) != x.missed {
				t.Errorf("%s: rows %+v, missed %+v", x.name, got.acc, got.missed)
			}
		}
	})
}

// proofs is a script that has authenticated who the next request is from, if anybody, and answers it.
type proofs struct {
	who    string
	status int
}

func (p *proofs) run(c *module.Ctx) {
	if a, err := aor.Parse(p.who, ""); err == nil {
		c.Auth.User, c.Auth.Domain = []byte(a.User), []byte(a.Domain)
	}
	if p.status >= 300 {
		refusing(p.status)(c)
		return
	}
	c.Callee = []byte("bob@example.org")
	_ = c.NewTransaction()
	_ = c.Reply(&sip.Reply{Status: p.status})
}

// TestSentBackUnproven: a call of carol's that nobody answers, and that passes here without her proof as well (an SBC sends it
// back, or who is called sends one like it from elsewhere), makes one row in missed_calls and one event of a missed call;
// in call_log it is carol's, and she is told, in whichever order the passes end. Who proves nothing, or
// another name, takes nothing over, and a second proof has nothing to add.
func TestSentBackUnproven(t *testing.T) {
	type pass struct{ from, who string }
	const hers, eve = "sip:carol@example.org", "sip:eve@evil.example"
	for name, x := range map[string]struct {
		passes []pass
		rows   string // who is the caller of the rows for call_log, in their order
		owned  int    // events that name carol as her who has called
	}{
		"inner first":         {[]pass{{hers, ""}, {hers, "carol@example.org"}}, "- carol", 1},
		"outer first":         {[]pass{{hers, "carol@example.org"}, {hers, ""}}, "carol", 1},
		"forged first":        {[]pass{{eve, ""}, {hers, ""}, {hers, "carol@example.org"}, {hers, "carol@example.org"}, {eve, ""}}, "- carol", 1},
		"never proven":        {[]pass{{hers, ""}, {hers, ""}, {eve, ""}}, "-", 0},
		"proven is another":   {[]pass{{hers, ""}, {hers, "dave@example.org"}, {eve, "dave@example.org"}}, "-", 0},
		"proven is a prefix":  {[]pass{{hers, ""}, {hers, "carol@example.or"}}, "-", 0},
		"two with their name": {[]pass{{hers, "carol@example.org"}, {"sip:dave@example.org", "dave@example.org"}}, "carol", 1},
	} {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in one batch: %v", name, together), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					script := proofs{status: 480}
					b := newBench(t, script.run)
					defer b.run()()
					for _, p := range x.passes {
						script.who = p.who
						b.again("x1", bob, "From: <"+p.from+">;tag=c")
						if !together {
							time.Sleep(soon)
						}
					}
					time.Sleep(soon)
					got := b.seen()
					rows := ""
					for _, c := range got.calls {
						name := c.Caller.User
						if c.Unproven {
							name = "-"
						}
						rows += " " + name
					}
					if rows != " "+x.rows || len(got.missed) != 1 || len(got.events) != 1 {
						t.Errorf("call_log has the rows of%s, want %s; missed_calls %+v, told are %+v", rows, x.rows, got.missed, got.events)
					}
					owned := 0
					for _, e := range got.news {
						if e.Caller == "carol@example.org" {
							owned++
						}
					}
					if owned != x.owned {
						t.Errorf("carol's pages are told %d times, want %d: %+v", owned, x.owned, got.news)
					}
				})
			})
		}
	}
}

// TestSentBackUnnoted: where the unproven pass of a call was one too many of its source's, the proven one makes
// all rows; and to somebody who is none of ours it makes none in missed_calls.
func TestSentBackUnnoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := proofs{status: 480}
		b := newBench(t, script.run, "foreign_per_source 1")
		defer b.run()()
		const hers = "carol@example.org"
		b.again("x0", bob, carol)
		for _, who := range []string{"", hers, "", hers} {
			script.who = who
			b.again("x1", bob, carol)
		}
		for i, who := range []string{"", hers} {
			script.who = who
			b.from(fmt.Sprintf("192.0.2.%d:5060", 8+i), "x2", "sip:nobody@example.org", carol)
		}
		time.Sleep(soon)
		got := b.seen()
		if len(got.missed) != 2 || got.missed[1].CallID != "x1" || len(got.events) != 2 {
			t.Errorf("missed_calls has %+v, told are %+v, want x0 and x1", got.missed, got.events)
		}
		if len(got.calls) != 3 || got.calls[1].CallID != "x1" || got.calls[1].Unproven || got.calls[2].CallID != "x2" || got.calls[2].Unproven {
			t.Errorf("call_log has %+v, want x0 and what carol has made", got.calls)
		}
		if n := b.statistic("foreign_dropped"); n != 1 {
			t.Errorf("%d are dropped, want 1", n)
		}
	})
}

// TestSentBackFromAfar: a script that sends carol's call away without asking lookup for the callee, who gets it by an SBC: the
// row of the pass that comes back is hers. Without such a pass nobody has missed a call.
func TestSentBackFromAfar(t *testing.T) {
	for _, back := range []string{"", carol, "From: <sip:eve@evil.example>;tag=c", "From: <sip:carol@example.org>;tag=other"} {
		synctest.Test(t, func(t *testing.T) {
			outer := true
			b := newBench(t, func(c *module.Ctx) {
				if !outer {
					refusing(480)(c)
					return
				}
				c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			})
			defer b.run()()
			const there = "sip:bob@198.51.100.9"
			text := strings.Replace(moduletest.Request("INVITE", there), "call-1\n", "x1\n", 1)
			for old := range strings.Lines(text) {
				if strings.HasPrefix(old, "From:") {
					text = strings.Replace(text, old, carol+"\n", 1)
				}
			}
			out := b.router.Receive("udp:192.0.2.7:5060", text)
			if outer = false; back != "" {
				b.from("198.51.100.9:5060", "x1", there, back)
			}
			b.router.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, moduletest.Find(t, out, "INVITE"), 486))
			time.Sleep(soon)
			got := b.seen()
			owned := len(got.calls) == 1 && !got.calls[0].Unproven && got.calls[0].Caller.User == "carol" && got.calls[0].CallerName == "Carol"
			his, hers := back != "", back != "" && !strings.Contains(back, "other")
			if len(got.missed) == 1 != his || len(got.events) == 1 != his || len(got.calls) == 1 != his || owned != hers {
				t.Errorf("back comes %q: missed_calls has %+v, call_log %+v", back, got.missed, got.calls)
			}
			if told := len(got.news) > 0 && got.news[len(got.news)-1].Caller == "carol@example.org"; told != hers {
				t.Errorf("back comes %q: told is %+v", back, got.news)
			}
		})
	}
}

// TestAnsweredByWhom: a call that is tried again and answered has the proof of the pass that was.
func TestAnsweredByWhom(t *testing.T) {
	for who, proven := range map[string]bool{"carol@example.org": true, "dave@example.org": false, "": false} {
		synctest.Test(t, func(t *testing.T) {
			script := proofs{who: who, status: 480}
			b := newBench(t, script.run)
			defer b.run()()
			b.again("x1", bob, carol)
			time.Sleep(soon)
			script.status = 200
			b.again("x1", bob, carol)
			time.Sleep(soon)
			got := b.seen()
			if len(got.missed) != 0 || len(got.calls) != 2 || got.calls[1].Answered.IsZero() || got.calls[1].Unproven == proven {
				t.Errorf("of %q: missed_calls has %+v, call_log %+v", who, got.missed, got.calls)
			}
		})
	}
}
