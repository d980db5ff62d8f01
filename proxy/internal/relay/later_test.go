package relay

import (
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// keeper is a user agent that keeps each request and answers it when the test says so.
type keeper struct {
	b     *bench
	alice *phone
	kept  chan func(status int, msg []byte) bool
	ok    chan []byte // a 200 to it
	gone  chan bool   // it is cancelled
}

func newKeeper(t *testing.T) *keeper {
	k := &keeper{kept: make(chan func(int, []byte) bool, 10), ok: make(chan []byte, 10), gone: make(chan bool, 10)}
	k.b = newBench(t, &hooks{request: func(r *Request) { t.Errorf("the script runs for %q", r.Msg.Buf) }}, func(c *Config) {
		c.Txn = txn.Config{T1: 25 * time.Millisecond, T4: 50 * time.Millisecond}
		c.UserAgent = func(r *Request) bool {
			if r.Msg.Method != sip.ACK {
				k.ok <- r.BuildReply(nil, &sip.Reply{Status: 200})
				k.kept <- r.Later(func() { k.gone <- true })
			}
			return true
		}
	})
	k.alice = k.b.phone()
	k.b.start()
	return k
}

// TestLaterCancelled: an INVITE whose answer is to come gets 487 when it is cancelled (RFC 3261 §9.2), and
// that is its answer: what is said later goes nowhere, and who says it is told so.
func TestLaterCancelled(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	k.alice.invite("cancelled")
	k.alice.expect("SIP/2.0 100")
	later, ok := <-k.kept, <-k.ok
	k.alice.cancel("cancelled")
	if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 CANCEL" {
		t.Errorf("%q", m.Buf)
	}
	if m := k.alice.expect("SIP/2.0 487"); value(m, sip.HdrCSeq) != "1 INVITE" {
		t.Errorf("%q", m.Buf)
	}
	k.alice.cancel("cancelled") // once more is none the worse
	k.alice.expect("SIP/2.0 200")
	k.alice.ack("cancelled")
	if len(k.gone) != 1 {
		t.Errorf("it was told %d times", len(k.gone))
	}
	if later(200, ok) {
		t.Error("the later answer counts")
	}
	k.alice.nothing("SIP/2.0 200", 60*time.Millisecond)
	k.b.empty()
}

// TestLaterNotCancelled: a CANCEL that comes after the answer, of another transaction, or of what is no
// INVITE changes nothing.
func TestLaterNotCancelled(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	k.alice.invite("answered")
	k.alice.expect("SIP/2.0 100")
	later, ok := <-k.kept, <-k.ok
	k.alice.request("CANCEL", "sip:bob@example.org", "answered", 1, "another", "")
	k.alice.expect("SIP/2.0 481")
	k.alice.request("CANCEL", "sip:bob@example.org", "another", 1, "inv-answered", "")
	k.alice.expect("SIP/2.0 481")
	if !later(200, ok) {
		t.Error("the answer does not count")
	}
	if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 INVITE" {
		t.Errorf("%q", m.Buf)
	}
	k.alice.cancel("answered")
	k.alice.nothing("SIP/2.0 487", 60*time.Millisecond)

	k.alice.request("INFO", "sip:bob@example.org", "info", 1, "info", "bt")
	later, ok = <-k.kept, <-k.ok
	k.alice.request("CANCEL", "sip:bob@example.org", "info", 1, "info", "bt")
	k.alice.expect("SIP/2.0 481")
	if !later(200, ok) {
		t.Error("the answer to an INFO does not count")
	}
	if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 INFO" {
		t.Errorf("%q", m.Buf)
	}
	if len(k.gone) != 0 {
		t.Error("it was told of a CANCEL")
	}
	k.b.empty()
}
