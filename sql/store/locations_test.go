package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seraph/sql/aor"
	"seraph/sql/schema"
	"seraph/sql/store"
)

func newBinding(ruid string, a aor.AOR) store.Binding {
	return store.Binding{
		RUID: ruid, AOR: a, Contact: "sip:" + a.User + "@192.0.2.1:5060", Expires: start.Add(time.Hour), Q: -1,
		CallID: "call", CSeq: 1, LastModified: start, Methods: store.AllMethods,
	}
}

func fullBinding() store.Binding {
	return store.Binding{
		RUID: strings.Repeat("r", 64), AOR: unicodeUser, Contact: strings.Repeat("ž", 512), Received: strings.Repeat("r", 128),
		Path: strings.Repeat("p", 512), Expires: start.Add(time.Hour), Q: 0.37, CallID: strings.Repeat("c", 255), CSeq: math.MaxInt32,
		LastModified: start, Flags: math.MaxUint32, CFlags: 1 << 31, UserAgent: strings.Repeat("😀", 255), Socket: strings.Repeat("s", 64),
		Methods: 1<<31 | 7, Instance: `<urn:uuid:'"\>` + strings.Repeat("i", 241), RegID: math.MaxInt32, ServerID: -1, ConnectionID: math.MinInt32,
		Keepalive: 1, Partition: 2,
	}
}

// load reads the whole table.
func load(t *testing.T, db base) map[string]store.Binding {
	t.Helper()
	all := map[string]store.Binding{}
	ok(t, db.Locations.LoadAll(t.Context(), func(b store.Binding) error {
		if _, twice := all[b.RUID]; twice {
			t.Errorf("LoadAll gave %s twice", b.RUID)
		}
		all[b.RUID] = b
		return nil
	}))
	return all
}

func put(bs ...store.Binding) (ops []store.LocationOp) {
	for _, b := range bs {
		ops = append(ops, store.LocationOp{Binding: b})
	}
	return ops
}

func remove(ruid string) store.LocationOp {
	return store.LocationOp{Delete: true, Binding: store.Binding{RUID: ruid}}
}

func TestLocations(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		full, plain, forever := fullBinding(), newBinding("a", alice), newBinding("b", alice)
		forever.Expires, forever.Q, forever.Methods = time.Time{}, 1, 0
		gone := newBinding("c", injected)
		gone.Expires = start.Add(-time.Hour)
		ok(t, db.Locations.ApplyBatch(ctx, put(full, plain, forever, gone)))
		want := map[string]store.Binding{full.RUID: full, "a": plain, "b": forever, "c": gone}
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("LoadAll (-want +got):\n%s", diff)
		}
		ok(t, db.Locations.ApplyBatch(ctx, put(full, plain, forever, gone))) // again changes nothing
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("after the same batch again (-want +got):\n%s", diff)
		}
		ok(t, db.Locations.ApplyBatch(ctx, nil))
		if n := db.count(t, "SELECT COUNT(*) FROM location WHERE received IS NULL AND path IS NULL AND socket IS NULL AND instance IS NULL AND methods IS NULL AND ruid = 'a'"); n != 1 {
			t.Error("empty texts are not NULL as Kamailio writes them")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM location WHERE expires = '9999-01-01 00:00:00' AND ruid = 'b'"); n != 1 {
			t.Error("a permanent binding does not expire in the year 9999")
		}
	})
}

func TestLocationsLastOpWins(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		a, b, c := newBinding("a", alice), newBinding("b", alice), newBinding("c", bob)
		a2, c2 := a, c
		a2.CSeq, c2.Contact = 2, "sip:other@192.0.2.9"
		ops := slices.Concat(put(b, a, c), []store.LocationOp{remove("c"), remove("b"), remove("none")}, put(a2, c2))
		for range 2 {
			ok(t, db.Locations.ApplyBatch(t.Context(), ops))
			if diff := cmp.Diff(map[string]store.Binding{"a": a2, "c": c2}, load(t, db)); diff != "" {
				t.Errorf("LoadAll (-want +got):\n%s", diff)
			}
		}
	})
}

