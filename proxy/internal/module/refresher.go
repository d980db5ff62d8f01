package module

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Refresher keeps a module's copy of a table fresh. Embedded, it makes the module an Initializer and
// a Runner. Its methods may be called from many goroutines.
type Refresher struct {
	// Table names the table in errors and log lines.
	Table string
	Log   *slog.Logger
	// Interval is the time between readings; a reading is given up after
	// ReadTimeout.
	Interval time.Duration
	// Read reads the table and puts it in the old one's place. On an error it
	// leaves the old one alone. nil means that there is no table.
	Read func(ctx context.Context) error

	mu      sync.Mutex // one reading at a time, so that the newest one stays
	failing bool
}

// ReadTimeout bounds the reading of a table.
const ReadTimeout = 10 * time.Second

// Init reads the table for the first time.
func (r *Refresher) Init() error { return r.Reload(context.Background()) }

// Reload reads the table now. If that fails the old content stays.
func (r *Refresher) Reload(ctx context.Context) error {
	if r.Read == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, ReadTimeout)
	defer cancel()
	if err := r.Read(ctx); err != nil {
		return fmt.Errorf("reading table %s: %w", r.Table, err)
	}
	return nil
}

// Run reads the table at every interval until ctx ends. Failures are logged when
// they begin and when they end.
func (r *Refresher) Run(ctx context.Context) {
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.report(ctx, r.Reload(ctx))
		}
	}
}

func (r *Refresher) report(ctx context.Context, err error) {
	switch {
	case err != nil && !r.failing && ctx.Err() == nil:
		r.failing = true
		r.Log.Warn("the old content stays in force", "table", r.Table, "error", err)
	case err == nil && r.failing:
		r.failing = false
		r.Log.Info("the table is read again", "table", r.Table)
	}
}

// IntervalParam is the parameter reload_interval of a module that has a Refresher.
func (r *Refresher) IntervalParam() Param {
	return Param{Name: "reload_interval", Kind: Int, Doc: "seconds between readings of the table, 60 if not set",
		Set: func(_ string, n int) error {
			if n < 1 || n > 3600 {
				return fmt.Errorf("reload_interval %d is not from 1 to 3600 seconds", n)
			}
			r.Interval = time.Duration(n) * time.Second
			return nil
		}}
}
