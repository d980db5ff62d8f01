package relay

import (
	"fmt"
	"testing"
	"time"
)

// ends is an Accountant that notes whose calls ended.
type ends struct{ told chan string }

func (e ends) Ended(c *Call, status int, _ []byte) {
	e.told <- fmt.Sprint(string(c.Callee()), " ", status)
}
func (e ends) Refused(*Request, int, []byte) {}

// TestCalleeOfAForwardedCall: whom lookup looks for first is the callee, however often it is
// called; after Forwarded it is the next one; and in any case the one who has answered.
func TestCalleeOfAForwardedCall(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			told := make(chan string, 10)
			b, alice, phones := prepare(t, 2, slow, func(c *Config) { c.Accountant = ends{told} })
			b.hooks.request = func(r *Request) {
				r.OnFailure = 1
				r.SetTimers(100*time.Millisecond, 0)
				r.Seek([]byte("bob@example.org"))
				r.Seek([]byte("gruu@example.org"))
				_ = r.SetURI([]byte(phones[0].uri()))
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) {
				if string(r.Callee) != "bob@example.org" {
					t.Errorf("callee %s", r.Callee)
				}
				r.Forwarded()
				r.Seek([]byte("carol@example.org"))
				r.SetTimers(time.Minute, 0)
				if err := next(r, phones[1]); err != nil {
					t.Error(err)
				}
			}
			b.start()
			alice.invite("forwarded")
			first := phones[0].expect("INVITE")
			phones[0].answer(first, 180, "t0")
			second := phones[1].expectWithin(20*time.Second, "INVITE")
			want := "carol@example.org 200"
			if late {
				phones[0].answer(first, 200, "t0")
				want = "bob@example.org 200"
			} else {
				phones[1].answer(second, 200, "t1")
			}
			alice.expect("SIP/2.0 200")
			if got := <-told; got != want {
				t.Errorf("the accounts have %q, want %q", got, want)
			}
		})
	}
}
