package auth

import (
	"context"
	"log/slog"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// Refusals stand in the log, so that whoever guesses passwords can be seen and shut out; but nobody
// fills it. So many lines a minute are for one source, and so many for all; the others have the level debug.
const (
	toldOfSource = 5
	toldOfAll    = 300
)

// reject counts and logs a refusal; the script challenges again. Which of the two,
// user or password, was wrong is not told to anybody.
func (m *Module) reject(c *module.Ctx, user []byte, why string) int {
	m.stats.rejected.Add(1)
	level, now := slog.LevelDebug, time.Now()
	if m.source(c.From.Remote.Addr()).told.Pass(now, time.Minute, toldOfSource) && m.told.Pass(now, time.Minute, toldOfAll) {
		level = slog.LevelInfo
	}
	if m.log.Enabled(context.Background(), level) {
		m.log.LogAttrs(context.Background(), level, "credentials refused", slog.String("reason", why),
			slog.String("user", string(user[:min(len(user), aor.MaxUser)])), slog.String("method", string(c.Msg.MethodText())),
			slog.Any("source", c.From.Remote), slog.String("call_id", string(c.Msg.CallID())))
	}
	return module.False
}
