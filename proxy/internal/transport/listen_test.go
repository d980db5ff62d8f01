package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseListen(t *testing.T) {
	for in, want := range map[string][]Listen{
		"udp:127.0.0.1:5060": {{UDP, "127.0.0.1:5060", ""}},
		"TCP:[::1]:5062":     {{TCP, "[::1]:5062", ""}},
		"127.0.0.1":          {{UDP, "127.0.0.1", ""}, {TCP, "127.0.0.1", ""}},
		"[::]:5060":          {{UDP, "[::]:5060", ""}, {TCP, "[::]:5060", ""}},
		"::1":                {{UDP, "::1", ""}, {TCP, "::1", ""}},
		"udp:eth0":           {{UDP, "eth0", ""}},
		"tls:192.0.2.1":      {{TLS, "192.0.2.1", ""}},
		"WSS:[::1]:443":      {{WSS, "[::1]:443", ""}},
		"sip.example.org:0":  {{UDP, "sip.example.org:0", ""}, {TCP, "sip.example.org:0", ""}},
		"udp:1.2.3.4:5 advertise sip.example.org:5070": {{UDP, "1.2.3.4:5", "sip.example.org:5070"}},
	} {
		got, err := ParseListen(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
	for in, want := range map[string]string{
		"":                      "want [PROTO:]HOST",
		"udp:":                  `"" is neither an address`,
		"udp:1.2.3:5060":        `"1.2.3" is neither`,
		"udp:1.2.3.4:70000":     `"70000" is not a port`,
		"udp:1.2.3.4:":          `"" is not a port`,
		"udp:[::1:5060":         "no closing bracket",
		"udp:[1.2.3.4]:5060":    "is not an IPv6 address",
		"udp:[::1]5060":         "is not a port",
		"sctp:1.2.3.4:5060":     `"1.2.3.4:5060" is not a port`,
		"1.2.3.4 advertise":     "want [PROTO:]HOST",
		"1.2.3.4 advertise a b": "want [PROTO:]HOST",
		"1.2.3.4 advertise a:b": `advertise: "b" is not a port`,
		"udp:ex ample.org":      "want [PROTO:]HOST",
		"udp:exa$mple.org":      "neither an address nor a host name",
	} {
		_, err := ParseListen(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", in, err, want)
		}
	}
}

func TestSocketTexts(t *testing.T) {
	h := &handler{receive: echo}
	l := open(t, Config{}, h, "udp:[::1]:0", "tcp:127.0.0.1:0 advertise Sip.Example.ORG:5070", "udp:127.0.0.1:0 advertise 192.0.2.7")
	s := l.Sockets()
	port := s[0].Addr.String()[len("[::1]:"):]
	if got, want := string(s[0].Via), "UDP [::1]:"+port; got != want {
		t.Errorf("Via %q, want %q", got, want)
	}
	if got, want := s[0].Name, "udp:[::1]:"+port; got != want {
		t.Errorf("Name %q, want %q", got, want)
	}
	if got, want := string(s[1].Via), "TCP Sip.Example.ORG:5070"; got != want {
		t.Errorf("Via %q, want %q", got, want)
	}
	if got := s[2].AdvertisedPort; got != s[2].Addr.Port() {
		t.Errorf("advertised without a port: %d, want the bound %d", got, s[2].Addr.Port())
	}
	for _, c := range []struct {
		host string
		port uint16
		want bool
	}{
		{"[::1]", s[0].Addr.Port(), true}, {"::1", 0, true}, {"[::1]", 1, false},
		{"127.0.0.1", s[1].Addr.Port(), true}, {"127.0.0.2", 0, false},
		{"192.0.2.7", s[2].Addr.Port(), true}, {"192.0.2.7", 5070, false},
	} {
		addr, ok := ParseHost(c.host)
		if got := l.IsLocal(addr, c.port); !ok || got != c.want {
			t.Errorf("IsLocal(%v, %d) = %v", addr, c.port, got)
		}
	}
}

func TestParseHost(t *testing.T) {
	for host, want := range map[string]string{
		"[::1]": "::1", "::1": "::1", "192.0.2.7": "192.0.2.7", "[::ffff:192.0.2.7]": "192.0.2.7",
		"": "", "[": "", "[::1": "", "999.1.1.1": "", "example.org": "",
	} {
		got, ok := ParseHost(host)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %v, %v; want %q", host, got, ok, want)
		}
	}
}

func TestWildcardIsEveryAddress(t *testing.T) {
	h := &handler{receive: echo}
	l := open(t, Config{}, h, "udp:0.0.0.0:0", "udp:[::]:0")
	for _, a := range hostAddrs() {
		i := 0
		if a.Is6() {
			i = 1
		}
		if !l.IsLocal(a, l.Sockets()[i].Addr.Port()) {
			t.Errorf("%v is not local", a)
		}
	}
	for _, s := range l.Sockets() {
		if strings.HasPrefix(string(s.HostPort), "0.0.0.0") || strings.HasPrefix(string(s.HostPort), "[::]:") {
			t.Errorf("%s advertises itself as %s", s.Name, s.HostPort)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	h := &handler{receive: echo}
	for _, workers := range []int{1, 3} { // a group must be found too
		l := open(t, Config{UDPWorkers: workers}, h, "udp:127.0.0.1:0", "tcp:127.0.0.1:0")
		for _, s := range l.Sockets() {
			_, err := New(Config{UDPWorkers: workers, Listen: []Listen{{Proto: s.Proto, Addr: s.Addr.String()}}}, h, slog.New(slog.DiscardHandler))
			var inUse *InUseError
			if !errors.As(err, &inUse) || inUse.Proto != s.Proto || inUse.Addr != s.Addr.String() {
				t.Errorf("second bind of %s: %v", s.Name, err)
			}
			if err != nil && !strings.Contains(err.Error(), s.Name+" is already in use") {
				t.Errorf("error does not name %s: %v", s.Name, err)
			}
		}
	}
}

func TestAddressTakenWithReusePortIsFound(t *testing.T) {
	lc := net.ListenConfig{Control: sharePort}
	pc, err := lc.ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	_, err = New(Config{UDPWorkers: 2, Listen: []Listen{{Proto: UDP, Addr: pc.LocalAddr().String()}}}, &handler{receive: echo}, slog.New(slog.DiscardHandler))
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("shared silently: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	local := []Listen{{Proto: UDP, Addr: "127.0.0.1:0"}}
	for want, cfg := range map[string]Config{
		"no address":          {},
		"UDPWorkers is -1":    {Listen: local, UDPWorkers: -1},
		"MaxMessage is 10":    {Listen: local, MaxMessage: 10},
		"IdleTimeout is -1ns": {Listen: local, IdleTimeout: -1},
		"protocol local":      {Listen: []Listen{{Proto: Local, Addr: "127.0.0.1:0"}}},
		"no certificate":      {Listen: []Listen{{Proto: WSS, Addr: "127.0.0.1:0"}}},
		"MaxHandshakes is -1": {Listen: local, MaxHandshakes: -1},
		"PingInterval is -1s": {Listen: local, PingInterval: -time.Second},
		"nosuch.invalid":      {Listen: []Listen{{Proto: UDP, Addr: "nosuch.invalid"}}},
		"192.0.2.1:":          {Listen: []Listen{{Proto: UDP, Addr: "192.0.2.1:0"}}},
		"advertise":           {Listen: []Listen{{Proto: UDP, Addr: "127.0.0.1:0", Advertise: "a b"}}},
	} {
		_, err := New(cfg, &handler{receive: echo}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestSameAddressTwiceIsOneSocket(t *testing.T) {
	h := &handler{receive: echo}
	first := open(t, Config{}, h, "udp:127.0.0.1:0")
	addr := first.Sockets()[0].Name
	shut(t, first)
	l := open(t, Config{}, h, addr, addr)
	if len(l.Sockets()) != 1 {
		t.Errorf("%d sockets", len(l.Sockets()))
	}
}
