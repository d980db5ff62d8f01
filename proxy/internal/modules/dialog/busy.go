package dialog

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// busy counts the calls of each address of ours that are up. Like the table it uses its
// memory again.
type busy struct {
	seed maphash.Seed

	mu      sync.Mutex
	buckets [1 << 12]*line
	free    *line
	spare   int
}

// line is an address with calls.
type line struct {
	next    *line
	address []byte
	calls   int
}

// maxSpare bounds the lines that are kept for further use.
const maxSpare = 1 << 14

func (b *busy) bucket(hash uint64) **line { return &b.buckets[hash%uint64(len(b.buckets))] }

// add counts one call more; an empty address is nobody's.
func (b *busy) add(address []byte) {
	if len(address) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	head := b.bucket(maphash.Bytes(b.seed, address))
	for l := *head; l != nil; l = l.next {
		if bytes.Equal(l.address, address) {
			l.calls++
			return
		}
	}
	l := b.free
	if l != nil {
		b.free = l.next
		b.spare--
	} else {
		l = &line{}
	}
	l.address, l.calls = put(l.address, address), 1
	l.next, *head = *head, l
}

// drop counts one call less.
func (b *busy) drop(address []byte) {
	if len(address) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := b.bucket(maphash.Bytes(b.seed, address)); *at != nil; at = &(*at).next {
		l := *at
		if !bytes.Equal(l.address, address) {
			continue
		}
		if l.calls--; l.calls > 0 {
			return
		}
		*at = l.next
		if b.spare < maxSpare {
			l.next, b.free = b.free, l
			b.spare++
		}
		return
	}
}

// has reports whether the address has a call.
func (b *busy) has(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := *b.bucket(maphash.String(b.seed, address)); l != nil; l = l.next {
		if string(l.address) == address {
			return true
		}
	}
	return false
}
