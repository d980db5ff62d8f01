package txn

import "seraph/proxy/internal/transport"

// Buffer is right-sized memory for one message. It comes from a free list and
// goes back to it.
type Buffer struct {
	B     []byte
	class int8
}

// The sizes of buffers, in bytes; larger ones are left to the collector.
var bufferSizes = [...]int{512, 1024, 2048, 4096, 16384, 65536}

// maxFree bounds the idle memory of each size, in buffers.
var maxFree = [...]int{65536, 65536, 65536, 8192, 1024, 64}

// keepFree is how many buffers of each size stay whatever happens.
const keepFree = 256

// Buffers is a set of free lists.
type Buffers struct {
	lists [len(bufferSizes)]Pool[Buffer]
}

// Copy returns a buffer that holds a copy of b.
func (p *Buffers) Copy(b []byte) *Buffer {
	for i, size := range bufferSizes {
		if len(b) <= size {
			x := p.lists[i].Take()
			if x.B == nil {
				x.B, x.class = make([]byte, 0, size), int8(i)
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
	p.lists[x.class].GiveUpTo(maxFree[x.class], x)
}

// trim forgets peaks.
func (p *Buffers) trim() {
	for i := range p.lists {
		p.lists[i].Trim(keepFree)
	}
}
