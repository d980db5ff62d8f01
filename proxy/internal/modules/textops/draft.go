package textops

import "bytes"

// draft is text that is being put together.
type draft struct {
	b []byte
	// named are the parts of it that may name a field: what the script itself has written, and the names of
	// lines that were there. Everything else somebody else has chosen.
	named []area
}

func (d *draft) reset() { d.b, d.named = d.b[:0], d.named[:0] }

// names says that the next n bytes to be appended may name a field.
func (d *draft) names(n int) {
	from := uint32(len(d.b))
	if last := len(d.named) - 1; last >= 0 && d.named[last].end == from {
		d.named[last].end += uint32(n)
		return
	}
	d.named = append(d.named, area{from, from + uint32(n)})
}

// add appends another one.
func (d *draft) add(o *draft) {
	at := uint32(len(d.b))
	for _, a := range o.named {
		if last := len(d.named) - 1; last >= 0 && d.named[last].end == at+a.start {
			d.named[last].end = at + a.end
			continue
		}
		d.named = append(d.named, area{at + a.start, at + a.end})
	}
	d.b = append(d.b, o.b...)
}

// mayName reports whether a part may name a field.
func (d *draft) mayName(from, to int) bool {
	for _, a := range d.named {
		if int(a.start) <= from && to <= int(a.end) {
			return true
		}
	}
	return false
}

// cut takes the first n bytes off.
func (d *draft) cut(n int) {
	d.b = d.b[n:]
	for i, a := range d.named {
		d.named[i] = area{max(a.start, uint32(n)) - uint32(n), max(a.end, uint32(n)) - uint32(n)}
	}
}

var crlf = []byte("\r\n")

// check says what is wrong with text that is to be whole header lines.
func (d *draft) check() error {
	for at := 0; at < len(d.b); {
		n := bytes.Index(d.b[at:], crlf)
		blank := d.b[at] == ' ' || d.b[at] == '\t'
		switch {
		case n < 0 || blank && at == 0:
			return errJoined
		case n == 0:
			return errEnd
		}
		// A line without a colon is none, which accept says.
		if colon := bytes.IndexByte(d.b[at:at+n], ':'); !blank && colon >= 0 && !d.mayName(at, at+colon+1) {
			return errName
		}
		at += n + len(crlf)
	}
	return nil
}

// lines are the texts of its header lines.
func (d *draft) lines() (list [][]byte) {
	for start, at := 0, 0; at < len(d.b); {
		at += bytes.Index(d.b[at:], crlf) + len(crlf)
		if at == len(d.b) || d.b[at] != ' ' && d.b[at] != '\t' {
			list = append(list, d.b[start:at])
			start = at
		}
	}
	return list
}
