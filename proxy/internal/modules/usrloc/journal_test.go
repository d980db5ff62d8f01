package usrloc

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"seraph/proxy/internal/journal"
	"seraph/sql/store"
)

// kept gives a module its journal.
func kept(folder string) func(*Config) {
	return func(c *Config) { c.Journal = folder }
}

func loaded(t testing.TB, m *Module) {
	t.Helper()
	if err := m.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func statistic(m *Module, name string) int64 {
	n := int64(-1)
	m.Statistics(func(_, s string, value int64) {
		if s == name {
			n = value
		}
	})
	return n
}

// TestJournal: with the database away a change is promised when it is in the journal,
// and outlives a crash; when the database is back it has it, and the journal is empty.
func TestJournal(t *testing.T) {
	for _, fault := range []string{"away", "frozen"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder, thaw := filepath.Join(t.TempDir(), "journal"), make(chan struct{})
				d := &database{}
				m := newModule(t, d, kept(folder))
				loaded(t, m)
				stop := running(t, m)
				save(t, m, registration(bob, "sip:old@h", "sip:gone@h"))
				time.Sleep(time.Second)
				d.set(func(d *database) {
					d.away = fault == "away"
					if fault == "frozen" {
						d.frozen = thaw
					}
				})
				o := save(t, m, registration(bob, "sip:new@h;x=%22", "sip:gone@h 0"))
				if fault == "frozen" {
					synctest.Wait()
					wantEnd(t, o, "")
				}
				time.Sleep(m.table.writer.patience() + 200*time.Millisecond)
				wantEnd(t, o, "durable")
				if n := statistic(m, "journaled"); n != 1 {
					t.Errorf("%d changes were kept, want 1", n)
				}
				if fault == "frozen" {
					time.Sleep(2 * time.Second)
				}
				wantRows(t, d, bob+" sip:gone@h", bob+" sip:old@h")

				// The crash: the rows and the journal are what is left.
				rows, copied := maps.Clone(d.rows), copyFolder(t, folder)
				again := &database{rows: rows}
				n := newModule(t, again, kept(copied))
				loaded(t, n)
				wantPresent(t, n, bob, "sip:new@h;x=%22 sip:old@h")
				if !n.Table().Online(bob) {
					t.Error("bob is not on line after the crash")
				}
				stopAgain := running(t, n)
				time.Sleep(time.Second)
				wantRows(t, again, bob+" sip:new@h;x=%22", bob+" sip:old@h")
				if size := statistic(n, "journal_size"); size != 0 {
					t.Errorf("the journal has %d bytes left", size)
				}
				stopAgain()

				// And without a crash.
				d.set(func(d *database) { d.away, d.frozen = false, nil })
				close(thaw)
				time.Sleep(10 * time.Second)
				wantRows(t, d, bob+" sip:new@h;x=%22", bob+" sip:old@h")
				if size := statistic(m, "journal_size"); size != 0 {
					t.Errorf("the journal has %d bytes left", size)
				}
				stop()
			})
		})
	}
}

// copyFolder copies the files of a folder, which may be absent, to a new one.
func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	list, _ := os.ReadDir(from)
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestJournalOff: without it, and with one that is full, a change that the database
// does not take is undone.
func TestJournalOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Store: &database{away: true}, Journal: filepath.Join(t.TempDir(), "journal")})
		m.journal = false
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		defer running(t, m)()
		o := save(t, m, registration(bob, "sip:b@h"))
		time.Sleep(2101 * time.Millisecond)
		wantEnd(t, o, late)
		wantPresent(t, m, bob, "")
	})
	synctest.Test(t, func(t *testing.T) {
		d := &database{away: true}
		m := newModule(t, d, kept(filepath.Join(t.TempDir(), "journal")))
		small, err := journal.Open(t.TempDir(), journal.MinSize)
		if err != nil {
			t.Fatal(err)
		}
		m.table.writer.keep.log = small
		stop := running(t, m)
		ends := map[string]int{}
		for i := range 300 {
			reg := registration(fmt.Sprintf("u%d@example.org", i))
			for n := range 10 {
				uri := fmt.Sprintf("sip:%d@h;%s", n, strings.Repeat("x", 490))
				reg.Contacts = append(reg.Contacts, Contact{URI: []byte(uri), Expires: 3600, Q: NoQ, Methods: AllMethods})
			}
			o := save(t, m, reg)
			time.Sleep(2200 * time.Millisecond)
			if ends[o.end()]++; ends[late] > 3 {
				break
			}
		}
		if ends["durable"] < 10 || ends[late] < 3 || len(ends) != 2 {
			t.Errorf("the changes ended %v: want some kept and then undone ones", ends)
		}
		// With the database there is room again.
		d.set(func(d *database) { d.away = false })
		time.Sleep(10 * time.Second)
		if size := statistic(m, "journal_size"); size != 0 {
			t.Errorf("the journal has %d bytes left", size)
		}
		wantPresent(t, m, "u0@example.org", present(m, "u0@example.org"))
		if rows := len(d.contacts()); rows != 10*ends["durable"] {
			t.Errorf("%d rows, want %d", rows, 10*ends["durable"])
		}
		stop()
	})
}

