package usrloc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// TestRestart: a table that is loaded from what another one wrote has the same
// bindings, and reaches phones over UDP as before.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sockets := func(c *Config) { c.Sockets, c.ServerID = loopback, 7 }
		d := &database{}
		m := newModule(t, d, sockets)
		stop := running(t, m)
		udp := transport.Flow{Proto: transport.UDP, Socket: 1, Local: addrPortOf("127.0.0.1:5060"), Remote: addrPortOf("127.0.0.1:6000")}
		tcp := transport.Flow{Proto: transport.TCP, Local: addrPortOf("127.0.0.1:5060"), Remote: addrPortOf("127.0.0.1:43210"), Conn: 9}
		direct := udp
		direct.Remote = addrPortOf("127.0.0.1:7000")
		reg := registration("b%40x@example.org", "sip:b@10.0.0.1:5060", "sip:b@127.0.0.1:9;transport=tcp", "sip:b@127.0.0.1:7000", "sip:b@host 4294967295")
		reg.UserAgent, reg.Socket, reg.CSeq, reg.Flags = []byte("phone"), "udp:127.0.0.1:5060", 42, 3
		for i, c := range []Contact{
			{Received: []byte("sip:127.0.0.1:6000"), Flow: udp, Q: 900, Methods: 5, CFlags: 1},
			{Received: []byte("sip:127.0.0.1:43210;transport=tcp"), Flow: tcp, Q: 500, Methods: AllMethods},
			{Flow: direct, Q: 250, Instance: []byte("<urn:uuid:1>"), RegID: 2, Methods: AllMethods},
			{Q: NoQ, Methods: AllMethods},
		} {
			c.URI, c.Expires = reg.Contacts[i].URI, reg.Contacts[i].Expires
			reg.Contacts[i] = c
		}
		o := save(t, m, reg)
		pathed := registration("path@example.org", "sip:p@10.0.0.1")
		pathed.Path, pathed.Socket = []byte("<sip:edge.example.org;lr>"), "udp:127.0.0.1:5060"
		save(t, m, pathed)
		synctest.Wait()
		wantEnd(t, o, "durable")
		stop()

		again := newModule(t, d, sockets)
		if err := again.Load(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"b%40x@example.org", "path@example.org"} {
			got, want := described(again, address), described(m, address)
			want = strings.ReplaceAll(want, fmt.Sprint(tcp), fmt.Sprint(transport.Flow{}))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("after the restart (-before +after):\n%s", diff)
			}
		}
		if again.table.writer.waiting() != 0 {
			t.Errorf("loading what we wrote makes %d changes", again.table.writer.waiting())
		}
		if err := again.table.consistent(); err != nil {
			t.Error(err)
		}
		if _, err := again.Table().Save(withCallID(registration("b%40x@example.org", "sip:b@10.0.0.1:5060"), string(reg.CallID)), nil); err == nil {
			t.Error("after the restart a lower CSeq is taken")
		}
	})
}

// TestRestartGivesNoTime: a router that is restarted at once tells a phone of no more time than it was
// given, though the rows have whole seconds.
func TestRestartGivesNoTime(t *testing.T) {
	for _, part := range []time.Duration{0, time.Millisecond, 250 * time.Millisecond, 999 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(part)
			d := &database{}
			m := newModule(t, d)
			stop := running(t, m)
			save(t, m, registration("bob@example.org", "sip:b@10.0.0.1:5060 60"))
			synctest.Wait()
			stop()
			again := newModule(t, d)
			if err := again.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			list := again.Table().Lookup([]byte("bob@example.org"), nil)
			if len(list) != 1 {
				t.Fatalf("%d bindings", len(list))
			}
			if left := list[0].Remaining(time.Now()); left > time.Minute || left < 59*time.Second {
				t.Errorf("at %v it has %v", part, left)
			}
		})
	}
}

