package peer

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Message is a SIP message as a peer sends or sees it. It is deliberately simple
// and deliberately not the parser of the router under test: lines in their order,
// nothing understood that nobody asks for.
type Message struct {
	Start  string // the start line
	Fields []Field
	Body   []byte

	Raw  []byte    // as received; nil in a message made here
	At   time.Time // when it was received or sent
	flow flow      // how it came; replies go back this way
}

// flow is a way to one remote place: an address behind a UDP socket or a connection.
type flow struct {
	conn net.Conn // TCP
	addr net.Addr // UDP
}

// compact are the short header names of RFC 3261 §7.3.3 that matter here.
var compact = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
	"l": "content-length", "c": "content-type", "k": "supported", "r": "refer-to", "b": "referred-by", "o": "event",
}

func canonical(name string) string {
	n := strings.ToLower(name)
	if long := compact[n]; long != "" {
		return long
	}
	return n
}

// Parse reads one whole message.
func Parse(raw []byte) (*Message, error) {
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, fmt.Errorf("no empty line in %d bytes", len(raw))
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Start: lines[0], Raw: raw, Body: body}
	for _, line := range lines[1:] {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.Fields) > 0 {
			m.Fields[len(m.Fields)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header line %q has no colon", line)
		}
		m.Fields = append(m.Fields, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	if text := m.Get("Content-Length"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > len(body) {
			return nil, fmt.Errorf("Content-Length %q with %d bytes of body", text, len(body))
		}
		m.Body = body[:n]
	}
	return m, nil
}

// Bytes is the message as it goes out, with a right Content-Length.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.Start + "\r\n")
	for _, f := range m.Fields {
		if canonical(f.Name) != "content-length" {
			b.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.Body))
	b.Write(m.Body)
	return b.Bytes()
}

// Clone copies the message for changes.
func (m *Message) Clone() *Message {
	c := *m
	c.Fields = append([]Field(nil), m.Fields...)
	c.Raw = nil
	return &c
}

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return !strings.HasPrefix(m.Start, "SIP/2.0 ") }

// Method is the method of a request, and of a response that of its CSeq.
func (m *Message) Method() string {
	if m.IsRequest() {
		method, _, _ := strings.Cut(m.Start, " ")
		return method
	}
	_, method := m.CSeq()
	return method
}

// Status is the code of a response, 0 of a request.
func (m *Message) Status() int {
	if m.IsRequest() || len(m.Start) < 11 {
		return 0
	}
	code, _ := strconv.Atoi(m.Start[8:11])
	return code
}

// URI is the Request-URI.
func (m *Message) URI() string {
	parts := strings.Split(m.Start, " ")
	if !m.IsRequest() || len(parts) != 3 {
		return ""
	}
	return parts[1]
}

// Get is the value of the first header of that name, "" if there is none.
func (m *Message) Get(name string) string {
	for _, f := range m.Fields {
		if canonical(f.Name) == canonical(name) {
			return f.Value
		}
	}
	return ""
}

// All is every value of a header that may be a list (Via, Route, Record-Route,
// Contact), in order, one element each.
func (m *Message) All(name string) []string {
	var all []string
	for _, f := range m.Fields {
		if canonical(f.Name) == canonical(name) {
			all = append(all, splitList(f.Value)...)
		}
	}
	return all
}

// splitList splits at commas outside quotes and angle brackets.
func splitList(s string) []string {
	var parts []string
	start, quoted, angle := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			angle = true
		case c == '>' && !quoted:
			angle = false
		case c == ',' && !quoted && !angle:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// Add appends a header line.
func (m *Message) Add(name, value string) *Message {
	m.Fields = append(m.Fields, Field{name, value})
	return m
}

// Set replaces the first header of that name or appends it.
func (m *Message) Set(name, value string) *Message {
	for i, f := range m.Fields {
		if canonical(f.Name) == canonical(name) {
			m.Fields[i].Value = value
			return m
		}
	}
	return m.Add(name, value)
}

// Del removes every header of that name.
func (m *Message) Del(name string) *Message {
	kept := m.Fields[:0]
	for _, f := range m.Fields {
		if canonical(f.Name) != canonical(name) {
			kept = append(kept, f)
		}
	}
	m.Fields = kept
	return m
}

// CSeq is number and method of CSeq.
func (m *Message) CSeq() (int, string) {
	number, method, _ := strings.Cut(m.Get("CSeq"), " ")
	n, _ := strconv.Atoi(number)
	return n, strings.TrimSpace(method)
}

// CallID is the Call-ID.
func (m *Message) CallID() string { return m.Get("Call-ID") }

// FromTag and ToTag are the tags, "" if absent.
func (m *Message) FromTag() string { return Param(m.Get("From"), "tag") }

// ToTag is the tag of To, "" if absent.
func (m *Message) ToTag() string { return Param(m.Get("To"), "tag") }

// Branch is the branch of the topmost Via.
func (m *Message) Branch() string {
	if via := m.All("Via"); len(via) > 0 {
		return Param(via[0], "branch")
	}
	return ""
}

// String is the start line and what identifies the message, for test failures.
func (m *Message) String() string {
	return fmt.Sprintf("%q CSeq %q Call-ID %s", m.Start, m.Get("CSeq"), m.CallID())
}

// Param is a parameter of a header value, outside its angle brackets.
func Param(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i+1:]
	}
	for _, p := range strings.Split(value, ";")[1:] {
		key, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// URIOf is the URI of a name-addr or addr-spec, without header parameters.
func URIOf(value string) string {
	if i := strings.IndexByte(value, '<'); i >= 0 {
		uri, _, _ := strings.Cut(value[i+1:], ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}
