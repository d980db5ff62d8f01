package relay

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrForeignRoute says that an in-dialog request carries a Route that the router
// never gave.
var ErrForeignRoute = errors.New("the Route is not one of ours")

// routeParam is the URI parameter of our Record-Route that proves it ours: the letter
// of a SealKind, eight hex digits of time (see sealUnit), eight each of the hashes of the
// hosts that the request came from and went to, and twenty of a MAC over these, the user
// part of the entry (a flow token, or nothing), the renamed headers, the script's parameters, Call-ID and the tag of
// the dialog's initiator.
const routeParam = "srm"

var ourRouteParam = []byte(";" + routeParam + "=")

const (
	routeLetter = 1
	routeWord   = 8 // of time, or a host
	routeMAC    = 20
	routePlain  = routeLetter + 3*routeWord
	routeToken  = routePlain + routeMAC
)

// RecordRoute asks for the requests of the dialog to pass here (SER's
// record_route). The header is written for each branch, when its socket is known, and into
// a request that begins a dialog, or belongs to one.
func (r *Request) RecordRoute() { r.RecordRouted = true }

// appendRecordRoute writes our Record-Route: one value, or two where the request
// leaves by another socket than it came in by, the outer one first.
func (r *Request) appendRecordRoute(dst []byte, t *Target, f transport.Flow) []byte {
	kind := r.sealKind()
	from, err := r.Msg.From()
	if kind == 0 || err != nil {
		return dst
	}
	seal := routeSeal{kind: kind, callID: r.Msg.CallID(), tag: from.Tag, at: r.now(), names: [2][]byte{r.names[From].sealed, r.names[To].sealed}, params: r.params.added}
	if seal.at.Before(r.Engine.born) { // or it might be one of the process before
		seal.at = r.Engine.born
	}
	if r.InDialog && r.seal.Kind.known() { // whoever takes this for a new route set gets the old one
		seal.at, seal.ends = r.seal.Minted, r.seal.ends
		if to, err := r.Msg.To(); err == nil && !r.byInitiator {
			seal.tag = to.Tag
		}
	} else {
		seal.ends = [...]endMark{r.Engine.mark(r.From.Remote.Addr()), r.Engine.mark(f.Remote.Addr())}
		r.sealLater(&seal)
	}
	two := r.Local == nil && r.From.Socket != f.Socket
	out, in := transport.Flow{}, transport.Flow{}
	if t.Group != 0 && !t.Flow.IsZero() || r.viaFlow {
		out = f
	}
	switch {
	case r.InDialog: // or whoever writes in the name of the other end would give himself its token
		in = r.ownFlow
	case r.keepsFlow():
		in = r.From
	}
	ofInitiator := !r.InDialog || r.byInitiator
	two = two || !out.IsZero() && !in.IsZero()
	seal.initiators = !ofInitiator
	if !two && out.IsZero() {
		out, seal.initiators = in, ofInitiator
	}
	seal.farTag, seal.target = r.ownTarget()
	dst = r.Engine.appendRoute(dst, f.Socket, r.wantsTLS(t), &seal, two, out)
	if two {
		seal.initiators = ofInitiator
		dst = r.Engine.appendRoute(dst, r.From.Socket, isSIPS(r.Msg.RequestURI()), &seal, two, in)
	}
	return dst
}

// routeSeal is what the seal of a Record-Route says, but for the user part.
type routeSeal struct {
	kind        SealKind
	callID, tag []byte
	at          time.Time
	ends        [2]endMark
	names       [2][]byte // what Rename has sealed; nil for none
	params      []byte    // what AddParams has added; nil for none

	farTag, target []byte // see vouchParam; nil for none

	initiators bool // the entry leads to the flow of the dialog's initiator, if to any
}

