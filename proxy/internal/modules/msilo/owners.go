package msilo

import (
	"context"
	"sync"
	"time"
)

// owners knows for whom something may be stored, so that an ordinary REGISTER costs
// no look into the database. This process alone adds to the table.
type owners struct {
	mu     sync.RWMutex
	loaded bool
	set    map[string]uint64 // canonical address → the number of the last addition
	number uint64
}

// add notes that something is stored for an address.
func (o *owners) add(address string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = map[string]uint64{}
	}
	o.number++
	o.set[address] = o.number
}

// has reports whether something may be stored. It does not allocate.
func (o *owners) has(address []byte) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !o.loaded {
		return true
	}
	_, ok := o.set[string(address)]
	return ok
}

// at returns the number of an address's last addition, for remove.
func (o *owners) at(address string) uint64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.set[address]
}

// remove forgets an address unless something was added since at.
func (o *owners) remove(address string, at uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set[address] == at {
		delete(o.set, address)
	}
}

// loadOwners reads the table once. Until that has worked, everybody may have
// something.
func (m *Module) loadOwners(ctx context.Context) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		list, err := m.cfg.Silo.Owners(ctx)
		if err == nil {
			for _, a := range list {
				m.owners.add(a.String())
			}
			m.owners.mu.Lock()
			m.owners.loaded = true
			m.owners.mu.Unlock()
			return
		}
		if ctx.Err() == nil {
			m.cfg.Log.Warn("msilo: owners of stored messages are not known yet", "error", err)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// calls are the Call-IDs of what this module sends itself.
type calls struct {
	mu  sync.RWMutex
	set map[string]struct{}
}

func (c *calls) add(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		c.set = map[string]struct{}{}
	}
	c.set[id] = struct{}{}
}

func (c *calls) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.set, id)
}

func (c *calls) has(id []byte) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.set[string(id)]
	return ok
}
