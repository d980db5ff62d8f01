package relay

import (
	"time"

	"seraph/proxy/internal/sip"
)

// crossWait is how long a cancelled branch is waited for where somebody wants to go on: as
// long as an answer takes that crosses the CANCEL, and a phone to say that it is there.
const crossWait = 2 * time.Second

// cancelWait is how long a cancelled branch may be without its final response. RFC 3261
// §9.1 and §16.8 give it 64·T1. That is too long for who waits to be forwarded while a
// phone that rang has lost its network, and for who has hung up, or was refused, while one
// of the callee's phones has never been heard of.
func (b *Branch) cancelWait() time.Duration {
	c := b.call
	long := 64 * c.engine.txns.Config().T1
	if !b.heard || c.onFailure != 0 && !c.cancelled && !c.answered {
		return min(crossWait, long)
	}
	return long
}

// lapse makes a branch of an INVITE count as failed, though it may answer still: while the
// INVITE is open a 2xx goes up (RFC 3261 §16.7 step 5), and for 64·T1 a phone that begins
// to ring after all is cancelled.
func (b *Branch) lapse() {
	if b.call.method != sip.INVITE {
		return
	}
	b.client.Lapse()
	b.late = true
	b.timerC.Arm(64 * b.call.engine.txns.Config().T1)
}

// outlive ends the transaction of a branch that has lapsed when its answer is of no use to
// anybody any more.
func (b *Branch) outlive() {
	if b.call.answered {
		b.client.GiveUp()
		return
	}
	b.timerC.Arm(64 * b.call.engine.txns.Config().T1)
}
