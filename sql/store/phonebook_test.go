package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestPhonebook(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		e, err := db.Phonebook.Add(ctx, alice, store.Entry{ID: 99, FirstName: " Robert'); DROP TABLE phonebook;-- ",
			LastName: "😀 Ž\\", Address: "Bob", Group: " Práce", Note: "100% _!"})
		ok(t, err)
		want := store.Entry{ID: e.ID, FirstName: "Robert'); DROP TABLE phonebook;--", LastName: "😀 Ž\\", Address: "sip:bob@example.org",
			Group: "Práce", Note: "100% _!", Created: start, Modified: start}
		if diff := cmp.Diff(want, e); diff != "" || e.ID == 0 {
			t.Errorf("Add: id %d (-want +got):\n%s", e.ID, diff)
		}
		found, err := db.Phonebook.Find(ctx, alice, e.ID)
		ok(t, err)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("Find (-want +got):\n%s", diff)
		}
		second, err := db.Phonebook.Add(ctx, alice, store.Entry{Address: "sip:bob@example.org"})
		ok(t, err)
		if found, err = db.Phonebook.FindAddress(ctx, alice, "sip:bob@example.org"); err != nil || found.ID != e.ID {
			t.Errorf("FindAddress = %+v, %v; want the first", found, err)
		}
		db.clock.advance(time.Minute)
		want = store.Entry{ID: second.ID, FirstName: "B", Address: "tel:+4201", Created: start, Modified: start.Add(time.Minute)}
		updated, err := db.Phonebook.Change(ctx, alice, second, store.Entry{ID: second.ID, FirstName: "B", Address: "tel:+420-1"})
		ok(t, err)
		found, err = db.Phonebook.Find(ctx, alice, second.ID)
		ok(t, err)
		if diff := cmp.Diff([]store.Entry{want, want}, []store.Entry{updated, found}); diff != "" {
			t.Errorf("Change, Find (-want +got):\n%s", diff)
		}
		if list, total, err := db.Phonebook.List(ctx, alice, store.EntryQuery{Search: "robert"}); total != 1 || len(list) != 1 || err != nil {
			t.Errorf("List = %v, %d, %v", list, total, err)
		}
		ok(t, db.Phonebook.Delete(ctx, alice, e.ID))
		fails(t, "Delete twice", db.Phonebook.Delete(ctx, alice, e.ID), store.ErrNotFound)
	})
}

func TestPhonebookOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		e, err := db.Phonebook.Add(ctx, alice, store.Entry{FirstName: "Bob", Address: "bob", Group: "work"})
		ok(t, err)
		for _, other := range []aor.AOR{bob, {User: "alice", Domain: "other.org"}, {User: "alic_", Domain: "example.org"}, {User: "' OR 1=1 --", Domain: "x"}} {
			_, err = db.Phonebook.Find(ctx, other, e.ID)
			fails(t, "Find another's", err, store.ErrNotFound)
			_, err = db.Phonebook.FindAddress(ctx, other, e.Address)
			fails(t, "FindAddress another's", err, store.ErrNotFound)
			fails(t, "Delete another's", db.Phonebook.Delete(ctx, other, e.ID), store.ErrNotFound)
			if list, total, err := db.Phonebook.List(ctx, other, store.EntryQuery{}); len(list) != 0 || total != 0 || err != nil {
				t.Errorf("List of %s = %v, %d, %v", other, list, total, err)
			}
			if groups, err := db.Phonebook.Groups(ctx, other); len(groups) != 0 || err != nil {
				t.Errorf("Groups of %s = %v, %v", other, groups, err)
			}
		}
		_, err = db.Phonebook.Change(ctx, bob, e, store.Entry{ID: e.ID, Address: "carol"})
		fails(t, "Change another's", err, store.ErrNotFound)
		if got, err := db.Phonebook.Find(ctx, alice, e.ID); err != nil || got != e {
			t.Errorf("alice's entry is now %+v, %v", got, err)
		}
	})
}

