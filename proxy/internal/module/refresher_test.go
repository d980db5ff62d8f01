package module_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
)

// TestRefresher: the table is read every interval; a failure is logged when it
// begins and when it ends, not every minute.
func TestRefresher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fault atomic.Pointer[error]
		fail := func(err error) { fault.Store(&err) }
		fail(nil)
		var reads atomic.Int64
		r := &module.Refresher{Table: "domain", Log: slog.New(slog.NewTextHandler(&log, nil)), Interval: time.Minute,
			Read: func(context.Context) error { reads.Add(1); return *fault.Load() }}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		time.Sleep(150 * time.Second)
		fail(errors.New("away"))
		time.Sleep(10 * time.Minute)
		if err := r.Reload(ctx); err == nil || err.Error() != "reading table domain: away" {
			t.Errorf("Reload: %v", err)
		}
		fail(nil)
		time.Sleep(2 * time.Minute)
		cancel()
		<-done
		if got := reads.Load(); got != 2+10+1+2 {
			t.Errorf("read %d times in 14.5 minutes and once on demand", got)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "level=INFO") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

func TestRefresherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &module.Refresher{Table: "grp", Log: slog.New(slog.DiscardHandler), Interval: time.Minute,
			Read: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		if err := r.Reload(context.Background()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != module.ReadTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestRefresherInterval(t *testing.T) {
	r := &module.Refresher{}
	p := r.IntervalParam()
	for _, bad := range []int{0, -1, 3601} {
		if err := p.Set("", bad); err == nil || !strings.Contains(err.Error(), "is not from 1 to 3600 seconds") {
			t.Errorf("%d: %v", bad, err)
		}
	}
	if err := p.Set("", 5); err != nil || r.Interval != 5*time.Second {
		t.Errorf("%v, interval %v", err, r.Interval)
	}
	if err := (&module.Refresher{}).Reload(context.Background()); err != nil {
		t.Errorf("without a table: %v", err)
	}
}

func TestReplyArgs(t *testing.T) {
	arg := func(s string) module.Arg { return module.Arg{Kind: module.String, Str: s} }
	status, reason, err := module.ReplyArgs([]module.Arg{{Kind: module.Int, Num: 480}})
	if status != 480 || reason != "Temporarily Unavailable" || err != nil {
		t.Errorf("%d %q %v", status, reason, err)
	}
	if _, _, err := module.ReplyArgs([]module.Arg{arg("480"), arg("a\nb")}); err == nil {
		t.Error("a reason phrase with a line end is taken")
	}
	for _, bad := range []string{"", "x", "99", "700", "4 80", "99999999999999999999"} {
		if _, _, err := module.ReplyArgs([]module.Arg{arg(bad)}); err == nil {
			t.Errorf("status %q is taken", bad)
		}
	}
}
