package msilo

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// dumping runs m_dumping on a request whose callee lookup has looked for.
func (b *bench) dumping(method, callee, callID string) bool {
	b.t.Helper()
	c := moduletest.Message(b.t, strings.Replace(moduletest.Request(method, "sip:bob@192.0.2.7"), "call-1\n", callID+"\n", 1))
	if callee != "" {
		c.Callee = []byte(callee)
	}
	return moduletest.Compile(b.t, b.m, "m_dumping")(c) == module.True
}

// TestDumping: a delivery is under way from the REGISTER with m_dump until the store is
// empty, for its owner and nobody else, and not for what is being delivered itself.
func TestDumping(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.delay = time.Second
		check := func(when string, want bool) {
			t.Helper()
			if got := b.dumping("MESSAGE", "bob@example.org", "new"); got != want {
				t.Errorf("%s m_dumping is %v", when, got)
			}
		}
		check("with nothing stored", false)
		b.keep("one", "two")
		check("before he registers", false)
		b.phones.set(1, true) // the 200 is parked
		b.registers()
		check("before his 200 is out", true)
		b.phones.set(1, false)
		b.m.Released("bob@example.org")
		check("when it is out", true)
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond)
		check("between two messages", true)
		for _, x := range []struct{ method, callee, callID string }{
			{"MESSAGE", "carol@example.org", "new"}, {"MESSAGE", "", "new"}, {"MESSAGE", "no address", "new"}, {"INVITE", "bob@example.org", "new"},
			{"MESSAGE", "bob@example.org", b.wire.last()},
		} {
			if b.dumping(x.method, x.callee, x.callID) {
				t.Errorf("m_dumping is true for %+v", x)
			}
		}
		time.Sleep(time.Minute)
		check("when all is delivered", false)
	})
}

// TestDumpingToWhomIsFound: m_dumping is about whose phone lookup has found, not about who was looked for in vain before.
func TestDumpingToWhomIsFound(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.delay = time.Second
		b.keep("one", "two")
		b.registers()
		synctest.Wait()
		for _, x := range []struct {
			looked, found string
			want          int
		}{
			{"bob-home@example.org", "bob@example.org", module.True}, {"bob@example.org", "carol@example.org", module.False},
		} {
			c := moduletest.Message(t, strings.Replace(moduletest.Request("MESSAGE", "sip:bob@192.0.2.7"), "call-1\n", "new\n", 1))
			c.Seek([]byte(x.looked))
			c.SetFound([]byte(x.found))
			if got := moduletest.Compile(t, b.m, "m_dumping")(c); got != x.want {
				t.Errorf("looked for %s, found %s: m_dumping is %d", x.looked, x.found, got)
			}
		}
		time.Sleep(time.Minute)
	})
}

// TestTakesItsTurn: what is stored while a delivery is under way goes out behind what
// was there, in the same delivery.
func TestTakesItsTurn(t *testing.T) {
	bubble(t, func(b *bench) {
		b.wire.delay = time.Second
		b.keep("one", "two")
		b.registers()
		time.Sleep(500 * time.Millisecond)
		if !b.dumping("MESSAGE", "bob@example.org", "new") || b.stores("three") != 202 {
			t.Error("the new message is not stored")
		}
		time.Sleep(time.Minute)
		got := b.wire.bodies()
		if len(got) != 3 || got[0] != "one" || got[1] != "two" || !strings.HasSuffix(got[2], "] three") || len(b.rows()) != 0 {
			t.Errorf("sent %q, %d left", got, len(b.rows()))
		}
	})
}

// TestDumpCounts: msilo.dump says how many messages there are, and no more of them are
// read at once than a delivery needs.
func TestDumpCounts(t *testing.T) {
	bubble(t, func(b *bench) {
		for range 50 {
			b.keep("x")
		}
		if n, err := b.m.Dump(t.Context(), bobAOR); n != 50 || err != nil {
			t.Errorf("Dump: %d, %v", n, err)
		}
		synctest.Wait()
		left := len(b.rows())
		b.silo.mu.Lock()
		largest := b.silo.largest
		b.silo.away = true
		b.silo.mu.Unlock()
		if left != 0 || largest > chunk {
			t.Errorf("%d are left, %d were read at once", left, largest)
		}
		if _, err := b.m.Dump(t.Context(), bobAOR); err == nil || !strings.Contains(err.Error(), "database is away") {
			t.Errorf("with the database away: %v", err)
		}
	})
}
