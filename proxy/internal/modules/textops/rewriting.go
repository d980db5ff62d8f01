package textops

import (
	"bytes"
	"slices"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// rewriting puts the edits of a substitution together. Others edit the message, too, before and after it: they insert
// lines, and remove those of the router's own, which stand where the sender has put them. So that every edit
// can be made whatever the others do, each stays within the value of one line, or takes whole lines and leaves
// whole lines.
type rewriting struct {
	c    *module.Ctx
	m    *sip.Message
	most int // bytes that an edit may have

	open        bool // an edit is being put together
	inside      bool // it stays within the value of one line
	empty       bool // its first match was of no bytes
	first, last int  // the lines in which it stands
	start, end  uint32
	text        draft // for these bytes

	piece, whole draft
}

// take makes an edit of a match, or a part of the one before it. False: it is passed over.
func (r *rewriting) take(s *substitution, src *source, loc []int) (bool, error) {
	if !r.open {
		r.text.reset()
	}
	r.piece.reset()
	if !s.append(&r.piece, r.c, src, loc, r.most-len(r.text.b)) {
		return false, errGrown
	}
	from, to := r.beginLine(src.at+uint32(loc[0]), src.at+uint32(loc[1]))
	lines := r.m.Headers()
	first, last := lineIndex(lines, from), lineIndex(lines, max(from, to-1))
	if last == len(lines) || from < max(r.end, r.m.HeadersStart()) {
		return false, nil
	}
	if r.open && first > r.last {
		if err := r.make(); err != nil {
			return false, err
		}
	}
	if from < r.end || !mayChange(r.c, lines[first:last+1], from, to) {
		return false, nil
	}
	inside := first == last && r.inValue(&lines[first], from, to)
	if r.open && r.inside && inside && (r.m.Removed(r.end, from) || r.m.Inserted(r.end, from+1)) {
		if err := r.make(); err != nil {
			return false, err
		}
	}
	if r.open {
		r.keep(&r.text, &lines[first], r.end, from, to > from)
		inside = inside && r.inside && bytes.IndexByte(r.m.Buf[r.end:from], '\n') < 0
	} else {
		r.text.reset() // the one before may just have been made
		r.open, r.first, r.start, r.empty = true, first, from, from == to
	}
	r.text.add(&r.piece)
	r.inside, r.last, r.end = inside, last, to
	return true, nil
}

// beginLine has a match that begins with the end of a line begin with the next one, if that end stays: one that
// is put there again, or the one behind the match in its place.
func (r *rewriting) beginLine(from, to uint32) (uint32, uint32) {
	lines := r.m.Headers()
	next := r.m.HeadersStart() // behind the first line
	if i := lineIndex(lines, from); from >= next && i < len(lines) {
		next = lines[i].End
	}
	if from+2 < next || from >= next || to < next {
		return from, to
	}
	end := crlf[2-(next-from):]
	switch {
	case bytes.HasPrefix(r.piece.b, end):
		r.piece.cut(len(end))
		return next, to
	case len(r.piece.b) == 0 && next-from == 2 && to > next && lines[lineIndex(lines, to-1)].End-2 == to:
		return next, to + 2
	}
	return from, to
}

// inValue reports whether bytes of a line, and text for them, stand within its value whatever happens to the rest of it.
func (r *rewriting) inValue(h *sip.Header, from, to uint32) bool {
	return from >= h.ValStart && to <= h.End-2 && !bytes.ContainsAny(r.m.Buf[from-1:to], "\r\n") && !bytes.ContainsAny(r.piece.b, "\r\n")
}

// make makes the edit that is open.
func (r *rewriting) make() error {
	if !r.open {
		return nil
	}
	r.open = false
	if r.inside {
		r.m.Replace(r.start, r.end-r.start, r.text.b)
		return nil
	}
	lines := r.m.Headers()
	r.whole.reset()
	r.keep(&r.whole, &lines[r.first], lines[r.first].Start, r.start, !r.empty)
	r.whole.add(&r.text)
	r.keep(&r.whole, &lines[r.last], r.end, lines[r.last].End, false)
	if len(r.whole.b) > 0 && !bytes.HasSuffix(r.whole.b, crlf) {
		// The end of the last line has gone, so the next one is a part of it.
		r.last++
		if r.last == len(lines) {
			return errEnd
		}
		h := &lines[r.last]
		if !mayChange(r.c, lines[r.last:r.last+1], h.Start, h.Start) || r.m.Inserted(h.Start, h.Start+1) {
			return errJoined
		}
		r.keep(&r.whole, h, h.Start, h.End, false)
	}
	r.end = max(r.end, lines[r.last].End)
	if err := r.whole.check(); err != nil {
		return err
	}
	return r.replaceLines(lines[r.first:r.last+1], r.whole.lines(), 0)
}

// replaceLines puts the lines that have come of it in the place of others, one for one where they are as many: an
// edit for each, so that what others insert between two stays. From and To, of which others know where they stand,
// keep edits of their own. Without lines the texts are inserted at an offset.
func (r *rewriting) replaceLines(lines []sip.Header, texts [][]byte, at uint32) error {
	if i := slices.IndexFunc(lines, func(h sip.Header) bool { return isName(h.ID) }); i >= 0 {
		h := &lines[i]
		j := slices.IndexFunc(texts, func(text []byte) bool { return fieldOf(text) == h.ID })
		if j < 0 {
			return errRouters
		}
		if err := r.replaceLines(lines[:i], texts[:j], h.Start); err != nil {
			return err
		}
		r.replaceLine(h, texts[j])
		return r.replaceLines(lines[i+1:], texts[j+1:], h.End)
	}
	switch {
	case slices.ContainsFunc(texts, func(text []byte) bool { return isName(fieldOf(text)) }):
		return errRouters
	case len(texts) == len(lines):
		for i := range lines {
			r.replaceLine(&lines[i], texts[i])
		}
	case len(lines) == 0:
		r.m.Insert(at, texts...)
	default:
		r.m.Replace(lines[0].Start, lines[0].End-lines[0].Start, texts...)
		for _, h := range lines[1:] {
			r.m.Delete(h.Start, h.End-h.Start)
		}
	}
	return nil
}

// replaceLine does it with one, if it is not the same.
func (r *rewriting) replaceLine(h *sip.Header, text []byte) {
	r.text.reset()
	if r.keep(&r.text, h, h.Start, h.End, false); !bytes.Equal(text, r.text.b) {
		r.m.Replace(h.Start, h.End-h.Start, text)
	}
}

func isName(id sip.HeaderID) bool { return id == sip.HdrFrom || id == sip.HdrTo }

// fieldOf is the field of a header line.
func fieldOf(line []byte) sip.HeaderID {
	name, _, _ := bytes.Cut(line, []byte{':'})
	return sip.ParseHeaderID(bytes.TrimRight(name, " \t"))
}

// keep appends bytes of a line with the edits that others have made of them; not what stands before the line,
// and with what they have inserted before the last byte if inserted is set.
func (r *rewriting) keep(d *draft, h *sip.Header, from, to uint32, inserted bool) {
	start := len(d.b)
	if value := min(to, valueFrom(r.m, h)); from < value {
		d.names(int(value - from)) // nobody else edits names
		d.b = append(d.b, r.m.Buf[from:value]...)
		from = value
	}
	if from < to {
		d.b = r.m.AppendRange(d.b, from, to)
	}
	if inserted && to > h.Start {
		d.b = r.m.AppendRange(d.b, to, to+1)
		d.b = d.b[:len(d.b)-1]
	}
	end := len(d.b)
	if from < to && to == h.End {
		end -= 2
	}
	unfold(d.b[start:max(start, end)])
}

// lineIndex is the line in which a byte stands, their number behind the last one.
func lineIndex(lines []sip.Header, at uint32) int {
	i, _ := slices.BinarySearchFunc(lines, at, func(h sip.Header, at uint32) int {
		if h.End <= at {
			return -1
		}
		return 1
	})
	return i
}
