package control

import (
	"bytes"
	"encoding/json"
)

// jsonMember is one member of an object whose order counts.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// appendPretty appends an object as Kamailio's tools read it, line by line: tabs, and
// each member of an object on a line of its own as `"name":<tab>value`.
func appendPretty(dst []byte, members []jsonMember) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		dst = appendMember(dst, m, 1, i == 0)
	}
	return append(dst, "\n}\n"...)
}

func appendMember(dst []byte, m jsonMember, depth int, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = indent(append(dst, '\n'), depth)
	name, _ := json.Marshal(m.name)
	dst = append(append(dst, name...), ":\t"...)
	return appendValue(dst, m.value, depth)
}

// appendValue appends a value that stands at a depth.
func appendValue(dst []byte, value json.RawMessage, depth int) []byte {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	switch value[0] {
	case '{':
		return appendObject(dst, value, depth)
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(value, &items) != nil {
			return append(dst, value...)
		}
		dst = append(dst, '[')
		for i, item := range items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendValue(dst, item, depth+1)
		}
		return append(dst, ']')
	}
	return append(dst, value...)
}

func appendObject(dst []byte, value json.RawMessage, depth int) []byte {
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil {
		return append(dst, value...)
	}
	dst = append(dst, '{')
	n := 0
	for ; d.More(); n++ {
		name, err := d.Token()
		if err != nil {
			break
		}
		m := jsonMember{}
		m.name, _ = name.(string)
		if d.Decode(&m.value) != nil {
			break
		}
		dst = appendMember(dst, m, depth+1, n == 0)
	}
	if n > 0 {
		dst = indent(append(dst, '\n'), depth)
	}
	return append(dst, '}')
}

func indent(dst []byte, depth int) []byte {
	for range depth {
		dst = append(dst, '\t')
	}
	return dst
}
