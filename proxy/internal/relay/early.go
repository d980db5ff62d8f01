package relay

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

const (
	// earlySlots is how many slots the sources of early replies are counted in; addresses
	// share them, so that the counts need no memory of their own.
	earlySlots = 1024
	// earlyPerSource is how many a second one source gets, and earlyAll how many all do.
	earlyPerSource = 50
	earlyAll       = 2000
)

// early counts the replies that are made before the script, which could count them itself
// (module pike): what is malformed, a CANCEL of nothing, a Proxy-Require. The sender of a
// datagram may be anybody's name.
type early struct {
	slots [earlySlots]pace
	all   pace
}

// pace counts up to a limit in each second: the second in the upper half.
type pace struct{ at atomic.Uint64 }

// take counts one; false if the second has had so many already.
func (p *pace) take(second uint32, limit uint32) bool {
	for {
		was := p.at.Load()
		now := uint64(second) << 32
		if uint32(was>>32) == second {
			if uint32(was) >= limit {
				return false
			}
			now = was
		}
		if p.at.CompareAndSwap(was, now+1) {
			return true
		}
	}
}

// allows counts a reply to a source, of IPv6 to its /64; false if there were too many in
// this second.
func (x *early) allows(seed maphash.Seed, source netip.Addr, now time.Time) bool {
	if source.IsLoopback() {
		return true // the router's own host
	}
	source = transport.SourceOf(source)
	second := uint32(now.Unix())
	return x.slots[maphash.Comparable(seed, source)%earlySlots].take(second, earlyPerSource) && x.all.take(second, earlyAll)
}

// replyEarly answers a request before the script, unless its source gets too many such
// answers.
func (e *Engine) replyEarly(r *Request, rep *sip.Reply) {
	if !e.early.allows(e.tagSeed, r.From.Remote.Addr(), e.Now()) {
		e.stats.Unanswered.Add(1)
		return
	}
	_ = r.ReplyStateless(rep)
}
