package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keepAlive is the interval of TCP keep-alives: often enough for the state tables of NATs
// and firewalls, seldom enough for ten thousand idle phones.
const keepAlive = 2 * time.Minute

// bind binds every address of the configuration. On error what is bound so far remains,
// for the caller to close.
func (l *Layer) bind() error {
	for _, listen := range l.cfg.Listen {
		if listen.Proto < UDP || listen.Proto > WSS {
			return fmt.Errorf("listen %s: protocol %s is none to listen on", listen, listen.Proto)
		}
		if listen.Proto.Secure() && l.cfg.TLS == nil {
			return fmt.Errorf("listen %s: %w", listen, ErrNoCertificate)
		}
		addrs, err := resolveListen(l.ctx, listen)
		if err != nil {
			return fmt.Errorf("listen %s: %w", listen, err)
		}
		for _, addr := range addrs {
			if l.bound(listen.Proto, addr) {
				continue // the same address written twice
			}
			if err := l.bindOne(listen, addr); err != nil {
				return err
			}
		}
	}
	if len(l.sockets) >= int(NoSocket) {
		return fmt.Errorf("%d listening addresses are too many", len(l.sockets))
	}
	return nil
}

// bound reports whether the address is one of ours already.
func (l *Layer) bound(proto Proto, addr netip.AddrPort) bool {
	return addr.Port() != 0 && slices.ContainsFunc(l.sockets, func(s Socket) bool {
		return s.Proto == proto && s.Addr == addr
	})
}

// bindOne binds one address and describes it.
func (l *Layer) bindOne(listen Listen, addr netip.AddrPort) error {
	index := uint16(len(l.sockets))
	var (
		group []*udpSocket
		ln    *net.TCPListener
		err   error
	)
	if listen.Proto == UDP {
		group, err = l.bindUDP(addr, index)
		if err == nil {
			addr = netip.AddrPortFrom(addr.Addr(), uint16(group[0].pc.LocalAddr().(*net.UDPAddr).Port))
		}
	} else {
		ln, err = l.bindTCP(addr)
		if err == nil {
			addr = netip.AddrPortFrom(addr.Addr(), uint16(ln.Addr().(*net.TCPAddr).Port))
		}
	}
	l.udp = append(l.udp, group)
	l.listeners = append(l.listeners, ln)
	if err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			return &InUseError{Proto: listen.Proto, Addr: addr.String()}
		}
		return fmt.Errorf("listen %s:%s: %w", listen.Proto, addr, err)
	}
	s, err := describe(listen, addr)
	if err != nil {
		return fmt.Errorf("listen %s: advertise: %w", listen, err)
	}
	l.sockets = append(l.sockets, s)
	return nil
}

// bindUDP makes the sockets of one address. The first is bound as if it were alone, so
// that another router on the port is found; only then it may be shared.
func (l *Layer) bindUDP(addr netip.AddrPort, index uint16) ([]*udpSocket, error) {
	var group []*udpSocket
	for lane := range l.cfg.UDPWorkers {
		var lc net.ListenConfig
		if lane > 0 {
			lc.Control = sharePort
		}
		pc, err := lc.ListenPacket(l.ctx, network("udp", addr.Addr()), addr.String())
		if err != nil {
			return group, err
		}
		s, err := newUDPSocket(pc.(*net.UDPConn), index, addr.Addr(), l.cfg.SocketBuffer, &l.stats)
		if err != nil {
			_ = pc.Close()
			return group, err
		}
		group = append(group, s)
		if lane == 0 && l.cfg.UDPWorkers > 1 {
			if err := sharePort("", "", s.raw); err != nil {
				return group, err
			}
			addr = netip.AddrPortFrom(addr.Addr(), uint16(pc.LocalAddr().(*net.UDPAddr).Port))
		}
	}
	return group, nil
}

func (l *Layer) bindTCP(addr netip.AddrPort) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: keepAlive}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(l.ctx, network("tcp", addr.Addr()), addr.String())
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// sharePort sets SO_REUSEPORT.
func sharePort(_, _ string, raw syscall.RawConn) error {
	var opt error
	err := raw.Control(func(fd uintptr) {
		opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, opt)
}

// network is the name by which package net binds one family only: an IPv6 wildcard takes
// no IPv4 (IPV6_V6ONLY), so both can be bound side by side.
func network(proto string, addr netip.Addr) string {
	if addr.Is4() {
		return proto + "4"
	}
	return proto + "6"
}

// resolveListen turns the host of a listen address into addresses: itself, those of the
// network interface, or those of the host name.
func resolveListen(ctx context.Context, listen Listen) ([]netip.AddrPort, error) {
	host, port, err := splitHostPort(listen.Addr, listen.Proto.DefaultPort())
	if err != nil {
		return nil, err
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), port)}, nil
	}
	addrs, err := interfaceAddrs(host)
	if addrs == nil && err == nil {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		if ap := netip.AddrPortFrom(a.Unmap(), port); !slices.Contains(out, ap) {
			out = append(out, ap)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no usable address", host)
	}
	return out, nil
}

// interfaceAddrs is every address of a network interface but the link-local ones, which
// nobody outside the link can be told; nil and no error if there is no such interface.
func interfaceAddrs(name string) ([]netip.Addr, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, nil //nolint:nilerr // then it is a host name
	}
	list, err := ifi.Addrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of interface %s: %w", name, err)
	}
	out := []netip.Addr{}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, p.Addr())
		}
	}
	return out, nil
}

// describe makes the Socket of a bound address.
func describe(listen Listen, addr netip.AddrPort) (Socket, error) {
	s := Socket{Proto: listen.Proto, Addr: addr, AdvertisedPort: addr.Port()}
	host := addr.Addr().WithZone("")
	if host.IsUnspecified() {
		host = outwardAddr(host.Is6())
	}
	s.AdvertisedHost = host.String()
	if listen.Advertise != "" {
		// Without a port of its own the advertised address has the bound one.
		name, port, err := splitHostPort(listen.Advertise, addr.Port())
		if err != nil {
			return s, err
		}
		s.AdvertisedHost, s.AdvertisedPort, s.Advertised = name, port, true
	}
	s.fill()
	return s, nil
}

// outwardAddr is the address from which this host reaches others: the kernel chooses it
// for an address of the documentation ranges; no packet is sent. Loopback if it has none.
func outwardAddr(v6 bool) netip.Addr {
	proto, probe, none := "udp4", "192.0.2.1:9", netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if v6 {
		proto, probe, none = "udp6", "[2001:db8::1]:9", netip.IPv6Loopback()
	}
	if c, err := net.Dial(proto, probe); err == nil {
		addr := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
		_ = c.Close()
		return addr.Unmap().WithZone("")
	}
	for _, a := range hostAddrs() {
		if a.Is6() == v6 && !a.IsLoopback() {
			return a
		}
	}
	return none
}
