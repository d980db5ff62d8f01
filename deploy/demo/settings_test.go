package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

func environment(pairs ...string) func(string) string {
	m := map[string]string{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		m[name] = value
	}
	return func(name string) string { return m[name] }
}

func TestSettings(t *testing.T) {
	s, err := readSettings("bin", environment())
	want := settings{
		bin: "bin", folder: ".demo", listen: netip.MustParseAddr("127.0.0.1"), host: netip.MustParseAddr("127.0.0.1"),
		sip: port{"DEMO_SIP_PORT", 5060, false}, http: port{"DEMO_HTTP_PORT", 8080, false},
	}
	if err != nil || s != want {
		t.Errorf("%+v, %v\nwant %+v", s, err, want)
	}
	s, err = readSettings("x", environment("DEMO_DIR=/d", "DEMO_LISTEN=::1", "DEMO_SIP_PORT=5070", "DEMO_HTTP_PORT=0"))
	want = settings{
		bin: "x", folder: "/d", listen: netip.MustParseAddr("::1"), host: netip.MustParseAddr("::1"),
		sip: port{"DEMO_SIP_PORT", 5070, true}, http: port{"DEMO_HTTP_PORT", 0, true},
	}
	if err != nil || s != want {
		t.Errorf("%+v, %v\nwant %+v", s, err, want)
	}
	if s, err = readSettings("x", environment("DEMO_LISTEN=0.0.0.0")); err != nil || s.host.IsUnspecified() || !s.host.Is4() {
		t.Errorf("a wildcard is reached at %v, %v", s.host, err)
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		say string
		env string
	}{
		{`DEMO_LISTEN: "localhost" is not an IP address, such as 192.0.2.7 or 0.0.0.0`, "DEMO_LISTEN=localhost"},
		{`DEMO_LISTEN: "fe80::1%eth0" is not`, "DEMO_LISTEN=fe80::1%eth0"},
		{`DEMO_SIP_PORT: "65536" is not a port from 1 to 65535`, "DEMO_SIP_PORT=65536"},
		{`DEMO_HTTP_PORT: "http" is not a port`, "DEMO_HTTP_PORT=http"},
	} {
		var errs bytes.Buffer
		if code := start(t.Context(), nil, environment(c.env), io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), c.say) {
			t.Errorf("%s: exit %d: %s", c.env, code, errs.String())
		}
	}
	for _, args := range [][]string{{"extra"}, {"-x"}} {
		var errs bytes.Buffer
		if code := start(t.Context(), args, environment(), io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), "usage: seraph-demo") {
			t.Errorf("%v: exit %d: %s", args, code, errs.String())
		}
	}
	var help bytes.Buffer
	if code := start(t.Context(), []string{"-h"}, environment(), io.Discard, &help); code != 0 || !strings.Contains(help.String(), "DEMO_HTTP_PORT") {
		t.Errorf("-h: exit %d: %s", code, help.String())
	}
}

func TestPickPort(t *testing.T) {
	ip := netip.MustParseAddr("127.0.0.1")
	inUse := fmt.Errorf("bind: %w", syscall.EADDRINUSE)
	below := func(n uint16, err error) func(netip.AddrPort) error {
		return func(at netip.AddrPort) error {
			if at.Port() < n {
				return err
			}
			return nil
		}
	}
	for _, c := range []struct {
		name   string
		port   port
		free   func(netip.AddrPort) error
		number int
		moved  bool
		say    string
	}{
		{"a default that is free", port{"P", 5060, false}, below(0, nil), 5060, false, ""},
		{"a default that is taken", port{"P", 5060, false}, below(5063, inUse), 5063, true, ""},
		{"no port near it", port{"P", 5060, false}, below(65535, inUse), 0, false, "port 5060 on 127.0.0.1: another program uses it; P=NUMBER"},
		{"a chosen one that is taken", port{"P", 5060, true}, below(5061, inUse), 0, false, "port 5060 on 127.0.0.1: another program uses it"},
		{"no right", port{"P", 80, false}, below(1024, errors.New("permission denied")), 0, false, "port 80 on 127.0.0.1: permission denied"},
		{"the end of the ports", port{"P", 65535, false}, below(65535, inUse), 65535, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, moved, err := c.port.pick(ip, c.free)
			if c.say != "" {
				if err == nil || !strings.Contains(err.Error(), c.say) {
					t.Errorf("%v, want %s", err, c.say)
				}
				return
			}
			if n != c.number || moved != c.moved || err != nil {
				t.Errorf("%d, %v, %v; want %d, %v", n, moved, err, c.number, c.moved)
			}
		})
	}
	if n, _, err := (port{"P", 0, true}).pick(ip, freeSIP); n == 0 || err != nil {
		t.Errorf("any port: %d, %v", n, err)
	}
}
