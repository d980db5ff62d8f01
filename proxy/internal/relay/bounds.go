package relay

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// Reach is where a request within a dialog may be sent: anywhere, because the dialog table
// knows who sends it and that it goes to the other end; or only to the hosts where the
// request that began the dialog came from and went to, and to some more.
type Reach struct {
	Anywhere bool
	Also     [3]netip.Addr // zero ones are none
}

// endMark is a hash of a host's address, which the seal of a Record-Route bears: it does
// not say the address, and it outlives the process. 0 is no host.
type endMark uint32

// bounds are the hosts that a request within a dialog may be sent to.
type bounds struct {
	set  bool // false: any
	ends [2]endMark
	also [3]netip.Addr
}

// mark is the hash of an address.
func (e *Engine) mark(a netip.Addr) endMark {
	if !a.IsValid() {
		return 0
	}
	var room [64]byte
	address := a.As16() // the same with and without the mapping of IPv4
	sum := sha256.Sum256(append(append(append(room[:0], e.key[:]...), "end"...), address[:]...))
	return max(1, endMark(binary.BigEndian.Uint32(sum[:])))
}

// allows reports whether a host is within the bounds.
func (b *bounds) allows(e *Engine, a netip.Addr) bool {
	if !b.set {
		return true
	}
	a = a.Unmap()
	for _, x := range b.also {
		if x.IsValid() && x.Unmap() == a {
			return true
		}
	}
	m := e.mark(a)
	return m != 0 && (m == b.ends[0] || m == b.ends[1])
}

// bind keeps the way of a request within its bounds. What lookup has found is a phone of
// ours.
func (r *Request) bind(w *way) error {
	if !r.bounds.set || r.Found {
		return nil
	}
	for !r.bounds.allows(r.Engine, w.flow.Remote.Addr()) {
		if w.left() == 0 || w.advance(r.Engine, r.From.Socket) != nil {
			return ErrNoDialog
		}
	}
	w.n = w.next // the places after it are not asked for
	return nil
}
