package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"

	"seraph/sql/aor"
)

// GroupSize is a group of a phone book and how many entries it has.
type GroupSize struct {
	Name    string
	Entries int
}

// GroupSizes returns the owner's groups in alphabetical order.
func (t *Phonebook) GroupSizes(ctx context.Context, owner aor.AOR) ([]GroupSize, error) {
	names, err := t.Groups(ctx, owner)
	if err != nil {
		return nil, err
	}
	column := exact(t.db.target.dialect, "grp_name")
	counted, err := all(ctx, t.db.read, func(s scanner) (g GroupSize, err error) { return g, s.Scan(&g.Name, &g.Entries) },
		"SELECT "+column+", COUNT(*) FROM phonebook WHERE username = ? AND domain = ? GROUP BY "+column, owner.User, owner.Domain)
	if err != nil {
		return nil, wrap(err, "groups of "+owner.String())
	}
	sizes := make(map[string]int, len(counted))
	for _, g := range counted {
		sizes[g.Name] = g.Entries
	}
	groups := make([]GroupSize, len(names))
	for i, name := range names {
		groups[i] = GroupSize{name, sizes[name]}
	}
	return groups, nil
}

// Select returns those of the owner's entries that have the ids, by id.
func (t *Phonebook) Select(ctx context.Context, owner aor.AOR, ids ...int64) ([]Entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args, err := idArgs(ids, MaxEntries)
	if err != nil {
		return nil, err
	}
	list, err := all(ctx, t.db.read, scanEntry, "SELECT "+entryColumns+" FROM phonebook WHERE username = ? AND domain = ? AND id IN ("+
		placeholders(len(args))+") ORDER BY id", append([]any{owner.User, owner.Domain}, args...)...)
	return list, wrap(err, "entries of "+owner.String())
}

// All returns the entries that a query selects, page by page, whatever its limit and offset
// say; an error is the last.
func (t *Phonebook) All(ctx context.Context, owner aor.AOR, q EntryQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		q.Limit, q.Offset = MaxPage, 0
		for ; ; q.Offset += MaxPage {
			list, _, err := t.List(ctx, owner, q)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			if len(list) < MaxPage {
				return
			}
		}
	}
}

// RenameGroup gives all entries of one group another one, "" for none, and returns how
// many. A *FieldError names "group".
func (t *Phonebook) RenameGroup(ctx context.Context, owner aor.AOR, from, to string) (int, error) {
	q := "SELECT " + entryColumns + " FROM phonebook WHERE username = ? AND domain = ? AND " +
		exact(t.db.target.dialect, "grp_name") + " = ?"
	return t.regroup(ctx, owner, to, q, owner.User, owner.Domain, from)
}

// SetGroup puts those of the owner's entries that have the ids into a group, "" for none,
// and returns how many there are. A *FieldError names "group" or "ids".
func (t *Phonebook) SetGroup(ctx context.Context, owner aor.AOR, group string, ids ...int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	args, err := idArgs(ids, MaxEntries)
	if err != nil {
		return 0, err
	}
	q := "SELECT " + entryColumns + " FROM phonebook WHERE username = ? AND domain = ? AND id IN (" + placeholders(len(args)) + ")"
	return t.regroup(ctx, owner, group, q, append([]any{owner.User, owner.Domain}, args...)...)
}