func TestPhonebookWrongInput(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		good, err := db.Phonebook.Add(ctx, alice, store.Entry{FirstName: "Bob", Address: "bob"})
		ok(t, err)
		for field, bad := range map[string][]store.Entry{
			"first_name": {{FirstName: strings.Repeat("ž", 65), Address: "bob"}, {FirstName: "a\x1bb", Address: "bob"}},
			"last_name":  {{LastName: "\xff", Address: "bob"}},
			"group":      {{Group: strings.Repeat("g", 65), Address: "bob"}},
			"note":       {{Note: strings.Repeat("n", 256), Address: "bob"}, {Note: "two\nlines", Address: "bob"}},
			"address": {{}, {Address: "b ob"}, {Address: "mailto:bob@example.org"}, {Address: "bob@a..b"}, {Address: "tel:call"},
				{Address: "bob@example.org;x=<script>"}, {Address: strings.Repeat("u", 250) + "@example.org"}},
		} {
			for _, e := range bad {
				_, err := db.Phonebook.Add(ctx, alice, e)
				failsOn(t, fmt.Sprintf("Add %+v", e), err, field)
				e.ID = good.ID
				_, err = db.Phonebook.Change(ctx, alice, good, e)
				failsOn(t, fmt.Sprintf("Change %+v", e), err, field)
				var f *store.FieldError
				if errors.As(err, &f) && e.Address != "" && strings.Contains(f.Error(), e.Address) && field == "address" {
					t.Errorf("the error repeats the value: %v", f)
				}
			}
		}
		_, err = db.Phonebook.Add(ctx, aor.AOR{User: "Alice", Domain: "d"}, store.Entry{Address: "bob"})
		failsOn(t, "Add for no address", err, "owner")
		_, err = db.Phonebook.Change(ctx, alice, good, store.Entry{ID: good.ID + 1, Address: "bob"})
		fails(t, "Change nothing", err, store.ErrNotFound)
		_, err = db.Phonebook.Find(ctx, alice, -1)
		fails(t, "Find nothing", err, store.ErrNotFound)
		_, _, err = db.Phonebook.List(ctx, alice, store.EntryQuery{Sort: "id; DROP TABLE phonebook"})
		failsOn(t, "List in no order", err, "sort")
		if got, err := db.Phonebook.Find(ctx, alice, good.ID); err != nil || got != good {
			t.Errorf("a refused entry was half-written: %+v, %v", got, err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM phonebook"); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
	})
}

func TestPhonebookFull(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		tx, err := db.raw.BeginTx(t.Context(), nil)
		ok(t, err)
		for i := range store.MaxEntries - 2 {
			_, err := tx.Exec("INSERT INTO phonebook (username, domain, sip_uri) VALUES ('alice', 'example.org', ?)", fmt.Sprint(i))
			ok(t, err)
		}
		ok(t, tx.Commit())
		full := 0
		for _, err := range atOnce(8, func(int) error {
			_, err := db.Phonebook.Add(t.Context(), alice, store.Entry{Address: "bob"})
			return err
		}) {
			if err != nil {
				full++
				failsOn(t, "Add to a full book", err, "address")
			}
		}
		if n := db.count(t, "SELECT COUNT(*) FROM phonebook"); n != store.MaxEntries || full != 6 {
			t.Errorf("%d entries and %d refused, want %d and 6", n, full, store.MaxEntries)
		}
		list, total, err := db.Phonebook.List(t.Context(), alice, store.EntryQuery{Limit: 1 << 30})
		if len(list) != store.MaxPage || total != store.MaxEntries || err != nil {
			t.Errorf("List: %d of %d, %v; a page has at most %d", len(list), total, err, store.MaxPage)
		}
	})
}

func TestPhonebookList(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		for _, e := range []store.Entry{
			{FirstName: "Ann", LastName: "Zimmer", Address: "ann", Group: "Work"},
			{FirstName: "bob", LastName: "adams", Address: "bob", Group: "work", Note: "50%_off!"},
			{FirstName: "Cid", LastName: "Adams", Address: "tel:+421", Group: "Family"},
			{Address: "dan"},
		} {
			_, err := db.Phonebook.Add(ctx, alice, e)
			ok(t, err)
		}
		tests := []struct {
			name  string
			q     store.EntryQuery
			want  string
			total int
		}{
			{"last name", store.EntryQuery{}, "dan bob Cid Ann", 4},
			{"last name down", store.EntryQuery{Desc: true}, "Ann Cid bob dan", 4},
			{"first name", store.EntryQuery{Sort: store.EntriesByFirstName}, "dan Ann bob Cid", 4},
			{"address", store.EntryQuery{Sort: store.EntriesByAddress}, "Ann bob dan Cid", 4},
			{"group", store.EntryQuery{Sort: store.EntriesByGroup}, "dan Cid bob Ann", 4},
			{"page", store.EntryQuery{Limit: 2, Offset: 1}, "bob Cid", 4},
			{"in group", store.EntryQuery{Group: "Work"}, "Ann", 1},
			{"in no group", store.EntryQuery{Group: "WORK"}, "", 0},
			{"search name", store.EntryQuery{Search: "ADAMS"}, "bob Cid", 2},
			{"search both names", store.EntryQuery{Search: "cid adams"}, "Cid", 1},
			{"search address", store.EntryQuery{Search: "+421"}, "Cid", 1},
			{"search note", store.EntryQuery{Search: "50%_OFF!"}, "bob", 1},
			{"search wildcard", store.EntryQuery{Search: "5%o"}, "", 0},
			{"search percent", store.EntryQuery{Search: "%"}, "bob", 1},
			{"search underscore", store.EntryQuery{Search: "_"}, "bob", 1},
			{"search quote", store.EntryQuery{Search: "' OR '1'='1"}, "", 0},
			{"search space", store.EntryQuery{Search: "  "}, "dan bob Cid Ann", 4},
			{"search long", store.EntryQuery{Search: strings.Repeat("x", 100000)}, "", 0},
			{"search bad text", store.EntryQuery{Search: "\xff\x00"}, "", 0},
			{"search in group", store.EntryQuery{Search: "adams", Group: "Family"}, "Cid", 1},
		}
		for _, tt := range tests {
			list, total, err := db.Phonebook.List(ctx, alice, tt.q)
			ok(t, err)
			var names []string
			for _, e := range list {
				first, _, _ := strings.Cut(e.Name(), " ")
				first, _, _ = strings.Cut(first, "@")
				names = append(names, first)
			}
			if got := strings.Join(names, " "); got != tt.want || total != tt.total {
				t.Errorf("%s: %q and %d in all, want %q and %d", tt.name, got, total, tt.want, tt.total)
			}
		}
		groups, err := db.Phonebook.Groups(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]string{"Family", "Work", "work"}, groups); diff != "" {
			t.Errorf("Groups (-want +got):\n%s", diff)
		}
	})
}

