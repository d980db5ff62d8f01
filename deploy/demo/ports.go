package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// triedPorts is how many ports after a default one are tried.
const triedPorts = 40

// pick finds a free port. One that was chosen must be free; a default gives
// way to the next free one. moved says that it did.
func (p port) pick(ip netip.Addr, free func(netip.AddrPort) error) (number int, moved bool, err error) {
	if p.number == 0 {
		number, err = anyPort(ip, free)
		return number, false, err
	}
	last := p.number
	if !p.chosen {
		last = min(p.number+triedPorts, 65535)
	}
	var first error
	for n := p.number; n <= last; n++ {
		err := free(netip.AddrPortFrom(ip, uint16(n)))
		if err == nil {
			return n, n != p.number, nil
		}
		if first == nil {
			first = err
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break // another port would not help
		}
	}
	return 0, false, fmt.Errorf("port %d on %s: %w; %s=NUMBER chooses another port, DEMO_LISTEN another address", p.number, ip, reason(first), p.variable)
}

// anyPort asks the system for a port until it is free in the sense of free.
func anyPort(ip netip.Addr, free func(netip.AddrPort) error) (int, error) {
	var err error
	for range triedPorts {
		l, e := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
		if e != nil {
			return 0, reason(e)
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		l.Close()
		if err = free(netip.AddrPortFrom(ip, at.Port())); err == nil {
			return int(at.Port()), nil
		}
	}
	return 0, reason(err)
}

// freeTCP reports why nobody can listen there.
func freeTCP(at netip.AddrPort) error {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return err
	}
	return l.Close()
}

// freeSIP wants the port for UDP and for TCP.
func freeSIP(at netip.AddrPort) error {
	conn, err := net.ListenPacket("udp", at.String())
	if err != nil {
		return err
	}
	return errors.Join(conn.Close(), freeTCP(at))
}

// reason drops "listen tcp ADDRESS:", which the message has already.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return errors.New("another program uses it")
	}
	return err
}
