package sip

// edit replaces del bytes at off by a piece of the arena.
type edit struct {
	off, del uint32
	ins      span
	line     bool // see replaceLine
}

// Mark remembers how far the edits of a message had come.
type Mark struct{ edits, arena int }

// Mark returns the present state of the edits, for Rollback.
func (m *Message) Mark() Mark { return Mark{len(m.edits), len(m.arena)} }

// Rollback takes back every edit made since the mark.
func (m *Message) Rollback(k Mark) {
	m.edits = m.edits[:k.edits]
	m.arena = m.arena[:k.arena]
}

// Edited reports whether the message has edits.
func (m *Message) Edited() bool { return len(m.edits) > 0 }

// Removed reports whether an edit removes any of the bytes from offset from up to, not
// including, to.
func (m *Message) Removed(from, to uint32) bool {
	for i := range m.edits {
		if e := &m.edits[i]; e.del > 0 && e.off < to && e.off+e.del > from {
			return true
		}
	}
	return false
}

// Inserted reports whether an edit inserts text before one of the bytes from offset from up to, not
// including, to.
func (m *Message) Inserted(from, to uint32) bool {
	for i := range m.edits {
		if e := &m.edits[i]; e.ins.end > e.ins.start && e.off >= from && e.off < to {
			return true
		}
	}
	return false
}

// Insert puts text before the byte at offset off. Several insertions at one
// offset are written in the order in which they were made.
func (m *Message) Insert(off uint32, text ...[]byte) { m.Replace(off, 0, text...) }

// Delete removes n bytes at offset off.
func (m *Message) Delete(off, n uint32) { m.Replace(off, n) }

// Replace puts text in the place of n bytes at offset off. The text is copied.
// Bytes that two edits remove go once; of two such edits at one offset the first
// one's text counts, and text inside the bytes that another edit removes goes with
// them. Offsets are those of the message as received.
func (m *Message) Replace(off, n uint32, text ...[]byte) {
	start := uint32(len(m.arena))
	for _, t := range text {
		m.arena = append(m.arena, t...)
	}
	e := edit{off: off, del: n, ins: span{start, uint32(len(m.arena))}}
	m.edits = append(m.edits, e)
}

// RemoveLine deletes a header line, and with it what edits have made of it, as far as they
// did not make one text of it and a line after it.
func (m *Message) RemoveLine(h *Header) { m.replaceLine(h, uint32(len(m.arena))) }

// ReplaceValue puts another value into a header line, which may not end it, and in the place of what edits have made of it.
func (m *Message) ReplaceValue(h *Header, value ...[]byte) {
	start := uint32(len(m.arena))
	m.arena = append(m.arena, m.Buf[h.Start:h.ValStart]...)
	for _, part := range value {
		m.arena = append(m.arena, part...)
	}
	m.arena = append(m.arena, "\r\n"...)
	m.replaceLine(h, start)
}

// replaceLine puts what stands in the arena from start on in the place of a header line and of what
// edits have made of it.
func (m *Message) replaceLine(h *Header, start uint32) {
	m.edits = append(m.edits, edit{off: h.Start, del: h.End - h.Start, ins: span{start, uint32(len(m.arena))}, line: true})
}

// RemoveValue deletes the current value of a walk; if it is alone in its line, the
// line goes. Edits do not see each other: neighbours are removed together, by
// RemoveRange, or their line may stay behind empty.
func (m *Message) RemoveValue(v *Values) { m.RemoveRange(v.Header, v.Start, v.End) }

// RemoveRange deletes the values of line h that stand between the offsets start
// and end, together with one comma beside them; if nothing else stands in the
// line, the whole line goes.
func (m *Message) RemoveRange(h *Header, start, end uint32) {
	before, after := start, end
	for before > h.ValStart && (isBlank(m.Buf[before-1]) || m.Buf[before-1] == ',') {
		before--
	}
	for after < h.ValEnd && (isBlank(m.Buf[after]) || m.Buf[after] == ',') {
		after++
	}
	switch {
	case before == h.ValStart && after == h.ValEnd:
		m.Delete(h.Start, h.End-h.Start)
	case before == h.ValStart:
		m.Delete(h.ValStart, after-h.ValStart)
	default:
		m.Delete(before, end-before)
	}
}

