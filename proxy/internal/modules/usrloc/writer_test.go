package usrloc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const late = "the database did not take the change in time"

// TestWriteThrough: nobody is promised anything before the database has it.
func TestWriteThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: 300 * time.Millisecond}
		m := newModule(t, d)
		defer running(t, m)()
		o := save(t, m, registration(bob, "sip:b@h"))
		wantPresent(t, m, bob, "sip:b@h") // it counts at once
		time.Sleep(299 * time.Millisecond)
		wantEnd(t, o, "")
		if m.Table().Online(bob) {
			t.Error("bob is on line before it was promised")
		}
		time.Sleep(2 * time.Millisecond)
		wantEnd(t, o, "durable")
		if !m.Table().Online(bob) {
			t.Error("bob is not on line")
		}
		wantRows(t, d, bob+" sip:b@h")
		o = save(t, m, registration(bob, "sip:b@h 0"))
		if !m.Table().Online(bob) {
			t.Error("bob is off line before it was promised")
		}
		time.Sleep(301 * time.Millisecond)
		wantEnd(t, o, "durable")
		wantRows(t, d)
		if m.Table().Online(bob) || len(m.table.shardOf(bob).entries) != 0 {
			t.Error("something of bob is left")
		}
	})
}

func wantRows(t testing.TB, d *database, want ...string) {
	t.Helper()
	if got := d.contacts(); !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// TestGroups: what comes while the database works goes together.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: 100 * time.Millisecond}
		m := newModule(t, d)
		defer running(t, m)()
		var all []*outcome
		all = append(all, save(t, m, registration(bob, "sip:b@h")))
		synctest.Wait()
		for i := range 200 {
			all = append(all, save(t, m, registration(fmt.Sprintf("u%d@example.org", i), "sip:u@h")))
		}
		time.Sleep(201 * time.Millisecond)
		for i, o := range all {
			if o.end() != "durable" {
				t.Errorf("change %d ended %q", i, o.end())
			}
		}
		if !slices.Equal(d.batches, []int{1, 200}) {
			t.Errorf("batches of %v changes, want 1 and 200", d.batches)
		}
	})
}

// TestRefusedRow: of a hundred registrations the database refuses one row. The
// others are promised and kept.
func TestRefusedRow(t *testing.T) {
	for bad := range 100 {
		if bad%13 != 0 && bad != 99 {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			d := &database{refuse: "planted", delay: time.Millisecond}
			m := newModule(t, d)
			address := func(i int) string { return fmt.Sprintf("u%02d@example.org", i) }
			before := save(t, m, registration(address(bad), "sip:before@h"))
			stop := running(t, m)
			synctest.Wait()
			time.Sleep(10 * time.Millisecond)
			wantEnd(t, before, "durable")
			var all []*outcome
			var want []string
			for i := range 100 {
				reg := registration(address(i), "sip:phone@h", "sip:second@h")
				if i == bad {
					reg = registration(address(i), "sip:good@h", "sip:planted@h", "sip:before@h 0")
					want = append(want, address(i)+" sip:before@h")
				} else {
					want = append(want, address(i)+" sip:phone@h", address(i)+" sip:second@h")
				}
				all = append(all, save(t, m, reg))
			}
			time.Sleep(time.Second)
			for i, o := range all {
				if i == bad {
					wantEnd(t, o, "the database refuses the row")
				} else {
					wantEnd(t, o, "durable")
				}
			}
			wantRows(t, d, want...)
			wantPresent(t, m, address(bad), "sip:before@h")
			stop()
		})
	}
}

