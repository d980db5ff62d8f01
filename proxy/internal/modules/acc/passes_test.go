package acc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/sip"
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
