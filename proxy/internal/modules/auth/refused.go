package auth

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// Refusals stand in the log, so that whoever guesses passwords can be seen and shut out; but nobody
// fills it. So many lines a minute are for one source, and so many for all.
const (
	toldOfSource = 5
	toldOfAll    = 300
)

// told counts the lines of a minute.
type told struct {
	minute atomic.Int64
	lines  atomic.Int32
}

// mayTell counts a line; last says that it is the last one of this minute.
func (t *told) mayTell(now time.Time, most int32) (may, last bool) {
	minute := now.Unix() / 60
	if t.minute.Swap(minute) != minute {
		t.lines.Store(0)
	}
	n := t.lines.Add(1)
	return n <= most, n == most
}

// reject counts and logs a refusal; the script challenges again. Which of the two,
// user or password, was wrong is not told to anybody.
func (m *Module) reject(c *module.Ctx, user []byte, why string) int {
	m.stats.rejected.Add(1)
	level, more := slog.LevelInfo, ""
	switch may, last := m.tells(c, time.Now()); {
	case !may:
		level = slog.LevelDebug
	case last:
		more = "those of this source that follow in this minute are told at the level debug"
	}
	if !m.log.Enabled(context.Background(), level) {
		return module.False
	}
	attrs := []slog.Attr{
		slog.String("reason", why), slog.String("user", string(user[:min(len(user), aor.MaxUser)])), slog.String("method", string(c.Msg.MethodText())),
		slog.Any("source", c.From.Remote), slog.String("call_id", string(c.Msg.CallID())),
	}
	if more != "" {
		attrs = append(attrs, slog.String("more", more))
	}
	m.log.LogAttrs(context.Background(), level, "credentials refused", attrs...)
	return module.False
}

// tells reports whether a refusal is told, and whether it is the last one of its source.
func (m *Module) tells(c *module.Ctx, now time.Time) (may, last bool) {
	if may, last = m.source(c.From.Remote.Addr()).told.mayTell(now, toldOfSource); !may {
		return false, false
	}
	if all, _ := m.told.mayTell(now, toldOfAll); !all {
		return false, false
	}
	return true, last
}
