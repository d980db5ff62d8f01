package relay

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"

	"seraph/proxy/internal/sip"
)

// vouchParam is the URI parameter of our Record-Route in a call with a gateway: a MAC over the
// entry's own token, and the tag and the Contact that the gateway has given. The Route alone
// says which gateway the call began at. Whoever has it could have a number of his choice
// called there, with a To tag of his own, in a call that the dialog table does not know: it was
// full, or the call is older than the process.
const vouchParam = "srg"

const vouchLength = 20 // hex digits

// appendVouch appends the value of vouchParam for an entry with this token.
func (e *Engine) appendVouch(dst, token, tag, target []byte) []byte {
	var room [640]byte
	text := append(append(room[:0], e.key[:]...), "target"...)
	text = append(sip.AppendUint(text, uint64(len(token))), ':')
	text = append(text, token...)
	text = append(sip.AppendUint(text, uint64(len(tag))), ':')
	text = append(text, tag...)
	text = appendCallee(text, target)
	sum := sha256.Sum256(text)
	const hex = "0123456789abcdef"
	for _, b := range sum[:vouchLength/2] {
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst
}

// appendCallee appends what a gateway goes by in a target: who is called, and where.
// Parameters that a phone writes in another order or leaves out are not part of it, nor are the
// escapes of the user, which it may write as it likes.
func appendCallee(dst, target []byte) []byte {
	var u sip.URI
	if sip.ParseURI(target, &u) != nil || u.Scheme == sip.SchemeOther {
		return append(dst, target...)
	}
	var room [256]byte
	for _, part := range [...][]byte{sip.AppendUnescaped(room[:0], u.User), u.Host} {
		dst = append(sip.AppendUint(dst, uint64(len(part))), ':')
		dst = append(dst, part...)
	}
	return sip.AppendUint(dst, uint64(u.Port))
}

// vouched reports whether a Route entry of ours says that a gateway has given the To tag and
// the Request-URI of this request.
func (r *Request) vouched(u *sip.URI, token []byte) bool {
	got, ok := u.Param(vouchParam)
	if !ok {
		return false
	}
	to, err := r.Msg.To()
	if err != nil {
		return false
	}
	var room [vouchLength]byte
	return subtle.ConstantTimeCompare(r.Engine.appendVouch(room[:0], token, to.Tag, r.Msg.RequestURI()), got) == 1
}

// ownTarget is the tag and the Contact of a gateway that sends the request, for the
// Record-Route that the other end gets; no tag if it is none.
func (r *Request) ownTarget() (tag, target []byte) {
	if r.Msg.Method != sip.INVITE || r.Local != nil || !r.Engine.isGateway(r.From.Remote.Addr().Unmap()) {
		return nil, nil
	}
	from, err := r.Msg.From()
	if err != nil {
		return nil, nil
	}
	if target = contactOf(r.Msg); target == nil {
		return nil, nil
	}
	return from.Tag, target
}

// vouch writes what a gateway has answered into our entries of its Record-Route (RFC 3261
// §16.7 step 8 lets us); the caller takes the route set of the answer.
func (c *Call) vouch(b *Branch, m *sip.Message) {
	if c.method != sip.INVITE || m.Status <= 100 || m.Status >= 300 || !c.engine.isGateway(b.SentTo().Unmap()) {
		return
	}
	to, err := m.To()
	target := contactOf(m)
	if err != nil || len(to.Tag) == 0 || target == nil {
		return
	}
	entries := m.Values(sip.HdrRecordRoute)
	for value := entries.Next(); value != nil; value = entries.Next() {
		var a sip.NameAddr
		var u sip.URI
		at := bytes.Index(value, ourRouteParam)
		if at < 0 || sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !c.engine.ourRoute(&u) {
			continue
		}
		if token, ok := u.Param(routeParam); ok {
			var room [vouchLength]byte
			m.Insert(entries.Start+uint32(at), []byte(";"+vouchParam+"="), c.engine.appendVouch(room[:0], token, to.Tag, target))
		}
	}
}

// contactOf is the URI of a message's first Contact, as the router sends it on: a script may
// have put the address there that a gateway behind a NAT has. nil if there is none.
func contactOf(m *sip.Message) []byte {
	h := m.Header(sip.HdrContact)
	if h == nil {
		return nil
	}
	value := m.Value(h)
	if m.Edited() {
		value = m.AppendRange(nil, h.ValStart, h.ValEnd)
	}
	var a sip.NameAddr
	if sip.ParseNameAddr(value[:sip.NextValue(value)], &a) != nil {
		return nil
	}
	return a.URI
}
