package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// binding is a STUN binding request with these attributes.
func binding(attrs ...byte) []byte {
	b := []byte{0, 1, 0, byte(len(attrs)), 0x21, 0x12, 0xa4, 0x42}
	b = append(b, "transaction1"...)
	return append(b, attrs...)
}

func TestStunReply(t *testing.T) {
	source := netip.MustParseAddrPort("192.0.2.1:32853")
	mapped := append(binding()[:20:20], 0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43) // RFC 5769 §2.2
	mapped[0], mapped[1], mapped[3] = 1, 1, 12
	refused := append(binding()[:20:20], 0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0, 3, 0, 0)
	refused[0], refused[1], refused[3] = 1, 0x11, 16
	long := binding()
	for range 70 {
		long = append(long, 0x80, 1, 0, 0)
	}
	binary.BigEndian.PutUint16(long[2:], uint16(len(long)-20))
	for _, c := range []struct {
		name string
		sent []byte
		want []byte
	}{
		{"plain", binding(), mapped},
		{"optional attribute", binding(0x80, 0x22, 0, 3, 'a', 'b', 'c', 0), mapped},
		{"credentials", binding(0, 6, 0, 4, 'u', 's', 'e', 'r'), mapped},
		{"attribute that must be understood", binding(0, 3, 0, 4, 0, 0, 0, 6), refused},
		{"a response", append([]byte{1, 1}, binding()[2:]...), nil},
		{"an indication", append([]byte{0, 0x11}, binding()[2:]...), nil},
		{"cut off", binding(0, 6, 0, 4, 'u', 's', 'e', 'r')[:24], nil},
		{"attribute beyond the end", binding(0, 6, 0, 40, 'u', 's', 'e', 'r'), nil},
		{"odd length", append(binding(), 0), nil},
		{"too many attributes", long, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := stunReply(nil, c.sent, source); !bytes.Equal(got, c.want) {
				t.Errorf("answer % x, want % x", got, c.want)
			}
		})
	}
}

// TestStunOnSIPPort: a phone's STUN request is answered, one of IPv6 too, and never reaches
// the handler.
func TestStunOnSIPPort(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{StunRatePerSource: 3}, &handler{receive: receive}, "udp:127.0.0.1:0", "udp:[::1]:0")
	for i, size := range []int{12, 24} {
		c := dial(t, l, i)
		write(t, c, string(binding()))
		buf := make([]byte, 200)
		n, err := c.Read(buf)
		if err != nil || n != 20+size {
			t.Fatalf("%d bytes, %v", n, err)
		}
		at := localPort(c)
		if port := binary.BigEndian.Uint16(buf[26:]) ^ 0x2112; port != at.Port() {
			t.Errorf("port %d, want %d", port, at.Port())
		}
		addr := buf[28:n]
		for k := range addr {
			addr[k] ^= buf[4+k]
		}
		if a, _ := netip.AddrFromSlice(addr); a != at.Addr() {
			t.Errorf("address %v, want %v", a, at.Addr())
		}
	}
	c := dial(t, l, 0)
	for range 50 {
		write(t, c, string(binding()))
	}
	write(t, c, request("sip", ""))
	if r := next(t, got); r.text != request("sip", "") {
		t.Errorf("received %q", r.text)
	}
	eventually(t, "most of a flood goes unanswered", func() bool {
		s := l.Stats()
		return s.StunAnswered+s.StunDropped == 52 && s.StunDropped > 20
	})
}

// TestStunOfOthers: who asks too often takes nobody else's answers.
func TestStunOfOthers(t *testing.T) {
	receive, _ := collect()
	l := open(t, Config{StunRatePerSource: 5, StunRate: 1000}, &handler{receive: receive}, "udp:127.0.0.1:0")
	from := func(host string) net.Conn {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(host)}}
		c, err := d.Dial("udp", l.Sockets()[0].Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
	flood := from("127.0.7.1")
	for range 200 {
		write(t, flood, string(binding()))
	}
	missed := 0
	for i := range 20 {
		c := from(fmt.Sprintf("127.0.8.%d", i+1))
		write(t, c, string(binding()))
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := c.Read(make([]byte, 200)); err != nil || n != 32 {
			missed++
		}
	}
	if missed > 1 { // one may be counted with the flood
		t.Errorf("%d phones of 20 have no answer", missed)
	}
	eventually(t, "the flood goes unanswered", func() bool {
		s := l.Stats()
		return s.StunAnswered+s.StunDropped == 220 && s.StunAnswered < 60
	})
}

// TestStunRate: forged sources, of which each asks little, are bounded together; a /64 of IPv6 is one source.
func TestStunRate(t *testing.T) {
	const second = int64(time.Second)
	r := newStunRate(&Config{StunRatePerSource: 5, StunRate: 1000})
	answers := func(network string, now int64) (n int) {
		for i := range 1 << 14 {
			if r.take(netip.MustParseAddr(fmt.Sprintf(network, i>>8, i&255)), now) {
				n++
			}
		}
		return n
	}
	for now, want := range map[int64]int{0: 1000, second: 1000} {
		if n := answers("10.1.%d.%d", now); n != want {
			t.Errorf("at %d: %d answers, want %d", now, n, want)
		}
	}
	if n := answers("2001:db8::%x:%x", 2*second); n != 5 {
		t.Errorf("to a network: %d answers, want 5", n)
	}
}

func FuzzStun(f *testing.F) {
	f.Add(binding())
	f.Add(binding(0, 3, 0, 4, 0, 0, 0, 6))
	f.Add(binding(0x80, 0x22, 0, 3, 'a', 'b', 'c', 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isStun(b) {
			return
		}
		reply := stunReply(nil, b, netip.MustParseAddrPort("[2001:db8::1]:5060"))
		if len(reply) > stunReplyLength || len(reply) > 0 && (len(reply)%4 != 0 || int(binary.BigEndian.Uint16(reply[2:]))+20 != len(reply)) {
			t.Fatalf("answer % x", reply)
		}
	})
}
