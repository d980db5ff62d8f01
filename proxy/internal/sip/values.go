package sip

import (
	"bytes"
	"errors"
)

// What can be wrong with a structured header value.
var (
	ErrCSeq     = errors.New("malformed CSeq")
	ErrVia      = errors.New("malformed Via")
	ErrNameAddr = errors.New("malformed address")
	ErrFrom     = errors.New("malformed URI in From")
	ErrTag      = errors.New("malformed tag in From or To")
	ErrCallID   = errors.New("malformed Call-ID")
)

// lazy holds the values that were asked for, parsed once a message.
type lazy struct {
	have     uint8
	from, to NameAddr
	via      Via
	cseq     CSeq
	uri      URI
	fromURI  URI
	toURI    URI
}

const (
	haveFrom = 1 << iota
	haveTo
	haveVia
	haveCSeq
	haveURI
	haveFromURI
	haveToURI
)

// CSeq is a parsed CSeq header (RFC 3261 §20.16).
type CSeq struct {
	Number     uint32 // below 2³¹
	Method     Method
	MethodText []byte
}

// CSeq parses the CSeq header.
func (m *Message) CSeq() (*CSeq, error) {
	c := &m.lazy.cseq
	if m.lazy.have&haveCSeq != 0 {
		return c, nil
	}
	v := m.HeaderValue(HdrCSeq)
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	n, ok := parseUint(v[:i], 1<<31-1)
	method := trim(v[i:])
	if !ok || len(method) == len(v)-i || !isToken(method) {
		return nil, ErrCSeq
	}
	*c = CSeq{Number: n, Method: ParseMethod(method), MethodText: method}
	m.lazy.have |= haveCSeq
	return c, nil
}

// NameAddr is a parsed name-addr or addr-spec with its parameters (From, To,
// Contact, Route …; RFC 3261 §20.10).
type NameAddr struct {
	Display []byte // as written, quotes included, outer blanks off
	URI     []byte // the text between the angle brackets, or the bare URI
	Params  []byte // after the address, without the first ';'
	Tag     []byte // the tag parameter, nil if absent
}

// ParseNameAddr parses one address. A bare URI ends at the first ';', whose
// parameters are the header's (RFC 3261 §20.10). A comma outside of quotes would begin
// another address, which somebody else might take for the first: it is an error.
func ParseNameAddr(b []byte, a *NameAddr) error {
	*a = NameAddr{}
	lt := addrBracket(b)
	if lt < 0 {
		end := bytes.IndexByte(b, ';')
		if end < 0 {
			end = len(b)
		} else {
			a.Params = b[end+1:]
		}
		// A bare URI holds no comma and no question mark (RFC 3261 §20).
		if a.URI = trim(b[:end]); bytes.IndexByte(a.URI, '?') >= 0 || bytes.IndexByte(a.URI, ',') >= 0 {
			return ErrNameAddr
		}
	} else {
		gt := bytes.IndexByte(b[lt:], '>')
		if gt < 0 {
			return ErrNameAddr
		}
		if a.Display = trim(b[:lt]); !isName(a.Display) {
			return ErrNameAddr
		}
		a.URI = trim(b[lt+1 : lt+gt])
		tail := trim(b[lt+gt+1:])
		if len(tail) > 0 {
			if tail[0] != ';' {
				return ErrNameAddr
			}
			a.Params = tail[1:]
		}
	}
	if !isBracketable(a.URI) || !isOne(a.Params) {
		return ErrNameAddr
	}
	a.Tag, _ = Param(a.Params, "tag")
	return nil
}

// isOne reports whether parameters are those of one address: their quoted strings end, and
// no comma stands outside of them.
func isOne(params []byte) bool {
	if bytes.IndexByte(params, ',') < 0 {
		return quotesClose(params) // mostly
	}
	return quotesClose(params) && !hasUnquoted(params, ',')
}

// isName reports whether a display name cannot be taken for a bare URI. Phones write names
// without quotes that hold more than tokens (RFC 3261 §25.1), and these pass; what has a
// colon might be read as an address by one, and as a name by another.
func isName(display []byte) bool {
	return bytes.IndexByte(display, ':') < 0 || !hasUnquoted(display, ':')
}

