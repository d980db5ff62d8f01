package transport

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// shakeHall plays handshakes in a time of its own, in steps of a millisecond.
type shakeHall struct {
	*handshakes
	now time.Duration
	in  map[*conn]*handshake
}

func newShakeHall() *shakeHall {
	return &shakeHall{newHandshakes(&Config{MaxHandshakes: 512, MaxHandshakesPerSource: 64, HandshakeTimeout: 10 * time.Second}), time.Hour, map[*conn]*handshake{}}
}

// come begins a handshake, whose first words are answered at once; nil where it is refused.
func (h *shakeHall) come(source string) *conn {
	c := &conn{flow: Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr(source), 1)}}
	s, gone := h.enter(c, false, int64(h.now))
	if gone != nil {
		delete(h.in, gone)
	}
	if s == nil {
		return nil
	}
	s.answered.Store(1)
	s.waiting.Store(int64(h.now))
	h.in[c] = s
	return c
}

// end ends one; false if it has lost its place.
func (h *shakeHall) end(c *conn) bool {
	s := h.in[c]
	if s == nil {
		return false
	}
	delete(h.in, c)
	h.leave(s, int64(h.now))
	return true
}

// TestManySourcesKeepNobodyOut: who holds every place from as many sources as he likes, and comes again about
// 0.3 s after he has lost one, keeps out no office, whose phones come three at a time and try again; nor does a network of IPv6.
func TestManySourcesKeepNobodyOut(t *testing.T) {
	for name, source := range map[string]string{"addresses": "10.7.%d.%d", "a /48": "2001:db8:7:%x%02x::1"} {
		t.Run(name, func(t *testing.T) {
			h := newShakeHall()
			lots := rand.New(rand.NewPCG(1, 2))
			wait := func() time.Duration { return time.Duration(200+lots.IntN(200)) * time.Millisecond }
			type attacker struct {
				c    *conn
				next time.Duration
			}
			all := make([]attacker, 600)
			var office [3]attacker // whose next is when it has come
			got, tries := 0, 0
			for ; h.now < time.Hour+40*time.Second; h.now += time.Millisecond {
				for i := range all {
					x := &all[i]
					if x.c != nil && h.in[x.c] == nil {
						x.c, x.next = nil, h.now+wait()
					}
					if x.c == nil && h.now >= x.next {
						if x.c = h.come(fmt.Sprintf(source, i>>8, i&255)); x.c == nil {
							x.next = h.now + wait()
						}
					}
				}
				for i := range office {
					switch x := &office[i]; {
					case h.now < time.Hour+10*time.Second:
					case x.c != nil && h.now-x.next >= 200*time.Millisecond: // a phone's handshake takes so long
						if h.end(x.c) {
							got++
						}
						x.c = nil
					case x.c == nil && h.now-x.next >= 250*time.Millisecond:
						tries++
						x.c, x.next = h.come("192.0.2.1"), h.now
					}
				}
			}
			if t.Logf("%d of %d", got, tries); got < tries/2 {
				t.Errorf("a phone gets in %d times of %d", got, tries)
			}
		})
	}
}

// TestSlowOutageIsOver: 2,000 phones that need two seconds each come back at once, and again five seconds after
// they were refused: all are in before long, as lots take from those few that end.
func TestSlowOutageIsOver(t *testing.T) {
	h := newShakeHall()
	type phone struct {
		c        *conn
		at, next time.Duration
		done     bool
	}
	all := make([]phone, 2000)
	for i := range all {
		all[i].next = h.now + time.Duration(i)*time.Millisecond
	}
	left := len(all)
	for ; left > 0 && h.now < time.Hour+time.Minute; h.now += time.Millisecond {
		for i := range all {
			p := &all[i]
			switch {
			case p.done:
			case p.c != nil && h.in[p.c] == nil:
				p.c, p.next = nil, h.now+5*time.Second
			case p.c != nil && h.now-p.at >= 2*time.Second:
				p.done = h.end(p.c)
				left--
			case p.c == nil && h.now >= p.next:
				p.at, p.next = h.now, h.now+5*time.Second
				p.c = h.come(fmt.Sprintf("10.8.%d.%d", i>>8, i&255))
			}
		}
	}
	if t.Logf("%v", h.now-time.Hour); left > 0 || h.now > time.Hour+30*time.Second {
		t.Errorf("%d are out after %v", left, h.now-time.Hour)
	}
}
