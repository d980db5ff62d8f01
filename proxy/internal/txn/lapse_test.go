package txn

import (
	"testing"
	"time"
)

// TestClientLapses: an INVITE that is not waited for any longer is heard as long as its user
// likes, and then as the figures say; it is never sent again.
func TestClientLapses(t *testing.T) {
	begin := func(b *bubble) *owner {
		o := b.call("INVITE", udp)
		o.locked(func() { o.lapses = true })
		b.sleep(10 * time.Minute)
		o.locked(func() {
			if o.client.Pending() || o.client.State() != "given up" {
				t.Errorf("the transaction is %s", o.client.State())
			}
		})
		b.want("until Timer B", "0 INVITE, 500 INVITE, 1500 INVITE, 3500 INVITE, 7500 INVITE, 15500 INVITE, 31500 INVITE")
		return o
	}
	t.Run("nothing comes", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := begin(b)
			o.Ref()
			o.locked(o.client.GiveUp)
			o.Unref()
			if b.respond(o, 200, "INVITE", "x") || o.said() != ErrTimeout.Error() {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("it rings and is answered", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := begin(b)
			b.respond(o, 180, "INVITE", "x")
			o.locked(func() {
				if text, err := o.client.AppendCancel(nil, nil); err != nil || string(text[:7]) != "CANCEL " {
					t.Errorf("its CANCEL: %q, %v", text, err)
				}
			})
			b.respond(o, 200, "INVITE", "x")
			b.respond(o, 200, "INVITE", "y")
			b.sleep(33 * time.Second) // Timer M
			if o.said() != ErrTimeout.Error()+", 180, 200, 200" {
				t.Errorf("heard %q", o.said())
			}
			o.gone()
		})
	})
	t.Run("it is refused", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := begin(b)
			b.respond(o, 486, "INVITE", "x")
			b.respond(o, 486, "INVITE", "x")
			b.want("an ACK for each", "600000 ACK, 600000 ACK")
			b.sleep(33 * time.Second) // Timer D
			o.gone()
		})
	})
	t.Run("it has ended", func(t *testing.T) {
		inBubble(t, Config{}, func(b *bubble) {
			o := b.call("INVITE", udp)
			b.respond(o, 200, "INVITE", "x")
			o.locked(o.client.Lapse)
			b.sleep(33 * time.Second)
			o.locked(o.client.Lapse)
			o.gone()
		})
	})
}

// locked calls f as the call's timers and responses do.
func (o *owner) locked(f func()) {
	o.Lock()
	defer o.Unlock()
	f()
}
