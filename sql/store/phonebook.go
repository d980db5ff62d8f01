package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"seraph/sql/aor"
)

// Phonebook is the table phonebook. Every method takes the owner, and another
// owner's entry is ErrNotFound.
type Phonebook struct{ db *DB }

// Entry is one contact in a phone book. Lengths are in characters.
type Entry struct {
	ID        int64
	FirstName string // at most 64
	LastName  string // at most 64
	// Address is a URI in the form of aor.CanonicalURI, "sip:bob@example.org".
	// Add and Change accept whatever aor.CanonicalURI does; a bare name takes
	// the owner's domain.
	Address           string
	Group             string // at most 64
	Note              string // at most 255
	Created, Modified time.Time
}

// Name returns first and last name, or the address without its scheme if both
// are empty.
func (e Entry) Name() string {
	_, bare, _ := strings.Cut(e.Address, ":")
	return orText(fullName(e.FirstName, e.LastName), bare)
}

// AOR returns the address of record of Address; ok is false if it has none (a
// tel URI).
func (e Entry) AOR() (a aor.AOR, ok bool) {
	a, err := aor.Parse(e.Address, "")
	return a, err == nil
}

// EntrySort is an order of Phonebook.List.
type EntrySort string

// Orders of entries; each one ends in the id, so that it is total.
const (
	EntriesByFirstName EntrySort = "first_name"
	EntriesByLastName  EntrySort = "last_name"
	EntriesByAddress   EntrySort = "address"
	EntriesByGroup     EntrySort = "group"
)

// EntryQuery selects a page of entries.
type EntryQuery struct {
	// Search is looked for, without regard to case and accents, in names,
	// address, group and note, and in the aliases of people who allow others to
	// find them. Empty matches all.
	Search string
	// Group narrows to one group, if not empty.
	Group string
	// Sort is the order; empty is EntriesByLastName.
	Sort EntrySort
	Desc bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// MaxEntries bounds the phone book of one owner.
const MaxEntries = 5000

// entryColumns and scanEntry belong together.
const entryColumns = "id, fname, lname, sip_uri, grp_name, note, created, modified"

func scanEntry(s scanner) (e Entry, err error) {
	return e, s.Scan(&e.ID, &e.FirstName, &e.LastName, &e.Address, &e.Group, &e.Note, moment{&e.Created}, moment{&e.Modified})
}

// entryKeys are the columns of each order.
func entryKeys(sort EntrySort) ([]string, error) {
	switch sort {
	case EntriesByFirstName:
		return []string{"fname", "lname", "sip_uri", "id"}, nil
	case "", EntriesByLastName:
		return []string{"lname", "fname", "sip_uri", "id"}, nil
	case EntriesByAddress:
		return []string{"sip_uri", "id"}, nil
	case EntriesByGroup:
		return []string{"grp_name", "lname", "fname", "id"}, nil
	}
	return nil, &FieldError{"sort", "is not an order of entries"}
}

// List returns a page of the owner's entries and how many match in all.
func (t *Phonebook) List(ctx context.Context, owner aor.AOR, q EntryQuery) ([]Entry, int, error) {
	keys, err := entryKeys(q.Sort)
	if err != nil {
		return nil, 0, err
	}
	var f filter
	f.and("username = ? AND domain = ?", owner.User, owner.Domain)
	if q.Group != "" {
		f.and(exact(t.db.target.dialect, "grp_name")+" = ?", q.Group)
	}
	if q.Search != "" {
		t.searchFor(&f, owner.Domain, q.Search)
	}
	list, total, err := listPage(ctx, t.db.read, scanEntry, entryColumns, " FROM phonebook", f, orderBy(keys, q.Desc), q.Limit, q.Offset)
	return list, total, wrap(err, "phone book of "+owner.String())
}

// Groups returns the names of the owner's groups in alphabetical order.
func (t *Phonebook) Groups(ctx context.Context, owner aor.AOR) ([]string, error) {
	list, err := all(ctx, t.db.read, scanText, "SELECT DISTINCT "+exact(t.db.target.dialect, "grp_name")+
		" FROM phonebook WHERE username = ? AND domain = ? AND grp_name <> ''", owner.User, owner.Domain)
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(strings.Compare(fold(a), fold(b)), strings.Compare(a, b)) })
	return list, wrap(err, "groups of "+owner.String())
}

// Find returns one entry.
func (t *Phonebook) Find(ctx context.Context, owner aor.AOR, id int64) (Entry, error) {
	e, err := t.find(ctx, t.db.read, owner, id)
	return e, wrap(err, "entry of "+owner.String())
}

