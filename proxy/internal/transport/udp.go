package transport

import (
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpSocket is one bound UDP socket; those of one address with SO_REUSEPORT are a group.
//
// All its system calls are non-blocking and made by RawSyscall6, which does not tell the
// scheduler: measured on loopback at 17,500 messages/s (server CPU a message by
// schedstat, echo of 600 bytes, five runs each, GOMAXPROCS 2): 6.6–7.2 µs against 8.1–9.1
// with Syscall6, whose every call may lose the P to another thread. The price is that
// one sendmmsg of 64 datagrams may delay a stop of the world by 0.2 ms. Beside that it
// made no difference to try recvmmsg once or four times more before waiting in the
// poller (6.3–6.9, 6.4–7.3), or to have GOMAXPROCS 1 or 4 (6.8–7.5, 6.6–6.8).
// Spinning with Gosched was worse (7.9–8.5), and so were a thread locked to
// the reader (8.5–10.6) and a blocking recvmmsg with MSG_WAITFORONE (8.0–10.3).
type udpSocket struct {
	index    uint16
	v6       bool
	wildcard bool
	stats    *counters

	pc  *net.UDPConn
	raw syscall.RawConn

	// mu is held for reading around each send, so that Close cannot give the descriptor's
	// number to somebody else meanwhile.
	mu     sync.RWMutex
	fd     uintptr
	closed bool
}

// newUDPSocket prepares a bound connection. buffer is asked for in both directions.
func newUDPSocket(pc *net.UDPConn, index uint16, addr netip.Addr, buffer int, stats *counters) (*udpSocket, error) {
	raw, err := pc.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &udpSocket{index: index, v6: !addr.Is4(), wildcard: addr.IsUnspecified(), stats: stats, pc: pc, raw: raw}
	var opt error
	err = raw.Control(func(fd uintptr) {
		s.fd = fd
		growBuffers(int(fd), buffer)
		if !s.wildcard {
			return
		}
		if s.v6 {
			opt = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		} else {
			opt = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	})
	if err == nil {
		err = opt
	}
	return s, err
}

// growBuffers asks for large socket buffers: beyond the system's limit where we may,
// else up to it. Less than asked for is no error.
func growBuffers(fd, size int) {
	for _, o := range [2][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], size) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], size)
		}
	}
}

// close ends reading and sending.
func (s *udpSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = s.pc.Close()
	}
}

// sendBatch sends all datagrams of hdrs. What the kernel refuses is counted and left
// out: UDP may lose.
func (s *udpSocket) sendBatch(hdrs []mmsghdr) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	sent, dropped, retried := 0, 0, false
	for len(hdrs) > 0 {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, s.fd, uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0 && n > 0:
			sent += int(n)
			hdrs = hdrs[n:]
			retried = false
		case e == unix.EINTR:
		case pendingError(e) && !retried:
			// The error of an earlier datagram, told to the next one; this one was not sent.
			retried = true
		case e == unix.EAGAIN || e == unix.ENOBUFS:
			dropped += len(hdrs) // the send buffer is full: waiting would stop the reader
			hdrs = nil
		default:
			dropped++
			hdrs = hdrs[1:]
			retried = false
		}
	}
	s.stats.udpSent.Add(uint64(sent))
	if dropped > 0 {
		s.stats.udpDropped.Add(uint64(dropped))
	}
}

// pendingError reports whether e may be an ICMP error that belongs to an earlier datagram.
func pendingError(e syscall.Errno) bool {
	return e == unix.ECONNREFUSED || e == unix.EHOSTUNREACH || e == unix.ENETUNREACH
}

// send sends one datagram at once.
func (s *udpSocket) send(local netip.Addr, remote netip.AddrPort, msg []byte) error {
	var (
		sa  sockaddr
		ctl control
		iov unix.Iovec
		hdr unix.Msghdr
	)
	iov.Base = unsafe.SliceData(msg)
	iov.SetLen(len(msg))
	hdr.Name = (*byte)(unsafe.Pointer(&sa))
	hdr.Namelen = put(&sa, remote)
	hdr.Iov = &iov
	hdr.SetIovlen(1)
	setSource(&hdr, s, local, &ctl)

	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	for retried := false; ; {
		_, _, e := unix.RawSyscall(unix.SYS_SENDMSG, s.fd, uintptr(unsafe.Pointer(&hdr)), unix.MSG_DONTWAIT)
		runtime.KeepAlive(msg)
		switch {
		case e == 0:
			s.stats.udpSent.Add(1)
			return nil
		case e == unix.EINTR:
		case pendingError(e) && !retried:
			retried = true
		default:
			s.stats.udpDropped.Add(1)
			return e
		}
	}
}