// hasUnquoted reports whether a character stands outside of quoted strings.
func hasUnquoted(b []byte, char byte) bool {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == char && !quoted:
			return true
		}
	}
	return false
}

// quotesClose reports whether every quoted string in parameters ends: what is added
// behind one that does not would be read as a part of it.
func quotesClose(params []byte) bool {
	first := bytes.IndexByte(params, '"')
	if first < 0 {
		return true // mostly
	}
	quoted := false
	for i := first; i < len(params); i++ {
		switch {
		case params[i] == '"':
			quoted = !quoted
		case quoted && params[i] == '\\':
			i++
		}
	}
	return !quoted
}

// addrBracket returns the offset of the '<' outside a quoted string, -1 if none.
func addrBracket(b []byte) int {
	lt := bytes.IndexByte(b, '<')
	if lt < 0 || bytes.IndexByte(b[:lt], '"') < 0 {
		return lt // mostly
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			return i
		}
	}
	return -1
}

// From parses the From header.
func (m *Message) From() (*NameAddr, error) { return m.address(HdrFrom, haveFrom, &m.lazy.from) }

// To parses the To header.
func (m *Message) To() (*NameAddr, error) { return m.address(HdrTo, haveTo, &m.lazy.to) }

func (m *Message) address(id HeaderID, bit uint8, a *NameAddr) (*NameAddr, error) {
	if m.lazy.have&bit == 0 {
		if err := ParseNameAddr(m.HeaderValue(id), a); err != nil {
			return nil, err
		}
		if !hasOneTag(a) {
			return nil, ErrTag
		}
		m.lazy.have |= bit
	}
	return a, nil
}

// FromURI parses the URI in From. Of a request that Parse took, it can be read.
func (m *Message) FromURI() (*URI, error) {
	a, err := m.From()
	return m.uriOf(a, err, haveFromURI, &m.lazy.fromURI)
}

// ToURI parses the URI in To.
func (m *Message) ToURI() (*URI, error) {
	a, err := m.To()
	return m.uriOf(a, err, haveToURI, &m.lazy.toURI)
}

func (m *Message) uriOf(a *NameAddr, err error, bit uint8, u *URI) (*URI, error) {
	if err != nil {
		return nil, err
	}
	if m.lazy.have&bit == 0 {
		if err := ParseURI(a.URI, u); err != nil {
			return nil, err
		}
		m.lazy.have |= bit
	}
	return u, nil
}

const tagParam = "tag"

// hasOneTag reports whether the parameters of From or To hold at most one tag, and one that
// everybody reads alike: of two, some go by the first and some by the last, and a quoted one
// (RFC 3261 §25.1 has tokens only) is something else without its quotes. One without a value is
// none for some, who append theirs, and a second one for who reads the answer. Phones write more
// than tokens, base64 for one, and these pass.
func hasOneTag(a *NameAddr) bool {
	if n := len(a.Tag); n > 0 && len(a.Params) == len(tagParam)+1+n { // nothing else is there
		return isTag(a.Tag)
	}
	seen := false
	for rest := a.Params; len(rest) > 0; {
		before := rest
		var name, value []byte
		name, value, rest = NextParam(rest)
		if !EqualFold(name, tagParam) {
			continue
		}
		if seen || !isTag(value) || bytes.IndexByte(before[:len(before)-len(rest)], '"') >= 0 {
			return false
		}
		seen = true
	}
	return true
}

// notInTag are the characters that end a parameter, or are seen by nobody.
var notInTag = func() (t [256]bool) {
	for c := range ' ' + 1 {
		t[c] = true
	}
	for _, c := range []byte("\",;<>\\\x7f") {
		t[c] = true
	}
	return t
}()

func isTag(b []byte) bool {
	for _, c := range b {
		if notInTag[c] {
			return false
		}
	}
	return len(b) > 0
}

// URI parses the Request-URI as received.
func (m *Message) URI() (*URI, error) {
	if m.lazy.have&haveURI == 0 {
		if err := ParseURI(m.RequestURI(), &m.lazy.uri); err != nil {
			return nil, err
		}
		m.lazy.have |= haveURI
	}
	return &m.lazy.uri, nil
}

