package acc_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// TestBYEThatClosesNothing: a BYE that was taken makes a row only where the table of dialogs has it end the call.
func TestBYEThatClosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, closes := range []bool{true, false} {
			b := &bench{t: t, tables: &tables{}}
			var asked []string
			b.m = acc.New(acc.Config{Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers,
				Closes: func(callID, fromTag, toTag []byte) bool {
					asked = append(asked, fmt.Sprintf("%s %s %s", callID, fromTag, toTag))
					return closes
				}})
			b.start(func(c *module.Ctx) {
				c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			})
			stop := b.run()
			b.passes("INVITE", "bt")
			b.passes("BYE", "bt", "To: <sip:bob@example.org>;tag=bt")
			time.Sleep(soon)
			stop()
			if n := len(b.seen().acc); n != map[bool]int{true: 2, false: 1}[closes] {
				t.Errorf("it closes the call: %v; %d rows", closes, n)
			}
			if len(asked) != 1 || asked[0] != "call-1 at bt" {
				t.Errorf("asked was for %q", asked)
			}
		}
	})
}

// passes has alice send a request, which goes to bob and is answered with 200 and a To tag.
func (b *bench) passes(method, toTag string, lines ...string) {
	b.t.Helper()
	b.sent++
	text := strings.Replace(moduletest.Request(method, bob, lines...), "z9hG4bK-", fmt.Sprintf("z9hG4bK-%d", b.sent), 1)
	for _, l := range lines {
		switch name, _, _ := strings.Cut(l, ":"); name {
		case "From", "Call-ID":
			text = strings.Replace(text, l+"\n", "", 1)
			for old := range strings.Lines(text) {
				if strings.HasPrefix(old, name+":") {
					text = strings.Replace(text, old, l+"\n", 1)
				}
			}
		}
	}
	sent := &sip.Message{}
	if p := moduletest.Find(b.t, b.router.Receive("udp:192.0.2.7:5060", text), method+" "); sent.Parse([]byte(p.Text)) != nil {
		b.t.Fatal(p.Text)
	}
	answer := string(sent.AppendReply(nil, &sip.Reply{Status: 200, RecordRoute: true}))
	line := "To: " + string(sent.HeaderValue(sip.HdrTo))
	bare, _, _ := strings.Cut(line, ";tag=")
	b.router.Receive("udp:192.0.2.8:5060", strings.Replace(answer, line, bare+";tag="+toTag, 1))
}

// TestCrossingBYEsOutside: of two BYEs of a call without our Route that cross, and of one that is sent again,
// one makes a row.
func TestCrossingBYEsOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		b = newBench(t, func(c *module.Ctx) {
			c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
			if err := c.Relay(); err != nil {
				t.Error(err)
			}
		})
		stop := b.run()
		b.passes("INVITE", "bt")
		b.passes("BYE", "bt", "To: <sip:bob@example.org>;tag=bt")
		b.passes("BYE", "at", "From: <sip:bob@example.org>;tag=bt", "To: <sip:alice@example.org>;tag=at")
		b.passes("BYE", "bt", "To: <sip:bob@example.org>;tag=bt")
		time.Sleep(soon)
		stop()
		got := ""
		for _, r := range b.seen().acc {
			got += r.Method + " "
		}
		if got != "INVITE BYE " {
			t.Errorf("the rows are %s, want INVITE BYE", got)
		}
	})
}

