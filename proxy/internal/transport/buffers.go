package transport

import (
	"math/bits"
	"sync"
)

const (
	// slotSize holds any UDP datagram.
	slotSize = 64 << 10
	// smallSize is what a connection starts with: most messages fit, and ten thousand
	// peers that each leave a message half sent hold 40 MB, not 640.
	smallSize = 4 << 10

	// keepSmall and keepLarge are how many bytes of each size are kept, below slotSize and from there on.
	keepSmall = 4 << 20
	keepLarge = 16 << 20

	sizes = 13 // smallSize to maxMessage, each twice the one before
)

// buffers is bounded free lists of byte buffers, one for each size. A sync.Pool would box each
// slice.
type buffers struct {
	largeSize int

	mu   sync.Mutex
	free [sizes][][]byte
}

// sizeFor is the index of the least size that holds n bytes.
func sizeFor(n int) int { return bits.Len(uint(max(n, 1)-1) / smallSize) }

// take gives a buffer of at least n bytes, n being at most largeSize.
func (p *buffers) take(n int) []byte {
	i := sizeFor(n)
	list := &p.free[i]
	p.mu.Lock()
	if last := len(*list) - 1; last >= 0 {
		b := (*list)[last]
		(*list)[last] = nil
		*list = (*list)[:last]
		p.mu.Unlock()
		return b
	}
	p.mu.Unlock()
	return make([]byte, smallSize<<i)
}

// give takes a buffer back; nil is nothing. One of a foreign size is left to the
// garbage collector.
func (p *buffers) give(b []byte) {
	b = b[:cap(b)]
	wipe(b)
	i := sizeFor(len(b))
	if i > sizeFor(p.largeSize) || len(b) != smallSize<<i {
		return // nobody asks for larger ones
	}
	keep := keepSmall
	if len(b) >= slotSize {
		keep = keepLarge
	}
	p.mu.Lock()
	if list := &p.free[i]; len(*list) < keep/len(b) {
		*list = append(*list, b)
	}
	p.mu.Unlock()
}
