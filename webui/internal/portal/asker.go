package portal

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
)

// Bounds of asking the router while a page is made.
const (
	AskTime  = 2 * time.Second // for an answer
	HungTime = 5 * time.Second // without asking again, after there was none
)

// Asker asks the router, and remembers that it takes calls and does not answer, so that
// not every page, or a crowd of strangers, waits for it. The zero Asker is ready. It is
// safe for concurrent use.
type Asker struct {
	until atomic.Int64 // Unix time in nanoseconds
}

// Ask makes one call of the router: within AskTime, and not at all for HungTime after one
// that was not answered. Both are ctlproto.ErrUnreachable, the second one
// ctlproto.ErrNotSent as well. That ctx ended is no fault of the router's.
func (a *Asker) Ask(ctx context.Context, call func(context.Context) error) error {
	if time.Now().UnixNano() < a.until.Load() {
		return fmt.Errorf("%w: %w", ctlproto.ErrUnreachable, ctlproto.ErrNotSent)
	}
	brief, cancel := context.WithTimeout(ctx, AskTime)
	defer cancel()
	err := call(brief)
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		a.until.Store(time.Now().Add(HungTime).UnixNano())
		return fmt.Errorf("%w: no answer within %s: %w", ctlproto.ErrUnreachable, AskTime, err)
	}
	return err
}
