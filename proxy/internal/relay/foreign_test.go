package relay

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// lockedText is a log.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestResponseOfAnotherRequest: a response that repeats another Call-ID, From tag or CSeq number than its request
// (RFC 3261 §8.2.6.2) goes nowhere, and no reply route and no table sees it; it is counted as a stray one and logged once.
// The right one goes up after it, also where the script has put another From into the request.
func TestResponseOfAnotherRequest(t *testing.T) {
	t.Parallel()
	for _, renamed := range []bool{false, true} {
		text := &lockedText{}
		b, alice, phones := prepare(t, 1, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(text, nil)) })
		seen := make(chan int, 100)
		b.hooks.reply = func(r *Request) bool { seen <- r.Msg.Status; return true }
		if relay := b.hooks.request; renamed {
			b.hooks.request = func(r *Request) {
				if err := rename(r, From, "sip:anonymous@anonymous.invalid"); err != nil {
					t.Error(err)
				}
				relay(r)
			}
		}
		b.start()
		alice.invite("names")
		inv := phones[0].expect("INVITE")
		if a, err := inv.From(); err != nil || strings.HasPrefix(string(a.URI), "sip:anonymous") != renamed {
			t.Fatalf("From is %s", value(inv, sip.HdrFrom))
		}
		n := uint64(0)
		for _, status := range []int{100, 180, 200, 486, 603} {
			for _, x := range [][2]string{{"Call-ID: names", "Call-ID: name"}, {";tag=at", ";tag=bt"}, {"CSeq: 1 ", "CSeq: 2 "}} {
				rep := string(inv.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte("bt"), RecordRoute: true}))
				_, _ = phones[0].conn.WriteToUDPAddrPort([]byte(strings.Replace(rep, x[0], x[1], 1)), phones[0].to)
				n++
			}
		}
		eventually(t, "not all are counted as stray", func() bool { return b.engine.Counters().StrayReplies.Load() == n })
		alice.expect("SIP/2.0 100") // the router's own
		alice.nothing("SIP/2.0", 20*time.Millisecond)
		phones[0].answer(inv, 180, "bt")
		alice.expect("SIP/2.0 180")
		phones[0].answer(inv, 486, "bt")
		if from := value(alice.expect("SIP/2.0 486"), sip.HdrFrom); from != "<sip:alice@example.org>;tag=at" {
			t.Errorf("alice gets From %s", from)
		}
		alice.ack("names")
		var got []int
		for range len(seen) {
			got = append(got, <-seen)
		}
		if len(got) != 2 || got[0] != 180 || got[1] != 486 {
			t.Errorf("the reply route has seen %v", got)
		}
		if k := strings.Count(text.String(), "a response is dropped"); k != 1 || !strings.Contains(text.String(), "call_id=name") {
			t.Errorf("the log is %s", text)
		}
		b.empty()
	}
}
