package msilo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/ua"
	"seraph/sql/store"
)

// TestDeliveryWaitsForThe200: while the change of the contacts is not durable, and at
// the news of an earlier one, nothing is sent.
func TestDeliveryWaitsForThe200(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one", "two")
		b.phones.set(1, true)
		if b.registers() != module.True {
			t.Error("m_dump is false")
		}
		b.m.Released("bob@example.org")
		synctest.Wait()
		if n := len(b.wire.bodies()); n != 0 {
			t.Fatalf("%d messages are sent before the 200", n)
		}
		b.phones.set(1, false)
		b.m.Released("bob@example.org")
		synctest.Wait()
		if got := b.wire.bodies(); !slices.Equal(got, []string{"one", "two"}) || len(b.rows()) != 0 {
			t.Errorf("sent %q, left %+v", got, b.rows())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(b.events); n == 0 || b.events[n-1].Total != 0 {
			t.Errorf("the events are %+v", b.events)
		}
	})
}

// TestAnswers: what becomes of a message by its answer, and whether the next one is
// tried after it.
func TestAnswers(t *testing.T) {
	phone := func(status int) ua.Answer { return ua.Answer{Status: status, Bound: true, Relayed: true} }
	for _, x := range []struct {
		answer        ua.Answer
		err           error
		phones, deaf  int  // who takes messages, and who does not
		left          bool // the message
		refused, next bool
	}{
		{answer: phone(200), phones: 1, next: true},
		{answer: phone(202), phones: 1, next: true},
		{answer: ua.Answer{Status: 200}, phones: 1, left: true},                // the script's own
		{answer: ua.Answer{Status: 200, Bound: true}, phones: 1, left: true},   // a failure route's
		{answer: ua.Answer{Status: 200, Relayed: true}, phones: 1, left: true}, // a gateway's
		{answer: phone(415), phones: 1, left: true, refused: true, next: true},
		{answer: phone(606), phones: 1, left: true, refused: true, next: true},
		{answer: phone(415), phones: 2, left: true, next: true},                // another phone may take it
		{answer: phone(606), phones: 2, left: true, refused: true, next: true}, // and none will
		{answer: phone(501), phones: 1, left: true, next: true},                // the phone takes no messages, or not this one
		{answer: phone(405), phones: 1, left: true},                            // it takes none
		{answer: phone(415), phones: 1, deaf: 1, left: true, next: true},
		{answer: ua.Answer{Status: 513}, phones: 1, left: true, refused: true, next: true}, // the script's own from here on
		{answer: ua.Answer{Status: 513}, phones: 2, left: true, refused: true, next: true},
		{answer: ua.Answer{Status: 513, Relayed: true}, phones: 1, left: true}, // a gateway's
		{answer: ua.Answer{Status: 400}, phones: 1, left: true, next: true},
		{answer: ua.Answer{Status: 403}, phones: 1, left: true, next: true},
		{answer: ua.Answer{Status: 404}, phones: 1, left: true},
		{answer: ua.Answer{Status: 480}, phones: 1, left: true},
		{answer: ua.Answer{Status: 405}, phones: 1, left: true},
		{answer: phone(505), phones: 1, left: true, refused: true, next: true},
		{answer: phone(513), phones: 1, left: true, refused: true, next: true},
		{answer: phone(413), phones: 1, left: true, next: true},
		{answer: phone(500), phones: 1, left: true, next: true},
		{answer: ua.Answer{Status: 408, Bound: true}, phones: 1, left: true, next: true}, // no answer in time
		{answer: ua.Answer{Status: 503}, phones: 1, left: true},                          // the script's own
		{err: context.DeadlineExceeded, phones: 1, left: true, next: true},
		{answer: phone(408), phones: 1, left: true, next: true},
		{answer: phone(480), phones: 1, left: true},
		{answer: phone(486), phones: 1, left: true},
		{answer: phone(503), phones: 1, left: true, next: true},
		{err: ua.ErrDropped, phones: 1, left: true},
		{err: ua.ErrBadAddress, phones: 1, left: true, refused: true, next: true},
	} {
		t.Run(fmt.Sprint(x.answer, x.err, x.phones, x.deaf), func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.keep("one", "two")
				b.phones.set(x.phones, false)
				b.phones.deaf = x.deaf
				b.wire.answers, b.wire.err = []ua.Answer{x.answer}, x.err
				b.registers()
				synctest.Wait()
				if got := len(b.wire.bodies()) == 2; got != x.next {
					t.Errorf("sent %q, the next one to be sent: %v", b.wire.bodies(), x.next)
				}
				rows := b.rows()
				if left := len(rows) > 0; left != x.left {
					t.Fatalf("left %+v", rows)
				}
				if x.left && (rows[0].Refused != x.refused || rows[0].Attempts != 1) {
					t.Errorf("left %+v, refused should be %v", rows[0], x.refused)
				}
			})
		})
	}
}

// TestDeletionFails: what a phone has is not sent again by this process.
func TestDeletionFails(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.silo.keeps = true
		b.registers()
		synctest.Wait()
		b.silo.mu.Lock()
		b.silo.keeps = false
		b.silo.mu.Unlock()
		b.registers()
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 1 || len(b.rows()) != 0 {
			t.Errorf("sent %q, left %+v", got, b.rows())
		}
	})
}

