package dialog

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/sip"
)

// shards is how many locks the table has.
const shards = 64

// table holds the dialogs by Call-ID.
type table struct {
	seed   maphash.Seed
	most   int64
	used   atomic.Int64 // records in use
	legs   atomic.Int64 // bytes that are held for the passes that they tell apart
	nextID atomic.Uint32
	owners owners
	shards [shards]shard
}

// shard is a part of the table.
type shard struct {
	mu      sync.Mutex
	buckets []*dialog
	free    *dialog
	spare   int       // records in free
	ended   queue     // the dialogs that owe something
	soonest time.Time // nothing is due before; zero: nothing is due
	counts  [deleted + 1]int
	account Account // what the accounts are told, in memory used again
}

// init makes room for most records.
func (t *table) init(most int) {
	t.most = int64(most)
	buckets := 16
	for buckets*shards < most {
		buckets *= 2
	}
	t.owners.buckets = make([]*tally, buckets*shards)
	for i := range t.shards {
		t.shards[i].buckets = make([]*dialog, buckets)
	}
}

func (t *table) hash(callID []byte) uint64 { return maphash.Bytes(t.seed, callID) }

// lock locks the shard of a hash and returns it.
func (t *table) lock(hash uint64) *shard {
	s := &t.shards[hash%shards]
	s.mu.Lock()
	return s
}

// bucket is where the dialogs with a hash stand.
func (s *shard) bucket(hash uint64) **dialog {
	return &s.buckets[hash/shards%uint64(len(s.buckets))]
}

// take enters an empty record for a Call-ID; nil if there is no room, for its owner's kind (full) or
// for this Call-ID. The shard is locked.
func (t *table) take(s *shard, hash uint64, callID []byte, unlisted bool, owner owner) (d *dialog, full bool) {
	same, over := s.same(hash)
	switch {
	case same >= maxSame && over != nil:
		t.remove(s, over)
	case same >= maxSame:
		return nil, false
	}
	if !t.enter(owner) {
		return nil, true
	}
	return t.add(s, hash, callID, unlisted, owner), false
}

// same counts the records of a Call-ID. over is one of them that waits to be forgotten.
func (s *shard) same(hash uint64) (n int, over *dialog) {
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.hash == hash {
			n++
			if d.lingers {
				over = d
			}
		}
	}
	return n, over
}

// takeAnyway is take for what has to have a record whether there is room or not. known says that its INVITE has one; where
// that is over any number of passes may be left of it, so these have no more than a Call-ID may have, nor all of them
// together more than the table is to hold. Else nil.
func (t *table) takeAnyway(s *shard, hash uint64, callID []byte, unlisted bool, owner owner, known bool) *dialog {
	if same, _ := s.same(hash); !known && (same >= maxSame || t.used.Load() >= 2*t.most) {
		return nil
	}
	t.owners.mu.Lock()
	t.change(owner, 1)
	t.owners.mu.Unlock()
	return t.add(s, hash, callID, unlisted, owner)
}

// add enters a record that is counted already.
func (t *table) add(s *shard, hash uint64, callID []byte, unlisted bool, owner owner) *dialog {
	head := s.bucket(hash)
	d := s.free
	if d != nil {
		s.free = d.next
		s.spare--
	} else {
		d = &dialog{}
	}
	d.hash, d.id, d.unlisted, d.owner = hash, t.nextID.Add(1), unlisted, owner
	d.callID = put(d.callID, callID)
	d.next, *head = *head, d
	s.become(d, unconfirmed)
	return d
}

// become changes the state of a dialog.
func (s *shard) become(d *dialog, to state) {
	s.count(d, -1)
	d.state = to
	s.count(d, 1)
	if to == deleted {
		d.carry(nil, d.key)
	}
}

func (s *shard) count(d *dialog, n int) {
	if d.state != 0 && !d.unlisted {
		s.counts[d.state] += n
	}
}

// remove takes a dialog out; its record is used again.
func (t *table) remove(s *shard, d *dialog) {
	for at := s.bucket(d.hash); *at != nil; at = &(*at).next {
		if *at == d {
			*at = d.next
			break
		}
	}
	s.count(d, -1)
	d.carry(nil, d.key)
	t.legs.Add(-d.legsHeld)
	if d.lingers {
		s.ended.leave(d)
		d.lingers = false
	} else {
		t.exit(d.owner)
	}
	d.reset()
	if limit := int(t.most)/shards + 16; s.spare < limit {
		d.next, s.free = s.free, d
		s.spare++
	}
}

// due says when something is to be done about a dialog.
func (s *shard) due(d *dialog, at time.Time) {
	d.deadline = at
	if s.soonest.IsZero() || at.Before(s.soonest) {
		s.soonest = at
	}
}

// tagsOf are the tags of a message's From and To; false if one of these cannot be read.
func tagsOf(msg *sip.Message) (from, to []byte, ok bool) {
	a, err := msg.From()
	if err != nil {
		return nil, nil, false
	}
	b, err := msg.To()
	if err != nil {
		return nil, nil, false
	}
	return a.Tag, b.Tag, true
}

// lockFound is find in the shard of a Call-ID, which it locks.
func (t *table) lockFound(callID, fromTag, toTag []byte) (s *shard, d *dialog) {
	hash := t.hash(callID)
	s = t.lock(hash)
	d, _ = s.find(hash, callID, fromTag, toTag)
	return s, d
}

// find returns the dialog of a message with these tags, and whether the caller is who
// is named in From.
func (s *shard) find(hash uint64, callID, fromTag, toTag []byte) (d *dialog, byCaller bool) {
	if len(s.buckets) == 0 {
		return nil, false // the module is not at work
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.hash != hash || len(d.callee.tag) == 0 || !bytes.Equal(d.callID, callID) {
			continue
		}
		switch {
		case bytes.Equal(d.caller.tag, fromTag) && bytes.Equal(d.callee.tag, toTag):
			return d, true
		case bytes.Equal(d.caller.tag, toTag) && bytes.Equal(d.callee.tag, fromTag):
			return d, false
		}
	}
	return nil, false
}
