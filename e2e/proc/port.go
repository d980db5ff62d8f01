package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// FreePort finds a port of ip ("127.0.0.1", "::1") that is free for UDP *and* TCP
// together with the extra ports that follow it (a phone may take SIP port + 1 for
// TLS). The sockets are closed again: another process could take the port before
// its user binds it, which on a loopback address with the kernel's choice of
// ephemeral ports does not happen in practice.
func FreePort(ip string, extra int) (int, error) {
	for range 100 {
		first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
		if err != nil {
			return 0, fmt.Errorf("free port on %s: %w", ip, err)
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		err = probe(ip, port, port+extra, first)
		_ = first.Close()
		if err == nil {
			return port, nil
		}
	}
	return 0, errors.New("no free port found in 100 tries on " + ip)
}

// probe binds every port of the range for UDP and TCP, except UDP on the first,
// which held already has, and releases them again.
func probe(ip string, from, to int, held *net.UDPConn) error {
	var firstErr error
	var open []interface{ Close() error }
	for port := from; port <= to && firstErr == nil; port++ {
		if l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(ip), Port: port}); err != nil {
			firstErr = err
		} else {
			open = append(open, l)
		}
		if port == from && held != nil {
			continue
		}
		if u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip), Port: port}); err != nil {
			firstErr = err
		} else {
			open = append(open, u)
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	return firstErr
}

// Bound reports whether some socket of this machine is bound to the UDP port or
// listens on the TCP port. It looks at the kernel's tables, because trying to bind
// the port could take it from the process that is about to.
func Bound(port int) bool {
	want := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"udp", "udp6", "tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // no IPv6 here
		}
		for _, line := range strings.Split(string(text), "\n") {
			f := strings.Fields(line)
			listening := strings.HasPrefix(table, "udp") || len(f) > 3 && f[3] == "0A"
			if len(f) > 3 && strings.HasSuffix(f[1], want) && listening {
				return true
			}
		}
	}
	return false
}
