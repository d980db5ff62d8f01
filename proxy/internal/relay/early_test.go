package relay

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/transport"
)

// TestEarlyRepliesAreBounded: whoever sends, in whose name ever, what is answered before
// the script gets so many answers a second and no more.
func TestEarlyRepliesAreBounded(t *testing.T) {
	const rest = "Via: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: early\r\nCSeq: 1 %s\r\n%s\r\n"
	for name, c := range map[string]struct{ method, extra, want string }{
		"malformed":         {"OPTIONS", "Content-Length: x\r\n", "SIP/2.0 400 "},
		"CANCEL of nothing": {"CANCEL", "", "SIP/2.0 481 "},
		"Proxy-Require":     {"OPTIONS", "Proxy-Require: x\r\n", "SIP/2.0 420 "},
	} {
		b := newBench(t, &hooks{request: func(*Request) { t.Error("the script runs") }})
		for source, bounded := range map[string]bool{"192.0.2.7:5070": true, "127.0.0.1:5070": false} {
			sent := 0
			w := transport.NewDetached(b.engine.NewScratch(), func(_ transport.Flow, msg []byte) error {
				if !strings.HasPrefix(string(msg), c.want) {
					t.Errorf("%s: %.40q", name, msg)
				}
				sent++
				return nil
			})
			from := transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort(source), Local: b.addr}
			const n = 5 * earlyPerSource
			begin := time.Now()
			for i := range n {
				b.engine.Receive(w, fmt.Appendf(nil, c.method+" sip:c@d SIP/2.0\r\n"+rest, i, c.method, c.extra), from)
			}
			seconds := int(time.Since(begin)/time.Second) + 2
			switch {
			case !bounded && sent != n:
				t.Errorf("%s: our own host has got %d answers, want all %d", name, sent, n)
			case bounded && (sent < earlyPerSource || sent > min(n, seconds*earlyPerSource)):
				t.Errorf("%s: %d answers in %d seconds", name, sent, seconds)
			case bounded && b.engine.Counters().Unanswered.Load() != uint64(n-sent):
				t.Errorf("%s: %d of %d were answered, and %d counted as not", name, sent, n, b.engine.Counters().Unanswered.Load())
			}
		}
	}
}

// TestEarlyPace: the counts begin anew with each second, a /64 is one source, and all
// sources together have a limit.
func TestEarlyPace(t *testing.T) {
	x, seed, now := &early{}, maphash.MakeSeed(), time.Unix(1000, 0)
	take := func(source string, n int, at time.Time) (taken int) {
		for i := range n {
			a := netip.MustParseAddr(fmt.Sprintf(source, i+1))
			if x.allows(seed, a, at) {
				taken++
			}
		}
		return taken
	}
	if n := take("2001:db8::%x", 2*earlyPerSource, now); n != earlyPerSource {
		t.Errorf("a /64 has got %d", n)
	}
	if n := take("2001:db8::%x", 2*earlyPerSource, now.Add(time.Second)); n != earlyPerSource {
		t.Errorf("it has got %d in the next second", n)
	}
	if n := take("2001:db8:0:%x::1", 3*earlyAll, now.Add(2*time.Second)); n != earlyAll {
		t.Errorf("all have got %d", n)
	}
}
