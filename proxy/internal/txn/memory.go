package txn

import (
	"sync/atomic"
	"time"
)

const (
	// A table that was full takes requests again when an eighth of its memory is free, and
	// not before leastPause has gone by.
	leastPause = time.Second
	// reserve is the part of the memory, one in so many, that stays for what belongs to a
	// dialog: without it no call could end while strangers begin new ones.
	reserve = 4
	// idleShare is the part that each size of buffers may keep idle, one in so many.
	idleShare = 8
)

// Memory is what transactions may hold.
type Memory struct {
	// Max bounds it, in bytes; 0 for no bound. What belongs to a dialog has a quarter more.
	Max int64
	// Others is what the owners hold beside Buffers, in bytes; may be nil. It is asked once
	// for each new transaction.
	Others func() int64
	// Changed is told, on the goroutine of a request, when the bound is reached, and when there
	// is room again: how many requests were refused between. It may be nil.
	Changed func(full bool, held int64, refused uint64)
}

// budget is how far the memory is spent.
type budget struct {
	full    atomic.Bool
	since   atomic.Int64  // when it became full, in nanoseconds
	refused atomic.Uint64 // in all
	before  atomic.Uint64 // of these, when it became full
}

// Held is what transactions hold, in bytes.
func (t *Table) Held() int64 {
	n := t.Buffers.held()
	if t.cfg.Memory.Others != nil {
		n += t.cfg.Memory.Others()
	}
	return n
}

// Refused is how many requests were refused for want of memory.
func (t *Table) Refused() uint64 { return t.budget.refused.Load() }

// Full reports whether no further request is to be taken: there are too many, or they hold
// too much. A request that belongs to a dialog is taken for longer.
func (t *Table) Full(dialog bool) bool {
	count, most := t.cfg.Max, t.cfg.Memory.Max
	if dialog {
		count += count / reserve
	}
	if t.servers.Load() >= count {
		return true
	}
	if most <= 0 {
		return false
	}
	held := t.Held()
	full := t.spent(held)
	if dialog {
		full = held >= most+most/reserve
	}
	if full {
		t.budget.refused.Add(1)
	}
	return full
}

// spent reports whether the memory is, and tells of changes. One that fills and empties in
// turn does so once a second at most.
func (t *Table) spent(held int64) bool {
	b, m := &t.budget, &t.cfg.Memory
	if !b.full.Load() {
		if held < m.Max {
			return false
		}
		if b.full.CompareAndSwap(false, true) {
			b.since.Store(time.Now().UnixNano())
			b.before.Store(b.refused.Load())
			t.changed(true, held, 0)
		}
		return true
	}
	if held > m.Max-m.Max/8 || time.Now().UnixNano()-b.since.Load() < int64(leastPause) {
		return true
	}
	if b.full.CompareAndSwap(true, false) {
		t.changed(false, held, b.refused.Load()-b.before.Load())
	}
	return false
}

// look notices that there is room again where nobody asks for it.
func (t *Table) look() {
	if t.budget.full.Load() {
		t.spent(t.Held())
	}
}

func (t *Table) changed(full bool, held int64, refused uint64) {
	if f := t.cfg.Memory.Changed; f != nil {
		f(full, held, refused)
	}
}