// TestLocationsKnown: a deletion spares a row that is younger than what its sender knows.
func TestLocationsKnown(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		var ops, deletes []store.LocationOp
		want := map[string]store.Binding{}
		for i := range 2*200 + 3 {
			b := newBinding(fmt.Sprintf("ruid-%d", i), alice)
			b.LastModified = start.Add(time.Duration(i%3) * time.Second)
			ops = append(ops, store.LocationOp{Binding: b})
			deletes = append(deletes, store.LocationOp{Delete: true, Binding: store.Binding{RUID: b.RUID}, Known: start.Add(time.Second)})
			if i%3 == 2 {
				want[b.RUID] = b
			}
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), ops))
		ok(t, db.Locations.ApplyBatch(t.Context(), deletes))
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("LoadAll (-want +got):\n%s", diff)
		}
		rows, err := db.Locations.LoadRows(t.Context(), []string{"ruid-1", "ruid-2", "none", "' OR 1=1 --", "ruid-5"})
		ok(t, err)
		got := map[string]store.Binding{}
		for _, b := range rows {
			got[b.RUID] = b
		}
		if diff := cmp.Diff(map[string]store.Binding{"ruid-2": want["ruid-2"], "ruid-5": want["ruid-5"]}, got); diff != "" {
			t.Errorf("LoadRows (-want +got):\n%s", diff)
		}
		rows, err = db.Locations.LoadRows(t.Context(), nil)
		ok(t, err)
		if len(rows) != 0 {
			t.Errorf("nothing was asked for, %d rows came", len(rows))
		}
	})
}

// TestLocationsMany crosses every chunk and page.
func TestLocationsMany(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		want := map[string]store.Binding{}
		var ops, deletes []store.LocationOp
		for i := range 2500 {
			b := newBinding(fmt.Sprintf("ruid-%d", i), aor.AOR{User: fmt.Sprintf("u%d", i), Domain: "example.org"})
			b.UserAgent = strings.Repeat("u", 300)
			ops = append(ops, store.LocationOp{Binding: b})
			b.UserAgent = b.UserAgent[:255]
			want[b.RUID] = b
			if i%2 == 0 {
				deletes = append(deletes, remove(b.RUID))
			}
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), ops))
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("LoadAll (-want +got):\n%s", diff)
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), deletes))
		maps.DeleteFunc(want, func(ruid string, _ store.Binding) bool {
			return slices.ContainsFunc(deletes, func(op store.LocationOp) bool { return op.Binding.RUID == ruid })
		})
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("after the deletions (-want +got):\n%s", diff)
		}
	})
}

func TestLoadAllStopsAndWrites(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Locations.ApplyBatch(t.Context(), put(newBinding("a", alice), newBinding("b", alice))))
		enough, calls := errors.New("enough"), 0
		err := db.Locations.LoadAll(t.Context(), func(b store.Binding) error {
			calls++
			// No transaction is held: writing works meanwhile.
			ok(t, db.Locations.ApplyBatch(t.Context(), []store.LocationOp{remove(b.RUID)}))
			return enough
		})
		if err != enough || calls != 1 { //nolint:errorlint // handed back as it is
			t.Errorf("LoadAll = %v after %d calls", err, calls)
		}
	})
}

// TestLoadAllForeignRow: a row of another program that leaves out what it may.
func TestLoadAllForeignRow(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.exec(t, "INSERT INTO location (ruid, username, contact, methods) VALUES ('x', 'alice', 'sip:x', -1)")
		lastModified := time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC)
		want := map[string]store.Binding{"x": {RUID: "x", AOR: aor.AOR{User: "alice"}, Contact: "sip:x", Q: 1,
			CallID: "Default-Call-ID", CSeq: 1, LastModified: lastModified, Methods: store.AllMethods}}
		if diff := cmp.Diff(want, load(t, db)); diff != "" {
			t.Errorf("LoadAll (-want +got):\n%s", diff)
		}
	})
}

func TestLocationsWrongInput(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		good := newBinding("good", alice)
		tests := map[string][]func(*store.Binding){
			"ruid": {func(b *store.Binding) { b.RUID = "" }, func(b *store.Binding) { b.RUID = "a b" }, func(b *store.Binding) { b.RUID = "ž" },
				func(b *store.Binding) { b.RUID = strings.Repeat("r", 65) }},
			"aor":           {func(b *store.Binding) { b.AOR = aor.AOR{} }, func(b *store.Binding) { b.AOR.User = "ALICE" }},
			"contact":       {func(b *store.Binding) { b.Contact = "" }, func(b *store.Binding) { b.Contact = strings.Repeat("ž", 513) }, func(b *store.Binding) { b.Contact = "sip:a\r\n" }},
			"received":      {func(b *store.Binding) { b.Received = strings.Repeat("r", 129) }},
			"path":          {func(b *store.Binding) { b.Path = strings.Repeat("r", 513) }, func(b *store.Binding) { b.Path = "\xff" }},
			"call_id":       {func(b *store.Binding) { b.CallID = strings.Repeat("r", 256) }},
			"socket":        {func(b *store.Binding) { b.Socket = strings.Repeat("r", 65) }},
			"instance":      {func(b *store.Binding) { b.Instance = strings.Repeat("r", 256) }},
			"q":             {func(b *store.Binding) { b.Q = 1.01 }, func(b *store.Binding) { b.Q = -0.5 }, func(b *store.Binding) { b.Q = math.NaN() }},
			"cseq":          {func(b *store.Binding) { b.CSeq = 1 << 31 }},
			"expires":       {func(b *store.Binding) { b.Expires = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }, func(b *store.Binding) { b.Expires = time.Unix(-1, 0) }},
			"last_modified": {func(b *store.Binding) { b.LastModified = time.Time{} }},
		}
		for field, spoil := range tests {
			for i, f := range spoil {
				bad := newBinding("bad", alice)
				f(&bad)
				failsOn(t, fmt.Sprintf("Check %s %d", field, i), bad.Check(), field)
				failsOn(t, fmt.Sprintf("ApplyBatch %s %d", field, i), db.Locations.ApplyBatch(t.Context(), put(good, bad)), field)
			}
		}
		failsOn(t, "Delete without RUID", db.Locations.ApplyBatch(t.Context(), append(put(good), remove(""))), "ruid")
		if n := db.count(t, "SELECT COUNT(*) FROM location"); n != 0 {
			t.Errorf("%d rows of refused batches", n)
		}
		full := fullBinding()
		ok(t, full.Check())
	})
}

