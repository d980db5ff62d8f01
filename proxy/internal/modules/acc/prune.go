package acc

import (
	"context"
	"time"
)

const (
	// firstPrune is when the table is first gone through after a start, and pruneEvery
	// how often after that. Each time costs one read of the table, in small pieces.
	firstPrune = time.Minute
	pruneEvery = 24 * time.Hour
	// prunePause lets others at the database between two pieces.
	prunePause = 20 * time.Millisecond
)

// pruneAll removes calls older than keep_days from call_log until ctx ends.
func (m *Module) pruneAll(ctx context.Context) {
	if !m.on || m.set.keepDays == 0 {
		return
	}
	for pause := firstPrune; !m.wait(ctx, pause); pause = pruneEvery {
		m.prune(ctx)
	}
}

// prune goes through the table once. What an error leaves is for the next time.
func (m *Module) prune(ctx context.Context) {
	before := m.cfg.Now().AddDate(0, 0, -m.set.keepDays)
	for after := int64(0); ; {
		next, n, err := m.cfg.Calls.Prune(ctx, before, after)
		m.pruned.Add(int64(n))
		switch {
		case err != nil && ctx.Err() == nil:
			m.cfg.Log.Warn("acc: old calls could not be removed from call_log", "error", err)
			return
		case err != nil, next <= after:
			return
		}
		after = next
		if m.wait(ctx, prunePause) {
			return
		}
	}
}
