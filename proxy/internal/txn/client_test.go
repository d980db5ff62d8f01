package txn

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

var v6 = netip.MustParseAddrPort("[2001:db8::1]:5060")

// TestClientInvite is RFC 3261 §17.1.1 with RFC 6026 §7.2.
func TestClientInvite(t *testing.T) {
	t.Run("silence over UDP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("INVITE", udp)
			b.sleep(32100 * time.Millisecond)
			b.want("Timer A", "0 INVITE, 500 INVITE, 1500 INVITE, 3500 INVITE, 7500 INVITE, 15500 INVITE, 31500 INVITE")
			if o.said() != ErrTimeout.Error() { // Timer B
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("silence over TCP", func(t *testing.T) {
		inBubble(t, Config{FrTimer: 5 * time.Second}, func(b *bubble) {
			o := b.call("INVITE", tcp)
			b.sleep(5100 * time.Millisecond)
			b.want("no Timer A", "0 INVITE")
			if o.said() != ErrTimeout.Error() {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("rings and is refused", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("INVITE", udp)
			b.sleep(600 * time.Millisecond)
			b.respond(o, 180, "INVITE", "x")
			b.sleep(time.Minute) // neither Timer A nor Timer B any more
			b.want("until it rings", "0 INVITE, 500 INVITE")
			for range 2 {
				b.respond(o, 486, "INVITE", "x")
			}
			b.respond(o, 200, "INVITE", "x")
			b.respond(o, 180, "INVITE", "x")
			b.want("an ACK for each refusal", "60500 ACK, 60500 ACK")
			b.sleep(31900 * time.Millisecond)
			if !b.respond(o, 486, "INVITE", "x") {
				t.Error("Timer D is too short")
			}
			b.sleep(200 * time.Millisecond)
			if b.respond(o, 486, "INVITE", "x") {
				t.Error("Timer D is too long")
			}
			if o.said() != "180, 486" {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("refused over TCP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("INVITE", tcp)
			b.respond(o, 486, "INVITE", "x")
			b.want("acknowledged at once", "0 INVITE, 0 ACK")
			o.gone() // Timer D is 0
		})
	})
	t.Run("answered several times", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("INVITE", udp)
			b.respond(o, 200, "INVITE", "x")
			b.respond(o, 200, "INVITE", "y")
			b.respond(o, 486, "INVITE", "z")
			b.respond(o, 180, "INVITE", "z")
			b.sleep(31900 * time.Millisecond)
			b.respond(o, 200, "INVITE", "x")
			b.sleep(200 * time.Millisecond) // Timer M
			if b.respond(o, 200, "INVITE", "x") {
				t.Error("Timer M is too long")
			}
			b.want("the ACK of a 2xx is not ours", "0 INVITE")
			if o.said() != "200, 200, 200" {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
}

// TestClientOther is RFC 3261 §17.1.2.
func TestClientOther(t *testing.T) {
	t.Run("silence over UDP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("MESSAGE", udp)
			b.sleep(33 * time.Second)
			b.want("Timer E", "0 MESSAGE, 500 MESSAGE, 1500 MESSAGE, 3500 MESSAGE, 7500 MESSAGE, 11500 MESSAGE, 15500 MESSAGE, 19500 MESSAGE, 23500 MESSAGE, 27500 MESSAGE, 31500 MESSAGE")
			if o.said() != ErrTimeout.Error() { // Timer F
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("trying, then nothing", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("MESSAGE", udp)
			b.respond(o, 100, "MESSAGE", "x")
			b.sleep(33 * time.Second)
			b.want("every T2", "0 MESSAGE, 500 MESSAGE, 4500 MESSAGE, 8500 MESSAGE, 12500 MESSAGE, 16500 MESSAGE, 20500 MESSAGE, 24500 MESSAGE, 28500 MESSAGE")
			if o.said() != "100, "+ErrTimeout.Error() {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("answered over UDP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("MESSAGE", udp)
			b.respond(o, 200, "MESSAGE", "x")
			b.sleep(4900 * time.Millisecond)
			if !b.respond(o, 200, "MESSAGE", "x") {
				t.Error("Timer K is too short")
			}
			b.sleep(200 * time.Millisecond)
			b.want("once", "0 MESSAGE")
			if o.said() != "200" {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("answered over TCP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("MESSAGE", tcp)
			b.respond(o, 404, "MESSAGE", "x")
			o.gone()
		})
	})
}

// TestCancelHasItsOwnTransaction: CANCEL shares the branch of its INVITE; responses find
// theirs by the method of their CSeq (RFC 3261 §17.1.3).
func TestCancelHasItsOwnTransaction(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		o := b.call("INVITE", udp)
		b.respond(o, 180, "INVITE", "x")
		o.Lock()
		msg, err := o.client.AppendCancel(nil, []byte("Reason: SIP;cause=200\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		o.cancel.PrepareCancel(&o.client)
		if err := o.cancel.Start(sip.CANCEL, udp, msg, b); err != nil {
			t.Fatal(err)
		}
		o.Unlock()
		m := read(t, string(msg))
		v, _ := m.Via()
		if string(v.Branch) != string(AppendBranch(nil, StatefulMark, o.client.id)) || string(m.HeaderValue(sip.HdrRoute)) != "<sip:r;lr>" ||
			string(m.HeaderValue(sip.HdrReason)) != "SIP;cause=200" || string(m.HeaderValue(sip.HdrCSeq)) != "5 CANCEL" {
			t.Errorf("CANCEL\n%s", msg)
		}
		b.respond(o, 481, "CANCEL", "x")
		if o.said() != "180" {
			t.Errorf("the INVITE heard %q", o.said())
		}
		b.respond(o, 487, "INVITE", "x")
		b.want("on the wire", "0 INVITE, 0 CANCEL, 0 ACK")
		b.sleep(33 * time.Second)
		o.gone()
	})
}

// TestSendFails: nothing is left of a transaction whose request could not be sent.
func TestSendFails(t *testing.T) {
	for name, flow := range map[string]transport.Flow{"UDP": udp, "TCP": tcp} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				b.fail = errors.New("no way out")
				o := &owner{t: t}
				b.table.Init(&o.Cell, 3, o)
				o.Lock()
				o.client.Prepare(b.table, &o.Cell, o)
				if err := o.client.Start(sip.INVITE, flow, request(t, "INVITE", "").Buf, b); !errors.Is(err, b.fail) {
					t.Errorf("got %v", err)
				}
				if o.client.Pending() || o.client.Sent() != nil {
					t.Error("it waits for a response")
				}
				o.Unlock()
				o.Unref()
				o.gone()
				if len(b.table.streams.m) != 0 {
					t.Error("its connection is remembered")
				}
			})
		})
	}
}

// conns are the connections that transactions wait on.
func (b *bubble) conns() (list []uint64) {
	b.table.Flows(func(f transport.Flow) { list = append(list, f.Conn) })
	slices.Sort(list)
	return list
}

// TestFlowDown fails what waits on the connection, and nothing else.
func TestFlowDown(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		broken := errors.New("broken")
		other := tcp
		other.Conn = 8
		waiting, rings, elsewhere, datagram := b.call("INVITE", tcp), b.call("INVITE", tcp), b.call("INVITE", other), b.call("MESSAGE", udp)
		answered := b.call("INVITE", tcp)
		b.respond(rings, 180, "INVITE", "x")
		b.respond(answered, 200, "INVITE", "x")
		if diff := cmp.Diff([]uint64{tcp.Conn, other.Conn}, b.conns()); diff != "" {
			t.Errorf("connections that are needed (-want +got):\n%s", diff)
		}
		b.table.FlowDown(tcp, broken, b)
		b.table.FlowDown(tcp, broken, b)
		for want, o := range map[string]*owner{"broken": waiting, "180, broken": rings, "": elsewhere, "200": answered} {
			if o.said() != want {
				t.Errorf("heard %q, want %q", o.said(), want)
			}
		}
		waiting.gone()
		rings.gone()
		if datagram.said() != "" {
			t.Errorf("the one over UDP heard %q", datagram.said())
		}
		b.sleep(33 * time.Second)
		for _, o := range []*owner{elsewhere, datagram, answered} {
			o.gone()
		}
		if len(b.table.streams.m) != 0 {
			t.Errorf("%d connections are remembered", len(b.table.streams.m))
		}
		if got := b.conns(); got != nil {
			t.Errorf("connections %v are needed", got)
		}
	})
}

// TestGiveUp ends a transaction in any state, once.
func TestGiveUp(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		o := b.call("INVITE", udp)
		o.Ref()
		o.Lock()
		o.client.GiveUp()
		o.client.GiveUp()
		o.Unlock()
		o.Unref()
		if b.respond(o, 200, "INVITE", "x") {
			t.Error("it still takes responses")
		}
		o.gone()
	})
}

// TestFaultLeavesNoLock: what panics in the user's hands does not hold the cell for ever.
func TestFaultLeavesNoLock(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		o := b.call("INVITE", udp)
		o.on = func(int) { panic("fault") }
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic came")
				}
			}()
			b.respond(o, 180, "INVITE", "x")
		}()
		o.on = nil
		if !b.respond(o, 200, "INVITE", "x") { // would wait for ever
			t.Error("it is gone")
		}
		b.sleep(33 * time.Second)
		o.gone()
	})
}

func TestBranch(t *testing.T) {
	for _, id := range []uint64{0, 1, 1<<64 - 1, 0x0123456789abcdef} {
		for _, mark := range []byte{StatefulMark, StatelessMark} {
			text := AppendBranch(nil, mark, id)
			if got, ok := ParseBranch(text, mark); !ok || got != id {
				t.Errorf("%x became %q and %x, %v", id, text, got, ok)
			}
			if _, ok := ParseBranch(text, mark^1); ok {
				t.Errorf("%q has another mark", text)
			}
		}
	}
	for _, bad := range []string{"", "z9hG4bK", "z9hG4bKs", "z9hG4bKs0123456789abcde", "z9hG4bKs0123456789abcdef0", "z9hG4bKs0123456789ABCDEF", "xxxxxxxs0123456789abcdef", "z9hG4bKs0123456789abcdeg"} {
		if id, ok := ParseBranch([]byte(bad), StatefulMark); ok {
			t.Errorf("%q is %x", bad, id)
		}
	}
	if !strings.HasPrefix(string(AppendBranch(nil, 's', 1)), sip.MagicCookie) {
		t.Error("no cookie")
	}
}