// appendRoute appends one Record-Route; sips says that the request is for a sips URI
// (RFC 3261 §16.6 step 4). It leads to a flow, if that is not the zero one.
func (e *Engine) appendRoute(dst []byte, socket uint16, sips bool, seal *routeSeal, two bool, flow transport.Flow) []byte {
	var room [flowText]byte
	var user []byte
	if !flow.IsZero() {
		user = e.appendToken(room[:0], routeUse, flow, seal.initiators, seal.at)
	}
	s := &e.sockets[socket]
	if sips && s.Proto.Secure() { // TLS goes without saying there (RFC 5630 §3.1.4)
		dst = append(dst, "Record-Route: <sips:"...)
	} else {
		dst = append(dst, "Record-Route: <sip:"...)
	}
	if user != nil {
		dst = append(append(dst, user...), '@')
	}
	dst = append(dst, s.HostPort...)
	if s.Proto != transport.UDP && !(sips && s.Proto == transport.TLS) {
		dst = append(dst, ";transport="...)
		dst = append(dst, s.Proto.Param()...)
	}
	dst = append(dst, ";lr"...)
	if user != nil {
		dst = append(dst, ";ob"...)
	}
	if two {
		dst = append(dst, ";r2=on"...)
	}
	for i, param := range [...]string{e.cfg.Names.From, e.cfg.Names.To} {
		if seal.names[i] != nil {
			dst = append(append(append(append(dst, ';'), param...), '='), seal.names[i]...)
		}
	}
	if seal.params != nil {
		dst = append(append(dst, seal.params...), ";"+paramsLength+"="...)
		dst = sip.AppendUint(dst, uint64(len(seal.params)))
	}
	dst = append(append(dst, ';'), routeParam+"="...)
	var token [routeToken]byte
	e.makeToken(&token, seal, user)
	dst = append(dst, token[:]...)
	if seal.target != nil {
		dst = e.appendVouch(append(dst, ";"+vouchParam+"="...), token[:], seal.farTag, seal.target)
	}
	return append(dst, ">\r\n"...)
}

// makeToken writes the kind, the time and the MAC for an entry with a user part.
//
// The MAC is SHA-256 over the key and the text rather than HMAC, which would allocate for each
// entry. An attack by length extension needs the whole hash; only 80 of its 256 bits are shown.
func (e *Engine) makeToken(dst *[routeToken]byte, seal *routeSeal, user []byte) {
	const hex = "0123456789abcdef"
	dst[0] = byte(seal.kind)
	for n, word := range [...]uint32{uint32(seal.at.UnixNano() / int64(sealUnit)), uint32(seal.ends[0]), uint32(seal.ends[1])} {
		for i := range routeWord {
			dst[routeLetter+routeWord*n+i] = hex[word>>(28-4*i)&15]
		}
	}
	var room [640]byte
	text := append(room[:0], e.key[:]...)
	if seal.names[From] != nil || seal.names[To] != nil {
		text = append(text, 'n') // no kind has that letter
		for _, part := range seal.names {
			text = sip.AppendUint(text, uint64(len(part)))
			text = append(append(text, ':'), part...)
		}
	}
	if seal.params != nil {
		text = sip.AppendUint(append(text, 'p'), uint64(len(seal.params)))
		text = append(append(text, ':'), seal.params...)
	}
	text = append(text, dst[:routePlain]...)
	for _, part := range [...][]byte{user, seal.callID} {
		text = sip.AppendUint(text, uint64(len(part)))
		text = append(append(text, ':'), part...)
	}
	text = append(text, seal.tag...)
	sum := sha256.Sum256(text)
	for i := 0; i < routeMAC/2; i++ {
		dst[routePlain+2*i] = hex[sum[i]>>4]
		dst[routePlain+2*i+1] = hex[sum[i]&15]
	}
}

// sealUnit is what the time of a seal is counted in, since 1970 and modulo 2³² (8 years): so
// short that no two processes seal in the same one.
const sealUnit = time.Second / 16

// sealTime is the time of a seal that is at most four years old.
func sealTime(word uint32, now time.Time) time.Time {
	units := now.UnixNano() / int64(sealUnit)
	age := int32(uint32(units) - word)
	return time.Unix(0, (units-int64(age))*int64(sealUnit))
}

// ourRoute reports whether a URI of a Route header is our own.
func (e *Engine) ourRoute(u *sip.URI) bool {
	if u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return false
	}
	if u.HasUser {
		if _, ok := e.parseFlowToken(u.User, useOf(u)); !ok {
			return false
		}
	}
	return e.Myself(u.Host, u.Port)
}

// genuine reports whether a Route of ours was given for this dialog.
func (r *Request) genuine(u *sip.URI) bool {
	seal, token, ok := r.Engine.readSeal(u, r.now())
	if !ok {
		return false
	}
	from, err := r.Msg.From()
	if err != nil {
		return false
	}
	to, err := r.Msg.To()
	if err != nil {
		return false
	}
	seal.callID = r.Msg.CallID()
	for i, tag := range [...][]byte{from.Tag, to.Tag} {
		seal.tag = tag
		var want [routeToken]byte
		r.Engine.makeToken(&want, &seal, u.User)
		if subtle.ConstantTimeCompare(want[:], token) == 1 {
			r.seal = Seal{Kind: seal.kind, Minted: seal.at, ends: seal.ends}
			r.byInitiator = i == 0
			r.vouchedFor = r.vouched(u, token)
			r.names[From].sealed, r.names[To].sealed = seal.names[From], seal.names[To]
			r.params.given = seal.params
			return true
		}
	}
	return false
}

