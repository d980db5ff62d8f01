package ctlproto

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// TestDeadlineOnTheWire: the server learns when the caller stops waiting, of a context
// without an end the default, and nothing of a caller who waits for ever.
func TestDeadlineOnTheWire(t *testing.T) {
	for name, tc := range map[string]struct {
		dialer Dialer
		wait   time.Duration // of the context, 0 = none
		want   time.Duration // 0 = no deadline
	}{
		"of the context": {Dialer{}, time.Minute, time.Minute},
		"the default":    {Dialer{}, 0, DefaultCallTimeout},
		"none":           {Dialer{CallTimeout: -1}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := connect(t, tc.dialer)
			ctx := t.Context()
			if tc.wait > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tc.wait)
				defer cancel()
			}
			before := time.Now().Truncate(time.Millisecond)
			got := make(chan Request, 1)
			go func() {
				request := p.receive()
				got <- request
				p.send(`{"jsonrpc":"2.0","id":` + string(request.ID) + `,"result":"x"}`)
			}()
			if _, err := c.CoreVersion(ctx); err != nil {
				t.Fatal(err)
			}
			deadline := (<-got).Deadline
			if tc.want == 0 {
				if deadline != 0 {
					t.Errorf("deadline %d, want none", deadline)
				}
				return
			}
			if end := time.UnixMilli(deadline); end.Before(before.Add(tc.want)) || end.After(time.Now().Add(tc.want)) {
				t.Errorf("deadline %s, want %s after %s", end, tc.want, before)
			}
		})
	}
}

// TestMayHaveBegun: only what was sent and not refused may have been carried out.
func TestMayHaveBegun(t *testing.T) {
	c, p := connect(t, Dialer{})
	go p.receive() // and never answers
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, late := c.CoreVersion(ctx)
	_, unsent := c.CoreVersion(ctx)
	p.nc.Close()
	<-c.Done()
	_, closed := c.CoreVersion(t.Context())
	away := NewRedialer(filepath.Join(t.TempDir(), "nobody"), Dialer{})
	defer away.Close()
	_, nobody := away.CoreVersion(t.Context())
	for _, tc := range []struct {
		name string
		err  error
		want bool
		is   error
	}{
		{"late", late, true, context.DeadlineExceeded},
		{"over before it was sent", unsent, false, context.DeadlineExceeded},
		{"after the end", closed, false, ErrUnreachable},
		{"nobody listens", nobody, false, ErrUnreachable},
		{"refused", Errorf(CodeBusy, "x"), false, nil},
		{"failed midway", Errorf(CodeInternal, "x"), true, nil},
		{"none", nil, false, nil},
	} {
		if got := MayHaveBegun(tc.err); got != tc.want || tc.is != nil && !errors.Is(tc.err, tc.is) {
			t.Errorf("%s: %v, %v", tc.name, got, tc.err)
		}
	}
}

// TestBrokenMidway: of a call whose connection broke nobody knows.
func TestBrokenMidway(t *testing.T) {
	c, p := connect(t, Dialer{})
	go func() { p.receive(); p.nc.Close() }()
	_, err := c.CoreVersion(t.Context())
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotSent) || !MayHaveBegun(err) {
		t.Errorf("got %v", err)
	}
}
