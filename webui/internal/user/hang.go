package user

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
)

// Bounds of asking the router while a page is made.
const (
	askTime  = 2 * time.Second // for an answer
	hungTime = 5 * time.Second // without asking again, after there was none
)

// hang remembers that the router takes calls and does not answer, so that not
// every page waits for it. It is safe for concurrent use.
type hang struct {
	until atomic.Int64 // Unix time in nanoseconds
}

// ask makes one call of the router for a page: within askTime, and not at all
// for a while after one that was not answered.
func (h *hang) ask(ctx context.Context, call func(context.Context) error) error {
	if time.Now().UnixNano() < h.until.Load() {
		return ctlproto.ErrUnreachable
	}
	brief, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := call(brief)
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		h.until.Store(time.Now().Add(hungTime).UnixNano())
		return fmt.Errorf("%w: no answer within %s", ctlproto.ErrUnreachable, askTime)
	}
	return err
}

// presence is presenceOf for a page.
func (p *Portal) presence(r *http.Request, addresses []string) (statuses map[string]string, err error) {
	err = p.hang.ask(r.Context(), func(ctx context.Context) (err error) {
		statuses, err = presenceOf(ctx, p.Ctl, owner(r), addresses)
		return err
	})
	return statuses, err
}