// TestJournalIsCompacted: phones that refresh while the database is away do not fill the
// journal, however often; after a crash it says what they said last, and a removal stays one.
func TestJournalIsCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, folder := &database{}, filepath.Join(t.TempDir(), "journal")
		m := newModule(t, d, kept(folder))
		small, err := journal.Open(folder, journal.MinSize)
		if err != nil {
			t.Fatal(err)
		}
		m.table.writer.keep.log = small
		stop := running(t, m)
		left := registration(bob, "sip:left@h")
		save(t, m, left)
		time.Sleep(time.Second)
		d.set(func(d *database) { d.away = true })
		left.CSeq, left.Contacts[0].Expires = 2, 0
		save(t, m, left)
		var phones []*Registration
		for i := range 6 {
			phones = append(phones, registration(bob, fmt.Sprintf("sip:%d@h;%s", i, strings.Repeat("x", 400))))
		}
		most := int64(0)
		for round := range 1000 {
			for _, reg := range phones {
				reg.CSeq = uint32(2 + round)
				o := save(t, m, reg)
				if round == 999 || round%100 == 0 {
					time.Sleep(600 * time.Millisecond)
					wantEnd(t, o, "durable")
				}
			}
			time.Sleep(110 * time.Millisecond)
			most = max(most, statistic(m, "journal_size"))
		}
		if most > journal.MinSize*3/4 || most < journal.MinSize/4 {
			t.Errorf("the journal had up to %d bytes", most)
		}
		want := present(m, bob)
		if n := strings.Count(want, " "); n != 5 {
			t.Errorf("%d contacts", n+1)
		}
		rows := maps.Clone(d.rows)
		again := newModule(t, &database{rows: rows}, kept(copyFolder(t, folder)))
		loaded(t, again)
		if got := present(again, bob); len(got) != len(want) || strings.Contains(got, "left") {
			t.Errorf("after a crash %q, want %q", got, want)
		}
		for _, b := range again.Table().Lookup([]byte(bob), nil) {
			if b.CSeq != 1001 {
				t.Errorf("after a crash the CSeq is %d", b.CSeq)
			}
		}
		d.set(func(d *database) { d.away = false })
		time.Sleep(10 * time.Second)
		if size := statistic(m, "journal_size"); size != 0 {
			t.Errorf("the journal has %d bytes left", size)
		}
		stop()
	})
}