// TestDeletedMeanwhile: what the owner deletes while another message is on its way is
// not sent any more.
func TestDeletedMeanwhile(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.keep("two")
		b.keep("three")
		b.wire.delay = time.Second
		b.registers()
		synctest.Wait()
		b.silo.mu.Lock()
		b.silo.rows = slices.DeleteFunc(b.silo.rows, func(m store.SiloMessage) bool { return string(m.Body) == "two" })
		b.silo.mu.Unlock()
		time.Sleep(10 * time.Second)
		for _, body := range b.wire.bodies() {
			if strings.Contains(body, "two") {
				t.Errorf("sent although it was deleted: %q", b.wire.bodies())
			}
		}
		if n := len(b.wire.bodies()); n != 2 || len(b.rows()) != 0 {
			t.Errorf("%d were sent, %d are left, want 2 and none", n, len(b.rows()))
		}
	})
}

// TestOneDeliveryAtATime: a second REGISTER meanwhile begins no second one, and is not
// forgotten.
func TestOneDeliveryAtATime(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.wire.delay = time.Second
		b.registers()
		synctest.Wait()
		b.registers()
		b.keep("two")
		synctest.Wait()
		if n := len(b.wire.bodies()); n != 1 {
			t.Errorf("%d messages are under way", n)
		}
		time.Sleep(5 * time.Second)
		if got := b.wire.bodies(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("sent %q", got)
		}
	})
}

// TestOrdinaryRegister: who has nothing stored costs no look into the database, once
// the table was read.
func TestOrdinaryRegister(t *testing.T) {
	bubble(t, func(b *bench) {
		for range 100 {
			b.registers()
		}
		synctest.Wait()
		if b.silo.pendings != 0 {
			t.Errorf("%d reads", b.silo.pendings)
		}
	})
}

// TestNotSaved: m_dump after a save that refused, or on another request, does nothing.
func TestNotSaved(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		dump := moduletest.Compile(t, b.m, "m_dump")
		c := moduletest.Message(t, moduletest.Request("REGISTER", "sip:example.org", "Contact: <sip:bob@192.0.2.7>"))
		if dump(c) != module.False {
			t.Error("m_dump is true although the REGISTER was refused")
		}
		c = moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
		if c.Saved = true; dump(c) != module.False {
			t.Error("m_dump is true for an INVITE")
		}
	})
}

// TestExpired: old messages go, and who listens hears of it.
func TestExpired(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		time.Sleep(2 * time.Hour)
		if n := len(b.rows()); n != 0 {
			t.Errorf("%d messages are left", n)
		}
		synctest.Wait()
		if n := len(b.events); n == 0 || b.events[n-1].Total != 0 {
			t.Errorf("the events are %+v", b.events)
		}
	})
}

// TestEndDuringDelivery: the router ends while a phone has not answered; the message
// stays, without an attempt.
func TestEndDuringDelivery(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.wire.delay = 20 * time.Second
		b.registers()
		synctest.Wait()
		b.end()
		if rows := b.rows(); len(rows) != 1 || rows[0].Attempts != 0 {
			t.Errorf("left %+v", rows)
		}
	})
}

// TestPrefix: the time goes before a plain text, however long, and before nothing else.
func TestPrefix(t *testing.T) {
	bubble(t, func(b *bench) {
		at := time.Date(2026, 11, 25, 16, 38, 0, 0, time.UTC)
		const prefix = "[Offline message - Wed, 25 Nov 2026 16:38:00 GMT] "
		for kind, want := range map[string]string{
			"text/plain": prefix, "Text/Plain; charset=UTF-8": prefix, "text/html": "", "text/plain;charset=utf-16": "", "message/imdn+xml": "",
		} {
			s := message(at, kind)
			if got := string(b.m.message(&s).Body); got != want+"hello" {
				t.Errorf("%s: %q", kind, got)
			}
		}
		coded := message(at, "text/plain")
		coded.ExtraHeaders = "Content-Encoding: gzip\r\n"
		if got := b.m.message(&coded); string(got.Body) != "hello" || got.Headers != coded.ExtraHeaders {
			t.Errorf("a coded text becomes %+v", got)
		}
	})
}

// TestCleanPeriod: what has expired goes after clean_period periods of check_time, on the
// module's clock.
func TestCleanPeriod(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one")
		b.silo.mu.Lock()
		b.silo.rows[0].Expires = time.Now().Add(20 * time.Second)
		b.silo.mu.Unlock()
		time.Sleep(29 * time.Second)
		if n := len(b.rows()); n != 1 {
			t.Errorf("%d rows before the clean-up", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(b.rows()); n != 0 || b.m.expired.Load() != 1 {
			t.Errorf("%d rows after it, expired_messages is %d", n, b.m.expired.Load())
		}
	}, [2]string{"check_time", "10"}, [2]string{"clean_period", "3"})
	shifted := 0 * time.Hour
	var mu sync.Mutex
	bubbleAt(t, func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(shifted) }, func(b *bench) {
		b.keep("one")
		mu.Lock()
		shifted = 100 * time.Hour
		mu.Unlock()
		time.Sleep(11 * time.Second)
		if n := len(b.rows()); n != 0 {
			t.Errorf("%d rows although the module's clock says that their time is over", n)
		}
	}, [2]string{"check_time", "1"})
}
