package relay

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"net/netip"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrFlowFailed says that a request came along a Route of ours to a flow that is no
// more (RFC 5626 §5.3.1).
var ErrFlowFailed = errors.New("the flow is gone")

// A flow token is the user part of a Route of ours that leads to one flow: the flow, when
// it was named, and a MAC over both and over what the token is for (RFC 5626 §5.2). The
// MAC keeps others from naming flows. It is no proof of who holds it: everybody on the way
// of a call can read it. So a Record-Route's token counts only as part of an entry whose
// seal fits the dialog, and a Path's only for a sender that the script trusts. One of
// Record-Route says whose flow it is, since it is for the other end only: a phone whose port
// has changed would have its requests sent to where it was, and whoever ends a call could
// have his BYE sent to himself.
const (
	flowMAC   = 12
	flowPlain = 1 + 2 + 8 + 8 + 2*(16+2) + 4
	flowSize  = flowPlain + flowMAC
	flowTime  = flowPlain - 4
	flowText  = (flowSize*8 + 5) / 6 // its length in a URI

	// initiatorBit, beside the transport, says that the flow is that of the dialog's initiator.
	initiatorBit = 0x80
)

// flowToken is what a flow token says.
type flowToken struct {
	flow       transport.Flow
	alive      bool // the flow may still be there: see parseFlowToken
	initiators bool // it is that of the dialog's initiator; false for a Path
}

// tokenUse is what a flow token is for. One is never good for the other.
type tokenUse byte

const (
	pathUse  tokenUse = 'p'
	routeUse tokenUse = 'r'
)

// AppendFlowToken appends the token of a flow for a Path of ours. The token of a
// connection ends with the process, as the connection does, and each with RouteLife.
func (e *Engine) AppendFlowToken(dst []byte, f transport.Flow) []byte {
	return e.appendToken(dst, pathUse, f, false, time.Now())
}

func (e *Engine) appendToken(dst []byte, use tokenUse, f transport.Flow, initiators bool, at time.Time) []byte {
	var b [flowSize]byte
	b[0] = byte(f.Proto)
	if initiators {
		b[0] |= initiatorBit
	}
	binary.BigEndian.PutUint16(b[1:], f.Socket)
	binary.BigEndian.PutUint64(b[3:], f.Conn)
	if f.Proto.Stream() {
		binary.BigEndian.PutUint64(b[11:], e.life())
	}
	putAddr(b[19:], f.Local)
	putAddr(b[37:], f.Remote)
	binary.BigEndian.PutUint32(b[flowTime:], uint32(at.Unix()))
	e.flowSum(b[flowPlain:], use, b[:flowPlain])
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}

// life is a number of this process.
func (e *Engine) life() uint64 { return maphash.String(e.tagSeed, "life") }

func putAddr(b []byte, a netip.AddrPort) {
	ip := a.Addr().As16()
	copy(b, ip[:])
	binary.BigEndian.PutUint16(b[16:], a.Port())
}

func addrOf(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[:16])).Unmap(), binary.BigEndian.Uint16(b[16:]))
}

func (e *Engine) flowSum(dst []byte, use tokenUse, plain []byte) {
	var room [160]byte
	text := append(append(append(room[:0], e.key[:]...), "flow"...), byte(use))
	text = append(text, plain...)
	sum := sha256.Sum256(text)
	copy(dst, sum[:flowMAC])
}