// regroup puts the entries that a query selects into a group.
func (t *Phonebook) regroup(ctx context.Context, owner aor.AOR, group, query string, args ...any) (n int, err error) {
	if err := checkText("group", group, 64); err != nil {
		return 0, err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		list, err := all(ctx, tx, scanEntry, query+forUpdate(t.db.target.dialect), args...)
		if err != nil {
			return err
		}
		for _, e := range list {
			e.Group = group
			if err := t.put(ctx, tx, owner, e); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, wrap(err, "groups of "+owner.String())
}

// put writes an entry that is there over what it was.
func (t *Phonebook) put(ctx context.Context, tx *sql.Tx, owner aor.AOR, e Entry) error {
	return matched(tx.ExecContext(ctx, "UPDATE phonebook SET fname = ?, lname = ?, sip_uri = ?, grp_name = ?, note = ?, search = ?,"+
		" modified = ? WHERE id = ? AND username = ? AND domain = ?", e.FirstName, e.LastName, e.Address, e.Group, e.Note,
		e.search(), stamp(t.db.present()), e.ID, owner.User, owner.Domain))
}

// keepDeleted is how long a deletion can be taken back.
const keepDeleted = 24 * time.Hour

// trashColumns are those that the tables phonebook and phonebook_trash share.
const trashColumns = "id, username, domain, fname, lname, sip_uri, grp_name, note, search, created, modified"

// DeleteMany removes those of the owner's entries that have the ids. The batch is what
// Restore takes within a day to bring them back; n is how many they are.
func (t *Phonebook) DeleteMany(ctx context.Context, owner aor.AOR, ids ...int64) (batch string, n int, err error) {
	args, err := idArgs(ids, MaxEntries)
	if err != nil || len(args) == 0 {
		return "", 0, err
	}
	batch = newBatch()
	which := " WHERE username = ? AND domain = ? AND id IN (" + placeholders(len(args)) + ")"
	args = append([]any{owner.User, owner.Domain}, args...)
	now := t.db.present()
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM phonebook_trash WHERE deleted < ?", stamp(now.Add(-keepDeleted))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO phonebook_trash ("+trashColumns+", batch, deleted) SELECT "+trashColumns+", ?, ?"+
			" FROM phonebook"+which, append([]any{batch, stamp(now)}, args...)...)
		if err != nil {
			return err
		}
		n, err = affected(tx.ExecContext(ctx, "DELETE FROM phonebook"+which, args...))
		return err
	})
	return batch, n, wrap(err, "phone book of "+owner.String())
}

func newBatch() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// Restore brings back the entries of a batch of DeleteMany, once, and returns how many.
// ErrNotFound if there is no such batch of the owner's, or no more; ErrFull if they do not
// fit into the phone book.
func (t *Phonebook) Restore(ctx context.Context, owner aor.AOR, batch string) (n int, err error) {
	const which = " FROM phonebook_trash WHERE username = ? AND domain = ? AND batch = ?"
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		room, err := t.room(ctx, tx, owner)
		if err != nil {
			return err
		}
		n, err = affected(tx.ExecContext(ctx, "INSERT INTO phonebook ("+trashColumns+") SELECT "+trashColumns+which, owner.User, owner.Domain, batch))
		switch {
		case err != nil:
			return err
		case n == 0:
			return ErrNotFound
		case n > room:
			return ErrFull
		}
		_, err = tx.ExecContext(ctx, "DELETE"+which, owner.User, owner.Domain, batch)
		return err
	})
	return n, wrap(err, "phone book of "+owner.String())
}

// room is how many entries more the phone book takes, and stays so until the transaction
// ends: two additions at once would not count each other.
func (t *Phonebook) room(ctx context.Context, tx *sql.Tx, owner aor.AOR) (int, error) {
	if err := t.db.lockSubscriber(ctx, tx, owner); err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM phonebook WHERE username = ? AND domain = ?", owner.User, owner.Domain)
	return MaxEntries - n, err
}

// insert stores a new entry and returns its id; there is room for it.
func (t *Phonebook) insert(ctx context.Context, tx *sql.Tx, owner aor.AOR, e Entry) (int64, error) {
	result, err := tx.ExecContext(ctx, "INSERT INTO phonebook (username, domain, fname, lname, sip_uri, grp_name, note, search,"+
		" created, modified) VALUES ("+placeholders(10)+")", owner.User, owner.Domain, e.FirstName, e.LastName, e.Address,
		e.Group, e.Note, e.search(), stamp(e.Created), stamp(e.Modified))
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// full is what says that a phone book takes no more.
func full() error {
	return &FieldError{"address", fmt.Sprintf("does not fit: a phone book has at most %d entries", MaxEntries)}
}
