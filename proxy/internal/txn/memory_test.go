package txn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"

	"github.com/google/go-cmp/cmp"
)

// TestMemory: what is held is counted to the byte's class and given back; a table that was
// full takes requests again once an eighth is free and a second has gone by; what belongs to
// a dialog has a quarter more. Each change is told once.
func TestMemory(t *testing.T) {
	const most = 64 << 10
	var told []string
	var others int64
	cfg := Config{Memory: Memory{Max: most, Others: func() int64 { return others },
		Changed: func(full bool, held int64, refused uint64) { told = append(told, fmt.Sprint(full, held, refused)) }}}
	inBubble(t, cfg, func(b *bubble) {
		var kept []*Buffer
		take := func(size, n int) {
			for range n {
				kept = append(kept, b.table.Buffers.Copy(make([]byte, size)))
			}
		}
		give := func(n int) {
			for range n {
				b.table.Buffers.Give(kept[len(kept)-1])
				kept = kept[:len(kept)-1]
			}
		}
		want := func(what string, held int64, full, dialog bool) {
			t.Helper()
			if h := b.table.Held(); h != held {
				t.Errorf("%s: holds %d bytes, want %d", what, h, held)
			}
			if f := b.table.Full(false); f != full {
				t.Errorf("%s: full is %v", what, f)
			}
			if f := b.table.Full(true); f != dialog {
				t.Errorf("%s: full for a dialog is %v", what, f)
			}
		}
		want("empty", 0, false, false)
		take(14000, 3)
		want("three", 3*16384, false, false)
		others = 16384
		want("with the records", most, true, false)
		others += most / reserve
		want("beyond the reserve", most+most/reserve, true, true)
		others = 0
		want("within the second", 3*16384, true, false)
		b.sleep(2 * time.Second)
		want("after it", 3*16384, false, false)
		take(300, 32)
		want("full again", most, true, false)
		b.sleep(2 * time.Second)
		give(15)
		want("not enough is free", most-15*512, true, false)
		give(1)
		want("enough is free", most-16*512, false, false)
		take(70000, 1)
		if h := b.table.Held(); h < most-16*512+70000 {
			t.Errorf("a large message is counted as %d bytes", h-(most-16*512))
		}
		want("with a large message", b.table.Held(), true, true)
		give(len(kept))
		b.sleep(2 * idleInterval)
		want("after all", 0, false, false)
	})
	for i, s := range told {
		told[i] = s[:strings.Index(s, " ")]
	}
	if diff := cmp.Diff([]string{"true", "false", "true", "false", "true", "false"}, told); diff != "" {
		t.Error(diff)
	}
}

// TestNoLeak: a transaction gives every byte back that it took, however it ends. A leak that
// is planted is found.
func TestNoLeak(t *testing.T) {
	inBubble(t, Config{}, func(b *bubble) {
		for i, end := range []func(o *owner){
			func(o *owner) { b.reply(o, 200) },
			func(o *owner) { b.reply(o, 180); b.reply(o, 486) },
			func(o *owner) { o.Lock(); o.server.Abort(); o.Unlock() },
		} {
			for _, method := range []string{"INVITE", "MESSAGE"} {
				o := b.serve(request(t, method, fmt.Sprint(";branch=z9hG4bK", i)), udp)
				c := &owner{t: t}
				b.table.Init(&c.Cell, uint64(i), c)
				c.Lock()
				c.client.Prepare(b.table, &c.Cell, c)
				if err := c.client.Start(sip.MESSAGE, udp, []byte(strings.Repeat("x", 3000)), b); err != nil {
					t.Fatal(err)
				}
				c.Unlock()
				c.Unref()
				if b.table.Held() < 4096 {
					t.Errorf("%d: a request that is under way is not counted", i)
				}
				end(o)
				b.sleep(70 * time.Second)
				if h := b.table.Held(); h != 0 {
					t.Errorf("%s, end %d: %d bytes are held for nobody", method, i, h)
				}
				b.took()
			}
		}
		leak := b.table.Buffers.Copy([]byte("planted"))
		if b.table.Held() != int64(cap(leak.B)) {
			t.Error("the planted leak does not show")
		}
	})
}

// TestIdleIsBounded: what a peak has left idle is a part of what may be in use.
func TestIdleIsBounded(t *testing.T) {
	const most = 1 << 20
	var p Buffers
	p.bound(most)
	var all []*Buffer
	for range 200 {
		all = append(all, p.Copy(make([]byte, 14000)))
	}
	for _, x := range all {
		p.Give(x)
	}
	if idle := int64(p.lists[4].Idle()) * 16384; idle > most/idleShare || idle == 0 {
		t.Errorf("%d bytes are idle of %d", idle, most)
	}
}
