package txn

import (
	"sync/atomic"

	"seraph/proxy/internal/transport"
)

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
	less  [len(bufferSizes)]int // how many fewer than maxFree of each size may be idle
	large atomic.Int64          // bytes of those that are larger than the largest size
}

// bound bounds what may be idle by a part of what may be in use, in bytes; 0 is no bound.
func (p *Buffers) bound(most int64) {
	if most <= 0 {
		return
	}
	for i, size := range bufferSizes {
		p.less[i] = max(maxFree[i]-int(max(most/idleShare/int64(size), 1)), 0)
	}
}

// held is what is in use, in bytes.
func (p *Buffers) held() int64 {
	n := p.large.Load()
	for i, size := range bufferSizes {
		n += p.lists[i].InUse() * int64(size)
	}
	return n
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
	x := &Buffer{B: append([]byte(nil), b...), class: -1}
	p.large.Add(int64(cap(x.B)))
	return x
}

// Give takes a buffer back; nil is allowed.
func (p *Buffers) Give(x *Buffer) {
	if x == nil {
		return
	}
	if x.class < 0 {
		p.large.Add(-int64(cap(x.B)))
		return
	}
	if transport.Poison {
		full := x.B[:cap(x.B)]
		for i := range full {
			full[i] = 0xDB
		}
	}
	x.B = x.B[:0]
	p.lists[x.class].GiveUpTo(maxFree[x.class]-p.less[x.class], x)
}

// trim forgets peaks.
func (p *Buffers) trim() {
	for i := range p.lists {
		p.lists[i].Trim(keepFree)
	}
}
