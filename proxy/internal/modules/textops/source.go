package textops

import (
	"bytes"
	"slices"

	"seraph/proxy/internal/sip"
)

// source is the text in which a substitution looks.
type source struct {
	b  []byte
	m  *sip.Message // whose part it is; nil for a text of its own
	at uint32       // where in m it begins
}

// newSource is a part of a message. A line that is folded is one line, so its line ends between are blanks, as
// they count (RFC 3261 §7.3.1): else its sender would choose where it ends, and what matches.
func newSource(m *sip.Message, a area) source {
	s := source{b: m.Buf[a.start:a.end], m: m, at: a.start}
	cloned := false
	for i := range m.Headers() {
		h := &m.Headers()[i]
		from, to := max(h.Start, a.start), min(h.End-2, a.end)
		if from >= to || bytes.IndexByte(m.Buf[from:to], '\n') < 0 {
			continue
		}
		if !cloned {
			s.b, cloned = slices.Clone(s.b), true
		}
		unfold(s.b[from-a.start : to-a.start])
	}
	return s
}

// unfold makes blanks of line ends.
func unfold(b []byte) {
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
}

// append appends a part of the text. Names of fields that stand in it stay such.
func (s *source) append(d *draft, from, to int) {
	for s.m != nil && from < to {
		i := lineIndex(s.m.Headers(), s.at+uint32(from))
		if i == len(s.m.Headers()) {
			break
		}
		h := &s.m.Headers()[i]
		value, end := min(to, int(valueFrom(s.m, h))-int(s.at)), min(to, int(h.End)-int(s.at))
		if from < value {
			d.names(value - from)
		}
		d.b = append(d.b, s.b[from:end]...)
		from = end
	}
	d.b = append(d.b, s.b[from:to]...)
}

// valueFrom is where the colon of a line has been passed.
func valueFrom(m *sip.Message, h *sip.Header) uint32 {
	return h.NameEnd + uint32(bytes.IndexByte(m.Buf[h.NameEnd:h.End], ':')) + 1
}
