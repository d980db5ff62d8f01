// Package ratelimit is Kamailio's module ratelimit: it says when there are more requests than the
// operator wants to serve. README.md is its manual page.
package ratelimit

import (
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
)

// Config is what the module needs.
type Config struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// maxPipes bounds the pipes, numbered from 0, as Kamailio does.
const maxPipes = 16

// Module is ratelimit.
type Module struct {
	now      func() time.Time
	interval time.Duration
	began    time.Time

	pipes   [maxPipes]pipe
	queues  []queue
	sources sources
	limited atomic.Int64
}

// queue sends a method to a pipe.
type queue struct {
	method string // "*" for all
	pipe   int
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Module{now: cfg.Now, interval: 10 * time.Second}
}

// Name is "ratelimit".
func (m *Module) Name() string { return "ratelimit" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.SecondsParam("timer_interval", &m.interval, 1, 3600, "seconds in which requests are counted, 10 if not set"),
		{Name: "pipe", Kind: module.String, Live: true, Set: m.setPipe, Replace: m.replacePipes,
			Doc: "a pipe as number:algorithm:limit, such as 0:TAILDROP:200; may stand several times"},
		{Name: "queue", Kind: module.String, Set: m.setQueue,
			Doc: "the pipe of a method as number:method, * for all methods; may stand several times, the first that fits counts"},
	}
}

// setPipe reads "number:algorithm:limit".
func (m *Module) setPipe(s string, _ int) error {
	_, err := m.readPipe(s)
	return err
}

// readPipe is setPipe; it returns the number.
func (m *Module) readPipe(s string) (int, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, fmt.Errorf("pipe %q is not of the form number:algorithm:limit", s)
	}
	n, err := pipeNumber(parts[0])
	if err != nil {
		return 0, err
	}
	limit, err := strconv.Atoi(strings.TrimSpace(parts[2]))
	if err != nil {
		return 0, fmt.Errorf("the limit %q of a pipe is no number", parts[2])
	}
	return n, m.pipes[n].set(strings.TrimSpace(parts[1]), limit)
}

// replacePipes takes the pipes of a reloaded script; what it does not name is no pipe any more,
// whoever has defined it, unless a queue leads there: queues stay until the next start, and so does
// their limit. Counters go on.
func (m *Module) replacePipes(values []string) error {
	var named [maxPipes]bool
	for _, q := range m.queues {
		named[q.pipe] = true
	}
	for _, s := range values {
		n, err := m.readPipe(s)
		if err != nil {
			return err
		}
		named[n] = true
	}
	for n, is := range named {
		if !is {
			m.pipes[n].remove()
		}
	}
	return nil
}

func pipeNumber(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n >= maxPipes {
		return 0, fmt.Errorf("the number %q of a pipe is not from 0 to %d", s, maxPipes-1)
	}
	return n, nil
}

// setQueue reads "number:method".
func (m *Module) setQueue(s string, _ int) error {
	number, method, ok := strings.Cut(s, ":")
	method = strings.TrimSpace(method)
	if !ok || method == "" || strings.ContainsAny(method, " \t|:") {
		return fmt.Errorf("queue %q is not of the form number:method", s)
	}
	n, err := pipeNumber(number)
	if err != nil {
		return err
	}
	m.queues = append(m.queues, queue{method, n})
	return nil
}

// Check refuses a queue that leads to no pipe.
func (m *Module) Check() error {
	for _, q := range m.queues {
		if !m.pipes[q.pipe].defined() {
			return fmt.Errorf("the queue of %s leads to pipe %d, which is not defined", q.method, q.pipe)
		}
	}
	return nil
}

// Init begins to count.
func (m *Module) Init() error {
	m.began = m.now()
	m.sources.seed = maphash.MakeSeed()
	return nil
}

// tick is the number of the present interval.
func (m *Module) tick() uint32 { return uint32(m.now().Sub(m.began) / m.interval) }

// seconds is the length of an interval.
func (m *Module) seconds() int { return int(m.interval / time.Second) }

// Statistics yields the counters of the group "ratelimit".
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("ratelimit", "limited", m.limited.Load())
}
