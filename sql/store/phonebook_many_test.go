package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// book is the owner's whole phone book, in the order of List.
func (b base) book(t *testing.T, owner aor.AOR) (list []store.Entry) {
	t.Helper()
	for e, err := range b.Phonebook.All(t.Context(), owner, store.EntryQuery{}) {
		ok(t, err)
		list = append(list, e)
	}
	return list
}

func (b base) entry(t *testing.T, owner aor.AOR, e store.Entry) store.Entry {
	t.Helper()
	e, err := b.Phonebook.Add(t.Context(), owner, e)
	ok(t, err)
	return e
}

// TestDeleteManyAndRestore: the owner's own alone, all back as they were, once, within a day.
func TestDeleteManyAndRestore(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		one := db.entry(t, alice, store.Entry{FirstName: "Žofie", Address: "one", Group: "Work", Note: "n"})
		two := db.entry(t, alice, store.Entry{Address: "two"})
		kept := db.entry(t, alice, store.Entry{Address: "kept"})
		theirs := db.entry(t, bob, store.Entry{Address: "theirs"})
		before := db.book(t, alice)
		batch, n, err := db.Phonebook.DeleteMany(ctx, alice, one.ID, two.ID, two.ID, theirs.ID, 4711)
		if n != 2 || err != nil || len(batch) != 32 {
			t.Fatalf("DeleteMany: %q, %d, %v, want 2", batch, n, err)
		}
		if got := db.book(t, alice); len(got) != 1 || got[0] != kept {
			t.Errorf("left: %+v", got)
		}
		if got := db.book(t, bob); len(got) != 1 || got[0] != theirs {
			t.Errorf("bob's book: %+v", got)
		}
		for owner, name := range map[aor.AOR]string{bob: batch, alice: "x", carol: ""} {
			_, err := db.Phonebook.Restore(ctx, owner, name)
			fails(t, "Restore by "+owner.String(), err, store.ErrNotFound)
		}
		if n, err := db.Phonebook.Restore(ctx, alice, batch); n != 2 || err != nil {
			t.Errorf("Restore: %d, %v", n, err)
		}
		if diff := cmp.Diff(before, db.book(t, alice)); diff != "" {
			t.Errorf("after Restore (-before +now):\n%s", diff)
		}
		if list, _, err := db.Phonebook.List(ctx, alice, store.EntryQuery{Search: "zofie"}); len(list) != 1 || err != nil {
			t.Errorf("what came back is not found: %v, %v", list, err)
		}
		_, err = db.Phonebook.Restore(ctx, alice, batch)
		fails(t, "Restore twice", err, store.ErrNotFound)

		batch, _, err = db.Phonebook.DeleteMany(ctx, alice, one.ID)
		ok(t, err)
		db.clock.advance(25 * time.Hour)
		_, _, err = db.Phonebook.DeleteMany(ctx, alice, two.ID)
		ok(t, err)
		_, err = db.Phonebook.Restore(ctx, alice, batch)
		fails(t, "Restore after a day", err, store.ErrNotFound)
		if _, n, err := db.Phonebook.DeleteMany(ctx, alice); n != 0 || err != nil {
			t.Errorf("DeleteMany of none: %d, %v", n, err)
		}
		_, _, err = db.Phonebook.DeleteMany(ctx, alice, make([]int64, store.MaxEntries+1)...)
		failsOn(t, "DeleteMany of too many", err, "ids")
	})
}

