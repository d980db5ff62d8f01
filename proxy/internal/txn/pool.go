package txn

import (
	"math"
	"sync"
	"sync/atomic"
)

// blockLength is how many records a pool asks of the collector at once. One by one they
// cost a busy router 2 % of its time while it grows; in larger blocks a single record in
// use would hold more memory than it is worth.
const blockLength = 16

// Pool is a free list of records of one kind, ready for use as the zero Pool.
type Pool[T any] struct {
	mu    sync.Mutex
	free  []*T
	low   int // the fewest there were since the last Trim
	block []T // what nobody has had yet
	inUse atomic.Int64
}

// Take returns a record as it was given back, or a zero one.
func (p *Pool[T]) Take() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse.Add(1)
	if last := len(p.free) - 1; last >= 0 {
		x := p.free[last]
		p.free = p.free[:last]
		p.low = min(p.low, last)
		return x
	}
	p.low = 0
	if len(p.block) == 0 {
		p.block = make([]T, blockLength)
	}
	x := &p.block[0]
	p.block = p.block[1:]
	return x
}

// Give takes a record back.
func (p *Pool[T]) Give(x *T) { p.GiveUpTo(math.MaxInt, x) }

// GiveUpTo takes a record back unless most are idle: then it is left to the collector.
func (p *Pool[T]) GiveUpTo(most int, x *T) {
	p.mu.Lock()
	p.inUse.Add(-1)
	if len(p.free) < most {
		p.free = append(p.free, x)
	}
	p.mu.Unlock()
}

// InUse is how many have been taken and not given back.
func (p *Pool[T]) InUse() int64 { return p.inUse.Load() }

// Idle is how many records have been given back and not been taken since.
func (p *Pool[T]) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

// Trim gives half of what nobody has needed since the last time back to the collector, so
// that a peak is forgotten in a few minutes; keep records stay whatever happens.
func (p *Pool[T]) Trim(keep int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := len(p.free) - max((p.low-keep+1)/2, 0)
	clear(p.free[left:])
	p.free = p.free[:left]
	if cap(p.free) > 4*(left+keep) {
		p.free = append(make([]*T, 0, left+keep), p.free...)
	}
	p.low = left
}
