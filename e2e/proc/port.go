package proc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
)

// The ports that FreePort gives out lie below those that the kernel picks for connections (32768 and up, unless
// somebody has set it otherwise): one that was free a moment ago does not become a client's.
const (
	firstPort = 10000
	ports     = 22000
)

// cursor is where FreePort looks next. It goes round, so that no port is given out twice in a short time; where
// it begins is left to chance, as other processes look for ports as well.
var cursor = beginAnywhere()

func beginAnywhere() *atomic.Uint32 {
	var c atomic.Uint32
	c.Store(rand.Uint32N(ports))
	return &c
}

// FreePort finds a port of ip ("127.0.0.1", "::1") that is free for UDP *and* TCP
// together with the extra ports that follow it (a phone may take SIP port + 1 for
// TLS). The sockets are closed again: its user has to bind it.
func FreePort(ip string, extra int) (int, error) {
	var err error
	for range 100 {
		n := uint32(extra) + 1
		port := firstPort + int(cursor.Add(n)-n)%ports
		if err = probe(ip, port, port+extra); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found in 100 tries on %s: %w", ip, err)
}

// probe binds every port of the range for UDP and TCP, and releases them again.
func probe(ip string, from, to int) error {
	var firstErr error
	var open []interface{ Close() error }
	for port := from; port <= to && firstErr == nil; port++ {
		if l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(ip), Port: port}); err != nil {
			firstErr = err
		} else {
			open = append(open, l)
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
