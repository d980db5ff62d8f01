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

// caller is a router made of a function.
type caller func(ctx context.Context, method string) error

func (c caller) Call(ctx context.Context, method string, _, _ any) error { return c(ctx, method) }

// TestActs: a call may take its time while the router answers beside it, and ends soon
// once the router hangs; one that hung before is not even asked.
func TestActs(t *testing.T) {
	const long = time.Minute
	for name, test := range map[string]struct {
		hangsAfter time.Duration // since the start
		took       time.Duration
		err        error
		sent       bool
	}{
		"the router lives":   {hangsAfter: time.Hour, took: long},
		"it hangs":           {took: portal.AskTime, err: ctlproto.ErrUnreachable},
		"it hangs beside it": {hangsAfter: 3 * time.Second, took: 2*portal.AskTime + portal.AskTime, err: ctlproto.ErrUnreachable, sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a portal.Asker
				begin, sent := time.Now(), false
				acts := a.Acts(caller(func(ctx context.Context, method string) error {
					wait := time.Duration(0)
					if method == ctlproto.MethodAliasReload {
						sent, wait = true, long
					}
					if time.Since(begin) >= test.hangsAfter {
						wait = time.Hour
					}
					select {
					case <-time.After(wait):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}))
				err := acts.AliasReload(t.Context())
				if !errors.Is(err, test.err) || time.Since(begin) != test.took || sent != (test.sent || test.err == nil) {
					t.Errorf("%v after %v, sent: %t", err, time.Since(begin), sent)
				}
				if err != nil && ctlproto.MayHaveBegun(err) != test.sent {
					t.Errorf("%v may have begun: %t", err, !test.sent)
				}
			})
		})
	}
	var a portal.Asker
	refused := ctlproto.Errorf(ctlproto.CodeMethodNotFound, "no")
	acts := a.Acts(caller(func(context.Context, string) error { return refused }))
	if err := acts.AliasReload(t.Context()); !errors.Is(err, error(refused)) || errors.Is(err, ctlproto.ErrNotSent) {
		t.Errorf("a refusal: %v", err)
	}
}
