package store

import (
	"context"
	"errors"
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
	// Add and Update accept whatever aor.CanonicalURI does; a bare name takes
	// the owner's domain.
	Address           string
	Group             string // at most 64
	Note              string // at most 255
	Created, Modified time.Time
}

// Name returns first and last name, or the address without its scheme if both
// are empty.
func (e Entry) Name() string { return "" }

// AOR returns the address of record of Address; ok is false if it has none (a
// tel URI).
func (e Entry) AOR() (a aor.AOR, ok bool) { return aor.AOR{}, false }

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
	// Search is looked for, without regard to case, in names, address, group
	// and note. Empty matches all.
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

// List returns a page of the owner's entries and how many match in all.
func (t *Phonebook) List(ctx context.Context, owner aor.AOR, q EntryQuery) ([]Entry, int, error) {
	return nil, 0, errors.ErrUnsupported
}

// Groups returns the names of the owner's groups in alphabetical order.
func (t *Phonebook) Groups(ctx context.Context, owner aor.AOR) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// Find returns one entry.
func (t *Phonebook) Find(ctx context.Context, owner aor.AOR, id int64) (Entry, error) {
	return Entry{}, errors.ErrUnsupported
}

// FindAddress returns the owner's first entry with the address, a URI in the
// form of aor.CanonicalURI.
func (t *Phonebook) FindAddress(ctx context.Context, owner aor.AOR, address string) (Entry, error) {
	return Entry{}, errors.ErrUnsupported
}

// Add stores a new entry and returns it as stored, with its ID. Several
// entries may have one address. A bad field is a *FieldError, and so is, on
// "address", a phone book that is full (MaxEntries).
func (t *Phonebook) Add(ctx context.Context, owner aor.AOR, e Entry) (Entry, error) {
	return Entry{}, errors.ErrUnsupported
}

// Update replaces the entry with e.ID and returns it as stored.
func (t *Phonebook) Update(ctx context.Context, owner aor.AOR, e Entry) (Entry, error) {
	return Entry{}, errors.ErrUnsupported
}

// Delete removes an entry.
func (t *Phonebook) Delete(ctx context.Context, owner aor.AOR, id int64) error {
	return errors.ErrUnsupported
}
