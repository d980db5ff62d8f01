package script

import "seraph/proxy/internal/module"

// cases are the values of a switch and where they stand in it. A value finds the first one
// that equals it, the case being the left side (module.Value.Equal), however many there are.
type cases struct {
	numbers map[int64]int  // cases that are numbers
	texts   map[string]int // cases that are texts, in lower case
}

func newCases(n int) cases { return cases{make(map[int64]int, n), make(map[string]int, n)} }

// add enters the case at a place and returns that, or the place of the same case before it.
func (x cases) add(at int, v module.Value) int {
	if v.Kind == module.NumberValue {
		return enter(x.numbers, v.Num, at)
	}
	return enter(x.texts, string(appendLower(nil, v.Str)), at)
}

// enter enters the place of a case unless the same one has another.
func enter[K comparable](places map[K]int, key K, at int) int {
	if first, ok := places[key]; ok {
		return first
	}
	places[key] = at
	return at
}

// first is the place of the first case that equals a value, -1 if there is none.
func (x cases) first(v module.Value) int {
	at := -1
	if number, ok := x.numbers[v.AsNumber()]; ok {
		at = number
	}
	var room [64]byte
	text := appendLower(room[:0], v.Str)
	if v.Kind == module.NumberValue {
		text = v.Append(text)
	}
	if place, ok := x.texts[string(text)]; ok && (at < 0 || place < at) {
		at = place
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
