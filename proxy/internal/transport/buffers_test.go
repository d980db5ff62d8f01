package transport

import (
	"strings"
	"testing"
	"time"
)

// TestBufferGrowsWithWhatCame: who announces a long message, and sends little of it, holds no more memory than
// others; one that comes whole arrives whole.
func TestBufferGrowsWithWhatCame(t *testing.T) {
	long := padded("long", 60_000)
	for name, data := range map[string]string{
		"tcp": long, "ws": frame(final|text, long), "ws in pieces": frame(text, long[:30_000]) + frame(final|more, long[30_000:]),
	} {
		for _, piece := range []int{27, 1000, smallSize} {
			l := &Layer{cfg: Config{MaxMessage: slotSize, MaxQueue: 1 << 20}}
			l.bufs.largeSize = slotSize
			c := newConn(l, Flow{Proto: TCP}, true)
			c.active = time.Now()
			if name != "tcp" {
				c.ws = &webSocket{}
			}
			var msg []byte
			for came := 0; came < len(data) && msg == nil; {
				if c.buf == nil {
					c.buf = l.bufs.take(smallSize)
				}
				n := copy(c.buf[c.end:][:min(piece, len(c.buf)-c.end)], data[came:])
				came, c.end = came+n, c.end+n
				var err error
				if msg, _, err = c.message(); err != nil || n == 0 {
					t.Fatalf("%s: after %d bytes: %v", name, came, err)
				}
				if len(c.buf) > max(smallSize, 2*came) {
					t.Fatalf("%s: for %d bytes there is room for %d", name, came, len(c.buf))
				}
			}
			if string(msg) != long {
				t.Errorf("%s: %d bytes are a message of %d", name, len(data), len(msg))
			}
		}
	}
}

// TestBuffers: what is given back is taken again, clean, and nothing else is kept.
func TestBuffers(t *testing.T) {
	p := buffers{largeSize: slotSize}
	for n, size := range map[int]int{0: 4096, 1: 4096, 4096: 4096, 4097: 8192, 9000: 16384, 65535: 65536, 65536: 65536, maxMessage: maxMessage} {
		b := p.take(n)
		if len(b) != size {
			t.Errorf("for %d bytes there are %d, want %d", n, len(b), size)
		}
		p.give(b[:1])
		if again := p.take(n); &again[0] != &b[0] && size != maxMessage {
			t.Errorf("one of %d is not kept", size)
		}
	}
	p.give(nil)
	p.give(make([]byte, 5000))
	p.give(make([]byte, 4*slotSize)) // a queue that grew: nobody asks for it
	p.give([]byte(strings.Repeat("x", 2*maxMessage)))
	for range 5000 {
		p.give(make([]byte, smallSize))
	}
	for i, free := range p.free {
		if want := map[int]int{0: 1024}[i]; len(free) != want {
			t.Errorf("of size %d there are %d, want %d", smallSize<<i, len(free), want)
		}
	}
}