// TestReplayNewerRow: the journal does not undo what the database learned later.
func TestReplayNewerRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		d := &database{away: true}
		m := newModule(t, d, kept(folder))
		stop := running(t, m)
		wantDurable := func(reg *Registration) {
			t.Helper()
			o := save(t, m, reg)
			time.Sleep(200 * time.Millisecond)
			wantEnd(t, o, "durable")
		}
		wantDurable(registration(bob, "sip:a@h", "sip:b@h", "sip:c@h"))
		wantDurable(registration(bob, "sip:b@h 0"))
		rows := map[string]store.Binding{}
		for _, v := range m.Table().Lookup([]byte(bob), nil) {
			row := (&version{Binding: v, entry: &entry{aor: bob}}).row()
			if row.Contact == "sip:a@h" {
				row.LastModified, row.CallID = row.LastModified.Add(time.Hour), "newer"
			} else {
				row.LastModified, row.CallID = row.LastModified.Add(-time.Hour), "older"
			}
			rows[row.RUID] = row
		}
		copied := copyFolder(t, folder)
		d.set(func(d *database) { d.away = false })
		stop()
		n := newModule(t, &database{rows: rows}, kept(copied))
		loaded(t, n)
		got := map[string]string{}
		for _, b := range n.Table().Lookup([]byte(bob), nil) {
			got[string(b.Contact())] = string(b.CallID())
		}
		if len(got) != 2 || got["sip:a@h"] != "newer" || got["sip:c@h"] == "older" || got["sip:c@h"] == "" {
			t.Errorf("after the replay there are %v", got)
		}
		// What is over by now is not brought back.
		time.Sleep(2 * time.Hour)
		n = newModule(t, &database{}, kept(copied))
		loaded(t, n)
		wantPresent(t, n, bob, "")
	})
}

// TestOddRecords: records that cannot be read, or that another release wrote, are
// reported and left out; the others count.
func TestOddRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		j, err := journal.Open(folder, 0)
		if err != nil {
			t.Fatal(err)
		}
		// The form of version 1, which every later release reads.
		const ruid = "0123456789abcdef0123456789abcdef"
		const row = `{"RUID":"%s","AOR":{"User":"bob","Domain":"example.org"},"Contact":"%s","Received":"","Path":"",` +
			`"Expires":"2099-01-02T03:04:05Z","Q":0.5,"CallID":"c","CSeq":7,"LastModified":"1999-12-31T23:00:00.25Z","Methods":4294967295,"RegID":0}`
		for _, text := range []string{
			"", "nonsense", `{"v":2}`, fmt.Sprintf(`{"v":1,"row":`+row+`}`, "uloc-1", "sip:foreign@h"), `{"v":1,"row":{}}`, `{"v":1,"row":{"RUID":"` + ruid + `","AOR":{"User":"","Domain":"h"}}}`,
			fmt.Sprintf(`{"v":1,"row":`+row+`}`, ruid, "no URI"), fmt.Sprintf(`{"v":1,"row":`+row+`}`, ruid, "sip:good@h"),
			fmt.Sprintf(`{"v":1,"delete":true,"row":`+row+`}`, "00"+ruid[2:], ""),
		} {
			if _, err := j.Append([][]byte{[]byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		m := newModule(t, &database{}, kept(folder))
		loaded(t, m)
		wantPresent(t, m, bob, "sip:good@h")
		b := m.Table().Lookup([]byte(bob), nil)[0]
		if b.Q != 500 || b.CSeq != 7 || b.Methods != AllMethods || string(b.CallID()) != "c" || b.Modified().UnixMilli() != 946681200250 {
			t.Errorf("the record became %+v", b)
		}
	})
}

// FuzzRecord: no record makes a replay fail.
func FuzzRecord(f *testing.F) {
	m := newModule(f, &database{})
	f.Add(record(store.LocationOp{Binding: store.Binding{RUID: strings.Repeat("0f", 16), AOR: aorOf(f, bob), Contact: "sip:b@h"}}))
	f.Add(record(remove(strings.Repeat("0f", 16))))
	f.Fuzz(func(t *testing.T, b []byte) {
		address, op, err := parseRecord(b)
		if err != nil {
			return
		}
		m.table.replayRecord(address, &op, false)
		if err := m.table.consistent(); err != nil {
			t.Fatal(err)
		}
		m.table.replayRecord(address, &op, true)
	})
}

// deed is a change of one contact as TestCrashes follows it.
type deed struct {
	callID string
	gone   bool
	end    *outcome
}

// crashes is the state of TestCrashes.
type crashes struct {
	t      *testing.T
	rt     *rapid.T
	d      *database
	folder string
	m      *Module
	stop   func()
	deeds  map[string][]deed // by contact, in order

	compactAt int64
}

// start makes a module of what is left on disk.
func (c *crashes) start() {
	c.m = New(Config{Store: c.d, Journal: c.folder})
	if err := c.m.Init(); err != nil {
		c.rt.Fatal(err)
	}
	c.m.table.writer.keep.compactAt = c.compactAt
	if err := c.m.Load(context.Background()); err != nil {
		c.rt.Fatal(err)
	}
	c.stop = running(c.t, c.m)
}

