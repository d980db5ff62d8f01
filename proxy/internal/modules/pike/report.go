package pike

import (
	"context"
	"sync"
	"time"

	"seraph/proxy/internal/module"
)

// maxReports bounds the log lines a second: many sources may begin to flood at once, and must not
// fill the disk.
const maxReports = 10

// limiter lets maxReports through a second and counts the rest.
type limiter struct {
	mu      sync.Mutex
	second  int64
	n       int
	skipped int
}

// take reports whether a line may be written now, and how many were not since the last one.
func (l *limiter) take(now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.n = s, 0
	}
	if l.n++; l.n > maxReports {
		l.skipped++
		return 0, false
	}
	skipped, l.skipped = l.skipped, 0
	return skipped, true
}

// kind is how the log calls what the sender was counted over.
func (s sender) kind() string {
	if s.stream {
		return "tcp, tls, ws, wss"
	}
	return "udp"
}

// report logs a source that begins to flood.
func (m *Module) report(c *module.Ctx, source sender) {
	if !m.log.Enabled(context.Background(), m.level) {
		return
	}
	skipped, ok := m.reports.take(m.now())
	if !ok {
		return
	}
	m.log.Log(context.Background(), m.level, "too many requests from one source", "source", source.addr, "protocol", source.kind(),
		"limit", m.limit(), "seconds", int(m.unit/time.Second), "others_not_logged", skipped, "call_id", string(c.Msg.CallID()))
}