func TestEntryName(t *testing.T) {
	e := store.Entry{Address: "sip:bob@example.org;x=y"}
	if a, found := e.AOR(); !found || a != bob || e.Name() != "bob@example.org;x=y" {
		t.Errorf("%+v: AOR %v, %v; name %q", e, a, found, e.Name())
	}
	e = store.Entry{Address: "tel:+420", LastName: "Bob"}
	if a, found := e.AOR(); found || !a.IsZero() || e.Name() != "Bob" {
		t.Errorf("%+v: AOR %v, %v; name %q", e, a, found, e.Name())
	}
}

// TestPhonebookModel compares the table with a map while two owners change it.
func TestPhonebookModel(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		text := rapid.StringMatching(`[a-zA-ZŽž%_!'"\\0-9 ]{0,8}`)
		run := 0
		rapid.Check(t, func(r *rapid.T) {
			run++
			owners := []aor.AOR{{User: fmt.Sprintf("a%d", run), Domain: "x.org"}, {User: fmt.Sprintf("b%d", run), Domain: "x.org"}}
			model := map[int64]store.Entry{}
			ownerOf := map[int64]aor.AOR{}
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				owner := rapid.SampledFrom(owners).Draw(r, "owner")
				id := rapid.SampledFrom(append(slices.Sorted(maps.Keys(model)), -1)).Draw(r, "id")
				mine := ownerOf[id] == owner
				e := store.Entry{ID: id, FirstName: text.Draw(r, "first"), Note: text.Draw(r, "note"), Address: "bob"}
				switch rapid.IntRange(0, 3).Draw(r, "op") {
				case 0, 1:
					e, err := db.Phonebook.Add(t.Context(), owner, e)
					if err != nil {
						r.Fatal(err)
					}
					model[e.ID], ownerOf[e.ID] = e, owner
				case 2:
					e, err := db.Phonebook.Change(t.Context(), owner, model[id], e)
					if (err == nil) != mine {
						r.Fatalf("Change: %v, own entry: %v", err, mine)
					}
					if mine {
						model[id] = e
					}
				case 3:
					if err := db.Phonebook.Delete(t.Context(), owner, id); (err == nil) != mine {
						r.Fatalf("Delete: %v, own entry: %v", err, mine)
					}
					if mine {
						delete(model, id)
						delete(ownerOf, id)
					}
				}
			}
			for _, owner := range owners {
				search := strings.TrimSpace(text.Draw(r, "search"))
				list, total, err := db.Phonebook.List(t.Context(), owner, store.EntryQuery{Search: search})
				if err != nil {
					r.Fatal(err)
				}
				got := map[int64]store.Entry{}
				for _, e := range list {
					got[e.ID] = e
				}
				want := map[int64]store.Entry{}
				for id, e := range model {
					plain := strings.NewReplacer("ž", "z").Replace
					words := strings.ToLower(strings.Join([]string{e.FirstName, e.LastName, e.Address, e.Group, e.Note}, " "))
					if ownerOf[id] == owner && strings.Contains(plain(words), plain(strings.ToLower(search))) {
						want[id] = e
					}
				}
				if diff := cmp.Diff(want, got); diff != "" || total != len(want) {
					r.Fatalf("List(%q) has %d (-want +got):\n%s", search, total, diff)
				}
			}
		})
	})
}
