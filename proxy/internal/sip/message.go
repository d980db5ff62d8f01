package sip

import (
	"bytes"
	"errors"
	"strconv"
)

// MaxHeaders is the largest number of header lines in a message. A message with
// more is refused: no phone sends them, and the index stays of a fixed size.
const MaxHeaders = 128

// MaxSize is the largest message in bytes, the size of a UDP datagram.
const MaxSize = 65535

// The limits of a message that the router wrote itself: one that came with as many
// lines and bytes as may be has gained a Via, Record-Route and what the script adds.
const (
	maxOwnHeaders = 254 // the index counts in one byte, and 255 is noHeader
	maxOwnSize    = 2 * MaxSize
)

// The ways in which a message can be malformed. Each is answered with 400 (ErrVersion
// with 505) where enough of the request was read to answer at all.
var (
	ErrVersion       = errors.New("SIP version is not 2.0")
	ErrStartLine     = errors.New("malformed start line")
	ErrMethodCase    = errors.New("method is not in capital letters")
	ErrLineEnd       = errors.New("line does not end in CRLF")
	ErrHeader        = errors.New("malformed header line")
	ErrTooManyHdrs   = errors.New("too many header lines")
	ErrNoHeaderEnd   = errors.New("no empty line after the headers")
	ErrContentLength = errors.New("bad Content-Length")
	ErrMissing       = errors.New("a mandatory header is missing")
	ErrDuplicate     = errors.New("a header that may stand once stands twice")
	ErrTooLarge      = errors.New("message too large")
)

// Message is one SIP message: the received bytes, the index of its lines and
// the edits made to it. The zero value is ready for Parse; a Message is reused
// for the next message by parsing again.
type Message struct {
	Buf []byte // the message, from the start line to the end of its body

	IsRequest bool
	Method    Method // of a request; of a response, that of its CSeq
	Status    int    // of a response, 100 to 699

	method, ruri, reason span
	headersAt            uint32 // offset of the first header line
	headersEnd           uint32 // offset of the empty line
	bodyAt               uint32
	headers              []Header
	first, last          [numHeaderIDs]uint8

	lazy lazy

	edits []edit
	arena []byte // what the edits insert

	room [48]Header
}

type span struct{ start, end uint32 }

func (m *Message) bytes(s span) []byte { return m.Buf[s.start:s.end:s.end] }

// Reset forgets everything, so that the message holds no reference to a buffer.
func (m *Message) Reset() {
	m.Buf = nil
	m.clear()
}

func (m *Message) clear() {
	m.IsRequest, m.Method, m.Status = false, MethodOther, 0
	m.method, m.ruri, m.reason = span{}, span{}, span{}
	m.headersAt, m.headersEnd, m.bodyAt = 0, 0, 0
	if m.headers == nil || cap(m.headers) == 0 {
		m.headers = m.room[:0]
	}
	m.headers = m.headers[:0]
	for i := range m.first {
		m.first[i], m.last[i] = noHeader, noHeader
	}
	m.lazy = lazy{}
	m.edits = m.edits[:0]
	m.arena = m.arena[:0]
}

// Parse indexes the message in buf, which the message refers to from then on. On
// an error what was read before it stays readable, so that a request whose Via
// was understood can be answered. Parse demands CRLF line ends, a known version
// and exactly one each of From, To, Call-ID and CSeq, and at least one Via
// (RFC 3261 §8.1.1); of a request also that the URI in From can be read, or nobody could
// tell whether the sender claims to be one of ours. Bytes after the body (RFC 3261 §18.3)
// are cut off.
func (m *Message) Parse(buf []byte) error { return m.parse(buf, MaxHeaders, MaxSize) }

// ParseOwn is Parse of a message that the router wrote from one that it took, which
// may be somewhat larger than one from outside.
func (m *Message) ParseOwn(buf []byte) error { return m.parse(buf, maxOwnHeaders, maxOwnSize) }

