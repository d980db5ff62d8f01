package acc_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// old fills call_log with a call of each age in days.
func (b *bench) old(days ...int) {
	b.tables.set(func(x *tables) {
		for _, d := range days {
			x.age = append(x.age, time.Now().AddDate(0, 0, -d))
		}
	})
}

// left is the calls of old that are there still.
func (b *bench) left() (n int) {
	b.tables.set(func(x *tables) {
		for _, at := range x.age {
			if !at.IsZero() {
				n++
			}
		}
	})
	return n
}

// TestKeepDays: what is older than keep_days goes soon after the start and then every
// day, wherever it stands in the table.
func TestKeepDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480), "keep_days 30")
		defer b.run()()
		b.old(31, 29, 400, 1, 0, 30, 90)
		time.Sleep(2 * time.Minute)
		if n := b.left(); n != 3 || b.statistic("pruned_calls") != 4 {
			t.Errorf("%d calls are left and %d removed, want 3 and 4", n, b.statistic("pruned_calls"))
		}
		time.Sleep(25 * time.Hour)
		if n := b.left(); n != 2 {
			t.Errorf("%d calls are left a day later, want 2", n)
		}
	})
}

// TestKeepForEver: with 0 nothing is removed; without the parameter 90 days are kept.
func TestKeepForEver(t *testing.T) {
	for param, want := range map[string]int{"keep_days 0": 3, "write_interval 100": 2} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, refusing(480), param)
			defer b.run()()
			b.old(100, 89, 1)
			time.Sleep(48 * time.Hour)
			// One that is 89 days old is two days older then.
			if n := b.left(); n != want && (want != 2 || n != 1) {
				t.Errorf("with %q %d calls are left, want %d", param, n, want)
			}
		})
	}
}

// TestPruneDatabaseAway: it is said, and tried again the next day.
func TestPruneDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, refusing(480), "keep_days 1")
		defer b.run()()
		b.old(5, 4)
		b.tables.set(func(x *tables) { x.away = true })
		time.Sleep(2 * time.Minute)
		if n := b.left(); n != 2 || !strings.Contains(b.log.String(), "old calls could not be removed") {
			t.Errorf("%d calls are left; the log says\n%s", n, b.log.String())
		}
		b.tables.set(func(x *tables) { x.away = false })
		time.Sleep(25 * time.Hour)
		if n := b.left(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

// TestAnsweredAfterAll: a call that is tried again and answered is no missed call in
// either table, whether the first row is written by then or not, and also where the
// database goes away in between.
func TestAnsweredAfterAll(t *testing.T) {
	for name, x := range map[string]struct {
		written, stuck bool
	}{"in one batch": {}, "later": {written: true}, "database away between": {stuck: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status := 480
				b := newBench(t, func(c *module.Ctx) {
					if status < 300 {
						if err := c.NewTransaction(); err != nil {
							t.Error(err)
						}
						c.Callee = []byte("bob@example.org")
						_ = c.Reply(&sip.Reply{Status: status})
						return
					}
					refusing(status)(c)
				})
				defer b.run()()
				b.tables.set(func(t *tables) { t.stuck = x.stuck })
				b.call("sip:bob@example.org")
				other := b.call("sip:bob@example.org")
				if x.written {
					time.Sleep(soon)
					if n := len(b.seen().missed); n != 2 {
						t.Fatalf("%d rows before the answer, want 2", n)
					}
				}
				status = 200
				b.again("call-1", "sip:bob@example.org", "CSeq: 2 INVITE")
				time.Sleep(soon)
				b.tables.set(func(t *tables) { t.stuck = false })
				time.Sleep(time.Minute)
				missed := b.seen().missed
				if len(missed) != 1 || missed[0].CallID != other {
					t.Errorf("missed_calls has %+v, want the other call alone", missed)
				}
				calls := b.seen().calls
				if last := calls[len(calls)-1]; last.CallID != "call-1" || last.Answered.IsZero() {
					t.Errorf("the last row of call_log is %+v, want the answer", last)
				}
			})
		})
	}
}
