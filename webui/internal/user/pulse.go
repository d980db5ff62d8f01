package user

import (
	"context"
	"time"

	"seraph/ctlproto"
)

// feelPulse asks the router now and then whether it answers, until ctx ends. A router
// that hangs keeps its connections, so that the feed alone does not notice.
func (l *Live) feelPulse(ctx context.Context) {
	ticker := time.NewTicker(l.opts.Pulse)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := l.pulse(ctx)
		if ctx.Err() != nil {
			return
		}
		l.judgePulse(err)
	}
}

// pulse is the least question; a refusal is an answer, too.
func (l *Live) pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Pulse)
	defer cancel()
	_, err := l.router.CoreVersion(ctx)
	if ctlproto.CodeOf(err) != 0 {
		return nil
	}
	return err
}

// judgePulse tells the pages that the router has begun to hang, or has ceased to. What a
// broken connection means is the feed's to say.
func (l *Live) judgePulse(err error) {
	l.mu.Lock()
	away, hung := l.away, l.hung
	l.mu.Unlock()
	switch {
	case err != nil && !away:
		l.log.Warn("live: the router does not answer", "error", err)
		l.setAway(true)
	case err == nil && hung:
		l.log.Info("live: the router answers again")
		l.refresh()
	}
}
