package transport

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const inSlots = 32

// udpReader is a batch of received datagrams and how far it has been worked off. It is
// no goroutine's own: Park passes it on in the middle of a batch.
type udpReader struct {
	l     *Layer
	s     *udpSocket
	local netip.AddrPort
	lane  int // which socket of a group

	n, next  int // datagrams in the batch; the next one to handle
	err      error
	stunRate *stunRate
	stun     [stunReplyLength]byte
	fill     func(fd uintptr) bool // stored: a closure made for each read would be garbage

	bufs  [inSlots][]byte
	hdrs  [inSlots]mmsghdr
	iovs  [inSlots]unix.Iovec
	names [inSlots]sockaddr
	ctl   [inSlots]control
}

func newUDPReader(l *Layer, s *udpSocket, local netip.AddrPort, lane int) *udpReader {
	r := &udpReader{l: l, s: s, local: local, lane: lane, stunRate: newStunRate(&l.cfg)}
	r.fill = r.receive
	for i := range r.hdrs {
		r.setBuffer(i, l.bufs.take(slotSize))
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		if s.wildcard {
			h.Control = (*byte)(unsafe.Pointer(&r.ctl[i]))
		}
		r.arm(i)
	}
	return r
}

func (r *udpReader) setBuffer(i int, b []byte) {
	r.bufs[i] = b
	r.iovs[i].Base = &b[0]
	r.iovs[i].SetLen(slotSize)
}

// arm restores the lengths that the kernel overwrites.
func (r *udpReader) arm(i int) {
	h := &r.hdrs[i].hdr
	h.Namelen = sizeofSockaddr
	if h.Control != nil {
		h.SetControllen(sizeofControl)
	}
}

// receive is called by the poller when there may be something to read; false waits for more.
func (r *udpReader) receive(fd uintptr) bool {
	for i := range r.n {
		r.arm(i)
	}
	r.n, r.next = 0, 0
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.hdrs[0])), inSlots, unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0:
			r.n, r.err = int(n), nil
			return true
		case e == unix.EINTR, pendingError(e): // an ICMP error of something we sent
		case e == unix.EAGAIN:
			return false
		default:
			r.err = e
			return true
		}
	}
}

// serve reads and handles until the socket is closed or the worker has parked.
func (r *udpReader) serve() {
	w := r.l.borrow()
	w.src, w.lane = r, r.lane
	for {
		w.tick()
		for r.next < r.n {
			i := r.next
			r.next++
			r.handle(w, i)
			if w.parked {
				r.l.unpark(w) // r belongs to another goroutine now
				return
			}
		}
		w.flush()
		if err := r.s.raw.Read(r.fill); err != nil {
			break // closed
		}
		if r.err != nil {
			r.l.log.Error("reading UDP socket", "socket", r.local, "error", r.err)
			time.Sleep(10 * time.Millisecond) // out of memory, say: do not spin
			continue
		}
		r.l.stats.udpReceived.Add(uint64(r.n))
	}
	r.l.give(w)
}

// handle gives datagram i to the handler.
func (r *udpReader) handle(w *Worker, i int) {
	h := &r.hdrs[i]
	msg := trimCRLF(r.bufs[i][:h.len])
	if len(msg) <= 4 { // a keep-alive: line ends, zero bytes or a word that phones made up
		return
	}
	from := Flow{Proto: UDP, Socket: r.s.index, Local: r.local, Remote: read(&r.names[i])}
	if from.Remote.Port() == 0 {
		return // nothing can be answered
	}
	if h.hdr.Control != nil {
		if dst := r.ctl[i].destination(int(h.hdr.Controllen)); dst.IsValid() {
			from.Local = netip.AddrPortFrom(dst, r.local.Port())
		}
	}
	if msg[0] < 4 && isStun(msg) {
		r.answerStun(w, msg, from)
		return
	}
	r.l.handler.Receive(w, msg, from)
	if !w.parked {
		wipe(msg)
	}
}

// handOver gives up the buffer of the datagram being handled.
func (r *udpReader) handOver() []byte {
	i := r.next - 1
	held := r.bufs[i]
	r.setBuffer(i, r.l.bufs.take(slotSize))
	return held
}

// trimCRLF cuts line ends before the start line (RFC 3261 §7.5).
func trimCRLF(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}
