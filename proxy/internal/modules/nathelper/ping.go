package nathelper

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"

	"seraph/proxy/internal/transport"
)

// Wire sends messages, a *transport.Layer.
type Wire interface {
	Send(f transport.Flow, msg []byte) error
	Usable(f transport.Flow) bool
	Sockets() []transport.Socket
}

// wire is where pings go out.
type wire struct {
	Wire
	sockets []transport.Socket
}

// Attach gives the module the sockets; without it nothing is sent.
func (m *Module) Attach(w Wire) { m.wire.Store(&wire{w, w.Sockets()}) }

// zeros is the ping of Kamailio: no message and no keep-alive of RFC 5626, which nobody
// answers.
var zeros = []byte{0, 0, 0, 0}

// lineEnd on a stream is what every reader skips between messages (RFC 3261 §7.5).
var lineEnd = []byte("\r\n")

// marker begins the branch of a ping. The round, the phone's id and a keyed hash of
// both follow, so that an answer shows whose it is and that we have asked.
const marker = "z9hG4bKnatping-"

// Lengths of what follows the marker.
const (
	proofRaw = 4 + len(phoneID{}) + 8
	proofLen = 2 * proofRaw
)

// roundsBack is for how many rounds the answer to a ping counts.
const roundsBack = 4

// appendProof appends round, id and hash in hexadecimal.
func (m *Module) appendProof(dst []byte, round uint32, id phoneID) []byte {
	var raw [proofRaw]byte
	binary.BigEndian.PutUint32(raw[:], round)
	copy(raw[4:], id[:])
	binary.BigEndian.PutUint64(raw[proofRaw-8:], maphash.Bytes(m.seed, raw[:proofRaw-8]))
	return hex.AppendEncode(dst, raw[:])
}

// readProof is what appendProof has written; false if it was not us or is old.
func (m *Module) readProof(b []byte) (id phoneID, ok bool) {
	var raw [proofRaw]byte
	if n, err := hex.Decode(raw[:], b); err != nil || n != proofRaw {
		return id, false
	}
	if binary.BigEndian.Uint64(raw[proofRaw-8:]) != maphash.Bytes(m.seed, raw[:proofRaw-8]) {
		return id, false
	}
	copy(id[:], raw[4:])
	return id, m.round.Load()-binary.BigEndian.Uint32(raw[:]) < roundsBack
}

// appendRequest writes the request that pings a phone. It belongs to no transaction:
// the next one comes soon, and any answer will do. Whoever wrote the contact, it stays
// within its line.
func (m *Module) appendRequest(dst []byte, s *transport.Socket, p *phone, contact []byte) []byte {
	var room [proofLen]byte
	proof := m.appendProof(room[:0], m.round.Load(), p.id)
	dst = append(append(append(append(dst, m.set.method...), ' '), contact...), " SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(append(append(dst, s.Via...), ";branch="+marker...), proof...)
	dst = append(append(append(dst, ";rport\r\nMax-Forwards: 70\r\nFrom: <"...), m.set.from...), ">;tag="...)
	dst = append(append(append(dst, proof[:8]...), "\r\nTo: <"...), contact...)
	dst = append(append(dst, ">\r\nCall-ID: natping-"...), proof[:8+2*len(phoneID{})]...)
	dst = append(append(dst, "\r\nCSeq: 1 "...), m.set.method...)
	return append(dst, "\r\nContent-Length: 0\r\n\r\n"...)
}

// writable reports whether a contact can stand in a request line and in angle brackets.
func writable(contact []byte) bool {
	for _, c := range contact {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return len(contact) > 0
}

var responseStart, markerBytes = []byte("SIP/2.0 "), []byte(marker)

// Answered reports whether a message is the answer to a ping, and notes it. It is for
// every message that comes in, and costs a look where nothing is pinged. Whatever the
// answer says, the phone is there.
func (m *Module) Answered(msg []byte) bool {
	if !m.on.Load() || !bytes.HasPrefix(msg, responseStart) {
		return false
	}
	at := bytes.Index(msg, markerBytes)
	if at < 0 || len(msg) < at+len(marker)+proofLen {
		return false
	}
	id, ok := m.readProof(msg[at+len(marker) : at+len(marker)+proofLen])
	if !ok {
		return false
	}
	if m.silent.forget(id) || m.set.keepalive == 0 {
		m.answered.Add(1)
	}
	return true
}
