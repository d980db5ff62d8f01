package usrloc

import (
	"testing"
	"testing/synctest"
	"time"

	"seraph/sql/store"
)

// TestStandby: a proxy that stands by on the same database deletes nothing that the active
// one has refreshed, neither when its copy expires nor when the phone, which answers the
// active one, is silent to it. It takes the younger row over instead, and what nobody
// refreshes goes.
func TestStandby(t *testing.T) {
	for name, lose := range map[string]func(b *Module){
		"expired": func(*Module) { time.Sleep(70 * time.Second) },
		"silent": func(b *Module) {
			time.Sleep(10 * time.Second)
			for _, x := range b.Table().Lookup([]byte(bob), nil) {
				if !b.Table().DropBinding(bob, &x) {
					t.Error("the silent phone's binding is not dropped")
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &database{}
				active := newModule(t, d)
				defer running(t, active)()
				save(t, active, registration(bob, "sip:left@h 60"))
				reg := registration(bob, "sip:b@h 60")
				save(t, active, reg)
				synctest.Wait()
				standby := newModule(t, d)
				if err := standby.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer running(t, standby)()
				if n := len(standby.Table().Lookup([]byte(bob), nil)); n != 2 {
					t.Fatalf("the standby has loaded %d contacts", n)
				}
				time.Sleep(5 * time.Second)
				reg.CSeq, reg.Contacts[0].Expires = 2, 3600
				save(t, active, reg)
				synctest.Wait()
				wantRows(t, d, bob+" sip:b@h", bob+" sip:left@h")
				lose(standby)
				time.Sleep(2 * time.Second)
				wantRows(t, d, bob+" sip:b@h")
				wantPresent(t, standby, bob, "sip:b@h")
				time.Sleep(2 * time.Hour)
				wantRows(t, d)
				wantPresent(t, standby, bob, "")
				if err := standby.table.consistent(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestStandbyAtStart: a row that has expired when it is read, and is refreshed by another
// proxy before it is deleted, stays.
func TestStandbyAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		active := newModule(t, d)
		defer running(t, active)()
		reg := registration(bob, "sip:b@h 60")
		save(t, active, reg)
		synctest.Wait()
		var old store.Binding
		d.set(func(d *database) {
			for _, old = range d.rows {
			}
		})
		time.Sleep(59 * time.Second)
		reg.CSeq, reg.Contacts[0].Expires = 2, 3600
		save(t, active, reg)
		synctest.Wait()
		standby := newModule(t, d)
		standby.table.writer.forget(bob, old.RUID, old.LastModified) // as Load does with an expired row
		defer running(t, standby)()
		time.Sleep(time.Second)
		wantRows(t, d, bob+" sip:b@h")
		wantPresent(t, standby, bob, "sip:b@h")
	})
}

// TestUndoneGoes: the row of a change that was undone goes whatever its age, though its
// binding has expired meanwhile.
func TestUndoneGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		m.table.writer.forget(bob, "x", time.Unix(1, 0))
		m.table.writer.repair(bob, "x")
		m.table.writer.forget(bob, "x", time.Unix(1, 0))
		if r := m.table.writer.repairs["x"]; !r.known.IsZero() {
			t.Errorf("it goes only if it is not younger than %v", r.known)
		}
	})
}

// TestStandbyOfOneContact: the rows of two phones with one Contact are two for a proxy that
// stands by, too: each of its copies expires by itself, and it takes over what the active proxy
// has refreshed.
func TestStandbyOfOneContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		active := newModule(t, d)
		defer running(t, active)()
		home := heard{from: "198.51.100.1:5060", callID: "h", life: 60}
		office := heard{from: "203.0.113.2:5060", callID: "o", life: 60}
		save(t, active, home.registration(1))
		save(t, active, office.registration(1))
		synctest.Wait()
		standby := newModule(t, d)
		loaded(t, standby)
		defer running(t, standby)()
		if got, want := sources(standby), "198.51.100.1:5060/h 203.0.113.2:5060/o"; got != want {
			t.Fatalf("the standby has loaded %q, want %q", got, want)
		}
		time.Sleep(5 * time.Second)
		office.life, office.from = 3600, "203.0.113.77:9"
		save(t, active, office.registration(2))
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if got, want := sources(standby), "203.0.113.77:9/o"; got != want {
			t.Errorf("the standby has %q, want %q", got, want)
		}
		wantRows(t, d, bob+" "+lan)
		save(t, standby, home.registration(3)) // it takes over
		save(t, standby, office.registration(3))
		time.Sleep(time.Second)
		synctest.Wait()
		wantRows(t, d, bob+" "+lan, bob+" "+lan)
		if err := standby.table.consistent(); err != nil {
			t.Error(err)
		}
	})
}
