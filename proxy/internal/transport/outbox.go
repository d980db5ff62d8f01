package transport

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	outSlots  = 64
	outArena  = 128 << 10
	maxPacket = 65507 // the largest UDP payload over IPv4
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// outbox gathers datagrams of one batch and sends them with few system calls. The
// kernel's structures point into the outbox itself, so it must stay where it is.
type outbox struct {
	n     int
	used  int
	arena []byte

	to    [outSlots]*udpSocket
	hdrs  [outSlots]mmsghdr
	iovs  [outSlots]unix.Iovec
	names [outSlots]sockaddr
	ctl   [outSlots]control
}

func newOutbox() *outbox {
	o := &outbox{arena: make([]byte, outArena)}
	for i := range o.hdrs {
		h := &o.hdrs[i].hdr
		h.Iov = &o.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&o.names[i]))
	}
	return o
}

// add copies msg for s to send to remote, from local if the socket is a wildcard's. It
// flushes first when there is no room. The length of msg has been checked.
func (o *outbox) add(s *udpSocket, local netip.Addr, remote netip.AddrPort, msg []byte) {
	if o.n == outSlots || o.used+len(msg) > len(o.arena) {
		o.flush()
	}
	i := o.n
	copy(o.arena[o.used:], msg)
	o.iovs[i].Base = &o.arena[o.used]
	o.iovs[i].SetLen(len(msg))
	h := &o.hdrs[i].hdr
	h.Namelen = put(&o.names[i], remote)
	setSource(h, s, local, &o.ctl[i])
	o.to[i] = s
	o.used += len(msg)
	o.n++
}

// setSource makes a wildcard's datagram leave from the address that the request came to.
func setSource(h *unix.Msghdr, s *udpSocket, local netip.Addr, ctl *control) {
	h.Control = nil
	n := 0
	if s.wildcard && local.IsValid() && !local.IsUnspecified() && local.Is4() != s.v6 {
		h.Control = (*byte)(unsafe.Pointer(ctl))
		n = ctl.setSource(local)
	}
	h.SetControllen(n)
}

// flush sends everything, in order.
func (o *outbox) flush() {
	for i := 0; i < o.n; {
		j := i + 1
		for j < o.n && o.to[j] == o.to[i] {
			j++
		}
		o.to[i].sendBatch(o.hdrs[i:j])
		i = j
	}
	clear(o.to[:o.n])
	wipe(o.arena[:o.used])
	o.n, o.used = 0, 0
}
