package portal

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// Acts are the methods of a router for what somebody asked for, which may take its time: a
// phone is rung, a table is written. Each takes as long as it needs, for as long as the
// router answers other questions beside it, and fails with ctlproto.ErrUnreachable within
// two AskTimes once it does not; ctlproto.ErrNotSent as well if it hung before.
func (a *Asker) Acts(router ctlproto.Caller) ctlproto.Methods {
	return ctlproto.NewMethods(act{a, router})
}

// act is the Caller of Acts.
type act struct {
	asker  *Asker
	router ctlproto.Caller
}

// Call implements ctlproto.Caller.
func (c act) Call(ctx context.Context, method string, params, result any) error {
	if err := c.lives(ctx); err != nil {
		return fmt.Errorf("%w: %w", ctlproto.ErrNotSent, err)
	}
	ctx, hung := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { c.watch(ctx, hung) })
	err := c.router.Call(ctx, method, params, result)
	if cause := context.Cause(ctx); cause != nil && errors.Is(cause, ctlproto.ErrUnreachable) && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", method, cause)
	}
	hung(nil)
	watch.Wait()
	return err
}

// watch ends a call once the router answers nothing any more.
func (c act) watch(ctx context.Context, hung context.CancelCauseFunc) {
	ticker := time.NewTicker(AskTime)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := c.lives(ctx); err != nil && ctx.Err() == nil {
			// Not err itself: the call was sent, the question may not have been.
			hung(fmt.Errorf("%w: it answers nothing beside a call: %s", ctlproto.ErrUnreachable, err.Error()))
			return
		}
	}
}

// lives asks the router the least there is; a refusal is an answer, too.
func (c act) lives(ctx context.Context) error {
	err := c.asker.Ask(ctx, func(ctx context.Context) error {
		return c.router.Call(ctx, ctlproto.MethodCoreVersion, nil, nil)
	})
	if ctlproto.CodeOf(err) != 0 {
		return nil
	}
	return err
}