// Via is one parsed Via value (RFC 3261 §20.42, RFC 3581).
type Via struct {
	Transport []byte // "UDP", "TCP" … as written
	Host      []byte
	Port      uint16 // 0 if none is written
	Params    []byte
	Branch    []byte
	Received  []byte
	RPort     []byte // the value, empty if the parameter has none
	HasRPort  bool

	// Start and End are the value's offsets in the message: from the protocol
	// name to the end of its parameters, blanks excluded.
	Start, End uint32
	// More says that another value follows in the same line, after a comma.
	More bool
}

// MagicCookie begins the branch of every RFC 3261 element (§8.1.1.7).
const MagicCookie = "z9hG4bK"

// Via parses the topmost Via value.
func (m *Message) Via() (*Via, error) {
	v := &m.lazy.via
	if m.lazy.have&haveVia != 0 {
		return v, nil
	}
	h := m.Header(HdrVia)
	if h == nil {
		return nil, ErrVia
	}
	value := m.Value(h)
	n := NextValue(value)
	if err := parseVia(trim(value[:n]), v); err != nil {
		return nil, err
	}
	v.Start = h.ValStart
	v.End = h.ValStart + uint32(len(trim(value[:n])))
	v.More = n < len(value)
	m.lazy.have |= haveVia
	return v, nil
}

func parseVia(b []byte, v *Via) error {
	*v = Via{}
	proto := b
	if i := bytes.IndexByte(b, ';'); i >= 0 {
		v.Params, proto = b[i+1:], b[:i]
	}
	// "SIP / 2.0 / UDP host:port": blanks may stand around the slashes.
	for _, want := range [...]string{"SIP", "2.0"} {
		i := bytes.IndexByte(proto, '/')
		if i < 0 || !EqualFold(trim(proto[:i]), want) {
			return ErrVia
		}
		proto = proto[i+1:]
	}
	proto = trim(proto)
	i := 0
	for i < len(proto) && !isBlank(proto[i]) {
		i++
	}
	v.Transport = proto[:i]
	host, port, ok := splitHostPort(trim(proto[i:]))
	if !ok || !isToken(v.Transport) || !quotesClose(v.Params) {
		return ErrVia
	}
	v.Host, v.Port = host, port
	for params := v.Params; len(params) > 0; {
		var k, val []byte
		k, val, params = NextParam(params)
		switch {
		case EqualFold(k, "branch"):
			v.Branch = val
		case EqualFold(k, "received"):
			v.Received = val
		case EqualFold(k, "rport"):
			v.RPort, v.HasRPort = val, true
		}
	}
	return nil
}

// NextValue returns the offset of the comma that ends the first value of a
// comma-separated list, len(b) if there is none. Commas in quoted strings and
// in angle brackets do not count.
func NextValue(b []byte) int {
	if bytes.IndexByte(b, ',') < 0 {
		return len(b) // mostly
	}
	quoted, angle := false, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			return i
		}
	}
	return len(b)
}

// Values walks over all values of a field that may stand in a list, over all of
// its lines (Contact, Route, Record-Route …).
type Values struct {
	m   *Message
	h   *Header
	pos uint32

	// Start and End are the offsets of the current value, blanks excluded.
	Start, End uint32
	// Header is the line in which the current value stands.
	Header *Header
}

// Values begins a walk; call Next before the first value.
func (m *Message) Values(id HeaderID) Values {
	v := Values{m: m, h: m.Header(id)}
	if v.h != nil {
		v.pos = v.h.ValStart
	}
	return v
}

// Next moves to the next value that is not empty and returns it, nil at the end.
func (v *Values) Next() []byte {
	for v.h != nil {
		if v.pos >= v.h.ValEnd {
			if v.h = v.m.Next(v.h); v.h != nil {
				v.pos = v.h.ValStart
			}
			continue
		}
		b := v.m.Buf[v.pos:v.h.ValEnd]
		n := NextValue(b)
		start := v.pos
		v.pos += uint32(n) + 1
		for n > 0 && isBlank(b[n-1]) {
			n--
		}
		lead := 0
		for lead < n && isBlank(b[lead]) {
			lead++
		}
		if lead == n {
			continue
		}
		v.Start, v.End, v.Header = start+uint32(lead), start+uint32(n), v.h
		return b[lead:n:n]
	}
	return nil
}