// TestFrozen: a database that does not answer costs those who register, after
// two seconds, and nobody else; when it is back it and the table agree.
func TestFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thaw := make(chan struct{})
		d := &database{}
		m := newModule(t, d)
		defer running(t, m)()
		save(t, m, registration(bob, "sip:b@h"))
		save(t, m, registration("eve@example.org", "sip:e@h"))
		synctest.Wait()
		d.set(func(d *database) { d.frozen = thaw })
		start := time.Now()
		removal := save(t, m, registration("eve@example.org", "sip:e@h 0"))
		time.Sleep(time.Second)
		fresh := save(t, m, registration(bob, "sip:new@h", "sip:b@h 60"))
		wantPresent(t, m, bob, "sip:b@h sip:new@h")
		wantPresent(t, m, "eve@example.org", "")
		time.Sleep(999 * time.Millisecond)
		wantEnd(t, removal, "")
		time.Sleep(101 * time.Millisecond)
		wantEnd(t, removal, late)
		wantEnd(t, fresh, "")
		wantPresent(t, m, "eve@example.org", "sip:e@h")
		time.Sleep(time.Second)
		wantEnd(t, fresh, late)
		wantPresent(t, m, bob, "sip:b@h")
		if left := m.Table().Lookup([]byte(bob), nil)[0].Remaining(start); left != time.Hour {
			t.Errorf("the undone refresh left %v, want 1h", left)
		}
		time.Sleep(time.Minute)
		close(thaw)
		d.set(func(d *database) { d.frozen = nil })
		time.Sleep(10 * time.Second)
		wantRows(t, d, bob+" sip:b@h", "eve@example.org sip:e@h")
		o := save(t, m, registration(bob, "sip:b@h 0"))
		synctest.Wait()
		wantEnd(t, o, "durable")
	})
}

// TestAway: an outage shorter than two seconds is not noticed.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{away: true}
		m := newModule(t, d)
		defer running(t, m)()
		var all []*outcome
		for i := range 50 {
			all = append(all, save(t, m, registration(fmt.Sprintf("u%d@example.org", i), "sip:u@h")))
		}
		time.Sleep(900 * time.Millisecond)
		d.set(func(d *database) { d.away = false })
		time.Sleep(time.Second)
		for i, o := range all {
			if o.end() != "durable" {
				t.Errorf("change %d ended %q", i, o.end())
			}
		}
		if n := len(d.contacts()); n != 50 {
			t.Errorf("%d rows, want 50", n)
		}
	})
}

// TestLostAnswer: the database took the change, but the connection broke before
// it said so. Undone changes do not stay in it.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		defer running(t, m)()
		save(t, m, registration(bob, "sip:b@h"))
		synctest.Wait()
		d.set(func(d *database) { d.lost = true })
		fresh := save(t, m, registration(bob, "sip:new@h"))
		removal := save(t, m, registration(bob, "sip:b@h 0"))
		time.Sleep(3 * time.Second)
		wantEnd(t, fresh, late)
		wantEnd(t, removal, late)
		wantPresent(t, m, bob, "sip:b@h")
		d.set(func(d *database) { d.lost = false })
		time.Sleep(3 * time.Second)
		wantRows(t, d, bob+" sip:b@h")
		if m.table.writer.waiting() != 0 {
			t.Errorf("%d changes still wait", m.table.writer.waiting())
		}
	})
}

