package phone

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// call is a dialog made by INVITE, with our part of the session.
type call struct {
	*dialog
	desc *description
	peer string // for the log

	mu       sync.Mutex
	awaiting map[uint32]chan struct{} // INVITEs we answered with 2xx, by CSeq, until their ACK

	up     atomic.Bool   // there was a 2xx: only BYE ends it now
	over   chan struct{} // closed when the call has ended
	ending atomic.Bool
	refers atomic.Int32 // REFERs taken in this dialog
	busy   atomic.Bool  // one of them is being carried out
}

func (p *Phone) newCall(d *dialog, peer string) *call {
	return &call{
		dialog:   d,
		desc:     &description{host: p.addr.Addr().String(), port: p.mediaPort(), id: rand.Uint32()},
		peer:     peer,
		awaiting: make(map[uint32]chan struct{}),
		over:     make(chan struct{}),
	}
}

// expectAck gives a channel that is closed when the ACK to our 2xx comes.
func (c *call) expectAck(seq uint32) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{})
	c.awaiting[seq] = ch
	return ch
}

// acked ends the wait for an ACK; one that nobody waits for is a retransmission.
func (c *call) acked(seq uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.awaiting[seq]; ok {
		delete(c.awaiting, seq)
		close(ch)
	}
}

// finish marks the call as ended; true for the first who says so.
func (c *call) finish() bool {
	if !c.ending.CompareAndSwap(false, true) {
		return false
	}
	close(c.over)
	return true
}

// admit enters a call into the phone's table; false if the phone is busy or being switched off.
func (p *Phone) admit(c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil || len(p.calls) >= maxCalls {
		return false
	}
	p.calls[callKey{c.callID, c.localTag()}] = c
	return true
}

// drop takes a call out of the table.
func (p *Phone) drop(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, callKey{c.callID, c.localTag()})
}

// find gives the call that a request belongs to, nil if none of ours.
func (p *Phone) find(req *sip.Request) *call {
	from, to, callID := req.From(), req.To(), req.CallID()
	if from == nil || to == nil || callID == nil {
		return nil
	}
	p.mu.Lock()
	c := p.calls[callKey{callID.Value(), to.Params.GetOr("tag", "")}]
	p.mu.Unlock()
	if c == nil || c.remoteTag() != from.Params.GetOr("tag", "") {
		return nil
	}
	return c
}

// spawn runs f beside the phone's other work; it does nothing once the phone is being switched
// off. f must end soon after p.life has.
func (p *Phone) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() == nil {
		p.work.Go(f)
	}
}

// limit hangs a call up after d, if d is not 0.
func (p *Phone) limit(c *call, d time.Duration) {
	if d == 0 {
		return
	}
	p.spawn(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			p.hangUp(c, "time is over")
		case <-c.over:
		case <-p.life.Done():
		}
	})
}

// hangUp ends a call with BYE, unless it has ended already. One that is not up yet is ended by
// whoever is setting it up, who sees that the phone is being switched off.
func (p *Phone) hangUp(c *call, why string) {
	if !c.up.Load() || !c.finish() {
		return
	}
	p.drop(c)
	p.log.Info("hangs up", "peer", c.peer, "why", why)
	ctx, cancel := p.lingering()
	defer cancel()
	bye := c.request(sip.BYE, c.nextSeq())
	p.complete(bye)
	if _, err := p.do(ctx, bye); err != nil {
		p.log.Debug("BYE", "peer", c.peer, "error", err)
	}
}

// lingering is a context that outlives the phone by hangUpTimeout, for what is still to be said.
func (p *Phone) lingering() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(p.life, func() {
		t := time.AfterFunc(hangUpTimeout, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}
