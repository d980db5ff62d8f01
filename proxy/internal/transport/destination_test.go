package transport

import (
	"net/netip"
	"testing"
)

// TestFlowToOneHost: nobody has us send to a group, to all hosts or to none, over any
// protocol.
func TestFlowToOneHost(t *testing.T) {
	l := open(t, Config{}, &handler{}, "udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0")
	for addr, ok := range map[string]bool{
		"127.0.0.1:9": true, "192.0.2.255:5060": true, "223.255.255.255:5060": true, "[2001:db8::1]:5060": true,
		"224.0.0.1:5060": false, "239.255.255.255:5060": false, "[::ffff:224.0.0.1]:5060": false, "[ff02::1]:5060": false,
		"255.255.255.255:5060": false, "[::ffff:255.255.255.255]:5060": false, "0.0.0.0:5060": false, "[::]:5060": false, "[::ffff:0.0.0.0]:5060": false,
		"192.0.2.1:0": false,
	} {
		if _, err := l.FlowTo(UDP, netip.MustParseAddrPort(addr), NoSocket); (err == nil) != ok {
			t.Errorf("UDP to %s: %v", addr, err)
		}
		if ok {
			continue
		}
		if _, err := l.FlowTo(TCP, netip.MustParseAddrPort(addr), NoSocket); err == nil {
			t.Errorf("TCP to %s", addr)
		}
	}
	if _, err := l.FlowTo(UDP, netip.AddrPort{}, NoSocket); err == nil {
		t.Error("UDP to nowhere")
	}
}