// readSeal reads what an entry of ours says of itself, and the token that has to prove it;
// ok is false where it is too old, or nothing of ours.
func (e *Engine) readSeal(u *sip.URI, now time.Time) (seal routeSeal, token []byte, ok bool) {
	for rest := u.Params; len(rest) > 0; {
		var name, value []byte
		name, value, rest = sip.NextParam(rest)
		switch {
		case seal.params == nil && sip.EqualFold(name, paramsLength):
			if seal.params, ok = splitParams(u.Params, value); !ok {
				return seal, nil, false
			}
		case token == nil && sip.EqualFold(name, routeParam):
			token = value
		case seal.names[From] == nil && sip.EqualFold(name, e.cfg.Names.From):
			seal.names[From] = value
		case seal.names[To] == nil && sip.EqualFold(name, e.cfg.Names.To):
			seal.names[To] = value
		}
	}
	if len(token) != routeToken || !SealKind(token[0]).known() {
		return seal, nil, false
	}
	var words [3]uint32 // the time and the two ends
	for i, c := range token[routeLetter:routePlain] {
		w := &words[i/routeWord]
		switch {
		case c >= '0' && c <= '9':
			*w = *w<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			*w = *w<<4 | uint32(c-'a'+10)
		default:
			return seal, nil, false
		}
	}
	seal.kind, seal.at = SealKind(token[0]), sealTime(words[0], now)
	seal.ends = [...]endMark{endMark(words[1]), endMark(words[2])}
	return seal, token, e.fresh(seal.at, now)
}

// LooseRoute takes our entries off the Route (RFC 3261 §16.4) and reports
// whether the request belongs to a dialog that passes us: it has a To tag and
// one of the entries bears our MAC for it. The next hop is the next Route, else
// the Request-URI (SER's loose_route). A request outside of a dialog that came along a
// Path of ours to a flow counts too, after FollowPath: it goes to that flow. Where the
// request belongs to no dialog of ours, Relay takes the Route away again from senders who
// are not known.
func (r *Request) LooseRoute() bool {
	m := r.Msg
	to, err := m.To()
	within := err == nil && to.Tag != nil
	routes := m.Values(sip.HdrRoute)
	var ours run
	var own passages
	var u sip.URI
	var a sip.NameAddr
	for {
		value := routes.Next()
		if value == nil {
			break
		}
		if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil {
			r.unreadRoute = true
			break
		}
		if !r.Engine.ourRoute(&u) || !own.skip(&u) && !own.take(r, &u, within) {
			r.nextRoute, r.nextAt = a.URI, uint8(own.entries+own.skipped+1)
			break
		}
		ours.add(m, &routes)
	}
	r.InDialog = within && own.proven
	r.takeParams()
	if r.InDialog && !r.Engine.cfg.Names.Manual {
		r.restoreNames()
	}
	_, loose := u.Param("lr")
	strict := r.InDialog && r.nextRoute != nil && !loose
	if strict {
		ours.add(m, &routes)
	}
	ours.remove(m)
	if strict {
		r.strictRoute()
	}
	return r.InDialog || err == nil && !within && r.viaFlow
}

// ByInitiator reports whether a request within a dialog comes from who began it, by our Route.
func (r *Request) ByInitiator() bool { return r.InDialog && r.byInitiator }

// run is neighbouring values of one header line that are to be removed: together,
// so that a line of which nothing is left goes whole.
type run struct {
	line       *sip.Header
	start, end uint32
}

// add takes the current value of the walk in; what lies in another line is removed first.
func (x *run) add(m *sip.Message, v *sip.Values) {
	if x.line != v.Header {
		x.remove(m)
		x.line, x.start = v.Header, v.Start
	}
	x.end = v.End
}

// remove deletes the values and forgets them.
func (x *run) remove(m *sip.Message) {
	if x.line != nil {
		m.RemoveRange(x.line, x.start, x.end)
	}
	x.line = nil
}

// strictRoute prepares the request for a next hop that is a strict router: its
// URI, taken off the Route, becomes the Request-URI, which goes to the end of the
// Route (RFC 3261 §16.6 step 6).
func (r *Request) strictRoute() {
	r.Msg.Insert(r.Msg.HeadersEnd(), []byte("Route: <"), r.Main.URI, []byte(">\r\n"))
	r.Main.URI, r.parsed = r.Keep(r.nextRoute), nil
}
