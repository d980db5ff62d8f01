package public

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
)

// Bounds of asking the router while a page is made.
const (
	askTime  = 2 * time.Second // for an answer
	hungTime = 5 * time.Second // without asking again, after there was none
)

// asker asks the router, and remembers that it does not answer, so that a crowd
// of strangers does not wait for it. It is safe for concurrent use.
type asker struct {
	until atomic.Int64 // Unix time in nanoseconds
}

// do makes one call of the router: within askTime, and not at all for a while
// after one that was not answered.
func (a *asker) do(ctx context.Context, call func(context.Context) error) error {
	if time.Now().UnixNano() < a.until.Load() {
		return fmt.Errorf("%w: %w", ctlproto.ErrUnreachable, ctlproto.ErrNotSent)
	}
	brief, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := call(brief)
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		a.until.Store(time.Now().Add(hungTime).UnixNano())
		return fmt.Errorf("%w: %w", ctlproto.ErrUnreachable, err)
	}
	return err
}
