package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is memory for an IPv4 or IPv6 socket address as the kernel writes it.
type sockaddr = unix.RawSockaddrInet6

const sizeofSockaddr = uint32(unix.SizeofSockaddrInet6)

// control is a control message that holds one in_pktinfo or in6_pktinfo.
type control struct {
	hdr  unix.Cmsghdr
	data [24]byte
}

const sizeofControl = int(unsafe.Sizeof(control{}))

// put writes ap into sa and returns the length used.
func put(sa *sockaddr, ap netip.AddrPort) uint32 {
	addr := ap.Addr()
	if addr.Is4() {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		sa4.Family = unix.AF_INET
		sa4.Port = bigEndian(ap.Port())
		sa4.Addr = addr.As4()
		return unix.SizeofSockaddrInet4
	}
	sa.Family = unix.AF_INET6
	sa.Port = bigEndian(ap.Port())
	sa.Flowinfo = 0
	sa.Addr = addr.As16()
	sa.Scope_id = scope(addr.Zone())
	return unix.SizeofSockaddrInet6
}

// read makes an address of what the kernel wrote; the zero AddrPort for another family.
func read(sa *sockaddr) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), bigEndian(sa4.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(strconv.Itoa(int(sa.Scope_id)))
		}
		return netip.AddrPortFrom(addr, bigEndian(sa.Port))
	}
	return netip.AddrPort{}
}

// bigEndian turns a port between the host's order and the network's, either way.
func bigEndian(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// scope is the interface index that a zone means: a number, or an interface name.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(ifi.Index)
}

// setSource makes c tell the kernel to send from addr, and returns its length.
func (c *control) setSource(addr netip.Addr) int {
	clear(c.data[:])
	if addr.Is4() {
		a := addr.As4()
		copy(c.data[4:8], a[:]) // in_pktinfo: ifindex, spec_dst, addr
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
	}
	a := addr.As16()
	copy(c.data[:16], a[:]) // in6_pktinfo: addr, ifindex
	binary.NativeEndian.PutUint32(c.data[16:20], scope(addr.Zone()))
	c.hdr.Level, c.hdr.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	c.hdr.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
}

// destination is the address that a datagram was sent to, as the kernel wrote it into
// the n bytes of c; the zero Addr if it did not.
func (c *control) destination(n int) netip.Addr {
	switch {
	case n >= unix.CmsgLen(unix.SizeofInet4Pktinfo) && c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO:
		// spec_dst and not addr: for a datagram sent to a broadcast address it is the
		// address to answer from.
		return netip.AddrFrom4([4]byte(c.data[4:8]))
	case n >= unix.CmsgLen(unix.SizeofInet6Pktinfo) && c.hdr.Level == unix.IPPROTO_IPV6 && c.hdr.Type == unix.IPV6_PKTINFO:
		addr := netip.AddrFrom16([16]byte(c.data[:16]))
		if addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(strconv.Itoa(int(binary.NativeEndian.Uint32(c.data[16:20]))))
		}
		return addr
	}
	return netip.Addr{}
}
