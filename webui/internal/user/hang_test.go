package user

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// TestHang: the first page waits for a router that does not answer, at most
// askTime; those after it do not, until hungTime is over.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hang
		hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		answers := func(context.Context) error { return nil }
		begin := time.Now()
		if err := h.ask(t.Context(), hangs); !errors.Is(err, ctlproto.ErrUnreachable) || time.Since(begin) != askTime {
			t.Errorf("the first page: %v after %v", err, time.Since(begin))
		}
		begin = time.Now()
		if err := h.ask(t.Context(), hangs); !errors.Is(err, ctlproto.ErrUnreachable) || time.Since(begin) != 0 {
			t.Errorf("the second page: %v after %v", err, time.Since(begin))
		}
		time.Sleep(hungTime)
		if err := h.ask(t.Context(), answers); err != nil {
			t.Errorf("when the router is back: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := h.ask(gone, hangs); !errors.Is(err, context.Canceled) {
			t.Errorf("a browser that left: %v", err)
		}
		if err := h.ask(t.Context(), answers); err != nil {
			t.Errorf("after a browser that left: %v", err)
		}
		refused := ctlproto.Errorf(ctlproto.CodeNotFound, "no")
		if err := h.ask(t.Context(), func(context.Context) error { return refused }); !errors.Is(err, error(refused)) {
			t.Errorf("a refusal: %v", err)
		}
	})
}
