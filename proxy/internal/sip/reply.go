package sip

import "net/netip"

// Reply describes a response that the router makes itself (RFC 3261 §8.2.6).
type Reply struct {
	Status int
	Reason string // the reason phrase; the standard one if empty
	ToTag  []byte // added to a To without tag, except in a 100
	// Extra holds further header lines, each ending in CRLF.
	Extra []byte
	// ContentType and Body stand for a body; both are empty without one.
	ContentType string
	Body        []byte
	// RecordRoute copies the request's Record-Route lines, as a user agent
	// server does in what makes a dialog (RFC 3261 §12.1.1).
	RecordRoute bool
}

// AppendReply appends the response to the request m. The Via lines are written
// with their edits, so that received and rport are in place (RFC 3261 §18.2.1,
// RFC 3581 §4).
func (m *Message) AppendReply(dst []byte, r *Reply) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = AppendUint(dst, uint64(r.Status))
	dst = append(dst, ' ')
	if r.Reason != "" {
		dst = append(dst, r.Reason...)
	} else {
		dst = append(dst, ReasonPhrase(r.Status)...)
	}
	dst = append(dst, "\r\n"...)
	dst = m.appendLines(dst, HdrVia)
	if r.RecordRoute {
		dst = m.appendLines(dst, HdrRecordRoute)
	}
	dst = m.appendReceived(dst, HdrFrom)
	dst = m.appendTo(dst, r)
	dst = m.appendLines(dst, HdrCallID)
	dst = m.appendLines(dst, HdrCSeq)
	if r.Status == 100 {
		dst = m.appendLines(dst, HdrTimestamp)
	}
	dst = append(dst, r.Extra...)
	if len(r.Body) > 0 {
		dst = append(dst, "Content-Type: "...)
		dst = append(dst, r.ContentType...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	dst = AppendUint(dst, uint64(len(r.Body)))
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, r.Body...)
}

func (m *Message) appendLines(dst []byte, id HeaderID) []byte {
	for h := m.Header(id); h != nil; h = m.Next(h) {
		dst = m.AppendLine(dst, h)
	}
	return dst
}

// appendReceived appends the lines of a header as they came (RFC 3261 §8.2.6.2), whatever
// the script has put there for those that the request is sent on to.
func (m *Message) appendReceived(dst []byte, id HeaderID) []byte {
	for h := m.Header(id); h != nil; h = m.Next(h) {
		dst = append(dst, m.Buf[h.Start:h.End]...)
	}
	return dst
}

func (m *Message) appendTo(dst []byte, r *Reply) []byte {
	h := m.Header(HdrTo)
	to, err := m.To()
	if h == nil || err != nil || to.Tag != nil || r.Status == 100 || len(r.ToTag) == 0 {
		return m.appendReceived(dst, HdrTo)
	}
	dst = append(dst, m.Buf[h.Start:h.ValEnd]...)
	dst = append(dst, ";tag="...)
	dst = append(dst, r.ToTag...)
	return append(dst, "\r\n"...)
}

// MarkReceived edits the topmost Via of a request that came from src: received
// where the address differs from the one written (RFC 3261 §18.2.1) or rport was
// asked for, and rport's value where it was asked for or force is set (RFC 3581
// §4). Values that the sender wrote there itself are replaced.
func (m *Message) MarkReceived(src netip.AddrPort, force bool) error {
	v, err := m.Via()
	if err != nil {
		return err
	}
	from := src.Addr().WithZone("") // a zone means nothing beyond this host
	rport := v.HasRPort || force
	if !rport && v.Received == nil && hostIs(v.Host, from) {
		return nil
	}
	m.dropParam(v, "received")
	var room [64]byte
	text := append(room[:0], ";received="...)
	text = from.AppendTo(text)
	if rport {
		m.dropParam(v, "rport")
		text = append(text, ";rport="...)
		text = AppendUint(text, uint64(src.Port()))
	}
	m.Insert(v.End, text)
	return nil
}

// dropParam deletes every occurrence of a parameter from the topmost Via.
func (m *Message) dropParam(v *Via, name string) {
	for params := v.Params; len(params) > 0; {
		k, _, rest := NextParam(params)
		whole := len(params) - len(rest)
		if len(rest) > 0 {
			whole-- // the ';' before what follows
		}
		if EqualFold(k, name) {
			off := v.End - uint32(len(params))
			m.Delete(off-1, uint32(whole)+1)
		}
		params = rest
	}
}

// hostIs reports whether a written host is the numeric address a.
func hostIs(host []byte, a netip.Addr) bool {
	var room [64]byte
	text := a.AppendTo(room[:0])
	return EqualFold(Unbracket(host), string(text))
}

// AppendForwardedReply appends the response m without its topmost Via value, as
// a proxy sends it on (RFC 3261 §16.7 step 3), edits applied. Its version is written as it
// should be: "sip/2.0" is the same (§7.1), and not every phone knows that.
func (m *Message) AppendForwardedReply(dst []byte) ([]byte, error) {
	v, err := m.Via()
	if err != nil {
		return dst, err
	}
	h := m.Header(HdrVia)
	cutFrom, cutTo := h.Start, h.End
	if v.More {
		rest := m.Buf[v.End:h.ValEnd]
		cutFrom = v.Start
		cutTo = v.End + uint32(NextValue(rest)) + 1
	}
	start := len(dst)
	dst = m.AppendRange(dst, 0, cutFrom)
	copy(dst[start:], version)
	dst = m.appendInserted(dst, cutFrom) // what a reply route put before the Via
	dst = m.AppendRange(dst, cutTo, m.headersEnd)
	dst = m.appendAt(dst, m.headersEnd)
	return append(dst, m.Buf[m.headersEnd:]...), nil
}

// ReasonPhrase returns the usual reason phrase of a status (RFC 3261 §21).
func ReasonPhrase(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	switch status / 100 {
	case 1:
		return "Session Progress"
	case 2:
		return "OK"
	case 3:
		return "Multiple Choices"
	case 4:
		return "Bad Request"
	case 5:
		return "Server Internal Error"
	}
	return "Decline"
}

var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
	413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 423: "Interval Too Brief",
	440: "Max-Breadth Exceeded",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}