// described is all that a lookup tells of an address.
func described(m *Module, address string) string {
	var s strings.Builder
	now := m.cfg.Now()
	for _, b := range m.Table().Lookup([]byte(address), nil) {
		fmt.Fprintf(&s, "%s received=%q path=%q callid=%s cseq=%d ua=%s instance=%s reg=%d socket=%s q=%d methods=%d flags=%d cflags=%d server=%d left=%v permanent=%v flow=%v\n",
			b.Contact(), b.Received(), b.Path(), b.CallID(), b.CSeq, b.UserAgent(), b.Instance(), b.RegID, b.Socket(), b.Q, b.Methods,
			b.Flags, b.CFlags, b.ServerID, b.Remaining(now), b.Permanent(), b.Flow)
	}
	return s.String()
}

// TestLoadOddRows: rows that others wrote, or that are too old, harm nobody.
func TestLoadOddRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		row := func(ruid, address, contact string, left time.Duration) store.Binding {
			b := store.Binding{RUID: ruid, AOR: aorOf(t, "x@example.org"), Contact: contact, Expires: now.Add(left), Q: -1,
				CallID: "c", CSeq: 1, LastModified: now, Methods: AllMethods}
			b.AOR.User, b.AOR.Domain, _ = strings.Cut(address, "@")
			return b
		}
		d := &database{rows: map[string]store.Binding{}}
		long := "sip:" + strings.Repeat("x", 3000) + "@h"
		for _, b := range []store.Binding{
			row("uloc-1", "bob@example.org", "sip:kamailio@h", time.Hour),
			row("uloc-2", "bob@example.org", "sip:old@h", -time.Second),
			row("uloc-3", "bob@", "sip:nodomain@h", time.Hour),
			row("uloc-4", "bob@example.org", "no URI", time.Hour),
			row("uloc-5", "bob@example.org", long, time.Hour),
			row("uloc-6", "BOB@Example.ORG", "sip:upper@h", time.Hour),
		} {
			d.rows[b.RUID] = b
		}
		younger := row("uloc-7", "bob@example.org", "sip:KAMAILIO@h", time.Hour)
		younger.Contact, younger.CallID, younger.LastModified = "sip:kamailio@H", "younger", now.Add(time.Minute)
		d.rows[younger.RUID] = younger
		bad := row("uloc-8", "bob@example.org", "sip:received@h", time.Hour)
		bad.Received = "nonsense"
		d.rows[bad.RUID] = bad

		m := newModule(t, d)
		if err := m.Load(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantPresent(t, m, bob, "sip:kamailio@H sip:upper@h")
		stop := running(t, m)
		time.Sleep(time.Second)
		stop()
		d.mu.Lock()
		defer d.mu.Unlock()
		var left []string
		for ruid, b := range d.rows {
			left = append(left, fmt.Sprintf("%.5s %s %.10s %s", ruid, b.AOR, b.Contact, b.CallID))
		}
		slices.Sort(left)
		kept := m.Table().Lookup([]byte(bob), nil)
		want := []string{
			fmt.Sprintf("%.5s bob@example.org sip:kamail younger", kept[0].ruid()),
			fmt.Sprintf("%.5s bob@example.org sip:upper@ c", kept[1].ruid()),
			"uloc- bob@ sip:nodoma c", "uloc- bob@example.org no URI c", "uloc- bob@example.org sip:receiv c", "uloc- bob@example.org sip:xxxxxx c",
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, left); diff != "" {
			t.Errorf("rows afterwards (-want +got):\n%s", diff)
		}
	})
}

// TestLoadFails: without the rows the proxy does not start to serve.
func TestLoadFails(t *testing.T) {
	m := newModule(t, &database{away: true})
	if err := m.Load(context.Background()); err == nil || !strings.Contains(err.Error(), "location") {
		t.Errorf("Load: %v, want an error that names the table", err)
	}
	memory := newModule(t, &database{away: true}, func(c *Config) { c.Store = nil })
	if err := memory.Load(context.Background()); err != nil {
		t.Errorf("Load without a database: %v", err)
	}
}