func (m *Message) parse(buf []byte, maxHeaders, maxSize int) error {
	m.Buf = buf
	m.clear()
	if len(buf) > maxSize {
		return ErrTooLarge
	}
	pos, err := m.parseStartLine()
	if err != nil && !m.IsRequest {
		return err
	}
	m.headersAt = uint32(pos)
	if err := m.indexHeaders(pos, maxHeaders); err != nil {
		return err
	}
	if err != nil {
		return err // after the headers were read, so that it can be answered
	}
	if err := m.cutBody(); err != nil {
		return err
	}
	return m.checkMandatory()
}

// lineEnd returns the offset of the CRLF that ends the line at pos.
func lineEnd(buf []byte, pos int) (int, error) {
	n := bytes.IndexByte(buf[pos:], '\n')
	if n < 1 || buf[pos+n-1] != '\r' {
		return 0, ErrLineEnd
	}
	end := pos + n - 1
	if bytes.IndexByte(buf[pos:end], '\r') >= 0 {
		return 0, ErrLineEnd
	}
	return end, nil
}

const version = "SIP/2.0"

func (m *Message) parseStartLine() (int, error) {
	buf := m.Buf
	end, err := lineEnd(buf, 0)
	if err != nil {
		return 0, err
	}
	line := buf[:end]
	if len(line) > len(version) && EqualFold(line[:len(version)], version) && line[len(version)] == ' ' {
		return end + 2, m.parseStatusLine(line)
	}
	sp1 := bytes.IndexByte(line, ' ')
	if sp1 <= 0 || !isToken(line[:sp1]) {
		return 0, ErrStartLine
	}
	sp2 := bytes.IndexByte(line[sp1+1:], ' ')
	if sp2 <= 0 {
		return m.oddRequestLine(line, sp1)
	}
	sp2 += sp1 + 1
	if !isVisible(line[sp1+1 : sp2]) {
		return m.oddRequestLine(line, sp1)
	}
	if !EqualFold(line[sp2+1:], version) {
		if !isVersion(line[sp2+1:]) {
			return m.oddRequestLine(line, sp1)
		}
		err = ErrVersion
	}
	m.IsRequest = true
	m.method = span{0, uint32(sp1)}
	m.ruri = span{uint32(sp1 + 1), uint32(sp2)}
	m.Method = ParseMethod(line[:sp1])
	if m.Method == MethodOther && err == nil && miswritten(line[:sp1]) {
		err = ErrMethodCase
	}
	return end + 2, err
}

// oddRequestLine takes a line that is meant as a request line, with blanks where none
// belong (RFC 4475 §3.1.2.8 to §3.1.2.10): the error stands, but the request can be
// answered. Any other line is no message.
func (m *Message) oddRequestLine(line []byte, sp1 int) (int, error) {
	rest := trim(line[sp1:])
	at := len(rest) - len(version)
	if at < 2 || !EqualFold(rest[at:], version) || rest[at-1] != ' ' {
		return 0, ErrStartLine
	}
	m.IsRequest = true
	m.method = span{0, uint32(sp1)}
	m.ruri = span{uint32(sp1), uint32(sp1)} // none
	m.Method = ParseMethod(line[:sp1])
	return len(line) + 2, ErrStartLine
}