// TestUndoneUnlessChanged: a change that fails takes nothing back that was
// changed since, and one that was made upon it does not bring it back.
func TestUndoneUnlessChanged(t *testing.T) {
	t1, t2 := "sip:b@h 100", "sip:b@h 200"
	for _, c := range []struct {
		name          string
		first, second string // what is registered while sip:b@h has 3600 s
		ends          []bool // in this order: is the first, then the second durable
		want          time.Duration
	}{
		{"both durable", t1, t2, []bool{true, true}, 200 * time.Second},
		{"first undone", t1, t2, []bool{false, true}, 200 * time.Second},
		{"second undone", t1, t2, []bool{true, false}, 100 * time.Second},
		{"both undone", t1, t2, []bool{false, false}, 3600 * time.Second},
		{"removal undone, then the second", "sip:b@h 0", t2, []bool{false, false}, 3600 * time.Second},
		{"removal durable, second undone", "sip:b@h 0", t2, []bool{true, false}, 0},
		{"removal undone", t1, "sip:b@h 0", []bool{true, false}, 100 * time.Second},
		{"both undone, the second a removal", t1, "sip:b@h 0", []bool{false, false}, 3600 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			m := newModule(t, &database{}, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
			ticket := func(contact string) *Ticket {
				res, err := m.Table().Save(registration(bob, contact), nil)
				if err != nil {
					t.Fatal(err)
				}
				res.Ticket.Deliver(nil)
				return res.Ticket
			}
			ticket("sip:b@h").settle(nil)
			tickets := []*Ticket{ticket(c.first), ticket(c.second)}
			for i, durable := range c.ends {
				if durable {
					tickets[i].settle(nil)
				} else {
					tickets[i].settle(ErrLate)
				}
			}
			left := time.Duration(0)
			for _, b := range m.Table().Lookup([]byte(bob), nil) {
				left += b.Remaining(now)
			}
			if left != c.want {
				t.Errorf("the binding has %v left, want %v", left, c.want)
			}
		})
	}
}

// TestParked: a retransmission of what waits is neither answered nor done again.
func TestParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: time.Second}
		m := newModule(t, d)
		defer running(t, m)()
		reg := registration(bob, "sip:b@h", "sip:c@h")
		save(t, m, reg)
		if _, err := m.Table().Save(reg, nil); !errors.Is(err, ErrParked) {
			t.Errorf("the retransmission: %v, want %v", err, ErrParked)
		}
		time.Sleep(1001 * time.Millisecond)
		res, err := m.Table().Save(reg, nil)
		if err != nil || res.Ticket != nil || len(res.Bindings) != 2 || res.Change != Fetched {
			t.Errorf("the retransmission after the answer: %+v, %v; want both contacts and nothing changed", res, err)
		}
		all := &Registration{AoR: []byte(bob), CallID: reg.CallID, CSeq: 2, RemoveAll: true}
		save(t, m, all)
		if _, err := m.Table().Save(all, nil); !errors.Is(err, ErrParked) {
			t.Errorf("the retransmission of *: %v, want %v", err, ErrParked)
		}
		time.Sleep(1001 * time.Millisecond)
		wantRows(t, d)
	})
}

// TestBounds: neither all phones together nor one alone can fill the memory while
// the database is away.
func TestBounds(t *testing.T) {
	d := &database{}
	m := newModule(t, d)
	for _, p := range m.Params() {
		if p.Name == "max_pending" {
			if err := p.Set("", maxVersions+4); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range maxVersions {
		save(t, m, registration(bob, "sip:b@h"))
	}
	if _, err := m.Table().Save(registration(bob, "sip:b@h"), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("change %d of one binding: %v, want %v", maxVersions+1, err, ErrBusy)
	}
	for i := range 4 {
		save(t, m, registration("eve@example.org", fmt.Sprintf("sip:%d@h", i)))
	}
	if _, err := m.Table().Save(registration("eve@example.org", "sip:5@h"), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one change more than all may have: %v, want %v", err, ErrBusy)
	}
	if _, err := m.Table().Save(registration(bob), nil); err != nil {
		t.Errorf("a query: %v", err)
	}
}

// TestShutdown: what was taken is still written, and nobody waits for ever.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: 100 * time.Millisecond}
		m := newModule(t, d)
		stop := running(t, m)
		synctest.Wait()
		o := save(t, m, registration(bob, "sip:b@h"))
		stop()
		wantEnd(t, o, "durable")
		wantRows(t, d, bob+" sip:b@h")

		d.set(func(d *database) { d.frozen = make(chan struct{}) })
		stop = running(t, m)
		o = save(t, m, registration(bob, "sip:c@h"))
		synctest.Wait()
		start := time.Now()
		stop()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the end took %v with a frozen database, want 2 s at most", took)
		}
		wantEnd(t, o, late)
	})
}

