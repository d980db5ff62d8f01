package relay

import (
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// TestMessageIsNotWaitedForLong: where a failure route can keep a MESSAGE, a phone that
// is silent is given up while the sender still listens (whose own Timer F is as long as
// ours, and began earlier).
func TestMessageIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	const wait, timerF = 500 * time.Millisecond, 6400 * time.Millisecond
	var phones []*phone
	kept := make(chan time.Time, 1)
	b := newBench(t, &hooks{
		request: func(r *Request) {
			r.OnFailure = 1
			_ = r.SetURI([]byte(phones[0].uri()))
			if err := r.Relay(); err != nil {
				t.Error(err)
			}
		},
		failure: func(r *Request, _ int) {
			kept <- time.Now()
			_ = r.Reply(&sip.Reply{Status: 202})
		},
	}, func(c *Config) { c.Txn = txn.Config{T1: timerF / 64} })
	if b.engine.messageWait != messageWait {
		t.Errorf("a phone may take %v", b.engine.messageWait)
	}
	b.engine.messageWait = wait
	phones = append(phones, b.phone())
	b.start()
	alice := b.phone()
	began := time.Now()
	alice.request("MESSAGE", "sip:bob@example.org", "silent", 1, "silent", "")
	phones[0].expect("MESSAGE")
	alice.expectWithin(20*time.Second, "SIP/2.0 202")
	if took := (<-kept).Sub(began); took < wait || took >= timerF {
		t.Errorf("the phone was waited for %v, want %v", took, wait)
	}
}
