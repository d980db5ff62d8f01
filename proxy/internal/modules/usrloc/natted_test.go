package usrloc

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/transport"
)

// reached is a binding as Reached yields it.
type reached struct {
	aor      string
	id       [16]byte
	modified int64
	contact  string
	flow     transport.Flow
}

// allReached walks over the whole table.
func allReached(table *Table, all bool) (list []reached) {
	for part := range table.Parts() {
		table.Reached(part, all, func(aor string, id [16]byte, modified int64, contact []byte, flow transport.Flow) {
			list = append(list, reached{aor, id, modified, string(contact), flow})
		})
	}
	slices.SortFunc(list, func(a, b reached) int { return slices.Compare([]byte(a.contact), []byte(b.contact)) })
	return list
}

func contactsOf(list []reached) (contacts []string) {
	for _, r := range list {
		contacts = append(contacts, r.contact)
	}
	return contacts
}

// behindNAT is a REGISTER over UDP whose source is not what its contact says.
func behindNAT(address, contact string) *Registration {
	reg := registration(address, contact)
	reg.Contacts[0].Received = []byte("sip:192.0.2.9:40001")
	reg.Contacts[0].Flow = transport.Flow{Proto: transport.UDP, Remote: addrPortOf("192.0.2.9:40001")}
	return reg
}

// TestReached: the bindings that have a flow, those behind a NAT alone or all; none that
// is not promised yet, has expired, or is reached by its URI.
func TestReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{delay: 100 * time.Millisecond}
		m := newModule(t, d)
		stop := running(t, m)
		defer stop()
		save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.1"))
		direct := registration("bob@example.org", "sip:bob@192.0.2.7")
		direct.Contacts[0].Flow = transport.Flow{Proto: transport.UDP, Remote: addrPortOf("192.0.2.7:5060")}
		save(t, m, direct)
		save(t, m, registration("carol@example.org", "sip:carol@192.0.2.8"))
		if list := allReached(m.Table(), true); len(list) != 0 {
			t.Errorf("before the database has them %v are reached", contactsOf(list))
		}
		time.Sleep(time.Second)
		list := allReached(m.Table(), false)
		if got := contactsOf(list); !slices.Equal(got, []string{"sip:alice@10.0.0.1"}) || list[0].aor != "alice@example.org" || list[0].flow.Remote.Port() != 40001 {
			t.Errorf("behind a NAT are %v", list)
		}
		if got := contactsOf(allReached(m.Table(), true)); !slices.Equal(got, []string{"sip:alice@10.0.0.1", "sip:bob@192.0.2.7"}) {
			t.Errorf("with a flow are %v", got)
		}
		var remotes []string
		m.Table().Flows(func(f transport.Flow) { remotes = append(remotes, f.Remote.String()) })
		if slices.Sort(remotes); !slices.Equal(remotes, []string{"192.0.2.7:5060", "192.0.2.9:40001"}) {
			t.Errorf("the flows are %v", remotes)
		}
		time.Sleep(2 * time.Hour)
		if got := contactsOf(allReached(m.Table(), true)); len(got) != 0 {
			t.Errorf("expired ones are reached: %v", got)
		}
	})
}

// TestDrop: a binding goes from memory and from the database, who listens hears of it,
// and a binding that was refreshed meanwhile stays.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, l := &database{}, &listener{t: t}
		m := newModule(t, d, l.attach)
		stop := running(t, m)
		defer stop()
		save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.1"))
		save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.2"))
		time.Sleep(time.Second)
		old := allReached(m.Table(), false)
		save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.1"))
		d.set(func(d *database) { d.delay = 5 * time.Second })
		save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.2"))
		time.Sleep(time.Second)
		l.next(nil)
		other := old[0].id
		other[0]++
		for name, r := range map[string]reached{
			"one that was refreshed": old[0], "one whose change waits": old[1],
			"a stranger": {aor: "bob@example.org", id: old[0].id}, "another id": {aor: "alice@example.org", id: other, modified: old[0].modified},
		} {
			if m.Table().Drop(r.aor, r.id, r.modified) {
				t.Errorf("%s is dropped", name)
			}
		}
		time.Sleep(10 * time.Second)
		d.set(func(d *database) { d.delay = 0 })
		l.next(nil)
		list := allReached(m.Table(), false)
		if len(list) != 2 || !m.Table().Drop(list[0].aor, list[0].id, list[0].modified) {
			t.Fatalf("%v: the first is not dropped", list)
		}
		wantPresent(t, m, "alice@example.org", "sip:alice@10.0.0.2")
		l.want("alice@example.org on line [sip:alice@10.0.0.2]")
		if m.Table().Drop(list[0].aor, list[0].id, list[0].modified) {
			t.Error("it is dropped twice")
		}
		l.next(nil)
		if !m.Table().Drop(list[1].aor, list[1].id, list[1].modified) || m.Table().Online("alice@example.org") {
			t.Error("the last one is not dropped")
		}
		l.want("alice@example.org offline []")
		time.Sleep(10 * time.Second)
		if rows := d.contacts(); len(rows) != 0 {
			t.Errorf("the database has %v", rows)
		}
		// He registers again as if nothing had been.
		wantEnd(t, save(t, m, behindNAT("alice@example.org", "sip:alice@10.0.0.1")), "")
		time.Sleep(time.Second)
		wantPresent(t, m, "alice@example.org", "sip:alice@10.0.0.1")
		if rows := d.contacts(); len(rows) != 1 {
			t.Errorf("the database has %v", rows)
		}
	})
}

// BenchmarkReached walks over a table of a hundred thousand phones behind a NAT; a part
// is locked for a 256th of an operation.
func BenchmarkReached(b *testing.B) {
	m := newModule(b, nil)
	for i := range 100_000 {
		save(b, m, behindNAT(fmt.Sprintf("u%d@example.org", i), fmt.Sprintf("sip:u%d@10.0.0.1", i)))
	}
	b.ReportAllocs()
	text := make([]byte, 0, 1<<20)
	for b.Loop() {
		for part := range m.Table().Parts() {
			text = text[:0]
			m.Table().Reached(part, false, func(_ string, _ [16]byte, _ int64, contact []byte, _ transport.Flow) {
				text = append(text, contact...)
			})
		}
	}
}
