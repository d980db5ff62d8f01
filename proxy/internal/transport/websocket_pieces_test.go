package transport

import (
	"testing"
	"time"
)

// TestControlFrameInPieces: a pong that comes in two pieces is no message that does not
// end. What is left of one that has begun still is.
func TestControlFrameInPieces(t *testing.T) {
	l := open(t, Config{}, &handler{}, "ws:127.0.0.1:0")
	begin := time.Unix(1000, 0)
	for _, c := range []struct {
		name   string
		pieces []string // one a second from begin
		begun  time.Time
	}{
		{"a pong in two", []string{frame(final|pong, "pong")[:3], frame(final|pong, "pong")[3:]}, time.Time{}},
		{"half a pong", []string{frame(final|pong, "pong")[:3]}, begin},
		{"a pong, and half a message with its end", []string{frame(final|pong, "")[:1], frame(final|pong, "")[1:] + frame(final|text, "x")[:3]}, begin.Add(time.Second)},
		{"a pong in two within a message", []string{frame(text, "OPT"), frame(final|pong, "")[:1], frame(final|pong, "")[1:]}, begin},
		{"pongs within half a frame of a message", []string{frame(text, "OPT") + frame(more, "IONS")[:3], frame(more, "IONS")[3:] + frame(final|pong, "")}, begin},
	} {
		x := &conn{l: l, ws: &webSocket{}}
		for i, piece := range c.pieces {
			x.active = begin.Add(time.Duration(i) * time.Second)
			x.makeRoom(x.end - x.start + len(piece))
			x.end += copy(x.buf[x.end:], piece)
			if msg, err := x.nextFrame(); msg != nil || err != nil {
				t.Fatalf("%s: %q, %v", c.name, msg, err)
			}
		}
		if !x.begun.Equal(c.begun) {
			t.Errorf("%s: a message has begun at %v, want %v", c.name, x.begun, c.begun)
		}
	}
}
