package ua

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// parseSipfrag reads the status line with which the body of a NOTIFY about a
// REFER begins (RFC 3515 §2.4.5, RFC 3420). Empty lines before it and a bare LF
// are let pass, since phones send them. ok is false for anything else.
func parseSipfrag(body []byte) (status int, reason string, ok bool) {
	body = bytes.TrimLeft(body, "\r\n")
	line, _, _ := bytes.Cut(body, []byte("\n"))
	line = bytes.TrimRight(line, "\r \t")
	const version = "SIP/2.0 "
	if len(line) < len(version)+3 || !sip.EqualFold(line[:len(version)], version) {
		return 0, "", false
	}
	code, text := line[len(version):len(version)+3], line[len(version)+3:]
	n, digits := sip.ParseUint(code, 699)
	if !digits || n < 100 || len(text) > 0 && text[0] != ' ' {
		return 0, "", false
	}
	return int(n), cleanText(text), true
}

// firstToken returns what stands before the first ';', trimmed: the package in
// Event, the state in Subscription-State. What follows is not looked at: one
// phone writes "terminated;reason=reason=noresource".
func firstToken(value []byte) []byte {
	token, _, _ := bytes.Cut(value, []byte(";"))
	return bytes.Trim(token, " \t\r\n")
}

// lists reports whether a comma-separated field of m names item, over all lines.
func lists(m *sip.Message, id sip.HeaderID, item string) bool {
	values := m.Values(id)
	for v := values.Next(); v != nil; v = values.Next() {
		if sip.EqualFold(v, item) {
			return true
		}
	}
	return false
}

// takesRefer reports whether the sender of m can take a REFER; one that does not
// say what it takes is to be tried.
func takesRefer(m *sip.Message) bool {
	return m.Header(sip.HdrAllow) == nil || lists(m, sip.HdrAllow, "REFER")
}
