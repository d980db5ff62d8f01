//go:build !race

package nathelper

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// quiet sends nowhere.
type quiet struct{ *ether }

func (quiet) Send(transport.Flow, []byte) error { return nil }

// TestPingsAllocateNothing: a part of the table is pinged in the memory of the last one,
// and a message that is no answer costs nothing.
func TestPingsAllocateNothing(t *testing.T) {
	x := &table{}
	for i := range 200 {
		x.set(fmt.Sprintf("a%d", i), row{contact: "sip:a@10.0.0.1", flow: udp(i), natted: true})
	}
	m := New(Config{Locations: x})
	m.set.from, m.set.interval, m.set.keepalive = "sip:pinger@example.org", 30e9, 120e9
	m.Attach(quiet{&ether{}})
	m.on.Store(true)
	var b batch
	if n := testing.AllocsPerRun(50, func() {
		b.phones, b.text = b.phones[:0], b.text[:0]
		for i := range 200 {
			from := uint32(len(b.text))
			b.text = append(b.text, "sip:a@10.0.0.1"...)
			b.phones = append(b.phones, phone{flow: udp(i), id: phoneID{byte(i)}, from: from, to: uint32(len(b.text))})
		}
		for i := range b.phones {
			m.ping(&b, &b.phones[i])
		}
	}); n > 1 { // the map of those who have not answered, now and then
		t.Errorf("%v allocations for 200 pings", n)
	}
	invite := []byte("INVITE sip:x SIP/2.0\r\n\r\n")
	ok := []byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx\r\n" + strings.Repeat("X: y\r\n", 50) + "\r\n")
	var req sip.Message
	b.msg = m.appendRequest(b.msg[:0], &transport.Socket{Via: []byte("UDP h")}, &phone{}, []byte("sip:a@b"))
	if err := req.Parse(b.msg); err != nil {
		t.Fatal(err)
	}
	answer := req.AppendReply(nil, &sip.Reply{Status: 200})
	if n := testing.AllocsPerRun(100, func() {
		if m.Answered(invite) || m.Answered(ok) || !m.Answered(answer) {
			t.Fatal("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}
