package transport

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestFramer(t *testing.T) {
	const start = "OPTIONS sip:a SIP/2.0\r\n"
	for _, c := range []struct {
		name, head string
		length     int
		err        error
	}{
		{"plain", "Content-Length: 5\r\n\r\n", 5, nil},
		{"any case", "cONTENT-lENGTH:5\r\nX: y\r\n\r\n", 5, nil},
		{"compact", "l: 0\r\n\r\n", 0, nil},
		{"compact capital", "L \t:\t7 \r\n\r\n", 7, nil},
		{"folded", "Content-Length:\r\n 12\r\n\r\n", 12, nil},
		{"folded blank", "Content-Length: 3\r\n \r\n\r\n", 3, nil},
		{"leading zeros", "Content-Length: 0005\r\n\r\n", 5, nil},
		{"twice the same", "l: 4\r\nContent-Length: 4\r\n\r\n", 4, nil},
		{"folded line of another", "X: a\r\n l: 9\r\nl: 1\r\n\r\n", 1, nil},
		{"name in a value", "X: Content-Length: 9\r\nl: 1\r\n\r\n", 1, nil},
		{"none", "X: y\r\n\r\n", 0, ErrNoLength},
		{"without value", "Content-Length:\r\n\r\n", 0, ErrNoLength},
		{"no header at all", "\r\n", 0, ErrNoLength},
		{"negative", "l: -1\r\n\r\n", 0, ErrBadLength},
		{"hexadecimal", "l: 0x10\r\n\r\n", 0, ErrBadLength},
		{"two numbers", "l: 1 2\r\n\r\n", 0, ErrBadLength},
		{"folded number", "l: 1\r\n 2\r\n\r\n", 0, ErrBadLength},
		{"different", "l: 1\r\nl: 2\r\n\r\n", 0, ErrBadLength},
		{"overflow", "l: 99999999999999999999\r\n\r\n", 0, ErrBadLength},
		{"large", "l: 65536\r\n\r\n", 0, ErrTooLarge},
		{"bare LF", "X: y\nl: 1\r\n\r\n", 0, ErrBadLine},
		{"bare LF at the end", "l: 1\r\n\n", 0, ErrBadLine},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(start + c.head)
			for split := 0; split <= len(data); split++ {
				var f framer
				if head, total, err := f.next(data[:split], 65536); split < len(data) && (head != 0 || total != 0 || err != nil && !errors.Is(c.err, ErrBadLine)) {
					t.Fatalf("after %d bytes: %d, %d, %v", split, head, total, err)
				}
				head, total, err := f.next(data, 65536)
				if !errors.Is(err, c.err) {
					t.Fatalf("split at %d: error %v, want %v", split, err, c.err)
				}
				if err == nil && (head != len(data) || total != len(data)+c.length) {
					t.Fatalf("split at %d: head %d, total %d", split, head, total)
				}
			}
		})
	}
}

func TestFramerBoundsHeader(t *testing.T) {
	for _, data := range []string{strings.Repeat("a", 3000), strings.Repeat("a\r\n", 1000)} {
		var f framer
		if _, _, err := f.next([]byte(data), 2048); !errors.Is(err, ErrTooLarge) {
			t.Errorf("error %v", err)
		}
	}
}

// FuzzFramer holds that the bytes may come in any pieces.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("INVITE sip:a SIP/2.0\r\nl: 3\r\n\r\nabc"), uint16(9))
	f.Add([]byte("X\r\nContent-Length:\r\n\t4\r\n\r\n"), uint16(20))
	f.Add([]byte("\r\n\r\n"), uint16(1))
	f.Add([]byte("a\r\n:\r\n l:\r\n\r\n"), uint16(5))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		const limit = 4096
		var whole, parts framer
		h1, t1, e1 := whole.next(data, limit)
		n := int(cut) % (len(data) + 1)
		h2, t2, e2 := parts.next(data[:n], limit)
		if e2 == nil && (t2 == 0 || t2 > n) {
			h2, t2, e2 = parts.next(data, limit)
		}
		if e1 == nil && (h1 != h2 || t1 != t2) || (e1 == nil) != (e2 == nil) {
			t.Fatalf("whole %d %d %v, parts %d %d %v", h1, t1, e1, h2, t2, e2)
		}
		if t1 > limit || h1 > len(data) || h1 > 0 && !bytes.HasSuffix(data[:h1], []byte("\r\n")) {
			t.Fatalf("head %d, total %d of %d", h1, t1, len(data))
		}
	})
}
