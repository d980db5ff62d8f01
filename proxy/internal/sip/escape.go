package sip

// SameUnescaped reports whether two texts are the same once their escapes (%HH) are decoded, all of
// them: phones write the user part of a target anew, some with more escapes than it came with, some
// with fewer (RFC 3261 §19.1.4). What is no escape stands for itself.
func SameUnescaped(a, b []byte) bool {
	for len(a) > 0 && len(b) > 0 {
		var x, y byte
		x, a = unescaped(a)
		y, b = unescaped(b)
		if x != y {
			return false
		}
	}
	return len(a) == 0 && len(b) == 0
}

// AppendUnescaped appends a text with its escapes decoded, as SameUnescaped compares it.
func AppendUnescaped(dst, text []byte) []byte {
	for len(text) > 0 {
		var c byte
		c, text = unescaped(text)
		dst = append(dst, c)
	}
	return dst
}

// unescaped is the first character of a text that is not empty, and what follows it.
func unescaped(b []byte) (c byte, rest []byte) {
	if b[0] == '%' && len(b) > 2 && isHex(b[1]) && isHex(b[2]) {
		return hexValue(b[1])<<4 | hexValue(b[2]), b[3:]
	}
	return b[0], b[1:]
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
