package msilo

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/ua"
)

// ignored is what becomes of a message to which the phone says nothing.
func ignored() ua.Answer { return ua.Answer{Status: 408, Bound: true} }

// TestOneMessageBlocksNothing: a message that the phone does not take is stepped over;
// it stays, its failures are counted, and the others arrive in their order.
func TestOneMessageBlocksNothing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("bad", "one", "worse", "two", "three")
		b.wire.fails = map[string]ua.Answer{"bad": ignored(), "worse": {Status: 500, Bound: true, Relayed: true}}
		b.registers()
		synctest.Wait()
		if got := b.wire.bodies(); !slices.Equal(got, []string{"bad", "one", "worse", "two", "three"}) {
			t.Errorf("sent %q", got)
		}
		rows := b.rows()
		if len(rows) != 2 || rows[0].Attempts != 1 || rows[0].LastCode != 408 || rows[1].LastCode != 500 || rows[0].Refused || rows[1].Refused {
			t.Errorf("left %+v", rows)
		}
	})
}

// TestBlockersGoToTheBack: two messages in a row that the phone does not take are tried
// max_attempts times before the others, then behind them; they are never lost.
func TestBlockersGoToTheBack(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("bad", "worse", "one", "two")
		b.wire.fails = map[string]ua.Answer{"bad": ignored(), "worse": ignored()}
		for i, want := range []int{4, 4, 2, 2} {
			b.registers()
			synctest.Wait()
			if rows := b.rows(); len(rows) != want || rows[0].Attempts != i+1 || rows[0].Refused {
				t.Errorf("after the %d. REGISTER: %d rows are left, want %d: %+v", i+1, len(rows), want, rows)
			}
		}
		b.wire.fails = nil
		b.registers()
		synctest.Wait()
		if rows := b.rows(); len(rows) != 0 {
			t.Errorf("left %+v", rows)
		}
	}, [2]string{"max_attempts", "2"})
}

// TestPhoneAway: a phone that takes nothing is tried with two messages, not with all.
func TestPhoneAway(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one", "two", "three", "four")
		b.wire.answers = []ua.Answer{ignored()}
		b.registers()
		synctest.Wait()
		if got := b.wire.bodies(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("sent %q", got)
		}
	})
}

// TestManyStepped: a pass ends when it has stepped over many, and the next one begins
// where it must.
func TestManyStepped(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.fails = map[string]ua.Answer{"bad": ignored()}
		for range 100 {
			b.keep("bad", "good")
		}
		for range 60 {
			b.registers()
			synctest.Wait()
		}
		for _, row := range b.rows() {
			if string(row.Body) != "bad" {
				t.Fatalf("after 60 REGISTERs a good message is left: %+v", row)
			}
		}
		if n := len(b.rows()); n != 100 || b.silo.largest > 2*chunk {
			t.Errorf("%d are left, %d were read at once", n, b.silo.largest)
		}
	}, [2]string{"max_attempts", "2"})
}

// TestNobodyWaitsBehindABlocker: while a message is tried that has failed, or the last one
// has, m_dumping is false, so that new messages go to the phone at once.
func TestNobodyWaitsBehindABlocker(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("bad", "one", "two")
		b.wire.delay = 10 * time.Second
		b.wire.fails = map[string]ua.Answer{"bad": ignored()}
		check := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			if got := b.dumping("MESSAGE", "bob@example.org", "new"); got != want {
				t.Errorf("%s m_dumping is %v", when, got)
			}
		}
		b.registers()
		check("at the first message", true) // nobody knows yet
		time.Sleep(15 * time.Second)
		check("behind the one that failed", false)
		time.Sleep(10 * time.Second)
		check("behind one that was delivered", true)
		time.Sleep(10 * time.Second)
		check("at the end", false)
		b.keep("three")
		b.registers()
		check("while the failed one is tried again", false)
		b.registers()
		check("at one more REGISTER", false)
	})
}

// TestUnreadableIsLogged: who looks why nothing is delivered finds it in the log.
func TestUnreadableIsLogged(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.silo.mu.Lock()
		b.silo.hidden = true
		b.silo.mu.Unlock()
		b.registers()
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 0 {
			t.Errorf("sent %q", got)
		}
		b.logged("a stored message cannot be read", 1)
		b.silo.mu.Lock()
		b.silo.hidden, b.silo.uncounted = false, true
		b.silo.mu.Unlock()
		b.m.news.add(bobAOR)
		synctest.Wait()
		b.logged("nobody is told how many messages a user has", 1)
	})
}
