package usrloc

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// TestConcurrent: workers save, look up and dump while the database fails now and
// then. Afterwards the rows are what the table says, and each change ended once.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: time.Millisecond, refuse: "planted"}
		m := newModule(t, d, func(c *Config) {
			c.Wanted = func(string) bool { return true }
			c.Publish = func(string, any) {}
		})
		stop := running(t, m)
		regs := make([][]*Registration, 8)
		for w := range regs {
			for i := range 100 {
				contacts := []string{fmt.Sprintf("sip:%d@h %d", i%3, i%4*1000)}
				if i%10 == 9 {
					contacts = append(contacts, "sip:planted@h")
				}
				regs[w] = append(regs[w], registration(fmt.Sprintf("u%d@example.org", i%5), contacts...))
			}
		}
		var outcomes [8][]*outcome
		var wg sync.WaitGroup
		for w := range regs {
			wg.Go(func() {
				var dst []Binding
				for i, reg := range regs[w] {
					outcomes[w] = append(outcomes[w], save(t, m, reg))
					dst = m.Table().Lookup(reg.AoR, dst[:0])
					m.Table().Online(string(reg.AoR))
					if i%20 == 0 {
						m.Control().Dump(func(string, []ctlproto.Contact) bool { return true })
						m.Statistics(func(string, string, int64) {})
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		for i := range 20 {
			d.set(func(d *database) { d.away, d.lost = i%4 == 1, i%4 == 3 })
			time.Sleep(300 * time.Millisecond)
		}
		wg.Wait()
		d.set(func(d *database) { d.away, d.lost = false, false })
		time.Sleep(10 * time.Second)
		for w := range outcomes {
			for i, o := range outcomes[w] {
				switch end := o.end(); end {
				case "durable", late, "the database refuses the row":
				default:
					t.Errorf("change %d of worker %d ended %q", i, w, end)
				}
			}
		}
		want := []string{}
		m.Control().Dump(func(address string, contacts []ctlproto.Contact) bool {
			for _, c := range contacts {
				want = append(want, address+" "+c.Address)
			}
			return true
		})
		if len(want) == 0 {
			t.Error("nothing is left; the test shows nothing")
		}
		if err := m.table.consistent(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		wantSameRows(t, d, want)
		stop()
	})
}

func wantSameRows(t *testing.T, d *database, want []string) {
	t.Helper()
	slices.Sort(want)
	wantRows(t, d, want...)
}
