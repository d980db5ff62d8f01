package usrloc

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/journal"
)

// small gives a module a journal of the least size.
func small(t *testing.T, m *Module, folder string) {
	t.Helper()
	j, err := journal.Open(folder, journal.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	m.table.writer.keep.log = j
}

// TestFullJournalIsCompacted: a journal that is full, and more than half of it counts, is made smaller too when a
// change finds no room in it, be it of this process or found at the start; nothing that it says is lost by that, and
// it stays as small as it may be.
func TestFullJournalIsCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, folder := &database{away: true}, filepath.Join(t.TempDir(), "journal")
		m := newModule(t, d, kept(folder))
		small(t, m, folder)
		stop := running(t, m)
		defer func() { stop() }()
		const people = 80
		// refresh is one REGISTER of somebody's ten phones; whether it is durable in time.
		refresh := func(m *Module, who int, cseq uint32) bool {
			reg := registration(fmt.Sprintf("u%d@example.org", who))
			reg.CSeq = cseq
			for n := range 10 {
				reg.Contacts = append(reg.Contacts, Contact{URI: fmt.Appendf(nil, "sip:%d@h;%s", n, strings.Repeat("x", 440)), Expires: 3600, Q: NoQ, Methods: AllMethods})
			}
			o := save(t, m, reg)
			time.Sleep(1500 * time.Millisecond)
			return o.end() == "durable"
		}
		most, cseq := int64(0), make([]uint32, people)
		// round has every nth refresh, so that old segments have to stay for the others.
		round := func(m *Module, n int) {
			t.Helper()
			for who := 0; who < people; who += n {
				if cseq[who]++; !refresh(m, who, cseq[who]) {
					t.Fatalf("refresh %d of number %d is not durable with %d bytes in the journal", cseq[who], who, statistic(m, "journal_size"))
				}
				most = max(most, statistic(m, "journal_size"))
			}
		}
		round(m, 1)
		if size := statistic(m, "journal_size"); size < journal.MinSize*55/100 || size > journal.MinSize*80/100 {
			t.Fatalf("%d bytes count", size)
		}
		for range 4 {
			round(m, 2)
		}
		// The next process finds it as full as it gets.
		for range 100 {
			if statistic(m, "journal_size") > journal.MinSize*98/100 {
				break
			}
			if cseq[2]++; !refresh(m, 2, cseq[2]) {
				t.Fatalf("refresh %d of number 2 is not durable", cseq[2])
			}
		}
		if size := statistic(m, "journal_size"); size <= journal.MinSize*98/100 {
			t.Fatalf("the journal has %d bytes", size)
		}
		full := copyFolder(t, folder)
		stop()
		d = &database{}
		again := newModule(t, d, kept(full))
		small(t, again, full)
		loaded(t, again)
		d.set(func(d *database) { d.away = true })
		stop = running(t, again)
		for range 2 {
			round(again, 2)
		}
		if most > journal.MinSize*9/8 {
			t.Errorf("the journal had %d bytes", most)
		}
		last := newModule(t, &database{}, kept(copyFolder(t, full)))
		loaded(t, last)
		for who := range people {
			address := fmt.Sprintf("u%d@example.org", who)
			list := last.Table().Lookup([]byte(address), nil)
			for _, b := range list {
				if b.CSeq != cseq[who] {
					t.Errorf("%s: the CSeq is %d", address, b.CSeq)
				}
			}
			if len(list) != 10 {
				t.Errorf("%s has %d phones", address, len(list))
			}
		}
	})
}

// TestJournalThatCountsWholeStaysFull: where all of a full journal counts, nothing can make it smaller, and it is
// not written over and over in vain: changes wait for the database.
func TestJournalThatCountsWholeStaysFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, folder := &database{away: true}, filepath.Join(t.TempDir(), "journal")
		m := newModule(t, d, kept(folder))
		small(t, m, folder)
		stop := running(t, m)
		defer stop()
		late := 0
		for who := 0; late < 3 && who < 400; who++ {
			reg := registration(fmt.Sprintf("u%d@example.org", who))
			for n := range 10 {
				reg.Contacts = append(reg.Contacts, Contact{URI: fmt.Appendf(nil, "sip:%d@h;%s", n, strings.Repeat("x", 440)), Expires: 3600, Q: NoQ, Methods: AllMethods})
			}
			o := save(t, m, reg)
			time.Sleep(2200 * time.Millisecond)
			if o.end() != "durable" {
				late++
			}
		}
		if size := statistic(m, "journal_size"); late != 3 || size > journal.MinSize || size < journal.MinSize*9/10 {
			t.Errorf("%d changes were late, and the journal has %d bytes", late, size)
		}
		segments, err := filepath.Glob(filepath.Join(folder, "*.journal"))
		if err != nil || len(segments) == 0 || filepath.Base(segments[0]) != "0000000000000001.journal" {
			t.Errorf("it was written again: %q, %v", segments, err)
		}
		d.set(func(d *database) { d.away = false })
		time.Sleep(10 * time.Second)
		if size := statistic(m, "journal_size"); size != 0 {
			t.Errorf("the journal has %d bytes left", size)
		}
	})
}
