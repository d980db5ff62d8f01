package acc_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

const bob = "sip:bob@example.org"

// TestStatelessRefusal: one row for a call however often it is repeated, until it is
// forgotten after 64 seconds.
func TestStatelessRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480))
		defer b.run()()
		id := b.call(bob)
		for range 10 {
			b.again(id, bob)
			time.Sleep(6 * time.Second)
		}
		if n := len(b.seen().missed); n != 1 {
			t.Fatalf("%d rows for a call repeated for a minute, want 1", n)
		}
		time.Sleep(10 * time.Second)
		b.again(id, bob)
		time.Sleep(soon)
		if n := len(b.seen().missed); n != 2 {
			t.Errorf("%d rows after more than 64 seconds, want a second one", n)
		}
		b.again(id, "sip:carol@example.org") // another callee, who is none of ours
		time.Sleep(soon)
		if n := len(b.seen().missed); n != 2 {
			t.Errorf("%d rows with one for somebody who is no subscriber", n)
		}
		if len(b.seen().events) != 2 || b.seen().events[0].Owner != "bob@example.org" || b.seen().events[0].Code != 480 {
			t.Errorf("the events are %+v", b.seen().events)
		}
	})
}

// TestNeverMissed: statuses and requests that make no row.
func TestNeverMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{300, 302, 380, 401, 407, 420, 422, 482, 483, 484, 491} {
			b := newBench(t, refusing(status))
			stop := b.run()
			b.call(bob)
			time.Sleep(soon)
			stop()
			if len(b.seen().missed)+len(b.seen().calls) != 0 {
				t.Errorf("%d makes a row", status)
			}
		}
		b := newBench(t, func(c *module.Ctx) { _ = c.ReplyStateless(&sip.Reply{Status: 403}) })
		defer b.run()()
		b.call(bob)
		time.Sleep(soon)
		b.again("dialog", bob, "To: <sip:bob@example.org>;tag=x")
		time.Sleep(soon)
		if len(b.seen().missed) != 0 {
			t.Error("a call refused before lookup, or within a dialog, makes a row")
		}
	})
}

// TestFoldedName: a display name over several lines is noted as one.
func TestFoldedName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480))
		defer b.run()()
		b.from("192.0.2.7:5060", "folded", bob, "From: \"Anna\r\n Novak\" <sip:anna@example.org>;tag=a")
		time.Sleep(soon)
		if calls := b.seen().calls; len(calls) != 1 || calls[0].CallerName != "Anna Novak" {
			t.Errorf("noted are %+v", calls)
		}
	})
}

// TestFlags: SER's flags narrow what counts.
func TestFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for set, want := range map[uint32]int{0: 0, 1 << 3: 1} {
			b := newBench(t, func(c *module.Ctx) { c.Flags = set; refusing(480)(c) }, "db_missed_flag 3")
			stop := b.run()
			b.call(bob)
			time.Sleep(soon)
			stop()
			if n := len(b.seen().missed); n != want {
				t.Errorf("with flags %b there are %d rows, want %d", set, n, want)
			}
		}
		b := newBench(t, func(c *module.Ctx) { c.Flags = 1 << 5; refusing(480)(c) }, "failed_transaction_flag 5")
		defer b.run()()
		b.call(bob)
		time.Sleep(soon)
		if len(b.seen().acc) != 1 || b.seen().acc[0].Code != 480 || len(b.seen().missed) != 1 {
			t.Errorf("rows %+v and %d missed, want one of each", b.seen().acc, len(b.seen().missed))
		}
	})
}

// TestDatabaseAway: rows wait and are all there afterwards, written so that none is
// there twice.
func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480), "foreign_per_source 1000", "foreign_per_callee 1000")
		defer b.run()()
		b.tables.set(func(x *tables) { x.away = true })
		for range 250 {
			b.call(bob)
		}
		time.Sleep(time.Minute)
		if n := b.statistic("queued"); n != 250 {
			t.Errorf("%d rows wait, want 250", n)
		}
		b.tables.set(func(x *tables) { x.away = false })
		time.Sleep(time.Minute)
		if len(b.seen().missed) != 250 || len(b.seen().calls) != 250 || b.seen().again == 0 {
			t.Errorf("%d rows and %d calls, WriteAgain was used %d times", len(b.seen().missed), len(b.seen().calls), b.seen().again)
		}
		if b.statistic("queued") != 0 || b.statistic("lost") != 0 {
			t.Errorf("%d wait, %d are lost", b.statistic("queued"), b.statistic("lost"))
		}
	})
}

// TestQueueFull: what does not fit is lost and counted; missed calls may use half.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480), "max_queue 100")
		for range 60 {
			b.call(bob)
		}
		if queued, lost := b.statistic("queued"), b.statistic("lost"); queued != 50 || lost != 10 {
			t.Errorf("%d wait and %d are lost, want 50 and 10", queued, lost)
		}
		b.tables.set(func(x *tables) { x.away = true })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := b.m.Close(ctx); err == nil || b.statistic("lost") != 60 {
			t.Errorf("Close: %v, %d lost", err, b.statistic("lost"))
		}
	})
}

// TestClose: the end of the program writes what is queued.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(486))
		stop := b.run()
		b.call(bob)
		b.call(bob)
		stop()
		if err := b.m.Close(t.Context()); err != nil || len(b.seen().missed) != 2 {
			t.Errorf("Close: %v, %d rows", err, len(b.seen().missed))
		}
	})
}

// TestRefusedRow: a row that the database refuses costs no other one.
func TestRefusedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(486))
		defer b.run()()
		b.tables.set(func(x *tables) { x.refuse = "call-7" })
		for range 20 {
			b.call(bob)
		}
		time.Sleep(soon)
		if len(b.seen().missed) != 19 || b.statistic("lost") != 1 {
			t.Errorf("%d rows, %d lost, want 19 and 1", len(b.seen().missed), b.statistic("lost"))
		}
	})
}

// TestWithoutDatabase: nothing is accounted, and nothing waits.
func TestWithoutDatabase(t *testing.T) {
	b := &bench{t: t, m: acc.New(acc.Config{})}
	if err := b.m.Init(); err != nil {
		t.Fatal(err)
	}
	b.router = moduletest.New(t, &moduletest.Script{Request: refusing(486)}, func(c *relay.Config) { c.Accountant = b.m })
	b.call(bob)
	if n := b.statistic("queued"); n != 0 {
		t.Errorf("%d rows wait", n)
	}
}

// TestMadeUpTag: an INVITE is accounted, and is missed, whatever To tag it has; only one within a dialog
// that passes here is not.
func TestMadeUpTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, within := range []bool{false, true} {
			for _, status := range []int{200, 480} {
				b := newBench(t, func(c *module.Ctx) {
					c.InDialog = within
					c.Callee = []byte("bob@example.org")
					if status < 300 {
						_ = c.NewTransaction()
					}
					_ = c.Reply(&sip.Reply{Status: status})
				})
				stop := b.run()
				b.again("made-up", bob, "To: <sip:bob@example.org>;tag=made-up")
				time.Sleep(soon)
				stop()
				x, want := b.seen(), map[bool]int{false: 1}[within]
				if got := len(x.acc) + len(x.missed); got != want {
					t.Errorf("%d, within a dialog %v: rows %+v, missed %+v", status, within, x.acc, x.missed)
				}
				if len(x.acc) == 1 && (x.acc[0].Method != "INVITE" || x.acc[0].ToTag != "made-up") {
					t.Errorf("the row is %+v", x.acc[0])
				}
			}
		}
	})
}
