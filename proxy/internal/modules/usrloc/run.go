package usrloc

import (
	"context"
	"time"
)

// run drives the table until ctx ends.
func (t *Table) run(ctx context.Context, interval time.Duration) {
	if !t.durable {
		t.tick(ctx, interval, interval)
		return
	}
	written := make(chan struct{})
	clock, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		defer close(written)
		t.writer.run(ctx)
		t.writer.expire(true)
		stop()
	}()
	t.tick(clock, interval, t.writer.timeout/20)
	<-written
}

// tick sweeps every interval and looks for late tickets every step.
func (t *Table) tick(ctx context.Context, interval, step time.Duration) {
	step = min(step, interval)
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	swept := t.cfg.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if t.durable {
			t.writer.expire(false)
		}
		if now := t.cfg.Now(); now.Sub(swept) >= interval {
			swept = now
			t.sweep()
		}
	}
}