// isVersion reports whether b is a version of SIP, whichever (RFC 3261 §25.1).
func isVersion(b []byte) bool {
	if len(b) < len("SIP/") || !EqualFold(b[:len("SIP/")], "SIP/") {
		return false
	}
	dots := 0
	for i, c := range b[len("SIP/"):] {
		if c == '.' && i > 0 {
			dots++
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return dots == 1 && b[len(b)-1] != '.'
}

func (m *Message) parseStatusLine(line []byte) error {
	code := line[len(version)+1:]
	if len(code) < 3 || len(code) > 3 && code[3] != ' ' {
		return ErrStartLine
	}
	n, ok := parseUint(code[:3], 699)
	if !ok || n < 100 {
		return ErrStartLine
	}
	m.Status = int(n)
	at := len(version) + 1 + 3
	if at < len(line) {
		at++
	}
	m.reason = span{uint32(at), uint32(len(line))}
	return nil
}

// indexHeaders indexes the lines from pos to the empty line, at most limit.
func (m *Message) indexHeaders(pos, limit int) error {
	buf := m.Buf
	for {
		if pos+1 < len(buf) && buf[pos] == '\r' && buf[pos+1] == '\n' {
			m.headersEnd = uint32(pos)
			m.bodyAt = uint32(pos + 2)
			return nil
		}
		if pos >= len(buf) {
			return ErrNoHeaderEnd
		}
		end, err := lineEnd(buf, pos)
		if err != nil {
			return err
		}
		for end+2 < len(buf) && (buf[end+2] == ' ' || buf[end+2] == '\t') {
			if end, err = lineEnd(buf, end+2); err != nil {
				return err
			}
		}
		if len(m.headers) >= limit {
			return ErrTooManyHdrs
		}
		if err := m.indexLine(pos, end); err != nil {
			return err
		}
		pos = end + 2
	}
}

func (m *Message) indexLine(pos, end int) error {
	line := m.Buf[pos:end]
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return ErrHeader
	}
	nameEnd := colon
	for nameEnd > 0 && (line[nameEnd-1] == ' ' || line[nameEnd-1] == '\t') {
		nameEnd--
	}
	if !isToken(line[:nameEnd]) {
		return ErrHeader
	}
	val, valEnd := colon+1, len(line)
	for val < valEnd && isBlank(line[val]) {
		val++
	}
	for valEnd > val && isBlank(line[valEnd-1]) {
		valEnd--
	}
	id := ParseHeaderID(line[:nameEnd])
	i := uint8(len(m.headers))
	m.headers = append(m.headers, Header{
		ID: id, next: noHeader,
		Start: uint32(pos), NameEnd: uint32(pos + nameEnd),
		ValStart: uint32(pos + val), ValEnd: uint32(pos + valEnd), End: uint32(end + 2),
	})
	if m.first[id] == noHeader {
		m.first[id] = i
	} else {
		m.headers[m.last[id]].next = i
	}
	m.last[id] = i
	return nil
}

// cutBody ends the message where Content-Length says (RFC 3261 §18.3).
func (m *Message) cutBody() error {
	h := m.Header(HdrContentLength)
	if h == nil {
		return nil
	}
	n, ok := parseUint(m.Value(h), MaxSize)
	if !ok {
		return ErrContentLength
	}
	for more := m.Next(h); more != nil; more = m.Next(more) {
		if v, ok := parseUint(m.Value(more), MaxSize); !ok || v != n {
			return ErrContentLength
		}
	}
	if uint32(len(m.Buf))-m.bodyAt < n {
		return ErrContentLength
	}
	m.Buf = m.Buf[:m.bodyAt+n]
	return nil
}

func (m *Message) checkMandatory() error {
	for _, id := range [...]HeaderID{HdrVia, HdrFrom, HdrTo, HdrCallID, HdrCSeq} {
		h := m.Header(id)
		if h == nil || h.ValStart == h.ValEnd {
			return ErrMissing
		}
		if id != HdrVia && h.next != noHeader {
			return ErrDuplicate
		}
	}
	if hasControl(m.CallID()) {
		return ErrCallID // it could not be written in one line by us, nor by others
	}
	c, err := m.CSeq()
	if err != nil {
		return err
	}
	if !m.IsRequest {
		m.Method = c.Method
	} else if !bytes.Equal(c.MethodText, m.bytes(m.method)) {
		return ErrCSeq
	}
	if _, err := m.From(); err != nil {
		return err
	}
	if m.IsRequest {
		if _, err := m.FromURI(); err != nil {
			return ErrFrom
		}
	}
	if _, err := m.To(); err != nil {
		return err
	}
	_, err = m.Via()
	return err
}

// hasControl reports whether control characters stand in a text, line ends of a folded line
// among them.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// MethodText returns the method as written.
func (m *Message) MethodText() []byte { return m.bytes(m.method) }

// RequestURI returns the Request-URI as received.
func (m *Message) RequestURI() []byte { return m.bytes(m.ruri) }

// Reason returns a response's reason phrase, possibly empty.
func (m *Message) Reason() []byte { return m.bytes(m.reason) }

// Body returns the body, possibly empty.
func (m *Message) Body() []byte { return m.Buf[m.bodyAt:] }

// HeadersStart is the offset of the first header line.
func (m *Message) HeadersStart() uint32 { return m.headersAt }

// HeadersEnd is the offset of the empty line, where a new last header is inserted.
func (m *Message) HeadersEnd() uint32 { return m.headersEnd }

// Headers returns the index of all lines in their order.
func (m *Message) Headers() []Header { return m.headers }

// Header returns the first line of a field, nil if there is none.
func (m *Message) Header(id HeaderID) *Header {
	if i := m.first[id]; i != noHeader {
		return &m.headers[i]
	}
	return nil
}

// Next returns the next line of the same field, nil if h is the last. For
// HdrOther it is the next line of any field that has no number.
func (m *Message) Next(h *Header) *Header {
	if h.next == noHeader {
		return nil
	}
	return &m.headers[h.next]
}

// Named returns the first line of the field called name, known or not.
func (m *Message) Named(name string) *Header {
	var probe [24]byte
	if len(name) <= len(probe) {
		n := copy(probe[:], name)
		if id := ParseHeaderID(probe[:n]); id != HdrOther {
			return m.Header(id)
		}
	}
	for h := m.Header(HdrOther); h != nil; h = m.Next(h) {
		if EqualFold(m.Name(h), name) {
			return h
		}
	}
	return nil
}

// Name returns a line's field name as written.
func (m *Message) Name(h *Header) []byte { return m.Buf[h.Start:h.NameEnd:h.NameEnd] }

// Value returns a line's value without the blanks around it; folds are left in it.
func (m *Message) Value(h *Header) []byte { return m.Buf[h.ValStart:h.ValEnd:h.ValEnd] }

// HeaderValue returns the value of the first line of a field, nil if there is none.
func (m *Message) HeaderValue(id HeaderID) []byte {
	if h := m.Header(id); h != nil {
		return m.Value(h)
	}
	return nil
}

// CallID returns the Call-ID, nil if there is none.
func (m *Message) CallID() []byte { return m.HeaderValue(HdrCallID) }

// parseUint reads an unsigned decimal of at most limit, digits only.
func parseUint(b []byte, limit uint64) (uint32, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return 0, false
		}
	}
	return uint32(n), true
}

// ParseUint reads an unsigned decimal of at most limit (at most 2³²−1): digits
// and nothing else.
func ParseUint(b []byte, limit uint32) (uint32, bool) { return parseUint(b, uint64(limit)) }

// AppendUint appends n in decimal.
func AppendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// tokenChars holds the characters of a token (RFC 3261 §25.1).
var tokenChars = func() (t [256]bool) {
	for c := 0; c < 256; c++ {
		t[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] = true
	}
	return t
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenChars[c] {
			return false
		}
	}
	return len(b) > 0
}

// bracketable holds what may stand in a URI between angle brackets, where anything else
// would end it or the line: every byte but blanks, control characters, quotes and brackets.
var bracketable = func() (t [256]bool) {
	for c := ' ' + 1; c < 256; c++ {
		t[c] = c != 0x7f && c != '"' && c != '<' && c != '>'
	}
	return t
}()

// isBracketable reports whether b may stand between angle brackets and is not empty.
func isBracketable(b []byte) bool {
	for _, c := range b {
		if !bracketable[c] {
			return false
		}
	}
	return len(b) > 0
}

// isVisible reports whether b holds no blanks and no control characters.
func isVisible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}
