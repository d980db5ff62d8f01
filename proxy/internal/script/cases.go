package script

import "seraph/proxy/internal/module"

// cases are the values of a switch and where they stand in it. A value finds the first one
// that it equals, as module.Value.Equal has it, however many there are.
type cases struct {
	numbers map[int64]int  // cases that are numbers
	texts   map[string]int // cases that are texts, in lower case
	numeric map[int64]int  // both, of the texts those that read as a number; the first of each
}

func newCases(n int) cases {
	return cases{make(map[int64]int, n), make(map[string]int, n), make(map[int64]int, n)}
}

// add enters the case at a place and returns that, or the place of the same case before it.
func (x cases) add(at int, v module.Value) int {
	n, isNumber := v.Int()
	if v.Kind == module.NumberValue {
		if first, ok := x.numbers[n]; ok {
			return first
		}
		x.numbers[n] = at
	} else {
		key := string(appendLower(nil, v.Str))
		if first, ok := x.texts[key]; ok {
			return first
		}
		x.texts[key] = at
	}
	if _, ok := x.numeric[n]; isNumber && !ok {
		x.numeric[n] = at
	}
	return at
}

// first is the place of the first case that a value equals, -1 if there is none.
func (x cases) first(v module.Value) int {
	n, isNumber := v.Int()
	if v.Kind == module.NumberValue {
		if at, ok := x.numeric[n]; ok {
			return at
		}
		return -1
	}
	var room [64]byte
	at, found := x.texts[string(appendLower(room[:0], v.Str))]
	if number, ok := x.numbers[n]; isNumber && ok && (!found || number < at) {
		return number
	}
	if !found {
		return -1
	}
	return at
}

// appendLower appends a text with its ASCII letters in lower case.
func appendLower(dst, text []byte) []byte {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
