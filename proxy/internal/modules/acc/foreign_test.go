package acc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// signedIn is refusing(status) for a caller who has shown who he is if his From says so.
func signedIn(status int) func(c *module.Ctx) {
	return func(c *module.Ctx) {
		if from, err := c.Msg.From(); err == nil && strings.Contains(string(from.URI), "carol@") {
			c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
		}
		refusing(status)(c)
	}
}

const carol = `From: "Carol" <sip:carol@example.org>;tag=c`

// TestStrangersBySource: one address makes so many missed calls in a period and no
// more; another one, and people who are known, are not touched by that.
func TestStrangersBySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, signedIn(480), "foreign_per_source 3", "foreign_period 600")
		defer b.run()()
		for i := range 10 {
			b.from(fmt.Sprintf("192.0.2.7:%d", 5060+i), fmt.Sprintf("flood-%d", i), bob)
		}
		b.from("192.0.2.8:5060", "another", bob)
		for i := range 5 {
			b.from("192.0.2.7:5060", fmt.Sprintf("known-%d", i), bob, carol)
		}
		time.Sleep(soon)
		if missed, dropped := len(b.seen().missed), b.statistic("foreign_dropped"); missed != 3+1+5 || dropped != 7 {
			t.Errorf("%d rows and %d dropped, want 9 and 7", missed, dropped)
		}
		if n := strings.Count(b.log.String(), "missed calls of strangers are not noted"); n != 1 || !strings.Contains(b.log.String(), "call_id=flood-3") {
			t.Errorf("it is logged %d times, want once and with the Call-ID:\n%s", n, b.log.String())
		}
		time.Sleep(10 * time.Minute)
		b.from("192.0.2.7:5060", "later", bob)
		time.Sleep(soon)
		if missed := len(b.seen().missed); missed != 10 {
			t.Errorf("%d rows after the period, want one more", missed)
		}
	})
}

// TestStrangersByCallee: with many addresses they make so many for one callee, and
// the other callees still get theirs.
func TestStrangersByCallee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, signedIn(480), "foreign_per_callee 4")
		defer b.run()()
		for i := range 20 {
			b.from(fmt.Sprintf("192.0.2.%d:5060", i+1), fmt.Sprintf("flood-%d", i), bob)
		}
		b.from("192.0.2.100:5060", "known", bob, carol)
		time.Sleep(soon)
		if missed, dropped := len(b.seen().missed), b.statistic("foreign_dropped"); missed != 5 || dropped != 16 {
			t.Errorf("%d rows and %d dropped, want 5 and 16", missed, dropped)
		}
		b.from("192.0.2.101:5060", "dave", "sip:dave@example.org")
		if n := b.statistic("queued"); n != 1 {
			t.Errorf("the call to dave is not noted")
		}
	})
}

// TestStrangersInTransaction: a call that ends in its transaction counts like one that
// the script refuses without one; who is known is known there, too.
func TestStrangersInTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *module.Ctx) {
			if err := c.NewTransaction(); err != nil {
				t.Error(err)
			}
			if from, err := c.Msg.From(); err == nil && strings.Contains(string(from.URI), "carol@") {
				c.Auth.User, c.Auth.Domain = []byte("carol"), []byte("example.org")
			}
			c.Callee = []byte("bob@example.org")
			_ = c.Reply(&sip.Reply{Status: 486})
		}, "foreign_per_source 1")
		defer b.run()()
		for i := range 4 {
			b.from("192.0.2.7:5060", fmt.Sprintf("stranger-%d", i), bob)
			b.from("192.0.2.7:5060", fmt.Sprintf("known-%d", i), bob, carol)
		}
		time.Sleep(soon)
		if missed, dropped := len(b.seen().missed), b.statistic("foreign_dropped"); missed != 5 || dropped != 3 {
			t.Errorf("%d rows and %d dropped, want 5 and 3", missed, dropped)
		}
	})
}
