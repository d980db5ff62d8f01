package relay

import (
	"context"
	"fmt"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// drainLook is how often Drain looks whether the phones have taken their CANCEL.
const drainLook = 20 * time.Millisecond

// Drain ends what rings, because the router is about to end: every INVITE that has no
// final reply gets 503, and its branches CANCEL. From now on no initial INVITE is sent on
// (503). It waits until the phones have answered, or for ctx.
func (e *Engine) Drain(ctx context.Context) error {
	e.draining.Store(true)
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for {
		left := 0
		e.txns.Each(func(x *txn.Server) {
			if c, ok := x.Owner().(*Call); ok && c.drain() {
				left++
			}
		})
		if left == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d calls were still ringing: %w", left, ctx.Err())
		}
	}
}

var drainRetry = []byte("Retry-After: 5\r\n")

// drain answers an INVITE that rings and cancels its branches; true while one of them
// still has to answer.
func (c *Call) drain() bool {
	c.Lock()
	defer c.Unlock()
	if c.method != sip.INVITE || !c.relayed || c.server.Status() >= 200 && c.server.Status() < 300 {
		return false
	}
	e := c.engine
	c.cancelBranches(e.layer, nil)
	if !c.answered {
		c.onFailure = 0
		c.replyMade(&sip.Reply{Status: 503, Extra: drainRetry}, e.layer)
	}
	return c.open() > 0
}
