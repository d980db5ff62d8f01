package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// A nonce is 41 characters: the Unix time in seconds and a serial number, eight hex
// digits each; 1 if qop was offered with it, 2 if qop and SHA-256 were, else 0; and a MAC over these in 24 hex
// digits. Whoever has not got it from us cannot make one, and we keep nothing of
// those that we gave.
const (
	nonceText = 17
	nonceMAC  = 24
	nonceSize = nonceText + nonceMAC
)

// nonces makes and checks nonces.
type nonces struct {
	key    [sha256.Size]byte
	life   time.Duration
	serial atomic.Uint32
}

// init takes the key. The time of the start goes into it, because what a process
// knows of the counts of its nonces ends with it: those of the last one are stale.
func (n *nonces) init(key []byte, life time.Duration) {
	text := binary.BigEndian.AppendUint64([]byte("nonce"), uint64(time.Now().UnixNano()))
	n.key = sha256.Sum256(append(text, key...))
	n.life = life
}

// nonce is what a nonce says.
type nonce struct {
	at, serial uint32
	qop        bool
	sha256     bool // SHA-256 was offered with it
}

// id grows from each nonce to the next.
func (x nonce) id() uint64 { return uint64(x.at)<<32 | uint64(x.serial) }

// make writes a new nonce. SHA-256 goes with qop only (RFC 8760 §2.5).
func (n *nonces) make(dst *[nonceSize]byte, qop, sha256 bool) {
	putHex(dst[:8], uint32(time.Now().Unix()))
	putHex(dst[8:16], n.serial.Add(1))
	switch {
	case qop && sha256:
		dst[16] = '2'
	case qop:
		dst[16] = '1'
	default:
		dst[16] = '0'
	}
	n.mac(dst[nonceText:], dst[:nonceText])
}

func (n *nonces) mac(dst, text []byte) {
	var room [sha256.Size + nonceText]byte
	sum := sha256.Sum256(append(append(room[:0], n.key[:]...), text...))
	for i := range nonceMAC / 2 {
		dst[2*i], dst[2*i+1] = hexDigits[sum[i]>>4], hexDigits[sum[i]&15]
	}
}

// check reads a nonce; false if it is not one of ours, or too old.
func (n *nonces) check(text []byte) (x nonce, ok bool) {
	if len(text) != nonceSize {
		return x, false
	}
	var want [nonceMAC]byte
	n.mac(want[:], text[:nonceText])
	if subtle.ConstantTimeCompare(want[:], text[nonceText:]) != 1 {
		return x, false
	}
	at, _ := parseHex(text[:8])
	serial, _ := parseHex(text[8:16])
	x = nonce{at: at, serial: serial, qop: text[16] != '0', sha256: text[16] == '2'}
	age := time.Duration(int32(uint32(time.Now().Unix())-at)) * time.Second
	return x, age <= n.life && age >= -n.life // a clock may have been set back
}

const hexDigits = "0123456789abcdef"

func putHex(dst []byte, v uint32) {
	for i := range dst {
		dst[i] = hexDigits[v>>(28-4*i)&15]
	}
}

// parseHex reads one to eight hex digits.
func parseHex(b []byte) (v uint32, ok bool) {
	if len(b) == 0 || len(b) > 8 {
		return 0, false
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}
