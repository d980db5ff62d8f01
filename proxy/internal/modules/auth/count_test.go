package auth

import (
	"testing"

	"pgregory.net/rapid"
)

// TestCountsModel compares the window of a nonce with a list of all counts used.
func TestCountsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c counts
		c.init(1024)
		x := nonce{at: 1000, serial: 7}
		type use struct {
			nc      uint32
			request uint64
		}
		var all []use // those that were taken
		top := uint32(0)
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			u := use{nc: uint32(rapid.IntRange(1, 300).Draw(t, "nc")), request: uint64(2*i + 1)}
			if len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "repeat") == 0 {
				u = all[len(all)-1]
			}
			want := fresh
			for _, old := range all {
				if old.nc == u.nc {
					want = replayed
				}
			}
			if top >= window && u.nc <= top-window {
				want = replayed
			}
			for j := max(0, len(all)-4); j < len(all); j++ {
				if all[j].request == u.request {
					want = repeated
				}
			}
			if len(all) == 0 {
				want = fresh
			}
			if used := c.used(x, u.nc); want == fresh && len(all) > 0 && used || want == replayed && !used {
				t.Fatalf("count %d: used says %v, want verdict %d", u.nc, used, want)
			}
			if got := c.use(x, u.nc, u.request); got != want {
				t.Fatalf("count %d: verdict %d, want %d; top %d", u.nc, got, want, top)
			}
			if want == fresh {
				all = append(all, u)
				top = max(top, u.nc)
			}
		}
	})
}

// TestSlotsAreBounded: a newer nonce takes the slot of an older one, which then
// counts as used; never the other way round.
func TestSlotsAreBounded(t *testing.T) {
	var c counts
	c.init(1000)
	if len(c.slots) != 1024 {
		t.Fatalf("%d slots", len(c.slots))
	}
	old, young := nonce{at: 1000, serial: 5}, nonce{at: 1001, serial: 5 + 1024}
	if got := c.use(old, 1, 1); got != fresh {
		t.Fatal(got)
	}
	if got := c.use(young, 1, 3); got != fresh {
		t.Fatal(got)
	}
	for nc := range uint32(100) {
		if got := c.use(old, nc+2, uint64(2*nc+5)); got != replayed || !c.used(old, nc+2) {
			t.Fatalf("count %d of a nonce that lost its slot: %d", nc+2, got)
		}
	}
	if got := c.use(young, 2, 99); got != fresh {
		t.Errorf("the younger nonce was disturbed: %d", got)
	}
	if c.used(nonce{at: 1001, serial: 6}, 1) {
		t.Error("a nonce that was never used counts as used")
	}
}
