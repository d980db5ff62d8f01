package txn

import (
	"testing"
	"time"

	"seraph/proxy/internal/transport"
)

// TestServerInvite is RFC 3261 §17.2.1 with RFC 6026 §7.1, step by step.
func TestServerInvite(t *testing.T) {
	t.Run("refused over UDP, never acknowledged", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), udp)
			b.repeat(o)
			b.want("a repetition before any reply", "")
			b.reply(o, 180)
			b.repeat(o)
			b.want("a provisional reply and a repetition", "0 180, 0 180")
			b.reply(o, 486)
			b.reply(o, 500)
			b.reply(o, 200)
			b.sleep(31900 * time.Millisecond)
			b.want("Timer G", "0 486, 500 486, 1500 486, 3500 486, 7500 486, 11500 486, 15500 486, 19500 486, 23500 486, 27500 486, 31500 486")
			b.repeat(o)
			b.want("a repetition", "32000 486")
			b.sleep(300 * time.Millisecond) // Timer H
			if b.repeat(o) {
				t.Error("it is still there after Timer H")
			}
			o.gone()
		})
	})
	t.Run("refused over UDP and acknowledged", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), udp)
			b.reply(o, 486)
			b.sleep(time.Second)
			b.ack(o)
			b.ack(o)
			b.want("until the ACK", "0 486, 500 486")
			b.sleep(4 * time.Second)
			b.repeat(o)
			b.want("confirmed", "")
			b.sleep(1100 * time.Millisecond) // Timer I
			o.gone()
		})
	})
	t.Run("refused over TCP", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), tcp)
			b.reply(o, 486)
			b.sleep(10 * time.Second)
			b.want("no Timer G", "0 486")
			b.ack(o)
			o.gone() // Timer I is 0
		})
	})
	t.Run("answered", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), udp)
			b.reply(o, 200)
			b.repeat(o)
			b.want("a repetition is absorbed", "0 200")
			b.sleep(10 * time.Second)
			b.reply(o, 200)
			b.reply(o, 486)
			b.ack(o) // of the 2xx it is not ours
			b.want("further 2xx pass, others do not", "10000 200")
			b.sleep(21900 * time.Millisecond)
			if !b.repeat(o) {
				t.Error("it is gone before Timer L")
			}
			b.sleep(200 * time.Millisecond)
			o.gone()
		})
	})
	t.Run("dropped by the script", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), udp)
			b.locked(o.server.key, func(x *Server) { x.Abort(); x.Abort() })
			o.gone()
		})
	})
}

// TestServerOther is RFC 3261 §17.2.2.
func TestServerOther(t *testing.T) {
	for name, c := range map[string]struct {
		flow transport.Flow
		life time.Duration
	}{"Timer J over UDP": {udp, 32 * time.Second}, "over TCP as long as a copy may come on another connection": {tcp, 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				o := b.serve(request(t, "MESSAGE", ";branch=z9hG4bK1"), c.flow)
				b.reply(o, 202)
				b.reply(o, 404)
				b.ack(o) // nonsense
				b.sleep(c.life - 100*time.Millisecond)
				b.took()
				if !b.repeat(o) {
					t.Error("it has gone too early")
				}
				if got := b.took(); got == "" {
					t.Error("the repetition was not answered")
				}
				b.sleep(200 * time.Millisecond)
				o.gone()
			})
		})
	}
}

// TestServerFollowsItsClient: the replies go where a client with the same address repeats
// its request, over streams; nobody else can lead them away.
func TestServerFollowsItsClient(t *testing.T) {
	other := tcp
	other.Conn = 8
	for name, c := range map[string]struct {
		again transport.Flow
		want  uint64
	}{
		"another connection": {other, 8},
		"another host":       {transport.Flow{Proto: transport.TCP, Conn: 9, Remote: v6}, 7},
		"another protocol":   {udp, 7},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				o := b.serve(request(t, "INVITE", ";branch=z9hG4bK1"), tcp)
				b.locked(o.server.key, func(x *Server) { x.Retransmitted(c.again, b) })
				if got := o.server.flow.Conn; got != c.want {
					t.Errorf("the replies go to connection %d, want %d", got, c.want)
				}
				b.reply(o, 486)
				b.ack(o)
				o.gone()
			})
		})
	}
}

// local notes what the router's own user agent hears.
type local struct{ heard []int }

func (l *local) LocalReply(status int, _ []byte) { l.heard = append(l.heard, status) }

// TestServerLocal: for the router's own user agent nothing goes over the network and
// nothing is repeated.
func TestServerLocal(t *testing.T) {
	for name, c := range map[string]struct {
		replies []int
		heard   int
		life    time.Duration
	}{"refused": {[]int{180, 486, 200}, 2, 0}, "answered twice": {[]int{180, 200, 200, 404}, 3, 33 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(b *bubble) {
				m := request(t, "INVITE", ";branch=z9hG4bK1")
				k, _ := b.table.KeyOf(m)
				o, l := &owner{t: t}, &local{}
				b.table.Init(&o.Cell, k.Hash(), o)
				o.server.Start(b.table, &o.Cell, k, m, transport.Flow{Proto: transport.Local}, l)
				o.Unref()
				for _, s := range c.replies {
					b.reply(o, s)
				}
				b.sleep(c.life)
				b.want("on the wire", "")
				if len(l.heard) != c.heard {
					t.Errorf("heard %v", l.heard)
				}
				o.gone()
			})
		})
	}
}
