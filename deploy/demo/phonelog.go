package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// phoneLog is a slog.Handler that writes what the phones do for people:
//
//	15:04:05  bob     rings (peer alice@demo.test)
type phoneLog struct {
	out io.Writer

	mu       sync.Mutex
	speaking bool
}

// speak begins to write; before, nothing is.
func (l *phoneLog) speak() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.speaking = true
}

// note writes a line of the demo's own.
func (l *phoneLog) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%s\n", oneLine(fmt.Sprintf(format, args...)))
}

// Enabled implements slog.Handler.
func (l *phoneLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (l *phoneLog) Handle(ctx context.Context, r slog.Record) error {
	return (&namedLog{phoneLog: l}).Handle(ctx, r)
}

// WithAttrs implements slog.Handler: the phone's name is its only attribute.
func (l *phoneLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := &namedLog{phoneLog: l}
	for _, a := range attrs {
		if a.Key == "phone" {
			n.phone = a.Value.String()
		}
	}
	return n
}

// WithGroup implements slog.Handler; the phones use none.
func (l *phoneLog) WithGroup(string) slog.Handler { return l }

// namedLog is the log of one phone.
type namedLog struct {
	*phoneLog
	phone string
}

// Handle implements slog.Handler.
func (n *namedLog) Handle(_ context.Context, r slog.Record) error {
	var details []string
	r.Attrs(func(a slog.Attr) bool {
		details = append(details, a.Key+" "+a.Value.String())
		return true
	})
	text := fmt.Sprintf("%s  %-6s  %s", r.Time.Format(time.TimeOnly), n.phone, r.Message)
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.speaking {
		return nil
	}
	_, err := fmt.Fprintln(n.out, oneLine(text))
	return err
}

// oneLine keeps a stranger's text from moving the cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