// AppendRange appends the bytes from offset from up to, not including, to, with
// the edits that lie there. An insertion at offset to itself belongs to the
// next range, except at the end of the message.
func (m *Message) AppendRange(dst []byte, from, to uint32) []byte {
	if len(m.edits) == 0 {
		return append(dst, m.Buf[from:to]...)
	}
	pos := m.skipOverlaps(from)
	for {
		e := m.nextEdit(pos, from, to)
		if e == nil {
			break
		}
		if e.off > pos {
			dst = append(dst, m.Buf[pos:e.off]...)
			pos = e.off
		}
		dst = m.appendAt(dst, e.off)
		pos = m.skipDeleted(pos)
		from = e.off + 1
	}
	if pos < to {
		dst = append(dst, m.Buf[pos:to]...)
	}
	return dst
}

// nextEdit returns the edit with the smallest offset in [from, to), at or after
// pos where bytes were deleted already (an insertion inside deleted bytes goes
// with them). Messages have a handful of edits, so a scan beats sorting.
func (m *Message) nextEdit(pos, from, to uint32) *edit {
	var best *edit
	for i := range m.edits {
		e := &m.edits[i]
		if e.off >= from && e.off >= pos && e.off < to && (best == nil || e.off < best.off) {
			best = e
		}
	}
	return best
}

// appendAt appends all text inserted at off, in the order of the edits; of those that also remove
// bytes there, only the first one's, or that of the last one for a whole line.
func (m *Message) appendAt(dst []byte, off uint32) []byte {
	removed := false
	for i := range m.edits {
		e := &m.edits[i]
		if e.off != off || removed && e.del > 0 {
			continue
		}
		if e.del > 0 {
			removed = true
			if l := m.ofLine(off); l != nil && l.del >= e.del {
				e = l
			}
		}
		dst = append(dst, m.arena[e.ins.start:e.ins.end]...)
	}
	return dst
}

// ofLine is the last edit for the whole line that begins at off, nil if there is none.
func (m *Message) ofLine(off uint32) *edit {
	for i := len(m.edits) - 1; i >= 0; i-- {
		if e := &m.edits[i]; e.line && e.off == off {
			return e
		}
	}
	return nil
}

// appendInserted appends the text inserted at off by edits that remove nothing.
func (m *Message) appendInserted(dst []byte, off uint32) []byte {
	for i := range m.edits {
		if e := &m.edits[i]; e.off == off && e.del == 0 {
			dst = append(dst, m.arena[e.ins.start:e.ins.end]...)
		}
	}
	return dst
}

// skipDeleted returns where the bytes that remain go on after pos, at which an
// edit stands.
func (m *Message) skipDeleted(pos uint32) uint32 {
	end := pos
	for i := range m.edits {
		if e := &m.edits[i]; e.off == pos && e.off+e.del > end {
			end = e.off + e.del
		}
	}
	if end == pos {
		return pos
	}
	return m.skipOverlaps(end)
}

// skipOverlaps returns where the bytes that remain go on if those before pos are
// gone or written: behind all removals that begin before pos and reach beyond it.
func (m *Message) skipOverlaps(pos uint32) uint32 {
	for {
		end := pos
		for i := range m.edits {
			if e := &m.edits[i]; e.off < end && e.off+e.del > end {
				end = e.off + e.del
			}
		}
		if end == pos {
			return pos
		}
		pos = end
	}
}

// AppendHeaders appends all header lines, edits applied, insertions at the end
// of the headers included, without the empty line.
func (m *Message) AppendHeaders(dst []byte) []byte {
	dst = m.AppendRange(dst, m.headersAt, m.headersEnd)
	return m.appendAt(dst, m.headersEnd)
}

// AppendLine appends one header line, edits applied: without the lines that have been inserted before it.
func (m *Message) AppendLine(dst []byte, h *Header) []byte {
	if !m.Removed(h.Start, h.Start+1) {
		dst = append(dst, m.Buf[h.Start])
		return m.AppendRange(dst, h.Start+1, h.End)
	}
	return m.AppendRange(dst, h.Start, h.End)
}

// Edits holds the edits of a message apart from it, for a copy of the message
// that is worked on later.
type Edits struct {
	edits []edit
	arena []byte
}

// Save copies the message's edits into e, whose memory is used again.
func (m *Message) Save(e *Edits) {
	e.edits = append(e.edits[:0], m.edits...)
	e.arena = append(e.arena[:0], m.arena...)
}

// Restore gives the message the edits in e; it must be a copy of the message
// from which they were saved.
func (m *Message) Restore(e *Edits) {
	m.edits = append(m.edits[:0], e.edits...)
	m.arena = append(m.arena[:0], e.arena...)
}
