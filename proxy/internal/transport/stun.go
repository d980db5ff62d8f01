package transport

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"time"
)

// STUN as far as phones ask it of a SIP port to keep their NAT binding open and to see
// when it changes (RFC 5626 §3.5.2, RFC 5389 §7.3): a binding request without credentials.
const (
	stunHeader  = 20
	stunRequest = 0x0001
	stunSuccess = 0x0101
	stunError   = 0x0111

	stunCookie = 0x2112a442

	stunErrorCode   = 0x0009
	stunUnknown     = 0x000a
	stunXORMapped   = 0x0020
	stunOptional    = 0x8000 // attributes from here on may be passed over
	stunMaxUnknown  = 8
	stunMaxAttrs    = 64
	stunReplyLength = 128
)

// isStun reports whether a datagram is a STUN message and no SIP, whose first byte is a
// letter: zero bits and the magic cookie (RFC 5389 §6, §8).
func isStun(b []byte) bool {
	return len(b) >= stunHeader && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// stunReply appends the answer to a binding request from source; nothing if b is something
// else or broken. It is no longer than a small multiple of the shortest request, so that
// nobody gains by asking in another's name.
func stunReply(dst, b []byte, source netip.AddrPort) []byte {
	length := int(binary.BigEndian.Uint16(b[2:]))
	if binary.BigEndian.Uint16(b) != stunRequest || length%4 != 0 || stunHeader+length != len(b) {
		return dst
	}
	var unknown [stunMaxUnknown]uint16
	n, ok := stunAttributes(b[stunHeader:], &unknown)
	if !ok {
		return dst
	}
	start := len(dst)
	dst = append(dst, b[:stunHeader]...) // the transaction is the request's
	if n > 0 {
		binary.BigEndian.PutUint16(dst[start:], stunError)
		dst = append(stunAttribute(dst, stunErrorCode, 4), 0, 0, 4, 20) // class 4, number 20
		dst = stunAttribute(dst, stunUnknown, 2*n)
		for _, a := range unknown[:n] {
			dst = binary.BigEndian.AppendUint16(dst, a)
		}
		for (len(dst)-start)%4 != 0 {
			dst = append(dst, 0)
		}
	} else {
		binary.BigEndian.PutUint16(dst[start:], stunSuccess)
		dst = appendXORMapped(dst, dst[start+4:start+stunHeader], source)
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16(len(dst)-start-stunHeader))
	return dst
}

func stunAttribute(dst []byte, kind, length int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(kind))
	return binary.BigEndian.AppendUint16(dst, uint16(length))
}

// stunAttributes walks over the attributes and notes those that have to be understood and
// are not; n is how many. False if they do not fit the message.
func stunAttributes(b []byte, unknown *[stunMaxUnknown]uint16) (n int, ok bool) {
	for range stunMaxAttrs {
		if len(b) == 0 {
			return n, true
		}
		if len(b) < 4 {
			return n, false
		}
		kind, length := binary.BigEndian.Uint16(b), (int(binary.BigEndian.Uint16(b[2:]))+3)&^3
		if len(b) < 4+length {
			return n, false
		}
		b = b[4+length:]
		if kind < stunOptional && !stunCredential(kind) && n < stunMaxUnknown {
			unknown[n] = kind
			n++
		}
	}
	return n, false
}

// stunCredential reports whether an attribute proves who asks, which is of no interest:
// USERNAME, MESSAGE-INTEGRITY, REALM, NONCE.
func stunCredential(kind uint16) bool {
	return kind == 0x0006 || kind == 0x0008 || kind == 0x0014 || kind == 0x0015
}

// appendXORMapped appends the source as XOR-MAPPED-ADDRESS (RFC 5389 §15.2); key is the
// magic cookie and the transaction.
func appendXORMapped(dst, key []byte, source netip.AddrPort) []byte {
	var room [16]byte
	copy(room[:], key)
	addr := source.Addr().Unmap()
	family, size := byte(1), 4
	if addr.Is6() {
		family, size = 2, 16
	}
	dst = append(stunAttribute(dst, stunXORMapped, 4+size), 0, family)
	dst = binary.BigEndian.AppendUint16(dst, source.Port()^uint16(stunCookie>>16))
	full := addr.As16()
	text := full[16-size:]
	for i, c := range text {
		dst = append(dst, c^room[i])
	}
	return dst
}

// stunSlots is how many slots the sources of STUN requests are counted in; they share them, so that
// forged ones take no memory.
const stunSlots = 4096

// stunRate counts the answers to STUN requests on a socket: of each source, so that nobody takes
// other phones' answers by asking for them all, and in all. The sender may be anybody's name.
type stunRate struct {
	most, mostEach uint32
	seed           maphash.Seed
	all            stunPace
	slots          [stunSlots]stunPace
}

// stunPace counts in one second.
type stunPace struct{ second, n uint32 }

func newStunRate(cfg *Config) *stunRate {
	return &stunRate{most: uint32(cfg.StunRate), mostEach: uint32(cfg.StunRatePerSource), seed: maphash.MakeSeed()}
}

// take counts an answer to a source, now being Layer.Mono; false if there were too many in this second.
func (x *stunRate) take(source netip.Addr, now int64) bool {
	second := uint32(now / int64(time.Second))
	slot := &x.slots[maphash.Comparable(x.seed, SourceOf(source))%stunSlots]
	return slot.take(second, x.mostEach) && x.all.take(second, x.most)
}

func (p *stunPace) take(second, most uint32) bool {
	if p.second != second {
		*p = stunPace{second: second}
	}
	if p.n >= most {
		return false
	}
	p.n++
	return true
}

// answerStun answers a STUN request, at most Config.StunRatePerSource times a second for a source, and
// Config.StunRate in all.
func (r *udpReader) answerStun(w *Worker, b []byte, from Flow) {
	reply := stunReply(r.stun[:0], b, from.Remote)
	if len(reply) == 0 {
		return
	}
	if !r.stunRate.take(from.Remote.Addr(), w.mono) {
		r.l.stats.stunDropped.Add(1)
		return
	}
	r.l.stats.stunAnswered.Add(1)
	_ = w.Send(from, reply)
}
