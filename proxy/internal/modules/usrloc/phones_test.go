package usrloc

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// lan is the Contact of every phone here: the same private address in many networks.
const lan = "sip:bob@192.168.178.20:5060"

// public is a Contact that is one host's in the whole world.
const public = "sip:office@203.0.113.5:5060"

// heard is a REGISTER of the Contact as it came from somewhere.
type heard struct {
	from     string // host:port of the source behind NAT; "" for the Contact's own
	callID   string
	cseq     uint32 // 0: above those before
	instance string
	life     uint32 // 0: 3600
	change   func(*Registration)
}

func (h heard) registration(step int) *Registration {
	reg := registration(bob, lan)
	reg.CallID, reg.CSeq = []byte(h.callID), uint32(step+1)
	if h.cseq > 0 {
		reg.CSeq = h.cseq
	}
	c := &reg.Contacts[0]
	if h.from != "" {
		c.Received = []byte("sip:" + h.from)
	}
	if h.instance != "" {
		c.Instance = []byte("<urn:uuid:" + h.instance + ">")
	}
	if h.life > 0 {
		c.Expires = h.life
	}
	if h.change != nil {
		h.change(reg)
	}
	return reg
}

func off(reg *Registration)      { reg.Contacts[0].Expires = 0 }
func proxied(reg *Registration)  { reg.Proxied = true }
func onlyThis(reg *Registration) { reg.Only = true }
func contact(uri string) func(*Registration) {
	return func(reg *Registration) { reg.Contacts[0].URI = []byte(uri) }
}
func all(reg *Registration) {
	reg.RemoveAll, reg.Contacts = true, nil
}
func byPath(path string) func(*Registration) {
	return func(reg *Registration) { reg.Path, reg.Proxied = []byte(path), true }
}

