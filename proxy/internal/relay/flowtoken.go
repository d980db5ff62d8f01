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

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrFlowFailed says that a request came along a Route of ours to a flow that is no
// more (RFC 5626 §5.3.1).
var ErrFlowFailed = errors.New("the flow is gone")

// A flow token is the user part of a Route of ours that leads to one flow: the flow and
// a MAC over it (RFC 5626 §5.2). The MAC keeps others from naming flows; what it names
// is one phone, so that whoever holds it reaches nobody else through us.
const (
	flowMAC   = 12
	flowPlain = 1 + 2 + 8 + 8 + 2*(16+2)
	flowSize  = flowPlain + flowMAC
)

// flowText is the length of a token in a URI.
var flowText = base64.RawURLEncoding.EncodedLen(flowSize)

// AppendFlowToken appends the token of a flow. The token of a connection ends with the
// process, as the connection does.
func (e *Engine) AppendFlowToken(dst []byte, f transport.Flow) []byte {
	var b [flowSize]byte
	b[0] = byte(f.Proto)
	binary.BigEndian.PutUint16(b[1:], f.Socket)
	binary.BigEndian.PutUint64(b[3:], f.Conn)
	if f.Proto.Stream() {
		binary.BigEndian.PutUint64(b[11:], e.life())
	}
	putAddr(b[19:], f.Local)
	putAddr(b[37:], f.Remote)
	e.flowSum(b[flowPlain:], b[:flowPlain])
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

func (e *Engine) flowSum(dst, plain []byte) {
	var room [128]byte
	text := append(append(append(room[:0], e.key[:]...), "flow"...), plain...)
	sum := sha256.Sum256(text)
	copy(dst, sum[:flowMAC])
}

// parseFlowToken reads a token of ours; alive says that its flow is one of this
// process.
func (e *Engine) parseFlowToken(text []byte) (f transport.Flow, alive, ok bool) {
	var b, want [flowSize]byte
	if len(text) != flowText {
		return f, false, false
	}
	if n, err := base64.RawURLEncoding.Decode(b[:], text); err != nil || n != flowSize {
		return f, false, false
	}
	e.flowSum(want[flowPlain:], b[:flowPlain])
	if subtle.ConstantTimeCompare(want[flowPlain:], b[flowPlain:]) != 1 {
		return f, false, false
	}
	f = transport.Flow{
		Proto: transport.Proto(b[0]), Socket: binary.BigEndian.Uint16(b[1:]), Conn: binary.BigEndian.Uint64(b[3:]),
		Local: addrOf(b[19:]), Remote: addrOf(b[37:]),
	}
	alive = !f.Proto.Stream() || binary.BigEndian.Uint64(b[11:]) == e.life()
	if int(f.Socket) >= len(e.sockets) || e.sockets[f.Socket].Proto != f.Proto {
		alive = false // the sockets of before a restart were others
	}
	return f, alive, true
}

// takeFlow follows a Route of ours that bears a token: to its flow, unless the request
// came on it. Then it is the phone's own, on its way out (RFC 5626 §5.3.1).
func (r *Request) takeFlow(user []byte) {
	f, alive, ok := r.Engine.parseFlowToken(user)
	if !ok || alive && f == r.From {
		return
	}
	r.viaFlow = true
	if r.flowGone = !alive || !r.Engine.layer.Usable(f); !r.flowGone {
		r.Main.Flow = f
	}
}

// keepsFlow reports whether the sender of a request that begins a dialog wants to be
// reached on its flow in that dialog (RFC 5626 §4.3: ;ob in its Contact).
func (r *Request) keepsFlow() bool {
	if r.Local != nil || r.From.Proto == transport.Local {
		return false
	}
	h := r.Msg.Header(sip.HdrContact)
	if h == nil || !bytes.Contains(r.Msg.Value(h), outboundParam) {
		return false
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(r.Msg.Value(h), &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return false
	}
	_, ok := u.Param("ob")
	return ok && oneVia(r.Msg)
}

var outboundParam = []byte(";ob")

// oneVia reports whether a request came straight from its sender.
func oneVia(m *sip.Message) bool {
	values := m.Values(sip.HdrVia)
	values.Next()
	return values.Next() == nil
}
