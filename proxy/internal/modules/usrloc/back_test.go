package usrloc

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestWriteBack: with db_mode 2 nothing waits for the database; every timer_interval
// it gets what has changed since, and at the end the rest.
func TestWriteBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		m.mode, m.interval = modeWriteBack, 10*time.Second
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		stop := running(t, m)
		synctest.Wait()
		for i := range 5 {
			reg := registration(bob, "sip:b@h", "sip:gone@h")
			reg.Contacts[0].Q = int16(i) * 100
			wantEnd(t, save(t, m, reg), "durable")
		}
		wantEnd(t, save(t, m, registration(bob, "sip:gone@h 0")), "durable")
		if !m.Table().Online(bob) {
			t.Error("bob is not on line")
		}
		time.Sleep(9 * time.Second)
		wantRows(t, d)
		time.Sleep(1100 * time.Millisecond)
		wantRows(t, d, bob+" sip:b@h")
		if n := len(d.batches); n != 1 {
			t.Errorf("%d transactions, want 1", n)
		}
		// An outage is made up for.
		d.set(func(d *database) { d.away = true })
		save(t, m, registration(bob, "sip:b@h 0", "sip:c@h"))
		time.Sleep(time.Minute)
		d.set(func(d *database) { d.away = false })
		time.Sleep(2 * time.Second)
		wantRows(t, d, bob+" sip:c@h")
		save(t, m, registration(bob, "sip:d@h"))
		stop()
		wantRows(t, d, bob+" sip:c@h", bob+" sip:d@h")

		again := newModule(t, d)
		again.mode = modeWriteBack
		if err := again.Init(); err != nil {
			t.Fatal(err)
		}
		loaded(t, again)
		wantPresent(t, again, bob, "sip:d@h sip:c@h")
	})
}

// TestWriteBackBounded: what waits for a database that is away has a bound.
func TestWriteBackBounded(t *testing.T) {
	m := newModule(t, &database{away: true})
	m.mode, m.table.writer.most = modeWriteBack, 1
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	for i := range backFactor {
		save(t, m, registration(fmt.Sprintf("u%d@example.org", i), "sip:b@h"))
	}
	if _, err := m.Table().Save(registration(bob, "sip:b@h"), nil); err == nil {
		t.Error("one more is taken")
	}
}
