package relay

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// TestFloodMeetsTheBudget: large INVITEs that ring are taken until the memory is spent; the
// others get 503 with Retry-After. What is under way can be cancelled, a request within a
// dialog passes, and when the flood is over calls are taken again.
func TestFloodMeetsTheBudget(t *testing.T) {
	t.Parallel()
	const most = 4 << 20
	log := &lockedBuffer{}
	b, mallory, phones := prepare(t, 1, func(c *Config) {
		// Nothing times out while the test runs, however slow the machine is.
		c.Txn = txn.Config{T1: 500 * time.Millisecond, T4: 50 * time.Millisecond, Memory: txn.Memory{Max: most}}
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	toBob := b.hooks.request
	b.hooks.request = func(r *Request) {
		if string(r.Msg.CallID()) == "within" {
			r.InDialog = true // as loose_route would say
			if err := r.NewTransaction(); err != nil {
				t.Error("a request within a dialog:", err)
			}
			r.InDialog = false // its Route and where that leads are another test's
		}
		toBob(r)
	}
	b.start()
	bob := phones[0]
	body := "Subject: " + strings.Repeat("x", 14000)
	invites := map[string]*sip.Message{}
	for i := range 300 {
		id := fmt.Sprint("flood-", i)
		mallory.invite(id, body)
		switch m := mallory.expect("SIP/2.0"); m.Status {
		case 100:
			invites[id] = bob.expect("INVITE")
			bob.answer(invites[id], 180, "bt")
			mallory.expect("SIP/2.0 180")
		case 503:
			if got := m.Buf; !bytes.Contains(got, []byte("\r\nRetry-After: 5\r\n")) {
				t.Fatalf("no Retry-After: %s", got)
			}
		default:
			t.Fatalf("%d", m.Status)
		}
		if h := b.engine.txns.Held(); h > most+1<<17 {
			t.Fatalf("%d bytes are held of %d", h, most)
		}
	}
	if n := len(invites); n < 50 || n > 150 {
		t.Fatalf("%d calls were taken", n)
	}
	mallory.request("INFO", "sip:bob@example.org", "within", 1, "within", "")
	bob.answer(bob.expect("INFO"), 200, "bt")
	mallory.expect("SIP/2.0 200")
	for id, invite := range invites {
		mallory.cancel(id)
		bob.answer(bob.expect("CANCEL"), 200, "bt")
		bob.answer(invite, 487, "bt")
		bob.expect("ACK")
		mallory.expect("SIP/2.0 487")
		mallory.ack(id)
	}
	eventually(t, "calls are left", func() bool { return b.engine.Transactions() <= 1 }) // the INFO stays for Timer J
	eventually(t, "no call is taken after the flood", func() bool {
		mallory.invite("after")
		m := mallory.expect("SIP/2.0")
		return m.Status == 100
	})
	bob.answer(bob.expect("INVITE"), 486, "bt")
	mallory.expect("SIP/2.0 486")
	mallory.ack("after")
	if n, again := log.count("no memory for new requests"), log.count("memory for new requests again"); n != 1 || again != 1 {
		t.Errorf("the log tells %d times that memory is spent, and %d times that it is not", n, again)
	}
}
