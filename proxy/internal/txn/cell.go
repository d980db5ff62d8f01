package txn

import (
	"sync"
	"sync/atomic"

	"seraph/proxy/internal/transport"
)

// Out sends a message: a worker, whose batch it joins, or the transport layer.
type Out interface {
	Send(f transport.Flow, msg []byte) error
}

// Owner has the memory of a cell and of what hangs on it.
type Owner interface {
	// Unlocked is called after an event of the network or of a timer was handled,
	// without the lock, while the cell is still referred to. It is the place for
	// what must not run under the lock. w is the worker that the event came on,
	// nil for a timer.
	Unlocked(w *transport.Worker)
	// Release is called when the last reference has gone.
	Release()
}

// Cell is what the transactions of one request share.
type Cell struct {
	mu    sync.Mutex
	refs  atomic.Int32
	shard *shard
	owner Owner
	names *names // see Identify
}

// Init prepares a cell in a shard chosen by hash; the caller holds one
// reference.
func (t *Table) Init(c *Cell, hash uint64, o Owner) {
	c.shard = &t.shards[hash%shards]
	c.owner = o
	c.refs.Store(1)
}

// Owner is whose memory the cell is. The caller holds a reference.
func (c *Cell) Owner() Owner { return c.owner }

// Lock takes the cell's lock.
func (c *Cell) Lock() { c.mu.Lock() }

// Unlock gives the cell's lock back.
func (c *Cell) Unlock() { c.mu.Unlock() }

// Ref adds a reference. The caller holds one already, or the lock of a table
// shard that does.
func (c *Cell) Ref() { c.refs.Add(1) }

// Unref takes a reference away; the last one gives the memory back.
func (c *Cell) Unref() {
	if n := c.refs.Add(-1); n == 0 {
		c.names.forget()
		c.owner.Release()
	} else if n < 0 {
		panic("txn: a cell was released twice")
	}
}
