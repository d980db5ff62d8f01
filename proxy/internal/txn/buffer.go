package txn

import (
	"sync"

	"seraph/proxy/internal/transport"
)

// Buffer is right-sized memory for one message. It comes from a free list and
// goes back to it.
type Buffer struct {
	B     []byte
	class int8
	next  *Buffer
}

// The sizes of buffers, in bytes; larger ones are left to the collector.
var bufferSizes = [...]int{512, 1024, 2048, 4096, 16384, 65536}

// maxFree bounds the idle memory of each size, in buffers.
var maxFree = [...]int{65536, 65536, 65536, 8192, 1024, 64}

type bufferList struct {
	mu   sync.Mutex
	head *Buffer
	n    int
	low  int // the fewest there were since the last trim
}

// keepFree is how many buffers of each size stay whatever happens.
const keepFree = 256

// Buffers is a set of free lists.
type Buffers struct{ lists [len(bufferSizes)]bufferList }

// Copy returns a buffer that holds a copy of b.
func (p *Buffers) Copy(b []byte) *Buffer {
	for i, size := range bufferSizes {
		if len(b) <= size {
			x := p.lists[i].take()
			if x == nil {
				x = &Buffer{B: make([]byte, 0, size), class: int8(i)}
			}
			x.B = append(x.B[:0], b...)
			return x
		}
	}
	return &Buffer{B: append([]byte(nil), b...), class: -1}
}

// Give takes a buffer back; nil is allowed.
func (p *Buffers) Give(x *Buffer) {
	if x == nil || x.class < 0 {
		return
	}
	if transport.Poison {
		full := x.B[:cap(x.B)]
		for i := range full {
			full[i] = 0xDB
		}
	}
	x.B = x.B[:0]
	p.lists[x.class].give(x, maxFree[x.class])
}

func (l *bufferList) take() *Buffer {
	l.mu.Lock()
	x := l.head
	if x != nil {
		l.head, x.next = x.next, nil
		l.n--
		l.low = min(l.low, l.n)
	} else {
		l.low = 0
	}
	l.mu.Unlock()
	return x
}

func (l *bufferList) give(x *Buffer, limit int) {
	l.mu.Lock()
	if l.n < limit {
		x.next, l.head = l.head, x
		l.n++
	}
	l.mu.Unlock()
}

// trim gives half of what nobody has needed since the last time back to the collector, so
// that a peak is forgotten in a few minutes.
func (p *Buffers) trim() {
	for i := range p.lists {
		p.lists[i].trim()
	}
}

func (l *bufferList) trim() {
	l.mu.Lock()
	for surplus := (l.low - keepFree + 1) / 2; surplus > 0; surplus-- {
		x := l.head
		l.head, x.next = x.next, nil
		l.n--
	}
	l.low = l.n
	l.mu.Unlock()
}
