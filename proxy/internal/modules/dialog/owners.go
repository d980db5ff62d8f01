package dialog

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
)

// owner is who a record is for, by hashes: a user of ours, or the host of somebody who has proven
// nothing.
type owner struct {
	kind kind
	key  uint64
	site uint64 // of a host of IPv6 its /48, which who has one address may have; 0 for none
}

// kind says whom an owner shares his part of the table with.
type kind uint8

const (
	known    kind = iota // a user, or whoever the script lets call a gateway; he shares it with nobody
	trunk                // a gateway, which calls without a proof; its address can be forged
	stranger             // anybody
)

// few is how many records everybody may have while there are any.
const few = 8

// owners counts the records in use by owner, each owner by himself: in a count that some shared, one's
// calls would have another one refused. Like the table it uses its memory again.
type owners struct {
	mu                sync.Mutex
	buckets           []*tally
	free              *tally
	trunks, strangers int64 // records of all of these
}

// tally is the count of one owner.
type tally struct {
	next *tally
	key  uint64
	n    int64
}

// ownerOf is who a call is for. address is the caller's if he is one of ours, from his host, and to is
// where the call goes.
func (t *table) ownerOf(c *relay.Call, address []byte, from netip.Addr, to []netip.Addr) owner {
	if len(address) > 0 {
		return owner{key: maphash.Bytes(t.seed, address)}
	}
	o := owner{kind: stranger, key: maphash.Comparable(t.seed, transport.SourceOf(from))}
	if from.Is6() && !from.Is4In6() {
		site, _ := from.WithZone("").Prefix(48)
		o.site = maphash.Comparable(t.seed, site)
	}
	if c.IsGateway(from) {
		return owner{kind: trunk, key: o.key}
	}
	for _, a := range to {
		if a.IsValid() && c.IsGateway(a) {
			return owner{key: ^o.key} // apart from what others send in the host's name
		}
	}
	return o
}

// room is how many records are left for owners of a kind: strangers have at most their share
// together, and with the gateways' own calls these have theirs, so that there is some for users in
// any case. The owners are locked.
func (t *table) room(k kind) int64 {
	w, free := &t.owners, t.most-t.used.Load()
	if k != known {
		free = min(free, t.share(trunk)-w.strangers-w.trunks)
	}
	if k == stranger {
		free = min(free, t.share(stranger)-w.strangers)
	}
	return free
}

// share is what owners of a kind may have together: strangers half of the table, they and the gateways
// three quarters.
func (t *table) share(k kind) int64 {
	switch k {
	case trunk:
		return t.most * 3 / 4
	case stranger:
		return t.most / 2
	}
	return t.most
}

// crowded reports whether an owner has his part of the table: half of what his kind may have, as long
// as a tenth of that is free, then as many records as are free, and a few in any case. The rest is the
// others'.
func (t *table) crowded(o owner) bool {
	w := &t.owners
	w.mu.Lock()
	defer w.mu.Unlock()
	free, share := t.room(o.kind), t.share(o.kind)
	bound := max(few, free)
	if free > 0 && free >= share/10 {
		bound = max(bound, share/2)
	}
	return w.count(o.key) >= bound || o.site != 0 && w.count(o.site) >= bound
}

// enter counts a record as an owner's; false if there is none for his kind.
func (t *table) enter(o owner) bool {
	w := &t.owners
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.room(o.kind) <= 0 {
		return false
	}
	t.change(o, 1)
	return true
}

// exit counts it as his no more.
func (t *table) exit(o owner) {
	t.owners.mu.Lock()
	defer t.owners.mu.Unlock()
	t.change(o, -1)
}

func (t *table) change(o owner, n int64) {
	w := &t.owners
	t.used.Add(n)
	switch o.kind {
	case trunk:
		w.trunks += n
	case stranger:
		w.strangers += n
	}
	w.add(o.key, n)
	if o.site != 0 {
		w.add(o.site, n)
	}
}

func (w *owners) bucket(key uint64) **tally { return &w.buckets[key%uint64(len(w.buckets))] }

// count is how many records are counted by a key.
func (w *owners) count(key uint64) int64 {
	for x := *w.bucket(key); x != nil; x = x.next {
		if x.key == key {
			return x.n
		}
	}
	return 0
}

// add changes a count. The memory of those that are zero is used again.
func (w *owners) add(key uint64, n int64) {
	at := w.bucket(key)
	for ; *at != nil; at = &(*at).next {
		x := *at
		if x.key != key {
			continue
		}
		if x.n += n; x.n == 0 {
			*at = x.next
			x.next, w.free = w.free, x
		}
		return
	}
	x := w.free
	if x != nil {
		w.free = x.next
	} else {
		x = &tally{}
	}
	*x = tally{key: key, n: n}
	*at = x
}