// parseFlowToken reads a token of ours; alive says that its flow is one of this
// process, and that it was not given too long ago.
func (e *Engine) parseFlowToken(text []byte, use tokenUse) (t flowToken, ok bool) {
	var b, want [flowSize]byte
	if len(text) != flowText {
		return t, false
	}
	if n, err := base64.RawURLEncoding.Decode(b[:], text); err != nil || n != flowSize {
		return t, false
	}
	e.flowSum(want[flowPlain:], use, b[:flowPlain])
	if subtle.ConstantTimeCompare(want[flowPlain:], b[flowPlain:]) != 1 {
		return t, false
	}
	t.initiators = b[0]&initiatorBit != 0
	t.flow = transport.Flow{
		Proto: transport.Proto(b[0] &^ initiatorBit), Socket: binary.BigEndian.Uint16(b[1:]), Conn: binary.BigEndian.Uint64(b[3:]),
		Local: addrOf(b[19:]), Remote: addrOf(b[37:]),
	}
	f := &t.flow
	t.alive = !f.Proto.Stream() || binary.BigEndian.Uint64(b[11:]) == e.life()
	if int(f.Socket) >= len(e.sockets) || e.sockets[f.Socket].Proto != f.Proto {
		t.alive = false // the sockets of before a restart were others
	}
	if !e.fresh(time.Unix(int64(binary.BigEndian.Uint32(b[flowTime:])), 0), e.Now()) {
		t.alive = false
	}
	return t, true
}

// fresh reports whether what was given at a time is still good.
func (e *Engine) fresh(at, now time.Time) bool {
	age := now.Sub(at)
	return age <= e.cfg.RouteLife && age >= -time.Minute
}

// FollowPath lets loose_route follow, in this request, the flow that a Path of ours names.
// Only the script knows from whom that may come: from the registrar or a proxy before it
// (RFC 5626 §5.3), to which the Path was given.
func (r *Request) FollowPath() { r.followsPath = true }

// useOf is what the token in a Route of ours is for: the entries of Record-Route have a seal.
func useOf(u *sip.URI) tokenUse {
	if _, sealed := u.Param(routeParam); sealed {
		return routeUse
	}
	return pathUse
}

// takeFlow follows a Route of ours that bears a token: to its flow, unless that is the
// sender's own, on its way out (RFC 5626 §5.3.1). A token of Record-Route says whose it is,
// and the port of a phone may change; of a Path it is the flow that the request came on. It does
// not where the token proves nothing: one of Record-Route wants its seal proven within a
// dialog, one of Path a script that trusts the sender of a request outside of dialogs.
func (r *Request) takeFlow(u *sip.URI, proven, within bool) {
	use := useOf(u)
	if use == routeUse && !(proven && within) || use == pathUse && (within || !r.followsPath) {
		return
	}
	t, ok := r.Engine.parseFlowToken(u.User, use)
	switch {
	case !ok || use == pathUse && t.alive && t.flow == r.From:
		return
	case use == routeUse && t.initiators == r.byInitiator:
		r.ownFlow = t.flow
		return
	}
	r.viaFlow = true
	if r.flowGone = !t.alive || !r.Engine.layer.Usable(t.flow); !r.flowGone {
		r.Main.Flow, r.routeFlow = t.flow, t.flow
	}
}

// RouteFlow is the flow that the request goes to because a Route of ours names it; the zero
// Flow if it does not.
func (r *Request) RouteFlow() transport.Flow {
	if r.Main.Flow != r.routeFlow {
		return transport.Flow{} // lookup has said where it goes
	}
	return r.routeFlow
}

// keepsFlow reports whether the sender of a request that begins a dialog wants to be
// reached on its flow in that dialog (RFC 5626 §4.3: ;ob in its Contact, or a GRUU).
func (r *Request) keepsFlow() bool {
	if r.Local != nil || r.From.Proto == transport.Local {
		return false
	}
	h := r.Msg.Header(sip.HdrContact)
	if h == nil {
		return false
	}
	if v := r.Msg.Value(h); !bytes.Contains(v, outboundParam) && !bytes.Contains(v, gruuParam) {
		return false
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(r.Msg.Value(h), &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return false
	}
	_, ob := u.Param("ob")
	_, gr := u.Param("gr")
	return (ob || gr) && oneVia(r.Msg)
}

var outboundParam, gruuParam = []byte(";ob"), []byte(";gr")

// oneVia reports whether a request came straight from its sender.
func oneVia(m *sip.Message) bool {
	values := m.Values(sip.HdrVia)
	values.Next()
	return values.Next() == nil
}