// sources are where the bindings of bob's came from, sorted: "received Call-ID" of each.
func sources(m *Module) string {
	var list []string
	for _, b := range m.Table().Lookup([]byte(bob), nil) {
		list = append(list, strings.TrimPrefix(string(b.Received())+"/"+string(b.CallID()), "sip:"))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestPhonesWithOneContact: which REGISTERs with the same Contact are of one phone, and which of
// two behind two NATs.
func TestPhonesWithOneContact(t *testing.T) {
	home, office := heard{from: "198.51.100.1:5060", callID: "h"}, heard{from: "203.0.113.2:5060", callID: "o"}
	with := func(h heard, change func(*heard)) heard {
		change(&h)
		return h
	}
	instance := func(h heard, id string) heard { return with(h, func(h *heard) { h.instance = id }) }
	from := func(h heard, source string) heard { return with(h, func(h *heard) { h.from = source }) }
	call := func(h heard, id string) heard { return with(h, func(h *heard) { h.callID = id }) }
	but := func(h heard, f func(*Registration)) heard { return with(h, func(h *heard) { h.change = f }) }
	for _, c := range []struct {
		name  string
		steps []heard
		want  string
	}{
		{"two phones", []heard{home, office}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"two phones that refresh", []heard{home, office, home, office, from(home, "198.51.100.1:7"), office}, "198.51.100.1:7/h 203.0.113.2:5060/o"},
		{"two instances", []heard{instance(home, "1"), instance(office, "2")}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"two instances behind one address of a carrier", []heard{instance(home, "1"), instance(from(office, "198.51.100.1:7"), "2")},
			"198.51.100.1:5060/h 198.51.100.1:7/o"},
		{"an instance and none", []heard{instance(home, "1"), office}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"one in the router's own network", []heard{from(home, ""), office}, "/h 203.0.113.2:5060/o"},
		{"… that comes later", []heard{office, from(home, "")}, "/h 203.0.113.2:5060/o"},
		{"over TCP", []heard{from(home, "198.51.100.1:5060;transport=tcp"), from(office, "203.0.113.2:5060;transport=tcp")},
			"198.51.100.1:5060;transport=tcp/h 203.0.113.2:5060;transport=tcp/o"},
		{"IPv6", []heard{from(home, "[2001:db8::1]:5060"), from(office, "[2001:db8::2]:5060")}, "[2001:db8::1]:5060/h [2001:db8::2]:5060/o"},

		{"restarted", []heard{home, call(home, "h2")}, "198.51.100.1:5060/h2"},
		{"restarted on another port", []heard{home, call(from(home, "198.51.100.1:7"), "h2")}, "198.51.100.1:7/h2"},
		{"restarted, now over TCP", []heard{home, call(from(home, "198.51.100.1:7;transport=tcp"), "h2")}, "198.51.100.1:7;transport=tcp/h2"},
		{"another public address", []heard{home, from(home, "198.51.100.99:5060")}, "198.51.100.99:5060/h"},
		{"another public address of one of two", []heard{home, office, from(home, "198.51.100.99:5060")}, "198.51.100.99:5060/h 203.0.113.2:5060/o"},
		{"restarted behind another public address, with an instance", []heard{instance(home, "1"), instance(call(from(home, "198.51.100.99:5060"), "h2"), "1")},
			"198.51.100.99:5060/h2"},
		{"the instance in capitals", []heard{instance(home, "a"), instance(call(from(home, "198.51.100.99:5060"), "h2"), "A")}, "198.51.100.99:5060/h2"},
		{"reset to another instance", []heard{instance(home, "1"), instance(call(home, "h2"), "2")}, "198.51.100.1:5060/h2"},
		{"learns to say its instance", []heard{home, instance(from(home, "198.51.100.99:5060"), "1")}, "198.51.100.99:5060/h"},
		{"where the other one was", []heard{home, office, from(home, "203.0.113.2:5060")}, "203.0.113.2:5060/h"},
		{"not behind NAT any more", []heard{home, from(home, "")}, "/h"},
		{"no NAT, restarted with another instance", []heard{instance(from(home, ""), "1"), instance(call(from(home, ""), "h2"), "2")}, "/h2"},
		{"ended and there again", []heard{home, office, but(home, off), home}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},

		// Nothing tells these from two phones; the first ends with its life.
		{"restarted behind another public address", []heard{with(home, func(h *heard) { h.life = 60 }), call(from(home, "198.51.100.99:5060"), "h2")},
			"198.51.100.1:5060/h 198.51.100.99:5060/h2"},

		{"by two proxies without Path", []heard{but(home, proxied), but(office, proxied)}, "203.0.113.2:5060/o"},
		{"two instances by two proxies", []heard{but(instance(home, "1"), proxied), but(instance(office, "2"), proxied)}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"two instances by one proxy", []heard{but(instance(home, "1"), proxied), but(instance(from(office, home.from), "2"), proxied)}, "198.51.100.1:5060/o"},
		{"Path", []heard{but(from(home, ""), byPath("<sip:a@192.0.2.1;lr>")), but(from(office, ""), byPath("<sip:b@192.0.2.1;lr>"))}, "/o"},
		{"Path and instances", []heard{but(instance(from(home, ""), "1"), byPath("<sip:a@192.0.2.1;lr>")), but(instance(from(office, ""), "2"), byPath("<sip:b@192.0.2.1;lr>"))}, "/h /o"},
		{"Path and another, with the instance", []heard{but(instance(from(home, ""), "1"), byPath("<sip:a@192.0.2.1;lr>")), but(instance(from(office, ""), "1"), byPath("<sip:b@192.0.2.1;lr>"))}, "/o"},
		{"Path with the phone's source", []heard{but(home, byPath("<sip:a@192.0.2.1;lr>")), but(office, byPath("<sip:b@192.0.2.1;lr>"))},
			"198.51.100.1:5060/h 203.0.113.2:5060/o"},

		{"one ends", []heard{home, office, but(office, off)}, "198.51.100.1:5060/h"},
		{"one ends twice", []heard{home, office, but(office, off), but(office, off)}, "198.51.100.1:5060/h"},
		{"one ends with a new Call-ID", []heard{home, office, call(but(home, off), "h2")}, "203.0.113.2:5060/o"},
		{"one ends behind another address", []heard{home, office, from(but(home, off), "198.51.100.99:5060")}, "203.0.113.2:5060/o"},
		{"one ends without its instance", []heard{instance(home, "1"), instance(office, "2"), but(home, off)}, "203.0.113.2:5060/o"},
		{"one of a carrier's address ends without its instance", []heard{instance(home, "1"), instance(from(office, "198.51.100.1:7"), "2"), but(home, off)}, "198.51.100.1:7/o"},
		{"a third one ends that never was", []heard{home, office, call(from(but(home, off), "192.0.2.7:5060"), "x")}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"one ends where it was before", []heard{home, office, from(but(office, nil), home.from), office, but(from(office, home.from), off)}, ""},
		{"all end", []heard{home, office, but(office, all)}, ""},
		{"only the last one", []heard{home, office, but(home, onlyThis)}, "198.51.100.1:5060/h"},
		{"only a third one", []heard{home, office, but(call(from(home, "192.0.2.7:5060"), "x"), onlyThis)}, "192.0.2.7:5060/x"},

		// A public address and a name are of one host: its two uplinks are no two phones.
		{"a public Contact from two hosts", []heard{but(home, contact(public)), but(office, contact(public)), but(home, contact(public))}, "198.51.100.1:5060/h"},
		{"a public Contact, IPv6", []heard{but(home, contact("sip:bob@[2001:db8::5]")), but(office, contact("sip:bob@[2001:db8::5]"))}, "203.0.113.2:5060/o"},
		{"a name that each home router gives out", []heard{but(home, contact("sip:bob@phone.fritz.box")), but(office, contact("sip:bob@Phone.Fritz.box"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a public Contact and two instances", []heard{but(instance(home, "1"), contact(public)), but(instance(office, "2"), contact(public))},
			"198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a public Contact, an instance and none", []heard{but(instance(home, "1"), contact(public)), but(office, contact(public))}, "203.0.113.2:5060/o"},
		{"a public Contact ends from the other host", []heard{but(home, contact(public)), but(office, func(r *Registration) { contact(public)(r); off(r) })}, ""},
		{"a carrier's address", []heard{but(home, contact("sip:bob@100.64.0.7")), but(office, contact("sip:bob@100.64.0.7"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"IPv6 of a site", []heard{but(home, contact("sip:bob@[fd00::7]")), but(office, contact("sip:bob@[fd00::7]"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"no address yet", []heard{but(home, contact("sip:bob@0.0.0.0")), but(office, contact("sip:bob@0.0.0.0"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a private address written as IPv6", []heard{but(home, contact("sip:bob@[::ffff:10.0.0.7]")), but(office, contact("sip:bob@[::ffff:10.0.0.7]"))},
			"198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a browser's name", []heard{but(home, contact("sip:bob@df7jal23ls0d.invalid;transport=ws")), but(office, contact("sip:bob@df7jal23ls0d.invalid;transport=ws"))},
			"198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a name of the home network", []heard{but(home, contact("sip:bob@phone.LOCAL")), but(office, contact("sip:bob@phone.local"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},
		{"a name without domain", []heard{but(home, contact("sip:bob@localhost")), but(office, contact("sip:bob@localhost"))}, "198.51.100.1:5060/h 203.0.113.2:5060/o"},

		// Wrong input: a source that is none tells nothing.
		{"a source that is a name", []heard{home, from(office, "nowhere.example")}, "nowhere.example/o"},
		{"a source that is no URI", []heard{home, but(office, func(r *Registration) { r.Contacts[0].Received = []byte("nonsense") })}, "nonsense/o"},
		{"mailto", []heard{but(home, func(r *Registration) { r.Contacts[0].URI, r.Contacts[0].Received = []byte("mailto:b@h"), nil }),
			but(office, func(r *Registration) { r.Contacts[0].URI, r.Contacts[0].Received = []byte("mailto:b@h"), nil })}, "/o"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []*database{nil, {}} { // with a database, all of it waits
				m := newModule(t, d)
				for i, h := range c.steps {
					save(t, m, h.registration(i))
				}
				if got := sources(m); got != c.want {
					t.Errorf("bindings of %q, want %q", got, c.want)
				}
				if err := m.Table().consistent(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestOrderOfOnePhone: the CSeq of each phone counts by itself, and a late request undoes nothing.
func TestOrderOfOnePhone(t *testing.T) {
	m := newModule(t, nil)
	home, office := heard{from: "198.51.100.1:5060", callID: "h", cseq: 20}, heard{from: "203.0.113.2:5060", callID: "o", cseq: 3}
	save(t, m, home.registration(0))
	save(t, m, office.registration(0))
	save(t, m, home.registration(0)) // a retransmission
	late := home
	late.cseq = 19
	for _, change := range []func(*Registration){nil, off} {
		late.change = change
		if _, err := m.Table().Save(late.registration(0), nil); !errors.Is(err, ErrOutOfOrder) {
			t.Errorf("a late REGISTER: %v, want ErrOutOfOrder", err)
		}
	}
	if got, want := sources(m), "198.51.100.1:5060/h 203.0.113.2:5060/o"; got != want {
		t.Errorf("bindings of %q, want %q", got, want)
	}
}

// TestMoveWithLowQ: a phone has moved to where it has left a binding. While the removal of that one
// waits for the database, the phone's own is the one that counts, whatever its q: a retransmission is
// one, and what the phone ends has ended, wherever it is by then. (A late request stays one: wrong input.)
func TestMoveWithLowQ(t *testing.T) {
	for _, q := range []int16{NoQ, 0, 500} {
		m := newModule(t, &database{}) // all of it waits
		step := func(from, callID string, cseq uint32, change func(*Registration)) error {
			t.Helper()
			reg := heard{from: from, callID: callID, cseq: cseq, change: change}.registration(0)
			reg.Contacts[0].Q = q
			_, err := m.Table().Save(reg, nil)
			return err
		}
		for i, c := range []struct {
			from, callID string
			cseq         uint32
			change       func(*Registration)
			err          error
			left         string
		}{
			{"198.51.100.1:5060", "a", 1, nil, nil, "198.51.100.1:5060/a"},
			{"203.0.113.2:5060", "b", 2, nil, nil, "198.51.100.1:5060/a 203.0.113.2:5060/b"},
			{"198.51.100.1:5060", "b", 5, nil, nil, "198.51.100.1:5060/b"},
			{"198.51.100.1:5060", "b", 5, nil, ErrParked, "198.51.100.1:5060/b"},
			{"198.51.100.1:5060", "b", 4, nil, ErrOutOfOrder, "198.51.100.1:5060/b"},
			{"203.0.113.2:5060", "b", 6, nil, nil, "203.0.113.2:5060/b"},
			{"198.51.100.1:5060", "b", 7, off, nil, ""}, // the way is that of the removal that waits
			{"198.51.100.1:5060", "b", 7, off, ErrParked, ""},
			{"198.51.100.1:5060", "b", 6, nil, ErrOutOfOrder, ""},
		} {
			if err := step(c.from, c.callID, c.cseq, c.change); !errors.Is(err, c.err) || sources(m) != c.left {
				t.Errorf("q %d, step %d: %v, left are %q; want %v and %q", q, i, err, sources(m), c.err, c.left)
			}
		}
	}
}

// TestOperatorNamesAPhone: with the ruid of a binding its phone alone is removed, with its other
// flow, and not another one whose Contact is equal. A ruid that is of nobody, of another Contact or
// of another user removes nothing.
func TestOperatorNamesAPhone(t *testing.T) {
	for _, d := range []*database{nil, {}} {
		m := newModule(t, d)
		if d != nil {
			loaded(t, m)
			defer running(t, m)()
		}
		c, ctx := m.Control(), t.Context()
		flow := func(id int32) func(*Registration) {
			return func(reg *Registration) { reg.Contacts[0].RegID = id }
		}
		save(t, m, heard{from: "198.51.100.1:5060", callID: "h"}.registration(1))
		save(t, m, heard{from: "203.0.113.2:5060", callID: "o", change: contact(lan + ";ob")}.registration(1))
		save(t, m, heard{from: "192.0.2.3:1", callID: "f1", instance: "f", change: flow(1)}.registration(1))
		save(t, m, heard{from: "192.0.2.3:2", callID: "f2", instance: "f", change: flow(2)}.registration(1))
		save(t, m, heard{from: "192.0.2.4:1", callID: "g", instance: "g", change: flow(1)}.registration(1))
		save(t, m, registration(bob, "sip:bob@192.0.2.9"))
		ruid := map[string]string{}
		for _, b := range c.Lookup(bob) {
			ruid[b.CallID] = b.RUID
		}
		for _, step := range []struct {
			aor, contact, ruid string
			found              bool
			left               string
		}{
			{bob, lan, strings.Repeat("0", 32), false, "h o f1 f2 g"},
			{bob, lan, "nonsense", false, "h o f1 f2 g"},
			{bob, "sip:bob@192.0.2.9", ruid["h"], false, "h o f1 f2 g"},
			{"eve@example.org", lan, ruid["h"], false, "h o f1 f2 g"},
			{bob, lan, ruid["h"], true, "o f1 f2 g"},
			{bob, lan, ruid["f2"], true, "o g"},
			{bob, lan, ruid["o"], true, "g"},
		} {
			found, err := c.RemoveBinding(ctx, step.aor, step.contact, step.ruid)
			left := 0
			for _, id := range strings.Fields(step.left) {
				if strings.Contains(sources(m), "/"+id) {
					left++
				}
			}
			if err != nil || found != step.found || left != len(strings.Fields(step.left)) || len(c.Lookup(bob)) != left+1 {
				t.Errorf("ruid %s: %v, %v; left are %q, want %v and %q", step.ruid, found, err, sources(m), step.found, step.left)
			}
		}
	}
}

// TestOperatorNamesAContact: who removes a Contact by hand removes all that have it, and none
// is added beside what phones have registered; what was added is the phone's that registers it.
func TestOperatorNamesAContact(t *testing.T) {
	m := newModule(t, nil)
	c, ctx := m.Control(), t.Context()
	home, office := heard{from: "198.51.100.1:5060", callID: "h"}, heard{from: "203.0.113.2:5060", callID: "o"}
	add := func() error { return c.Add(ctx, bob, ctlproto.Contact{Address: lan, Permanent: true}) }
	if err := add(); err != nil {
		t.Fatal(err)
	}
	save(t, m, home.registration(0))
	save(t, m, office.registration(1))
	if got, want := sources(m), "198.51.100.1:5060/h 203.0.113.2:5060/o"; got != want {
		t.Errorf("bindings of %q, want %q", got, want)
	}
	flow := office.registration(2)
	flow.Contacts[0].Instance, flow.Contacts[0].RegID = []byte("<urn:uuid:3>"), 1
	save(t, m, flow)
	if err := add(); ctlproto.CodeOf(err) != ctlproto.CodeExists {
		t.Errorf("it is added beside phones: %v", err)
	}
	save(t, m, registration(bob, "sip:bob@192.0.2.9"))
	for _, want := range []bool{true, false} {
		if found, err := c.RemoveContact(ctx, bob, "sip:bob@192.168.178.20:5060;x=y"); err != nil || found != want {
			t.Errorf("RemoveContact: %v, %v, want %v", found, err, want)
		}
	}
	wantPresent(t, m, bob, "sip:bob@192.0.2.9")
}

// TestRowsOfOneContact: each of the phones has a row of its own, which a refresh keeps; all
// are there after a restart, from the table and from the journal.
func TestRowsOfOneContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		folder := filepath.Join(t.TempDir(), "journal")
		m := newModule(t, d, kept(folder))
		loaded(t, m)
		stop := running(t, m)
		home, office := heard{from: "198.51.100.1:5060", callID: "h"}, heard{from: "203.0.113.2:5060", callID: "o"}
		third := heard{from: "192.0.2.3:5060", callID: "t"}
		step := 0
		soon := func(h heard) {
			t.Helper()
			step++
			wantEnd(t, savedSoon(t, m, h.registration(step)), "durable")
		}
		for _, h := range []heard{home, office, home, office} {
			soon(h)
		}
		wantRows(t, d, bob+" "+lan, bob+" "+lan)
		gone := home
		gone.change = off
		soon(gone)
		soon(third) // it may have the row that home had
		soon(home)
		wantRows(t, d, bob+" "+lan, bob+" "+lan, bob+" "+lan)
		const want = "192.0.2.3:5060/t 198.51.100.1:5060/h 203.0.113.2:5060/o"
		d.set(func(d *database) { d.away = true })
		moved := office
		moved.from = "203.0.113.99:5060"
		wantEnd(t, journaledSoon(t, m, moved.registration(step+1)), "durable")
		wantEnd(t, journaledSoon(t, m, gone.registration(step+2)), "durable")
		stop()

		d.set(func(d *database) { d.away = false })
		m = newModule(t, d, kept(folder))
		loaded(t, m)
		if got, want := sources(m), "192.0.2.3:5060/t 203.0.113.99:5060/o"; got != want {
			t.Errorf("after a restart bindings of %q, want %q", got, want)
		}
		stop = running(t, m)
		step += 2
		soon(office)
		soon(home)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := sources(m); got != want {
			t.Errorf("in the end bindings of %q, want %q", got, want)
		}
		wantRows(t, d, bob+" "+lan, bob+" "+lan, bob+" "+lan)
		stop()
	})
}

// TestRowsOfManyPhones: which row a phone gets is the same whoever else has its Contact, so that
// finding it takes as long for the thousandth as for the second; the first one's is what it always was.
// A phone that comes back to where another row of its making still is gets one more.
func TestRowsOfManyPhones(t *testing.T) {
	ruids := func(m *Module) map[string]string {
		list := map[string]string{}
		for _, b := range m.Control().Lookup(bob) {
			list[b.CallID] = b.RUID
		}
		return list
	}
	phone := func(i int) heard {
		return heard{from: fmt.Sprintf("[2001:db8::%x]:5060", i), callID: fmt.Sprint("c", i)}
	}
	few, many := newModule(t, nil), newModule(t, nil)
	for i := range 20 {
		save(t, many, phone(i).registration(0))
	}
	save(t, few, phone(0).registration(0))
	save(t, few, phone(19).registration(0))
	if sum := sha256.Sum256([]byte(bob + "\x00contact\x00" + lan)); ruids(few)["c0"] != hex.EncodeToString(sum[:16]) {
		t.Errorf("the first phone has the row %s", ruids(few)["c0"])
	}
	if few, many := ruids(few), ruids(many); few["c19"] != many["c19"] || few["c0"] != many["c0"] || few["c19"] == few["c0"] {
		t.Errorf("of two phones the rows are %v, of twenty %v", few, many)
	}
	for range 4 { // it moves away, restarts there, and somebody is where it was
		save(t, few, heard{from: "192.0.2.7:1", callID: "c19"}.registration(1))
		save(t, few, heard{from: "192.0.2.7:1", callID: "d"}.registration(1))
		save(t, few, phone(19).registration(0))
	}
	seen := map[string]bool{}
	for _, b := range few.Control().Lookup(bob) {
		seen[b.RUID] = true
	}
	if n := len(few.Control().Lookup(bob)); len(seen) != n || n != 3 {
		t.Errorf("%d phones have the rows %v", n, seen)
	}
}

// TestOldRowsKeepTheirNames: a second phone's row that was named in another way before is the phone's
// still, after a restart and a refresh.
func TestOldRowsKeepTheirNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		stop := running(t, m)
		home, office := heard{from: "198.51.100.1:5060", callID: "h"}, heard{from: "203.0.113.2:5060", callID: "o"}
		wantEnd(t, savedSoon(t, m, home.registration(1)), "durable")
		wantEnd(t, savedSoon(t, m, office.registration(1)), "durable")
		stop()
		sum := sha256.Sum256([]byte(bob + "\x00contact\x00" + lan + "\x00again"))
		old := hex.EncodeToString(sum[:16])
		d.set(func(d *database) {
			for ruid, row := range d.rows {
				if row.CallID == "o" {
					delete(d.rows, ruid)
					row.RUID = old
					d.rows[old] = row
				}
			}
		})
		m = newModule(t, d)
		loaded(t, m)
		defer running(t, m)()
		wantEnd(t, savedSoon(t, m, office.registration(2)), "durable")
		wantRows(t, d, bob+" "+lan, bob+" "+lan)
		d.set(func(d *database) {
			if d.rows[old].CSeq != 3 {
				t.Errorf("the row %s is %+v", old, d.rows[old])
			}
		})
	})
}

func journaledSoon(t *testing.T, m *Module, reg *Registration) *outcome {
	t.Helper()
	time.Sleep(time.Second)
	o := save(t, m, reg)
	time.Sleep(3 * time.Second)
	synctest.Wait()
	return o
}
