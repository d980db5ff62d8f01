package relay

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// A strict router before us (RFC 2543) has made our Record-Route the Request-URI, and put the target at the end of
// the Route.

// unstrict makes of such a request what a loose router would have sent (RFC 3261 §16.4): the target is the
// Request-URI again, and our entry the first one of the Route, which loose_route looks at. Nothing else changes: where
// the Request-URI is no entry of ours for this dialog, it stays, or whoever writes one would have a target of
// his own behind our name.
func (r *Request) unstrict() {
	m := r.Msg
	entry := m.RequestURI()
	var u sip.URI
	if !bytes.Contains(entry, ourRouteParam) || sip.ParseURI(entry, &u) != nil || !r.Engine.ourRoute(&u) {
		return
	}
	last, target := lastRoute(m)
	if target == nil {
		return
	}
	to, err := m.To()
	if err != nil || to.Tag == nil || !r.genuine(&u) {
		return
	}
	text := append(append(append([]byte{}, m.MethodText()...), ' '), target...)
	text = append(append(append(text, " SIP/2.0\r\nRoute: <"...), entry...), ">\r\n"...)
	m.RemoveValue(&last)
	text = append(append(m.AppendHeaders(text), "\r\n"...), m.Body()...)
	if before := m.Buf; m.Parse(text) != nil {
		_ = m.Parse(before)
	}
	r.reset(r.worker, m, r.From)
}

// lastRoute is the last value of the Route and its URI; no URI if there is none, or one that cannot be read.
func lastRoute(m *sip.Message) (last sip.Values, target []byte) {
	values := m.Values(sip.HdrRoute)
	for value := values.Next(); value != nil; value = values.Next() {
		last, target = values, nil
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(value, &a) == nil && sip.ParseURI(a.URI, &u) == nil {
			target = a.URI
		}
	}
	return last, target
}
