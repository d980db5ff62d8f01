package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndIsBounded: parts of the end that nobody answers have their time together, not one
// after the other, and are no failure; what goes wrong is.
func TestEndIsBounded(t *testing.T) {
	d := &Daemon{log: slog.New(slog.DiscardHandler)}
	waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	broken := errors.New("disk full")
	for _, c := range []struct {
		name  string
		total time.Duration
		list  []func(context.Context) error
		takes time.Duration
		err   error
	}{
		{"one", closeTime, []func(context.Context) error{waits}, drainTime, nil},
		{"three to phones", closeTime - lastTime, []func(context.Context) error{waits, waits, waits}, closeTime - lastTime, nil},
		{"many", closeTime, []func(context.Context) error{waits, waits, waits, waits, waits}, closeTime, nil},
		{"a failure between", closeTime, []func(context.Context) error{waits, func(context.Context) error { return broken }, waits}, 2 * drainTime, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				if err := d.steps(begin.Add(c.total), c.list...); !errors.Is(err, c.err) {
					t.Errorf("ended with %v, want %v", err, c.err)
				}
				if took := time.Since(begin); took != c.takes {
					t.Errorf("it took %v, want %v", took, c.takes)
				}
			})
		})
	}
}