// TestBYEOutside: a BYE that has come without our Route makes a row where its call has none either, with the tags of
// the BYE. Whatever is answered to one that is of no such call, by its Call-ID and tags: it makes none.
func TestBYEOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, x := range []struct {
			name   string
			routed bool
			answer string
			lines  []string
			want   string
		}{
			{"hers", false, "bt", []string{"To: <sip:bob@example.org>;tag=bt"}, "at bt"},
			{"his", false, "at", []string{"From: <sip:bob@example.org>;tag=bt", "To: <sip:alice@example.org>;tag=at"}, "bt at"},
			{"answered with another tag", false, "zz", []string{"To: <sip:bob@example.org>;tag=bt"}, "at bt"},
			{"no tag", false, "bt", nil, ""},
			{"another tag", false, "bt", []string{"To: <sip:bob@example.org>;tag=zz"}, ""},
			{"another call", false, "bt", []string{"To: <sip:bob@example.org>;tag=bt", "Call-ID: call-2"}, ""},
			{"of a call with a Route", true, "bt", []string{"To: <sip:bob@example.org>;tag=bt"}, ""},
			{"of a call with a Route, no tag", true, "bt", nil, ""},
		} {
			b := &bench{}
			b = newBench(t, func(c *module.Ctx) {
				if x.routed && c.Msg.Method == sip.INVITE {
					c.RecordRoute()
				}
				c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			})
			stop := b.run()
			b.passes("INVITE", "bt")
			b.passes("BYE", x.answer, x.lines...)
			time.Sleep(soon)
			stop()
			rows, got := b.seen().acc, ""
			for _, r := range rows[min(1, len(rows)):] {
				got += r.Method + " " + r.FromTag + " " + r.ToTag + ";"
			}
			if want := strings.ReplaceAll("BYE "+x.want+";", "BYE ;", ""); len(rows) == 0 || rows[0].Method != "INVITE" || got != want {
				t.Errorf("%s: rows %+v, want %q", x.name, rows, want)
			}
		}
	})
}

// TestReplyOfManyLines: an answer that has grown beyond what is taken from outside makes its row, and so does
// one that cannot be read any more, which is counted.
func TestReplyOfManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for more, unread := range map[int]int64{0: 0, 2: 0, 200: 2} {
			b := &bench{t: t, tables: &tables{}}
			b.m = acc.New(acc.Config{Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
			if err := b.m.Init(); err != nil {
				t.Fatal(err)
			}
			b.router = moduletest.New(t, &moduletest.Script{
				Request: func(c *module.Ctx) {
					c.OnReply = 1
					c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
					if err := c.Relay(); err != nil {
						t.Error(err)
					}
				},
				Reply: func(c *module.Ctx, _ int) bool {
					c.Msg.Insert(c.Msg.HeadersEnd(), []byte(strings.Repeat("X-More: y\r\n", more)))
					return true
				},
			}, func(c *relay.Config) { c.Accountant = b.m })
			stop := b.run()
			m := &sip.Message{}
			if p := moduletest.Find(t, b.router.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", bob)), "INVITE "); m.Parse([]byte(p.Text)) != nil {
				t.Fatal(p.Text)
			}
			for _, tag := range []string{"bt", "fork"} {
				text := string(m.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte(tag)}))
				fill := sip.MaxHeaders - (strings.Count(text, "\r\n") - 2)
				text = strings.Replace(text, "\r\n\r\n", strings.Repeat("\r\nAllow: INVITE", fill)+"\r\n\r\n", 1)
				moduletest.Find(t, b.router.Receive("udp:192.0.2.8:5060", text), "SIP/2.0 200")
			}
			time.Sleep(soon)
			stop()
			rows := b.seen().acc
			if len(rows) != 2 || rows[0].ToTag != "bt" || rows[1].ToTag != "fork" || rows[1].CallID != "call-1" {
				t.Errorf("%d lines more: rows %+v", more, rows)
			}
			if n := b.statistic("unread"); n != unread || strings.Count(b.log.String(), "cannot be read") != int(min(unread, 1)) {
				t.Errorf("%d lines more: %d are counted as unread, and the log is %s", more, n, b.log.String())
			}
		}
	})
}

// TestBYEOfTheRouter: what the router hangs up has the row of a BYE, where a flag picks them if the
// INVITE has it.
func TestBYEOfTheRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			param string
			flags uint32
			want  int
		}{{"max_queue 1000", 0, 1}, {"db_flag 3", 0, 0}, {"db_flag 3", 1 << 2, 0}, {"db_flag 3", 1 << 3, 1}, {"db_flag 0", 1, 1}} {
			b := newBench(t, refusing(480), c.param)
			stop := b.run()
			x := talk("late", "alice@example.org", "bob@example.org", "sip:boss@example.org")
			b.m.Talk(x)
			x.ByRouter, x.Flags = true, c.flags
			b.m.HungUp(x)
			time.Sleep(soon)
			stop()
			rows := b.seen().acc
			if len(rows) != c.want {
				t.Fatalf("%+v: rows %+v", c, rows)
			}
			for _, r := range rows {
				if r.Method != "BYE" || r.CallID != "late" || r.FromTag != "at" || r.ToTag != "bt" || r.Code != 200 || r.Reason != "OK" || !r.Time.Equal(x.Ended) ||
					r.SrcUser != "alice" || r.DstUser != "bob" || r.DstOUser != "boss" || r.SrcIP != "" {
					t.Errorf("the row is %+v", r)
				}
			}
			if len(b.seen().ends) != 1 {
				t.Errorf("ends %+v", b.seen().ends)
			}
		}
	})
}

