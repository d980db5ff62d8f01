package store

import "strings"

// PatternFits reports whether a pattern, in the form that CheckPattern gives it, is for a
// caller: the canonical address, the number of a tel URI, or nothing where the caller does
// not say who calls. It allocates nothing.
func PatternFits(pattern string, caller []byte) bool {
	if pattern == AnonymousPattern {
		return len(caller) == 0
	}
	if len(caller) == 0 {
		return false
	}
	if strings.IndexByte(pattern, '@') >= 0 {
		return glob(pattern, caller)
	}
	// The beginning of a number, against what stands before the @.
	for i := range len(pattern) {
		if i >= len(caller) || caller[i] != pattern[i] {
			return false
		}
	}
	for i := len(pattern); i < len(caller) && caller[i] != '@'; i++ {
		if caller[i] < '0' || caller[i] > '9' {
			return false // a name that begins with digits
		}
	}
	return true
}

// glob reports whether text matches a pattern in which * stands for any characters. The
// work is bounded by the product of both lengths.
func glob(pattern string, text []byte) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
