package transport

import "bytes"

// framer finds the end of one message on a stream by its Content-Length (RFC 3261
// §18.3). It looks at each byte of the header part once, however the bytes arrive. The
// zero framer is ready; make it zero again for the next message.
type framer struct {
	line   int  // where the line being read begins
	scan   int  // how far a line end has been sought
	head   int  // length of the header part with its empty line; 0 while incomplete
	length int  // Content-Length
	given  bool // a Content-Length with a value has been read
	open   bool // the last header was Content-Length: a folded line belongs to it
	empty  bool // … and its value is still to come
	err    error
}

// next looks at data, which begins with the message's first byte and holds at least what
// the last call saw. It returns the length of the header part and of the whole message,
// 0 while it cannot know them. An error is final: ErrBadLine, ErrTooLarge (with head 0 if
// the header part alone exceeds max), or, with head set, ErrNoLength, ErrBadLength.
func (f *framer) next(data []byte, max int) (head, total int, err error) {
	for f.head == 0 {
		i := bytes.IndexByte(data[f.scan:], '\n')
		if i < 0 {
			f.scan = len(data)
			if len(data) >= max {
				return 0, 0, ErrTooLarge
			}
			return 0, 0, nil
		}
		end := f.scan + i
		if end == f.line || data[end-1] != '\r' {
			// A parser that takes a bare LF for a line end would see another message
			// than this framing does.
			return 0, 0, ErrBadLine
		}
		f.scan = end + 1
		if f.line == end-1 {
			f.head = end + 1
			break
		}
		if f.line > 0 { // the first is the start line
			f.header(data[f.line : end-1])
		}
		f.line = end + 1
		if f.line >= max {
			return 0, 0, ErrTooLarge
		}
	}
	switch {
	case f.err != nil:
		return f.head, 0, f.err
	case !f.given:
		return f.head, 0, ErrNoLength
	case f.head+f.length > max:
		return f.head, 0, ErrTooLarge
	}
	return f.head, f.head + f.length, nil
}

// header takes one line without its end.
func (f *framer) header(line []byte) {
	if line[0] == ' ' || line[0] == '\t' { // folded: more of the last header's value
		if value := trimBlank(line); f.open && len(value) > 0 {
			if !f.empty {
				f.err = ErrBadLength
				return
			}
			f.value(value)
		}
		return
	}
	f.open = false
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !isContentLength(trimBlank(line[:colon])) {
		return
	}
	f.open, f.empty = true, true
	if value := trimBlank(line[colon+1:]); len(value) > 0 {
		f.value(value)
	}
}

// value takes the digits of a Content-Length.
func (f *framer) value(digits []byte) {
	f.empty = false
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' || len(digits) > 9 {
			f.err = ErrBadLength
			return
		}
		n = n*10 + int(c-'0')
	}
	if f.given && n != f.length {
		f.err = ErrBadLength // two lengths: nobody can say which
		return
	}
	f.given, f.length = true, n
}

func isContentLength(name []byte) bool {
	const full = "content-length"
	if len(name) == 1 {
		return name[0]|0x20 == 'l'
	}
	if len(name) != len(full) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != full[i] {
			return false
		}
	}
	return true
}

func trimBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