// crash ends the module without a chance to write anything, and starts another one
// when the database is back.
func (c *crashes) crash() {
	synctest.Wait()
	c.d.mu.Lock()
	left := &database{rows: maps.Clone(c.d.rows)}
	c.d.mu.Unlock()
	folder := copyFolder(c.t, c.folder)
	for contact, list := range c.deeds { // what is not promised by now never will be
		c.deeds[contact] = slices.Clone(list)
		for i := range c.deeds[contact] {
			frozen := &outcome{}
			if end := list[i].end.end(); end != "" {
				frozen.ends = list[i].end.ends[:1:1]
			}
			c.deeds[contact][i].end = frozen
		}
	}
	c.d.set(func(d *database) { d.away, d.frozen = true, nil })
	c.stop()
	c.d, c.folder = left, folder
	c.start()
	for contact := range c.deeds {
		c.check(contact)
	}
}

// check compares what a contact is after a crash with what it may be: what was
// promised last, or what was asked for since and neither promised nor refused.
func (c *crashes) check(contact string) {
	list := c.deeds[contact]
	may := []deed{{gone: true}}
	for _, one := range list {
		switch one.end.end() {
		case "durable":
			may = []deed{one}
		case "":
			may = append(may, one)
		}
	}
	is := deed{gone: true}
	for _, b := range c.m.Table().Lookup([]byte(bob), nil) {
		if string(b.Contact()) == contact {
			is = deed{callID: string(b.CallID())}
		}
	}
	for _, one := range may {
		if one.gone == is.gone && (one.gone || one.callID == is.callID) {
			is.end = &outcome{ends: []error{nil}}
			c.deeds[contact] = []deed{is}
			return
		}
	}
	c.rt.Fatalf("%s is %+v after the crash; it may be one of %+v", contact, is, may)
}

// TestCrashes plays changes, faults of the database and crashes in any order: what
// was promised is there after each crash, what was refused is not, and in the end the
// database has what the table says.
func TestCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { // which is not asked for a deadline
			c := &crashes{t: t, rt: rt, d: &database{rows: map[string]store.Binding{}, delay: 5 * time.Millisecond},
				folder: t.TempDir(), deeds: map[string][]deed{}, compactAt: rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "compact at")}
			c.start()
			defer func() { c.stop() }()
			contacts := []string{"sip:1@h", "sip:2@h", "sip:3@h"}
			rt.Repeat(map[string]func(*rapid.T){
				"change": func(rt *rapid.T) {
					contact := rapid.SampledFrom(contacts).Draw(rt, "contact")
					gone := rapid.IntRange(0, 2).Draw(rt, "gone") == 0
					if gone && !strings.Contains(" "+present(c.m, bob)+" ", " "+contact+" ") {
						return
					}
					reg := registration(bob, contact)
					if gone {
						reg.Contacts[0].Expires = 0
					}
					o := save(t, c.m, reg)
					c.deeds[contact] = append(c.deeds[contact], deed{string(reg.CallID), gone, o})
				},
				"time": func(rt *rapid.T) {
					time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 20, 300, 700, 2500}).Draw(rt, "ms")) * time.Millisecond)
				},
				"database": func(rt *rapid.T) {
					away := rapid.Bool().Draw(rt, "away")
					c.d.set(func(d *database) { d.away = away })
				},
				"crash": func(*rapid.T) { c.crash() },
			})
			c.d.set(func(d *database) { d.away = false })
			time.Sleep(10 * time.Second)
			var want []string
			for _, b := range c.m.Table().Lookup([]byte(bob), nil) {
				want = append(want, bob+" "+string(b.Contact()))
			}
			slices.Sort(want)
			if got := c.d.contacts(); !slices.Equal(got, append([]string{}, want...)) {
				rt.Fatalf("rows %q, want %q", got, want)
			}
			if size := statistic(c.m, "journal_size"); size != 0 {
				rt.Fatalf("the journal has %d bytes left", size)
			}
		})
	})
}
