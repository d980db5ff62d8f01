package relay

import (
	"fmt"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// keeper is a user agent that keeps each request and answers it when the test says so.
type keeper struct {
	b     *bench
	alice *phone
	kept  chan func(status int, msg []byte)
	ok    chan []byte // a 200 to it
	ended chan []byte // a 487 to it
	gone  chan bool   // it is cancelled
}

// newKeeper makes one; first are done with each request before it is kept.
func newKeeper(t *testing.T, first ...func(r *Request)) *keeper {
	k := &keeper{kept: make(chan func(int, []byte), 10), ok: make(chan []byte, 10), ended: make(chan []byte, 10), gone: make(chan bool, 10)}
	k.b = newBench(t, &hooks{request: func(r *Request) { t.Errorf("the script runs for %q", r.Msg.Buf) }}, func(c *Config) {
		c.Txn = txn.Config{T1: 25 * time.Millisecond, T4: 50 * time.Millisecond}
		c.UserAgent = func(r *Request) bool {
			if r.Msg.Method != sip.ACK {
				k.ok <- r.BuildReply(nil, &sip.Reply{Status: 200})
				k.ended <- r.BuildReply(nil, &sip.Reply{Status: 487})
				for _, do := range first {
					do(r)
				}
				k.kept <- r.Later(func() { k.gone <- true })
			}
			return true
		}
	})
	k.alice = k.b.phone()
	k.b.start()
	return k
}

// TestLaterCancelled: who is to answer an INVITE is told once that it is cancelled, also when that is
// handled before Later keeps it, and answers as it likes: with 487, or with a 2xx that was faster.
func TestLaterCancelled(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		for _, status := range []int{487, 200} {
			t.Run(fmt.Sprintf("%d, early %v", status, early), func(t *testing.T) {
				t.Parallel()
				k := newKeeper(t, func(r *Request) {
					if !early {
						return
					}
					if err := r.NewTransaction(); err != nil {
						t.Error(err)
						return
					}
					c := r.Call
					c.Lock()
					c.cancel(r.out(), nil)
					c.Unlock()
				})
				k.alice.invite("cancelled")
				k.alice.expect("SIP/2.0 100")
				later := <-k.kept
				k.alice.cancel("cancelled")
				if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 CANCEL" {
					t.Errorf("%q", m.Buf)
				}
				k.alice.nothing("SIP/2.0 487", 60*time.Millisecond)
				k.alice.cancel("cancelled") // once more is none the worse
				k.alice.expect("SIP/2.0 200")
				if len(k.gone) != 1 {
					t.Errorf("it was told %d times", len(k.gone))
				}
				reply := map[int][]byte{200: <-k.ok, 487: <-k.ended}[status]
				later(status, reply)
				if m := k.alice.expect(fmt.Sprintf("SIP/2.0 %d", status)); value(m, sip.HdrCSeq) != "1 INVITE" {
					t.Errorf("%q", m.Buf)
				}
				if status == 487 {
					k.alice.ack("cancelled")
				}
				k.b.empty()
			})
		}
	}
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
	later(200, ok)
	if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 INVITE" {
		t.Errorf("%q", m.Buf)
	}
	k.alice.cancel("answered")
	k.alice.nothing("SIP/2.0 487", 60*time.Millisecond)

	k.alice.request("INFO", "sip:bob@example.org", "info", 1, "info", "bt")
	later, ok = <-k.kept, <-k.ok
	k.alice.request("CANCEL", "sip:bob@example.org", "info", 1, "info", "bt")
	k.alice.expect("SIP/2.0 481")
	later(200, ok)
	if m := k.alice.expect("SIP/2.0 200"); value(m, sip.HdrCSeq) != "1 INFO" {
		t.Errorf("%q", m.Buf)
	}
	if len(k.gone) != 0 {
		t.Error("it was told of a CANCEL")
	}
	k.b.empty()
}
