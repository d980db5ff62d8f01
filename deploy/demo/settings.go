package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// settings are what a person can choose.
type settings struct {
	bin    string     // folder of the programs
	folder string     // $DEMO_DIR
	listen netip.Addr // $DEMO_LISTEN
	// host is the address under which phones and browsers reach the programs:
	// listen, or one of the machine's if that is a wildcard.
	host netip.Addr
	sip  port
	http port
}

// port is one that was asked for, or a default that may give way to another.
type port struct {
	variable string
	number   int  // 0 = any
	chosen   bool // by the variable: taken or not, no other will do
}

func readSettings(bin string, getenv func(string) string) (settings, error) {
	s := settings{bin: bin, folder: getenv("DEMO_DIR")}
	if s.folder == "" {
		s.folder = ".demo"
	}
	listen := getenv("DEMO_LISTEN")
	if listen == "" {
		listen = "127.0.0.1"
	}
	var err error
	if s.listen, err = netip.ParseAddr(listen); err != nil || s.listen.Zone() != "" {
		return s, fmt.Errorf("DEMO_LISTEN: %q is not an IP address, such as 192.0.2.7 or 0.0.0.0", listen)
	}
	s.listen = s.listen.Unmap()
	s.host = reachable(s.listen)
	if s.sip, err = readPort("DEMO_SIP_PORT", 5060, getenv); err != nil {
		return s, err
	}
	s.http, err = readPort("DEMO_HTTP_PORT", 8080, getenv)
	return s, err
}

func readPort(variable string, standard int, getenv func(string) string) (port, error) {
	text := getenv(variable)
	if text == "" {
		return port{variable: variable, number: standard}, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return port{}, fmt.Errorf("%s: %q is not a port from 1 to 65535, or 0 for any free one", variable, text)
	}
	return port{variable: variable, number: int(n), chosen: true}, nil
}

// reachable is the machine's address that others would use, if listen is a
// wildcard, else listen.
func reachable(listen netip.Addr) netip.Addr {
	if !listen.IsUnspecified() {
		return listen
	}
	// The address from which we would send to a documentation address
	// (RFC 5737, RFC 3849); connecting a UDP socket sends nothing.
	target, loopback := "192.0.2.1:9", netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if listen.Is6() {
		target, loopback = "[2001:db8::1]:9", netip.IPv6Loopback()
	}
	conn, err := net.Dial("udp", target)
	if err != nil {
		return loopback // no network at all
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
