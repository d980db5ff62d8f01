package store

import (
	"context"
	"database/sql"
	"fmt"

	"seraph/sql/aor"
)

// MergeKind says what a merge does with one entry of a file.
type MergeKind string

// What becomes of an entry that is merged into a phone book.
const (
	MergeAdded   MergeKind = "added"   // a new entry
	MergeChanged MergeKind = "changed" // an entry with this address gets what is said here
	MergeThere   MergeKind = "there"   // the phone book says all of it already
	MergeTwice   MergeKind = "twice"   // an earlier entry of the same merge says the same
)

// Merged is what becomes of one entry.
type Merged struct {
	Kind MergeKind
	// Entry is the entry as it stands in the phone book afterwards.
	Entry Entry
	// Before is what a changed entry was.
	Before Entry
}

// Merge puts entries into the owner's phone book, all of them or, on an error, none; with
// dry it only tells what it would do. The result has one item for each of want, in their
// order. An entry whose address is there changes the entry that has it, one for one, and
// only in what it says: an empty field takes nothing away. Two that are alike in every field
// are one. A bad field of one is a *FieldError; ErrFull says that they do not fit
// (MaxEntries).
func (t *Phonebook) Merge(ctx context.Context, owner aor.AOR, want []Entry, dry bool) (merged []Merged, err error) {
	want = append([]Entry(nil), want...)
	for i := range want {
		if err := want[i].clean(owner); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if dry {
		have, err := t.whole(ctx, t.db.read, owner)
		if err != nil {
			return nil, wrap(err, "phone book of "+owner.String())
		}
		merged = merge(have, want)
		return merged, wrap(fits(MaxEntries-len(have), merged), "phone book of "+owner.String())
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		room, err := t.room(ctx, tx, owner)
		if err != nil {
			return err
		}
		have, err := t.whole(ctx, tx, owner)
		if err != nil {
			return err
		}
		merged = merge(have, want)
		if err := fits(room, merged); err != nil {
			return err
		}
		return t.apply(ctx, tx, owner, merged)
	})
	if err != nil {
		return nil, wrap(err, "phone book of "+owner.String())
	}
	return merged, nil
}

// whole reads all of an owner's entries in the order in which they were made.
func (t *Phonebook) whole(ctx context.Context, q querier, owner aor.AOR) ([]Entry, error) {
	return all(ctx, q, scanEntry, "SELECT "+entryColumns+" FROM phonebook WHERE username = ? AND domain = ? ORDER BY id",
		owner.User, owner.Domain)
}

func fits(room int, merged []Merged) error {
	for _, m := range merged {
		if m.Kind == MergeAdded {
			room--
		}
	}
	if room < 0 {
		return ErrFull
	}
	return nil
}

// apply writes what a merge says.
func (t *Phonebook) apply(ctx context.Context, tx *sql.Tx, owner aor.AOR, merged []Merged) error {
	now := t.db.present()
	for i := range merged {
		e := &merged[i].Entry
		var err error
		switch merged[i].Kind {
		case MergeAdded:
			e.Created, e.Modified = now, now
			e.ID, err = t.insert(ctx, tx, owner, *e)
		case MergeChanged:
			e.Modified = now
			err = t.put(ctx, tx, owner, *e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// texts are what a person wrote into an entry.
type texts struct{ first, last, address, group, note string }

func (e Entry) texts() texts { return texts{e.FirstName, e.LastName, e.Address, e.Group, e.Note} }

// merge plans what becomes of each of the wanted entries. First those find their entry that
// are in the phone book already, word for word; what is left changes what is left with the
// same address: the one of the same name before others.
func merge(have, want []Entry) []Merged {
	merged := make([]Merged, len(want))
	taken := make(map[int64]bool, len(have))
	exact := make(map[texts][]Entry)
	byAddress := make(map[string][]Entry)
	for _, e := range have {
		exact[e.texts()] = append(exact[e.texts()], e)
		byAddress[e.Address] = append(byAddress[e.Address], e)
	}
	seen := make(map[texts]bool, len(want))
	for i, e := range want {
		switch same := exact[e.texts()]; {
		case seen[e.texts()]:
			merged[i] = Merged{Kind: MergeTwice, Entry: e}
		case len(same) > 0:
			merged[i] = Merged{Kind: MergeThere, Entry: same[0]}
			taken[same[0].ID] = true
		}
		seen[e.texts()] = true
	}
	for i, e := range want {
		if merged[i].Kind == "" {
			merged[i] = mergeOne(e, byAddress[e.Address], taken)
		}
	}
	return merged
}

// mergeOne plans an entry that is not in the phone book word for word; those with its
// address may be taken by others.
func mergeOne(e Entry, same []Entry, taken map[int64]bool) Merged {
	best, found := Entry{}, false
	for _, old := range same {
		named := old.FirstName == e.FirstName && old.LastName == e.LastName
		if !taken[old.ID] && (!found || named) {
			best, found = old, true
			if named {
				break
			}
		}
	}
	if !found {
		return Merged{Kind: MergeAdded, Entry: e}
	}
	taken[best.ID] = true
	after := best
	if e.FirstName != "" || e.LastName != "" { // a name is replaced as a whole
		after.FirstName, after.LastName = e.FirstName, e.LastName
	}
	after.Group, after.Note = orText(e.Group, best.Group), orText(e.Note, best.Note)
	if after.texts() == best.texts() {
		return Merged{Kind: MergeThere, Entry: best}
	}
	return Merged{Kind: MergeChanged, Entry: after, Before: best}
}
