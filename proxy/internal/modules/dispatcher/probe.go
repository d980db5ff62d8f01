package dispatcher

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxPings bounds the pings that are under way at once.
const maxPings = 32

// probe pings the gateways every interval until ctx ends. A round ends before the next
// one begins.
func (m *Module) probe(ctx context.Context) {
	if m.set.interval == 0 || m.cfg.Ping == nil {
		return
	}
	tick := time.NewTicker(m.set.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.round(ctx)
		}
	}
}

// round pings each gateway once that is to be pinged; one that stands in more sets than
// one gets one ping for all.
func (m *Module) round(ctx context.Context) {
	same := map[string][]*destination{}
	for _, g := range *m.sets.Load() {
		for _, d := range g.list {
			if s := d.state.Load(); s&disabled == 0 && (m.set.probeAll || s&probing != 0) {
				same[string(d.uri)] = append(same[string(d.uri)], d)
			}
		}
	}
	free := make(chan struct{}, maxPings)
	var all sync.WaitGroup
	for uri, list := range same {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return
		}
		all.Go(func() {
			defer func() { <-free }()
			m.ping(ctx, uri, list)
		})
	}
	all.Wait()
}

func (m *Module) ping(ctx context.Context, uri string, list []*destination) {
	one, cancel := context.WithTimeout(ctx, m.set.timeout)
	defer cancel()
	m.pings.Add(1)
	began := m.cfg.Now()
	status, err := m.cfg.Ping(one, uri, m.set.from)
	if ctx.Err() != nil {
		return
	}
	took, answered := m.cfg.Now().Sub(began), err == nil && status != 408
	if !answered {
		took = max(took, m.set.timeout)
	}
	good := err == nil && status > 0 && status < len(m.set.codes) && m.set.codes[status]
	if !good {
		m.pingsFailed.Add(1)
		if m.cfg.Log.Enabled(ctx, slog.LevelDebug) {
			m.cfg.Log.Debug("dispatcher: a gateway gave no good answer to OPTIONS", "destination", uri, "status", status, "error", err)
		}
	}
	for _, d := range list {
		if m.set.latency {
			d.latency.note(took, answered, m.set.alpha)
		}
		if good {
			m.reply(d)
		} else {
			m.noReply(d, "no good answer to OPTIONS")
		}
	}
}

// reply notes a good answer.
func (m *Module) reply(d *destination) {
	d.failed.Store(0)
	if d.usable() {
		d.change(0, trying)
		return
	}
	if d.replied.Add(1) < m.set.toActive {
		return
	}
	d.replied.Store(0)
	m.report(d, d.change(0, inactive|trying), "answers")
}

// noReply notes that there was none.
func (m *Module) noReply(d *destination, why string) {
	d.replied.Store(0)
	if d.failed.Add(1) < m.set.toInactive {
		d.change(trying, 0)
		return
	}
	m.report(d, d.change(inactive, trying), why)
}

// report logs a gateway that went away or came back; old is its state before.
func (m *Module) report(d *destination, old uint32, why string) {
	was, is := old&(inactive|disabled) == 0, d.usable()
	switch {
	case was && !is:
		m.downs.Add(1)
		m.logState(d, slog.LevelWarn, "dispatcher: a gateway is left out", "reason", why)
	case !was && is:
		m.logState(d, slog.LevelInfo, "dispatcher: a gateway is back", "reason", why)
	}
}