// TestLocationsRefusedRow: a row that only the database refuses; nothing of its batch is applied, and the error says
// that splitting helps.
func TestLocationsRefusedRow(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		kept := newBinding("kept", alice)
		ok(t, db.Locations.ApplyBatch(t.Context(), put(kept)))
		if db.Dialect() == schema.MySQL {
			db.exec(t, "CREATE TRIGGER refuse BEFORE INSERT ON location FOR EACH ROW IF NEW.ruid = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF")
		} else {
			db.exec(t, "CREATE TRIGGER refuse BEFORE INSERT ON location WHEN NEW.ruid = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END")
		}
		ops := []store.LocationOp{remove("kept")}
		for i := range 250 { // the bad one is in a statement of its own or in the first, the good ones in both
			ops = append(ops, put(newBinding(fmt.Sprintf("a%03d", i), bob))...)
		}
		err := db.Locations.ApplyBatch(t.Context(), append(ops, put(newBinding("bad", alice))...))
		if err == nil || store.IsUnavailable(err) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("ApplyBatch = %v, IsUnavailable %v", err, store.IsUnavailable(err))
		}
		if diff := cmp.Diff(map[string]store.Binding{"kept": kept}, load(t, db)); diff != "" {
			t.Errorf("after the refused batch (-want +got):\n%s", diff)
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), ops))
		if n := db.count(t, "SELECT COUNT(*) FROM location"); n != 250 {
			t.Errorf("%d rows, want the 250 good ones", n)
		}
	})
}

// TestLocationsAtOnce: writers of the same rows in opposite order all succeed.
func TestLocationsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		var ops []store.LocationOp
		for i := range 50 {
			ops = append(ops, put(newBinding(fmt.Sprintf("r%d", i), alice))...)
		}
		back := slices.Clone(ops)
		slices.Reverse(back)
		for _, err := range atOnce(8, func(i int) error {
			for range 5 {
				batch := ops
				if i%2 == 1 {
					batch = back
				}
				if i%4 == 3 {
					batch = append(slices.Clone(batch[:40]), remove("r0"), remove("r49"))
				}
				if err := db.Locations.ApplyBatch(t.Context(), batch); err != nil {
					return err
				}
			}
			return nil
		}) {
			ok(t, err)
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), ops))
		if n := db.count(t, "SELECT COUNT(*) FROM location"); n != 50 {
			t.Errorf("%d rows, want 50", n)
		}
	})
}

// TestLocationsModel compares the table with a map.
func TestLocationsModel(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		rapid.Check(t, func(r *rapid.T) {
			db.exec(t, "DELETE FROM location")
			model := map[string]store.Binding{}
			for range rapid.IntRange(1, 5).Draw(r, "batches") {
				var ops []store.LocationOp
				for range rapid.IntRange(0, 10).Draw(r, "ops") {
					b := newBinding(fmt.Sprint("r", rapid.IntRange(0, 6).Draw(r, "ruid")), alice)
					b.CSeq = rapid.Uint32Range(0, math.MaxInt32).Draw(r, "cseq")
					b.Flags, b.Methods = rapid.Uint32().Draw(r, "flags"), rapid.Uint32().Draw(r, "methods")
					b.Q = float64(rapid.IntRange(0, 100).Draw(r, "q")) / 100
					b.Path = rapid.StringMatching(`[a-zž'"\\%?]{0,9}`).Draw(r, "path")
					op := store.LocationOp{Delete: rapid.Bool().Draw(r, "delete"), Binding: b}
					ops = append(ops, op)
					if model[b.RUID] = b; op.Delete {
						delete(model, b.RUID)
					}
				}
				if err := db.Locations.ApplyBatch(t.Context(), ops); err != nil {
					r.Fatal(err)
				}
			}
			if diff := cmp.Diff(model, load(t, db)); diff != "" {
				r.Fatalf("LoadAll (-want +got):\n%s", diff)
			}
		})
	})
}
