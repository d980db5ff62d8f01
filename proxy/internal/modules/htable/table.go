package htable

import (
	"hash/maphash"
	"sync"
	"time"

	"seraph/proxy/internal/module"
)

// Bounds of an item: strangers may choose what a script puts into a table.
const (
	maxKey   = 255  // bytes
	maxValue = 1024 // bytes of a text
)

// shards share a table's items, each with a lock of its own.
const shards = 16

// table is one hash table.
type table struct {
	name         string
	slots        int // of which the control socket tells; a power of two
	expire       time.Duration
	maxSize      int
	initial      module.Value // what a key that is not there has
	updateExpire bool

	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	items map[string]*item
}

// item is a value under its key.
type item struct {
	value   module.Value
	expires time.Time // zero for never
}

func (i *item) expired(now time.Time) bool { return !i.expires.IsZero() && !now.Before(i.expires) }

// newTable makes a table with the values that hold if nothing is set.
func newTable(name string) *table {
	t := &table{name: name, slots: 1 << 8, maxSize: 1 << 16, updateExpire: true, seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].items = map[string]*item{}
	}
	return t
}

func (t *table) shard(key []byte) *shard { return &t.shards[maphash.Bytes(t.seed, key)%shards] }

// slot is the number of the slot of a key, as the control socket shows it.
func (t *table) slot(key string) int {
	return int(maphash.String(t.seed, key) / shards % uint64(t.slots))
}

// get returns what stands under a key; a text is copied into c's memory.
func (t *table) get(c *module.Ctx, key []byte, now time.Time) module.Value {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil || i.expired(now) {
		return t.initial
	}
	v := i.value
	if v.Kind == module.TextValue {
		v.Str = c.Keep(v.Str)
	}
	return v
}

// set puts a value under a key; null removes it. False if the key or the value is too large.
func (t *table) set(key []byte, v module.Value, now time.Time) bool {
	if v.Kind == module.NullValue {
		t.remove(key)
		return true
	}
	if len(key) == 0 || len(key) > maxKey || len(v.Str) > maxValue {
		return false
	}
	if v.Kind == module.TextValue {
		v.Str = append(make([]byte, 0, len(v.Str)), v.Str...)
	}
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.update(t, key, now).value = v
	return true
}

// add adds n to the number under a key and returns the sum; a key that is not there, or that has a
// text, counts as the table's initial number.
func (t *table) add(key []byte, n int64, now time.Time) (int64, bool) {
	if len(key) == 0 || len(key) > maxKey {
		return 0, false
	}
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.update(t, key, now)
	if i.value.Kind != module.NumberValue {
		i.value = module.Number(t.initial.Num)
	}
	i.value.Num += n
	return i.value.Num, true
}

// update returns the item of a key, new if there is none or it has expired; s is held.
func (s *shard) update(t *table, key []byte, now time.Time) *item {
	i := s.items[string(key)]
	if i != nil && !i.expired(now) {
		if t.updateExpire {
			i.expires = t.end(now)
		}
		return i
	}
	if i == nil && len(s.items) >= max(1, t.maxSize/shards) {
		s.makeRoom(now)
	}
	i = &item{expires: t.end(now)}
	s.items[string(key)] = i
	return i
}

func (t *table) end(now time.Time) time.Time {
	if t.expire == 0 {
		return time.Time{}
	}
	return now.Add(t.expire)
}

// sample is how many items are looked at to find one to drop.
const sample = 8

// makeRoom drops the one of a few items that would expire first; one that never does goes last.
func (s *shard) makeRoom(now time.Time) {
	worst, when, n := "", time.Time{}, 0
	for key, i := range s.items {
		end := i.expires
		if end.IsZero() {
			end = now.AddDate(100, 0, 0)
		}
		if worst == "" || end.Before(when) {
			worst, when = key, end
		}
		if n++; n == sample {
			break
		}
	}
	delete(s.items, worst)
}

// remove removes a key; false if it is not there.
func (t *table) remove(key []byte) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.items[string(key)]
	delete(s.items, string(key))
	return ok
}

// removeIf removes the items that a condition holds for.
func (t *table) removeIf(cond func(key string, i *item) bool) {
	for n := range t.shards {
		s := &t.shards[n]
		s.mu.Lock()
		for key, i := range s.items {
			if cond(key, i) {
				delete(s.items, key)
			}
		}
		s.mu.Unlock()
	}
}

// left is how many seconds an item has yet; ok is false if it is not there, and 0 is for ever.
func (t *table) left(key []byte, now time.Time) (seconds int64, ok bool) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil || i.expired(now) {
		return 0, false
	}
	if i.expires.IsZero() {
		return 0, true
	}
	return int64((i.expires.Sub(now) + time.Second - 1) / time.Second), true
}

// setLeft gives an item so many seconds; 0 is for ever. False if it is not there.
func (t *table) setLeft(key []byte, seconds int64, now time.Time) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.items[string(key)]
	if i == nil || i.expired(now) || seconds < 0 || seconds > maxExpire {
		return false
	}
	i.expires = time.Time{}
	if seconds > 0 {
		i.expires = now.Add(time.Duration(seconds) * time.Second)
	}
	return true
}

// each calls yield for the items that have not expired; their shard is held meanwhile.
func (t *table) each(now time.Time, yield func(key string, v module.Value) bool) {
	for n := range t.shards {
		if !t.shards[n].each(now, yield) {
			return
		}
	}
}

func (s *shard) each(now time.Time, yield func(key string, v module.Value) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, i := range s.items {
		if !i.expired(now) && !yield(key, i.value) {
			return false
		}
	}
	return true
}

func (t *table) len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.items)
		s.mu.Unlock()
	}
	return n
}
