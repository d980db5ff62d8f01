//go:build !race

package aor_test

import (
	"strings"
	"testing"

	"seraph/sql/aor"
)

// TestAppendCanonicalAllocatesNothing guards the proxy's hot path.
func TestAppendCanonicalAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 512)
	for _, in := range [][2]string{
		{"Alice", "Example.ORG"}, {"%61lice%40", "10.0.0.1"}, {"%C5%BEofie", "d"}, {"bob", "[2001:DB8::1]"},
		{"al ice", "d"}, {"alice", "a..b"},
	} {
		user, host := []byte(in[0]), []byte(in[1])
		n := testing.AllocsPerRun(1000, func() { dst, _ = aor.AppendCanonical(dst[:0], user, host) })
		if n != 0 {
			t.Errorf("AppendCanonical(%q, %q): %v allocations", in[0], in[1], n)
		}
	}
}

// TestAppendCanonicalToTheStack: a buffer of the caller's stack stays there.
func TestAppendCanonicalToTheStack(t *testing.T) {
	for _, in := range [][2]string{{"Alice", "Example.ORG"}, {"bob", "[2001:DB8::1]"}} {
		user, host := []byte(in[0]), []byte(in[1])
		length := 0
		n := testing.AllocsPerRun(1000, func() {
			var room [256]byte
			b, _ := aor.AppendCanonical(room[:0], user, host)
			length = len(b)
		})
		if n != 0 || length == 0 {
			t.Errorf("AppendCanonical(%q, %q): %v allocations, %d bytes", in[0], in[1], n, length)
		}
	}
}

// TestAppendCallerAllocatesNothing: a buffer of the caller's stack is enough, however long the
// URI is.
func TestAppendCallerAllocatesNothing(t *testing.T) {
	for _, in := range []string{"sip:Alice@Example.ORG:5060", "sip:a%20b%e4@[2001:DB8::1]", "tel:+49-30-1", "sip:+49" + strings.Repeat("-", 1000) + "1@[::ffff:192.0.2.7]", "sip:" + strings.Repeat("%00", 1000) + "@" + strings.Repeat("a", 1000)} {
		uri, length := []byte(in), 0
		n := testing.AllocsPerRun(1000, func() {
			var room [aor.MaxCaller]byte
			length = len(aor.AppendCaller(room[:0], uri))
		})
		if n != 0 || length == 0 {
			t.Errorf("AppendCaller(%.40q): %v allocations, %d bytes", in, n, length)
		}
	}
}

func BenchmarkAppendCanonical(b *testing.B) {
	dst := make([]byte, 0, 128)
	user, host := []byte("Alice.Keller"), []byte("sip.Example.org")
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = aor.AppendCanonical(dst[:0], user, host)
	}
}