// TestExpiredRows: what expires leaves the database, even one that was away then.
func TestExpiredRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		defer running(t, m)()
		save(t, m, registration(bob, "sip:b@h 60", "sip:c@h"))
		synctest.Wait()
		d.set(func(d *database) { d.away = true })
		time.Sleep(2 * time.Minute)
		wantPresent(t, m, bob, "sip:c@h")
		wantRows(t, d, bob+" sip:b@h", bob+" sip:c@h")
		d.set(func(d *database) { d.away = false })
		time.Sleep(2 * time.Second)
		wantRows(t, d, bob+" sip:c@h")
	})
}

// TestRegisteredAgain: a binding that expired while the database was away and
// was registered again is not deleted by the belated clean-up.
func TestRegisteredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		defer running(t, m)()
		save(t, m, registration(bob, "sip:b@h 60"))
		synctest.Wait()
		d.set(func(d *database) { d.away = true })
		time.Sleep(2 * time.Minute)
		o := save(t, m, registration(bob, "sip:b@h"))
		time.Sleep(time.Second)
		d.set(func(d *database) { d.away = false })
		time.Sleep(2 * time.Second)
		wantEnd(t, o, "durable")
		wantRows(t, d, bob+" sip:b@h")
	})
}

// TestFlush waits for the database.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: 500 * time.Millisecond}
		m := newModule(t, d)
		defer running(t, m)()
		if err := m.Control().Flush(context.Background()); err != nil {
			t.Errorf("nothing to flush: %v", err)
		}
		save(t, m, registration(bob, "sip:b@h"))
		if err := m.Control().Flush(context.Background()); err != nil {
			t.Error(err)
		}
		wantRows(t, d, bob+" sip:b@h")
		d.set(func(d *database) { d.away = true })
		save(t, m, registration(bob, "sip:c@h"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.Control().Flush(ctx); err == nil {
			t.Error("flush succeeded with the database away")
		}
	})
}

// TestExpiredPending: a change that has expired while it waits for the database,
// and is then undone, gives way to what was before.
func TestExpiredPending(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newModule(t, &database{}, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
	first, err := m.Table().Save(registration(bob, "sip:b@h 3600"), nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Ticket.settle(nil)
	second, err := m.Table().Save(registration(bob, "sip:b@h 1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	m.Table().sweep()
	wantPresent(t, m, bob, "")
	second.Ticket.settle(ErrLate)
	wantPresent(t, m, bob, "sip:b@h")
	now = now.Add(time.Hour)
	m.Table().sweep()
	wantPresent(t, m, bob, "")
	if err := m.table.consistent(); err != nil {
		t.Error(err)
	}
}

// TestLongOutage: what is undone while the database is away leaves next to
// nothing behind that must be repaired.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{away: true}
		m := newModule(t, d)
		defer running(t, m)()
		var last *outcome
		for i := range 3000 {
			last = save(t, m, registration(fmt.Sprintf("u%d@example.org", i), fmt.Sprintf("sip:%d@h", i)))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		wantEnd(t, last, late)
		if n := m.table.writer.waiting(); n > 100+maxBatch {
			t.Errorf("after a minute without the database %d rows are to be repaired", n)
		}
		d.set(func(d *database) { d.away = false })
		time.Sleep(10 * time.Second)
		wantRows(t, d)
		if n := m.table.writer.waiting(); n != 0 {
			t.Errorf("%d rows are still to be repaired", n)
		}
	})
}

// TestWriteOrder: of two changes of one row the later one stays, also if the
// database was away meanwhile.
func TestWriteOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{away: true}
		m := newModule(t, d)
		defer running(t, m)()
		save(t, m, registration(bob, "sip:b@h"))
		synctest.Wait()
		o := save(t, m, registration(bob, "sip:b@h 0"))
		time.Sleep(500 * time.Millisecond)
		d.set(func(d *database) { d.away = false })
		time.Sleep(time.Second)
		wantEnd(t, o, "durable")
		wantRows(t, d)
		wantPresent(t, m, bob, "")
	})
}