// TestBYEOfAnUnlistedCall: so has one that is in no list, or nobody's of ours; the phones' own BYE
// is no news of it.
func TestBYEOfAnUnlistedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480))
		stop := b.run()
		x := talk("unlisted", "alice@example.org", "bob@example.org", "sip:boss@example.org")
		x.Unlisted = true
		b.m.HungUp(x)
		x.ByRouter = true
		b.m.HungUp(x)
		y := talk("trunk", "", "", "sip:+4930@gateway.example")
		y.ByRouter = true
		b.m.HungUp(y)
		time.Sleep(soon)
		stop()
		rows := b.seen().acc
		if len(rows) != 2 || rows[0].CallID != "unlisted" || rows[1].CallID != "trunk" || rows[1].DstUser != "+4930" {
			t.Errorf("rows %+v", rows)
		}
		if n := len(b.seen().ends); n != 0 {
			t.Errorf("%d ends", n)
		}
	})
}

// TestEachAnswerOfAFork: each answer to a forked INVITE makes a row, once, with what the caller has said and
// what this answer says: it may have been written by anybody, so it is not asked who has called whom.
func TestEachAnswerOfAFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for param, want := range map[string]int{"max_queue 1000": 3, "db_flag 3": 0} {
			b := &bench{}
			b = newBench(t, func(c *module.Ctx) {
				c.Callee = []byte("bob@example.org")
				c.Main.Flow = b.router.Flow("udp:192.0.2.8:5060")
				_ = c.AddTarget(relay.Target{URI: []byte("sip:+4930@gateway.example"), Flow: b.router.Flow("udp:192.0.2.9:5060")})
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			}, param)
			stop := b.run()
			invites := map[string]*sip.Message{}
			for _, p := range b.router.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", bob)) {
				if m := (&sip.Message{}); strings.HasPrefix(p.Text, "INVITE ") && m.Parse([]byte(p.Text)) == nil {
					invites[p.To.Remote.String()] = m
				}
			}
			answer := func(from, tag string) {
				text := string(invites[from].AppendReply(nil, &sip.Reply{Status: 200, Reason: "From " + from, ToTag: []byte(tag)}))
				text = strings.Replace(text, "sip:alice@example.org", "sip:boss@example.org", 1)
				b.router.Receive("udp:"+from, text)
			}
			answer("192.0.2.8:5060", "phone")
			time.Sleep(2 * time.Second)
			for range 2 {
				answer("192.0.2.9:5060", "gateway")
				answer("192.0.2.8:5060", "phone")
				answer("192.0.2.9:5060", "behind")
			}
			time.Sleep(soon)
			stop()
			rows := b.seen().acc
			if len(rows) != want {
				t.Fatalf("%s: rows %+v", param, rows)
			}
			for i, tag := range []string{"phone", "gateway", "behind"}[:want] {
				r, from := rows[i], [...]string{"192.0.2.8:5060", "192.0.2.9:5060", "192.0.2.9:5060"}[i]
				if r.Method != "INVITE" || r.CallID != "call-1" || r.FromTag != "at" || r.ToTag != tag || r.Code != 200 || r.Reason != "From "+from ||
					r.SrcUser != "alice" || r.SrcIP != "192.0.2.7" || r.DstUser != "bob" || r.DstOUser != "bob" {
					t.Errorf("the row of %s is %+v", tag, r)
				}
			}
			if want > 0 && rows[1].Time.Sub(rows[0].Time) < 2*time.Second {
				t.Errorf("the rows are of %v and %v", rows[0].Time, rows[1].Time)
			}
			if n := len(b.seen().missed); n > 0 {
				t.Errorf("%d missed calls", n)
			}
		}
	})
}
