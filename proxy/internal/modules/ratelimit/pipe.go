package ratelimit

import (
	"fmt"
	"sync"
)

// algorithm is how a pipe chooses what it refuses.
type algorithm string

// The algorithms. NETWORK and FEEDBACK of Kamailio look at the machine and not at the requests.
const (
	tailDrop algorithm = "TAILDROP"
	red      algorithm = "RED"
)

// pipe counts requests; the zero pipe is not defined.
type pipe struct {
	mu        sync.Mutex
	algorithm algorithm
	limit     int // requests a second
	tick      uint32
	count     int     // requests in this interval
	share     float64 // RED: what part of the requests may pass
	credit    float64 // RED: what has come together of it
}

// maxLimit bounds the limit of a pipe.
const maxLimit = 1 << 24

func (p *pipe) set(name string, limit int) error {
	switch {
	case algorithm(name) != tailDrop && algorithm(name) != red:
		return fmt.Errorf("algorithm %q is neither TAILDROP nor RED", name)
	case limit < 1 || limit > maxLimit:
		return fmt.Errorf("the limit %d of a pipe is not from 1 to %d requests a second", limit, maxLimit)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.algorithm, p.limit = algorithm(name), limit
	return nil
}

// remove makes the pipe one that is not defined.
func (p *pipe) remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.algorithm, p.limit = "", 0
}

func (p *pipe) defined() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.algorithm != ""
}

// take counts a request and reports whether it may pass: any may where the pipe is not defined. TAILDROP lets the first ones of an
// interval pass, RED an even share of all that is estimated from the interval before.
func (p *pipe) take(tick uint32, seconds int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.algorithm == "" {
		return true
	}
	p.advance(tick, seconds)
	if p.count < 1<<30 {
		p.count++
	}
	if p.algorithm == tailDrop || p.share >= 1 {
		return p.algorithm == red || p.count <= p.limit*seconds
	}
	if p.credit += p.share; p.credit < 1 {
		return false
	}
	p.credit--
	return true
}

// advance begins a new interval if it is time to.
func (p *pipe) advance(tick uint32, seconds int) {
	if tick == p.tick {
		if p.share == 0 {
			p.share = 1 // the very first interval
		}
		return
	}
	last := p.count
	if tick-p.tick > 1 {
		last = 0
	}
	p.share = 1
	if most := p.limit * seconds; last > most {
		p.share = float64(most) / float64(last)
	}
	p.tick, p.count, p.credit = tick, 0, 0
}

// state is what rl.get_pipes tells.
func (p *pipe) state(tick uint32, seconds int) (name algorithm, limit, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.algorithm != "" {
		p.advance(tick, seconds)
	}
	return p.algorithm, p.limit, p.count
}
