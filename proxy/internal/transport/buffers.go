package transport

import "sync"

const (
	// slotSize holds any UDP datagram, and is the size of a large buffer.
	slotSize = 64 << 10
	// smallSize is what a connection starts with: most messages fit, and ten thousand
	// peers that each leave a message half sent hold 40 MB, not 640.
	smallSize = 4 << 10

	keepSmall = 1024
	keepLarge = 256
)

// buffers is a bounded free list of byte buffers in two sizes. A sync.Pool would box
// each slice.
type buffers struct {
	largeSize int

	mu    sync.Mutex
	small [][]byte
	large [][]byte
}

// take gives a buffer of at least n bytes, n being at most largeSize.
func (p *buffers) take(n int) []byte {
	list, size := &p.small, smallSize
	if n > smallSize {
		list, size = &p.large, p.largeSize
	}
	p.mu.Lock()
	if last := len(*list) - 1; last >= 0 {
		b := (*list)[last]
		(*list)[last] = nil
		*list = (*list)[:last]
		p.mu.Unlock()
		return b
	}
	p.mu.Unlock()
	return make([]byte, size)
}

// give takes a buffer back; nil is nothing. One of a foreign size is left to the
// garbage collector.
func (p *buffers) give(b []byte) {
	b = b[:cap(b)]
	wipe(b)
	p.mu.Lock()
	switch {
	case len(b) == smallSize && len(p.small) < keepSmall:
		p.small = append(p.small, b)
	case len(b) == p.largeSize && len(p.large) < keepLarge:
		p.large = append(p.large, b)
	}
	p.mu.Unlock()
}
