package usrloc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seraph/proxy/internal/transport"
)

// fate is what a change does to one contact: the time at which it ends then,
// 0 for a removal.
type fate struct {
	contact string
	end     int64
}

// change is a change that waits for the database.
type change struct {
	ticket *Ticket
	aor    string
	fates  []fate
}

// model is a location table as plain as can be: what is settled, and what waits.
type model struct {
	settled map[string]map[string]int64 // aor → contact → end
	waiting []change
}

// view is what an address has at the time now, with what waits or without.
func (m *model) view(aor string, pending bool, now int64) []string {
	ends := map[string]int64{}
	for contact, end := range m.settled[aor] {
		ends[contact] = end
	}
	if pending {
		for _, c := range m.waiting {
			if c.aor != aor {
				continue
			}
			for _, f := range c.fates {
				ends[f.contact] = f.end
			}
		}
	}
	list := []string{}
	for contact, end := range ends {
		if end > now {
			list = append(list, contact)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) settle(i int, durable bool) {
	c := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if !durable {
		return
	}
	for _, f := range c.fates {
		if f.end == 0 {
			delete(m.settled[c.aor], f.contact)
		} else {
			m.settled[c.aor][f.contact] = f.end
		}
	}
}

// touched reports whether a change of the contact waits.
func (m *model) touched(aor, contact string) bool {
	return slices.ContainsFunc(m.waiting, func(c change) bool {
		return c.aor == aor && slices.ContainsFunc(c.fates, func(f fate) bool { return f.contact == contact })
	})
}

// TestTableModel plays registrations, removals, expiry, commits and undoing in
// any order against the model.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		mod := New(Config{Store: &database{}, Now: func() time.Time { return now }})
		if err := mod.Init(); err != nil {
			t.Fatal(err)
		}
		table := mod.Table()
		addresses := []string{"a@h", "b@h"}
		contacts := []string{"sip:1@h", "sip:2@10.0.0.1", "sip:2@10.0.0.1 sip:192.0.2.1", "sip:2@10.0.0.1 sip:192.0.2.2"} // with received
		want := &model{settled: map[string]map[string]int64{"a@h": {}, "b@h": {}}}
		ms := func() int64 { return now.UnixMilli() }
		pick := func(name string, n int) int { return rapid.IntRange(0, n-1).Draw(t, name) }
		save := func(reg *Registration, c change) {
			res, err := table.Save(reg, nil)
			if err != nil {
				t.Fatalf("Save: %v", err)
			}
			if (res.Ticket != nil) != (len(c.fates) > 0) {
				t.Fatalf("Save of %v made a ticket: %v", c.fates, res.Ticket != nil)
			}
			if res.Ticket != nil {
				res.Ticket.Deliver(nil)
				c.ticket = res.Ticket
				want.waiting = append(want.waiting, c)
			}
		}
		removal := func(aor, contact string) []fate {
			if want.touched(aor, contact) || slices.Contains(want.view(aor, true, ms()), contact) {
				return []fate{{contact, 0}}
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"register": func(*rapid.T) {
				if len(want.waiting) >= maxVersions {
					return
				}
				aor := addresses[pick("aor", 2)]
				c := change{aor: aor}
				reg := registration(aor)
				for _, contact := range [][]string{contacts[:2], contacts[1:2], contacts[2:3], contacts[3:], {contacts[0], contacts[3]}}[pick("contacts", 5)] {
					seconds := []uint32{0, 0, 5, 20}[pick("seconds", 4)]
					from := transport.Flow{Proto: transport.UDP, Remote: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(5060+pick("port", 3)))}
					uri, received, _ := strings.Cut(contact, " ")
					reg.Contacts = append(reg.Contacts, Contact{URI: []byte(uri), Received: []byte(received), Expires: seconds, Q: int16(pick("q", 3) * 500), Flow: from})
					if seconds > 0 {
						c.fates = append(c.fates, fate{contact, ms() + int64(seconds)*1000})
					} else {
						c.fates = append(c.fates, removal(aor, contact)...)
					}
				}
				save(reg, c)
			},
			"remove all": func(*rapid.T) {
				if len(want.waiting) >= maxVersions {
					return
				}
				aor := addresses[pick("aor", 2)]
				c := change{aor: aor}
				for _, contact := range contacts {
					c.fates = append(c.fates, removal(aor, contact)...)
				}
				save(&Registration{AoR: []byte(aor), RemoveAll: true, Unordered: true}, c)
			},
			"commit": func(*rapid.T) {
				if len(want.waiting) > 0 {
					want.waiting[0].ticket.settle(nil)
					want.settle(0, true)
				}
			},
			"undo": func(*rapid.T) {
				if n := len(want.waiting); n > 0 {
					i := pick("which", n)
					want.waiting[i].ticket.settle(ErrLate)
					want.settle(i, false)
				}
			},
			"time": func(*rapid.T) { now = now.Add(time.Duration(pick("seconds", 10)) * time.Second) },
			"sweep": func(*rapid.T) {
				table.sweep()
			},
			"": func(*rapid.T) {
				for _, aor := range addresses {
					got := []string{}
					last := int16(1000)
					for _, b := range table.Lookup([]byte(aor), nil) {
						got = append(got, strings.TrimSpace(string(b.Contact())+" "+string(b.Received())))
						if b.order() > last {
							t.Fatalf("%s: q %d stands after %d", aor, b.order(), last)
						}
						last = b.order()
					}
					slices.Sort(got)
					if w := want.view(aor, true, ms()); !slices.Equal(got, w) {
						t.Fatalf("%s has %v, want %v", aor, got, w)
					}
					promised := []string{}
					for _, c := range table.promised(table.shardOf(aor), aor) {
						promised = append(promised, strings.TrimSpace(c.Address+" "+c.Received))
					}
					slices.Sort(promised)
					if w := want.view(aor, false, ms()); !slices.Equal(promised, w) {
						t.Fatalf("%s was promised %v, want %v", aor, promised, w)
					}
					if table.Online(aor) != (len(promised) > 0) {
						t.Fatalf("%s is on line: %v, with %v promised", aor, table.Online(aor), promised)
					}
				}
				if err := table.consistent(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// consistent checks what the table keeps beside the bindings.
func (t *Table) consistent() error {
	at := newPlaces()
	for i := range t.shards {
		sh := &t.shards[i]
		contacts, users, timed := 0, 0, 0
		for aor, e := range sh.entries {
			live := 0
			for _, v := range e.heads {
				if !v.pending && v.before != nil {
					return fmt.Errorf("%s: what was before %s is kept for ever", aor, v.Contact())
				}
				if v.gone {
					continue
				}
				live++
				at.move(e, nil, v)
				if v.expires == 0 {
					continue
				}
				timed++
				if v.slot < 0 || sh.due[v.slot] != v {
					return fmt.Errorf("%s: %s is not where it says among the due", aor, v.Contact())
				}
			}
			contacts += live
			if live > 0 {
				users++
			}
			if len(e.heads) == 0 {
				return fmt.Errorf("%s is empty", aor)
			}
		}
		if contacts != sh.contacts || users != sh.users || timed != len(sh.due) {
			return fmt.Errorf("%d contacts, %d users, %d due; counted are %d, %d, %d", contacts, users, timed, sh.contacts, sh.users, len(sh.due))
		}
		for i, v := range sh.due {
			if i > 0 && sh.due[(i-1)/2].due > v.due {
				return fmt.Errorf("the due are out of order at %d", i)
			}
		}
	}
	return at.sameAs(t.places)
}

// sameAs compares the index with what it is of.
func (p *places) sameAs(index *places) error {
	all := func(p *places) map[netip.AddrPort]int {
		counts := map[netip.AddrPort]int{}
		for i := range p.parts {
			for at, list := range p.parts[i].at {
				counts[at] = len(list)
			}
		}
		return counts
	}
	if want, got := all(p), all(index); !maps.Equal(want, got) {
		return fmt.Errorf("phones at %v, should be %v", got, want)
	}
	return nil
}
