package usrloc

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// numShards keeps workers out of each other's way; a power of two.
const numShards = 256

// Table is the location table. Its methods may be called from any goroutine.
type Table struct {
	cfg     *Config
	seed    maphash.Seed
	shards  [numShards]shard
	places  *places       // of the current versions that are not removals
	delay   time.Duration // cseq_delay
	durable bool          // a change is promised when the database has it
	writer  writer
	// What one address may have, for ul.add; 0 for no bound.
	maxContacts, maxAdded int
	barred                func(ctx context.Context, uri []byte) bool // Module.Bar; nil for none

	ended atomic.Int64 // bindings that expired
}

// shard is a part of the table with its own lock.
type shard struct {
	mu       sync.Mutex
	entries  map[string]*entry
	places   *places // the table's
	due      dueHeap // current versions that expire some day
	contacts int     // current versions that are not removals
	users    int     // entries with such a version

	// feed is held while an event is made and sent, so that the last event of
	// an address tells its last state. It is locked before mu.
	feed sync.Mutex
}

// entry is one address of record.
type entry struct {
	aor   string
	heads []*version // the current version of each binding, highest q first
	live  int        // how many of them are not removals
}

// version is one state of a binding. What it says never changes; how it stands
// among the others is guarded by the shard's lock.
type version struct {
	Binding
	entry *entry
	// before is the version that counts again if this one is undone; nil once
	// this one is settled, or if the binding is new.
	before  *version
	pending bool // not in the database yet
	gone    bool // the binding is removed

	due  int64 // when to look whether it has expired, Unix milliseconds
	slot int32 // place in shard.due, -1 if not there
}

func newTable(cfg *Config) *Table {
	t := &Table{cfg: cfg, seed: maphash.MakeSeed(), delay: 20 * time.Second, maxAdded: 5, places: newPlaces()}
	for i := range t.shards {
		t.shards[i].places = t.places
	}
	t.writer.init(t)
	return t
}

// stored reports whether the bindings are in a database, before they are promised or
// some time after.
func (t *Table) stored() bool { return t.durable || t.writer.back }

func (t *Table) now() int64 { return t.cfg.Now().UnixMilli() }

func (t *Table) shard(aor []byte) *shard {
	return &t.shards[maphash.Bytes(t.seed, aor)&(numShards-1)]
}

func (t *Table) shardOf(aor string) *shard {
	return &t.shards[maphash.String(t.seed, aor)&(numShards-1)]
}

// Lookup appends copies of the bindings of a canonical address to dst, those of
// the highest q first and of one q the latest first, and returns it. It does
// not allocate if dst has held bindings of that size before.
func (t *Table) Lookup(aor []byte, dst []Binding) []Binding {
	now := t.now()
	sh := t.shard(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[string(aor)]; e != nil {
		dst = e.list(now, dst)
	}
	return dst
}

// Registered reports whether a canonical address has a binding.
func (t *Table) Registered(aor []byte) bool {
	now := t.now()
	sh := t.shard(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[string(aor)]; e != nil {
		for _, v := range e.heads {
			if v.counts(now) {
				return true
			}
		}
	}
	return false
}

// Online reports whether a canonical address has a binding that was promised:
// one whose REGISTER has been answered with 200.
func (t *Table) Online(aor string) bool {
	now := t.now()
	sh := t.shardOf(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[aor]; e != nil {
		for _, v := range e.heads {
			if s := v.settled(); s != nil && s.counts(now) {
				return true
			}
		}
	}
	return false
}

// list appends copies of the current bindings.
func (e *entry) list(now int64, dst []Binding) []Binding {
	for _, v := range e.heads {
		if v.counts(now) {
			dst = extend(dst, &v.Binding)
		}
	}
	return dst
}

// counts reports whether the version is a binding that can be used.
func (v *version) counts(now int64) bool { return !v.gone && !v.expired(now) }

// settled is the newest version that is not pending, nil if there is none.
func (v *version) settled() *version {
	for v != nil && v.pending {
		v = v.before
	}
	return v
}

// place makes v the current version in place of old; nil for either means that
// there is none.
func (sh *shard) place(e *entry, old, v *version) {
	if old != nil {
		sh.due.remove(old)
	}
	sh.places.move(e, old, v)
	switch i := slices.Index(e.heads, old); {
	case v == nil:
		e.heads = slices.Delete(e.heads, i, i+1)
	case old == nil:
		e.heads = append(e.heads, v)
	default:
		e.heads[i] = v
	}
	if v != nil && !v.gone && v.expires != 0 {
		sh.due.push(v)
	}
}

// tidy puts an entry's bindings in order, counts them, and drops an empty entry.
func (sh *shard) tidy(e *entry) {
	slices.SortStableFunc(e.heads, preferred)
	live := 0
	for _, v := range e.heads {
		if !v.gone {
			live++
		}
	}
	sh.contacts += live - e.live
	switch {
	case live > 0 && e.live == 0:
		sh.users++
	case live == 0 && e.live > 0:
		sh.users--
	}
	e.live = live
	if len(e.heads) == 0 && sh.entries[e.aor] == e {
		delete(sh.entries, e.aor)
	}
}

func preferred(a, b *version) int {
	if d := int(b.order()) - int(a.order()); d != 0 {
		return d
	}
	switch {
	case a.modified > b.modified:
		return -1
	case a.modified < b.modified:
		return 1
	}
	return 0
}