func TestGroupsRenameAndSet(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		ann := db.entry(t, alice, store.Entry{FirstName: "Ann", Address: "ann", Group: "Work"})
		dan := db.entry(t, alice, store.Entry{FirstName: "Dan", Address: "dan", Group: "work"})
		eve := db.entry(t, alice, store.Entry{FirstName: "Eve", Address: "eve"})
		theirs := db.entry(t, bob, store.Entry{Address: "x", Group: "Work"})
		groups, err := db.Phonebook.GroupSizes(ctx, alice)
		if diff := cmp.Diff([]store.GroupSize{{"Work", 1}, {"work", 1}}, groups); diff != "" || err != nil {
			t.Errorf("GroupSizes, %v (-want +got):\n%s", err, diff)
		}
		if n, err := db.Phonebook.RenameGroup(ctx, alice, "Work", "Office"); n != 1 || err != nil {
			t.Errorf("RenameGroup: %d, %v", n, err)
		}
		if list, _, err := db.Phonebook.List(ctx, alice, store.EntryQuery{Search: "office"}); len(list) != 1 || err != nil || list[0].ID != ann.ID {
			t.Errorf("the renamed group is not found: %v, %v", list, err)
		}
		if n, err := db.Phonebook.SetGroup(ctx, alice, "Team", dan.ID, eve.ID, theirs.ID); n != 2 || err != nil {
			t.Errorf("SetGroup: %d, %v", n, err)
		}
		if n, err := db.Phonebook.RenameGroup(ctx, alice, "Team", ""); n != 2 || err != nil {
			t.Errorf("RenameGroup to none: %d, %v", n, err)
		}
		groups, err = db.Phonebook.GroupSizes(ctx, alice)
		if diff := cmp.Diff([]store.GroupSize{{"Office", 1}}, groups); diff != "" || err != nil {
			t.Errorf("GroupSizes, %v (-want +got):\n%s", err, diff)
		}
		if got := db.book(t, bob); got[0] != theirs {
			t.Errorf("bob's entry is now %+v", got[0])
		}
		for _, bad := range []string{strings.Repeat("g", 65), "a\nb", "\xff"} {
			_, err := db.Phonebook.RenameGroup(ctx, alice, "Office", bad)
			failsOn(t, "RenameGroup", err, "group")
			_, err = db.Phonebook.SetGroup(ctx, alice, bad, ann.ID)
			failsOn(t, "SetGroup", err, "group")
		}
		if list, err := db.Phonebook.Select(ctx, alice, ann.ID, theirs.ID, -1); len(list) != 1 || err != nil || list[0].Group != "Office" {
			t.Errorf("Select: %+v, %v", list, err)
		}
	})
}

// TestMerge: what is there stays, what is new is added, what differs is changed, and an
// empty field takes nothing away.
func TestMerge(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.entry(t, alice, store.Entry{FirstName: "Bob", LastName: "Keller", Address: "bob", Group: "Work", Note: "desk 4"})
		db.entry(t, alice, store.Entry{FirstName: "Front", Address: "desk"})
		db.entry(t, alice, store.Entry{FirstName: "Back", Address: "desk"})
		want := []store.Entry{
			{FirstName: "Bob", LastName: "Keller", Address: "sip:bob@example.org"},
			{FirstName: "Back", Address: "desk", Note: "behind"},
			{FirstName: "New", Address: "tel:+420"},
			{FirstName: "New", Address: "tel:+420"},
			{FirstName: "Other", Address: "desk"},
			{FirstName: "Third", Address: "desk"},
		}
		kinds := func(m []store.Merged) (s string) {
			for _, one := range m {
				s += string(one.Kind) + " "
			}
			return s
		}
		const all = "there changed added twice changed added "
		before := db.book(t, alice)
		plan, err := db.Phonebook.Merge(ctx, alice, want, true)
		if err != nil || kinds(plan) != all {
			t.Fatalf("dry: %s, %v, want %s", kinds(plan), err, all)
		}
		if diff := cmp.Diff(before, db.book(t, alice)); diff != "" {
			t.Errorf("the dry run wrote:\n%s", diff)
		}
		done, err := db.Phonebook.Merge(ctx, alice, want, false)
		if err != nil || kinds(done) != all {
			t.Fatalf("Merge: %s, %v, want %s", kinds(done), err, all)
		}
		var got []string
		for _, e := range db.book(t, alice) {
			got = append(got, strings.Join([]string{e.Name(), e.Address, e.Group, e.Note}, "|"))
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{
			"Back|sip:desk@example.org||behind", "Bob Keller|sip:bob@example.org|Work|desk 4", "New|tel:+420||",
			"Other|sip:desk@example.org||", "Third|sip:desk@example.org||",
		}, got); diff != "" {
			t.Errorf("phone book (-want +got):\n%s", diff)
		}
		if again, err := db.Phonebook.Merge(ctx, alice, want, false); err != nil || kinds(again) != "there there there twice there there " {
			t.Errorf("again: %s, %v", kinds(again), err)
		}
	})
}

