package tlsmod

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// parseFile reads a configuration file in the form of Kamailio's tls.cfg. Paths that are
// relative count from dir. An error names the line.
func parseFile(text []byte, dir string) ([]section, error) {
	var all []section
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(withoutComment(lines.Text()))
		switch {
		case line == "":
		case line[0] == '[':
			s, err := parseHead(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			s.line = n
			all = append(all, s)
		default:
			if err := parseSetting(all, line, dir); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return all, lines.Err()
}

// withoutComment cuts # and what follows off, unless it stands in a text in quotes.
func withoutComment(line string) string {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '#' && !quoted:
			return line[:i]
		}
	}
	return line
}

func parseSetting(all []section, line, dir string) error {
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return fmt.Errorf("%q is neither [server:ADDRESS:PORT] nor name = value", line)
	}
	if len(all) == 0 {
		return fmt.Errorf("%q stands before the first section", line)
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	switch key {
	case "certificate", "private_key", "ca_list", "crl":
		if value != "" && !filepath.IsAbs(value) {
			value = filepath.Join(dir, value)
		}
	}
	return all[len(all)-1].set(key, value)
}

// parseHead reads [server:default], [client:192.0.2.1:5061], [server:[2001:db8::1]:5061]
// or [server:any].
func parseHead(line string) (section, error) {
	var s section
	wrong := fmt.Errorf("%q is no section: want [server:default], [server:ADDRESS:PORT], [client:default] or [client:ADDRESS:PORT]", line)
	if !strings.HasSuffix(line, "]") {
		return s, wrong
	}
	kind, addr, ok := strings.Cut(line[1:len(line)-1], ":")
	if kind = strings.TrimSpace(kind); !ok || kind != "server" && kind != "client" {
		return s, wrong
	}
	s.client = kind == "client"
	switch addr = strings.TrimSpace(addr); addr {
	case "default":
		s.def = true
		return s, nil
	case "any":
		return s, nil
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		s.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		return s, nil
	}
	if h, p, ok := strings.Cut(addr, ":"); ok && h == "any" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return s, wrong
		}
		s.addr = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n))
		return s, nil
	}
	a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil {
		return s, wrong
	}
	s.addr = netip.AddrPortFrom(a.Unmap(), 0)
	return s, nil
}