func (t *Phonebook) find(ctx context.Context, q querier, owner aor.AOR, id int64) (Entry, error) {
	return one(ctx, q, scanEntry, "SELECT "+entryColumns+" FROM phonebook WHERE id = ? AND username = ? AND domain = ?",
		id, owner.User, owner.Domain)
}

// FindAddress returns the owner's first entry with the address, a URI in the
// form of aor.CanonicalURI.
func (t *Phonebook) FindAddress(ctx context.Context, owner aor.AOR, address string) (Entry, error) {
	e, err := one(ctx, t.db.read, scanEntry, "SELECT "+entryColumns+
		" FROM phonebook WHERE username = ? AND domain = ? AND sip_uri = ? ORDER BY id LIMIT 1", owner.User, owner.Domain, address)
	return e, wrap(err, "entry of "+owner.String())
}

// clean makes the fields of e fit to be stored.
func (e *Entry) clean(owner aor.AOR) error {
	if err := checkAOR("owner", owner); err != nil {
		return err
	}
	for _, f := range []struct {
		field string
		text  *string
		most  int
	}{
		{"first_name", &e.FirstName, 64}, {"last_name", &e.LastName, 64}, {"group", &e.Group, 64}, {"note", &e.Note, 255},
	} {
		*f.text = strings.TrimSpace(*f.text)
		if err := checkText(f.field, *f.text, f.most); err != nil {
			return err
		}
	}
	uri, err := aor.CanonicalURI(e.Address, owner.Domain)
	if err != nil {
		return badAddress(err)
	}
	e.Address = uri
	return nil
}

// badAddress says what is wrong with an address without repeating it.
func badAddress(err error) *FieldError {
	for _, kind := range []struct {
		err error
		msg string
	}{
		{aor.ErrUser, "has a bad user part: write something like bob or bob@example.org"},
		{aor.ErrDomain, "has a bad domain: write something like bob@example.org"},
		{aor.ErrScheme, "is neither a sip nor a tel address"},
	} {
		if errors.Is(err, kind.err) {
			return &FieldError{"address", kind.msg}
		}
	}
	return &FieldError{"address", "is not an address like bob@example.org"}
}

func (e *Entry) search() string {
	return words(bookWords, e.FirstName, e.LastName, e.Address, e.Group, e.Note)
}

// Add stores a new entry and returns it as stored, with its ID; space around
// its texts is dropped. Several entries may have one address. A bad field is a
// *FieldError, and so is, on "address", a phone book that is full (MaxEntries).
func (t *Phonebook) Add(ctx context.Context, owner aor.AOR, e Entry) (Entry, error) {
	if err := e.clean(owner); err != nil {
		return Entry{}, err
	}
	e.Created, e.Modified = t.db.present(), t.db.present()
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		room, err := t.room(ctx, tx, owner)
		if err != nil {
			return err
		}
		if room <= 0 {
			return full()
		}
		e.ID, err = t.insert(ctx, tx, owner, e)
		return err
	})
	if err != nil {
		return Entry{}, wrap(err, "phone book of "+owner.String())
	}
	return e, nil
}

// Change stores what differs between two states of an entry: before, as somebody saw it, and
// after, as it is to be, and returns it as stored. What changed in the meantime stays. A bad field
// is a *FieldError.
func (t *Phonebook) Change(ctx context.Context, owner aor.AOR, before, after Entry) (Entry, error) {
	if err := after.clean(owner); err != nil {
		return Entry{}, err
	}
	var now Entry
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		now, err = one(ctx, tx, scanEntry, "SELECT "+entryColumns+" FROM phonebook WHERE id = ? AND username = ? AND domain = ?"+
			forUpdate(t.db.target.dialect), after.ID, owner.User, owner.Domain)
		if err != nil {
			return err
		}
		now.take(before, after)
		if err := t.put(ctx, tx, owner, now); err != nil {
			return err
		}
		now, err = t.find(ctx, tx, owner, after.ID)
		return err
	})
	if err != nil {
		return Entry{}, wrap(err, "entry of "+owner.String())
	}
	return now, nil
}

// take makes of e what after made of before.
func (e *Entry) take(before, after Entry) {
	take(&e.FirstName, before.FirstName, after.FirstName)
	take(&e.LastName, before.LastName, after.LastName)
	take(&e.Address, before.Address, after.Address)
	take(&e.Group, before.Group, after.Group)
	take(&e.Note, before.Note, after.Note)
}

// Delete removes an entry.
func (t *Phonebook) Delete(ctx context.Context, owner aor.AOR, id int64) error {
	err := must(t.db.exec(ctx, "DELETE FROM phonebook WHERE id = ? AND username = ? AND domain = ?", id, owner.User, owner.Domain))
	return wrap(err, "entry of "+owner.String())
}
