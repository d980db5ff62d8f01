package usrloc

import (
	"context"
	"sync"
	"time"
)

// run drives the table until ctx ends.
func (t *Table) run(ctx context.Context, interval time.Duration) {
	if !t.stored() {
		t.tick(ctx, interval, interval)
		return
	}
	clock, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var done sync.WaitGroup
	done.Go(func() { t.writer.keepAll(clock) })
	written := make(chan struct{})
	go func() {
		defer close(written)
		t.writer.run(ctx)
		stop()
	}()
	t.tick(clock, interval, t.writer.timeout/20)
	<-written
	done.Wait()
	for t.writer.keepGroup(true) {
	}
	t.writer.expire(true)
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
			if t.writer.back {
				t.writer.signal()
			}
		}
	}
}