// TestMergeWrongInput: one bad entry, or one too many, and nothing is written.
func TestMergeWrongInput(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		_, err := db.Phonebook.Merge(ctx, alice, []store.Entry{{Address: "good"}, {Address: "b ad"}}, false)
		failsOn(t, "Merge", err, "address")
		many := make([]store.Entry, store.MaxEntries+1)
		for i := range many {
			many[i].Address = fmt.Sprintf("u%d", i)
		}
		for _, dry := range []bool{true, false} {
			_, err = db.Phonebook.Merge(ctx, alice, many, dry)
			fails(t, "Merge of too many", err, store.ErrFull)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM phonebook"); n != 0 {
			t.Errorf("%d entries were written", n)
		}
	})
}

// TestMergeModel: merging a phone book's own entries into an empty one copies it, and into
// itself changes nothing.
func TestMergeModel(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		text := rapid.SampledFrom([]string{"", "", "a", "b", "Ž"})
		run := 0
		rapid.Check(t, func(r *rapid.T) {
			run++
			from, to := aor.AOR{User: fmt.Sprintf("a%d", run), Domain: "x.org"}, aor.AOR{User: fmt.Sprintf("b%d", run), Domain: "x.org"}
			for range rapid.IntRange(0, 8).Draw(r, "entries") {
				e := store.Entry{FirstName: text.Draw(r, "first"), Group: text.Draw(r, "group"), Note: text.Draw(r, "note"),
					Address: rapid.SampledFrom([]string{"u1", "u2"}).Draw(r, "address")}
				if _, err := db.Phonebook.Add(t.Context(), from, e); err != nil {
					r.Fatal(err)
				}
			}
			book := db.book(t, from)
			merged, err := db.Phonebook.Merge(t.Context(), from, book, false)
			if err != nil {
				r.Fatal(err)
			}
			for _, m := range merged {
				if m.Kind != store.MergeThere && m.Kind != store.MergeTwice {
					r.Fatalf("merged with itself: %+v", m)
				}
			}
			if diff := cmp.Diff(book, db.book(t, from)); diff != "" {
				r.Fatalf("merged with itself:\n%s", diff)
			}
			if _, err := db.Phonebook.Merge(t.Context(), to, book, false); err != nil {
				r.Fatal(err)
			}
			set := func(list []store.Entry) (s []string) {
				for _, e := range list {
					s = append(s, fmt.Sprintf("%q", []string{e.FirstName, e.LastName, e.Address, e.Group, e.Note}))
				}
				slices.Sort(s)
				return slices.Compact(s)
			}
			if diff := cmp.Diff(set(book), set(db.book(t, to)), cmpopts.EquateEmpty()); diff != "" {
				r.Fatalf("the copy (-want +got):\n%s", diff)
			}
		})
	})
}

func TestSearchWithoutAccents(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, bob, carol)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, Findable: true}))
		for _, who := range []aor.AOR{bob, carol} {
			ok(t, db.Aliases.Add(ctx, aor.AOR{User: "20" + who.User, Domain: "example.org"}, who))
		}
		for _, e := range []store.Entry{
			{FirstName: "Jürgen", LastName: "Groß", Address: "one"}, {FirstName: "Żaneta", LastName: "Łukasz", Address: "two"},
			{FirstName: "Muller", Address: "three", Group: "Přátelé"}, {Address: "bob"}, {Address: "carol"},
			{FirstName: strings.Repeat("ẞ", 64), LastName: strings.Repeat("ﬃ", 64), Address: "long", Group: strings.Repeat("Ǆ", 64), Note: strings.Repeat("ΐ", 255)},
		} {
			db.entry(t, alice, e)
		}
		for text, want := range map[string]string{
			"jurgen": "one", "JÜRGEN": "one", "gross": "one", "GROSS": "one", "jürg": "one", "ju\u0308rgen": "one",
			"lukasz": "two", "zaneta": "two", "Müller": "three", "pratele": "three", "přátelé": "three",
			"20bob": "bob", "20carol": "", "2%": "", "%": "", "_": "",
		} {
			list, _, err := db.Phonebook.List(ctx, alice, store.EntryQuery{Search: text})
			ok(t, err)
			var got []string
			for _, e := range list {
				a, _ := e.AOR()
				got = append(got, a.User)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q finds %q, want %q", text, got, want)
			}
		}
	})
}
