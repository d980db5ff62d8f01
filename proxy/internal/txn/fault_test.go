package txn

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// faulty is an owner that panics when its transaction fails, or when the lock is free.
type faulty struct {
	owner
	inUnlocked, inFailed bool // until it has happened
}

func (o *faulty) Unlocked(*transport.Worker) {
	if o.inUnlocked {
		o.inUnlocked = false
		panic("in Unlocked")
	}
}

func (o *faulty) Failed(*Client, error, Out) {
	if o.inFailed {
		o.inFailed = false
		panic("in Failed")
	}
}

func (o *faulty) Response(*Client, *sip.Message, transport.Flow, *transport.Worker) {}

// TestFaultOnTheTimers: a panic in the owner's code is told of, leaves no lock and no
// reference, and the timers of others go on.
func TestFaultOnTheTimers(t *testing.T) {
	for _, inUnlocked := range []bool{false, true} {
		var told []string
		cfg := Config{Fault: func(o Owner, fault any, stack []byte) {
			f := o.(*faulty)
			f.Lock() // nobody holds it
			defer f.Unlock()
			told = append(told, fmt.Sprint(fault))
			if len(stack) == 0 {
				t.Error("no stack")
			}
		}}
		inBubble(t, cfg, func(b *bubble) {
			bad, good := &faulty{inUnlocked: inUnlocked, inFailed: !inUnlocked}, &owner{}
			bad.t, good.t = t, t
			start := func(c *Cell, x *Client, o Owner, u ClientUser) {
				b.table.Init(c, 1, o)
				c.Lock()
				x.Prepare(b.table, c, u)
				if err := x.Start(sip.OPTIONS, udp, []byte("OPTIONS sip:x SIP/2.0\r\n\r\n"), b); err != nil {
					t.Error(err)
				}
				c.Unlock()
				c.Unref()
			}
			start(&bad.Cell, &bad.client, bad, bad)
			start(&good.Cell, &good.client, good, good)
			time.Sleep(time.Minute)
			synctest.Wait()
			want := "[in Failed]"
			if inUnlocked {
				want = "[in Unlocked]"
			}
			if fmt.Sprint(told) != want {
				t.Errorf("told of %v, want %s", told, want)
			}
			if fmt.Sprint(good.heard) != "[no response in time]" {
				t.Errorf("the other transaction heard %v", good.heard)
			}
			bad.gone()
			good.gone()
		})
	}
}

// TestEach goes over the server transactions, and f may end them.
func TestEach(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		var all []*owner
		for i := range 100 {
			o := &owner{t: t}
			b.table.Init(&o.Cell, uint64(i), o)
			if old := o.server.Start(b.table, &o.Cell, Key{uint64(i), 1}, &sip.Message{}, udp, nil); old != nil {
				t.Fatal("a transaction stands there already")
			}
			o.Unref()
			all = append(all, o)
		}
		seen := 0
		b.table.Each(func(x *Server) {
			seen++
			c := x.Cell()
			c.Lock()
			x.Abort()
			c.Unlock()
		})
		if seen != len(all) {
			t.Errorf("saw %d of %d", seen, len(all))
		}
		for _, o := range all {
			o.gone()
		}
	})
}

// TestBuffersAreGivenBack: after a peak the free buffers go back to the collector while
// the table runs, and those in use now and then stay.
func TestBuffersAreGivenBack(t *testing.T) {
	var idle atomic.Int32
	cfg := Config{Idle: func() { idle.Add(1) }}
	inBubble(t, cfg, func(b *bubble) {
		p := &b.table.Buffers
		var peak []*Buffer
		for range 20_000 {
			peak = append(peak, p.Copy([]byte("x")))
		}
		for _, x := range peak {
			p.Give(x)
		}
		time.Sleep(idleInterval / 2) // so that memory is given back between the rushes
		var busy []*Buffer
		for range 20 { // twenty minutes of little traffic
			for range 2000 {
				busy = append(busy, p.Copy([]byte("x")))
			}
			for _, x := range busy {
				p.Give(x)
			}
			busy = busy[:0]
			time.Sleep(idleInterval)
		}
		n := p.lists[0].Idle()
		if n < 2000 || n > 2000+2*keepFree {
			t.Errorf("%d buffers lie idle, want little more than the 2000 in use", n)
		}
		if n := idle.Load(); n < 15 {
			t.Errorf("Idle was called %d times", n)
		}
	})
}
