package portal_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/webui/internal/portal"
)

// TestAsker: the first page waits for a router that does not answer, at most
// portal.AskTime; those after it do not, until portal.HungTime is over.
func TestAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a portal.Asker
		hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		answers := func(context.Context) error { return nil }
		begin := time.Now()
		if err := a.Ask(t.Context(), hangs); !errors.Is(err, ctlproto.ErrUnreachable) || time.Since(begin) != portal.AskTime {
			t.Errorf("the first page: %v after %v", err, time.Since(begin))
		}
		begin = time.Now()
		if err := a.Ask(t.Context(), hangs); !errors.Is(err, ctlproto.ErrUnreachable) || !errors.Is(err, ctlproto.ErrNotSent) || time.Since(begin) != 0 {
			t.Errorf("the second page: %v after %v", err, time.Since(begin))
		}
		time.Sleep(portal.HungTime)
		if err := a.Ask(t.Context(), answers); err != nil {
			t.Errorf("when the router is back: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := a.Ask(gone, hangs); !errors.Is(err, context.Canceled) {
			t.Errorf("a browser that left: %v", err)
		}
		if err := a.Ask(t.Context(), answers); err != nil {
			t.Errorf("after a browser that left: %v", err)
		}
		refused := ctlproto.Errorf(ctlproto.CodeNotFound, "no")
		if err := a.Ask(t.Context(), func(context.Context) error { return refused }); !errors.Is(err, error(refused)) {
			t.Errorf("a refusal: %v", err)
		}
	})
}
