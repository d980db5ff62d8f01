package store

import (
	"context"
	"database/sql"

	"seraph/sql/aor"
)

// SpeedDials is the table speed_dial: what the short numbers of subscribers stand for.
type SpeedDials struct{ db *DB }

// SpeedDial is one row.
type SpeedDial struct {
	// Owner dials the number.
	Owner aor.AOR
	// Dialed is the number with the domain that it is dialed in, as a rule the owner's.
	Dialed aor.AOR
	// URI is what it stands for.
	URI string
	// FirstName, LastName and Description are for people; 64 characters.
	FirstName, LastName, Description string
}

// MaxSpeedDials is how many numbers an owner may have.
const MaxSpeedDials = 100

// All returns every row that names an owner and a number, with both canonical. A row
// without a domain of the number is dialed in the owner's.
func (t *SpeedDials) All(ctx context.Context) ([]SpeedDial, error) {
	rows, err := all(ctx, t.db.read, scanSpeedDial, speedDialColumns+" ORDER BY id")
	list := rows[:0]
	for _, d := range rows {
		var ok1, ok2 bool
		d.Owner, ok1 = canonical(d.Owner)
		if d.Dialed.Domain == "" {
			d.Dialed.Domain = d.Owner.Domain
		}
		if d.Dialed, ok2 = canonical(d.Dialed); ok1 && ok2 {
			list = append(list, d)
		}
	}
	return list, wrap(err, "read all speed dials")
}

// List returns the numbers of an owner in alphabetical order.
func (t *SpeedDials) List(ctx context.Context, owner aor.AOR) ([]SpeedDial, error) {
	list, err := all(ctx, t.db.read, scanSpeedDial, speedDialColumns+" WHERE username = ? AND domain = ? ORDER BY sd_username, sd_domain",
		owner.User, owner.Domain)
	return list, wrap(err, "speed dials of "+owner.String())
}

const speedDialColumns = "SELECT username, domain, sd_username, sd_domain, new_uri, fname, lname, description FROM speed_dial"

func scanSpeedDial(s scanner) (d SpeedDial, err error) {
	return d, s.Scan(&d.Owner.User, &d.Owner.Domain, &d.Dialed.User, &d.Dialed.Domain, &d.URI, &d.FirstName, &d.LastName, &d.Description)
}

// Add adds a number; its URI is stored canonically. ErrExists if the owner has that
// number, ErrNotFound if there is no such subscriber, ErrFull at MaxSpeedDials.
func (t *SpeedDials) Add(ctx context.Context, d SpeedDial) error {
	d, err := d.canonical()
	if err != nil {
		return err
	}
	err = t.db.addOwned(ctx, "speed_dial", d.Owner, MaxSpeedDials, insertSpeedDial, d.columns()...)
	return wrap(err, "speed dial "+d.Dialed.String()+" of "+d.Owner.String())
}

// canonical checks a number and writes its URI in the usual form.
func (d SpeedDial) canonical() (SpeedDial, error) {
	for field, text := range map[string]string{"first_name": d.FirstName, "last_name": d.LastName, "description": d.Description} {
		if err := checkText(field, text, 64); err != nil {
			return d, err
		}
	}
	if err := checkAOR("dialed", d.Dialed); err != nil {
		return d, err
	}
	uri, err := aor.CanonicalURI(d.URI, d.Owner.Domain)
	if err != nil {
		return d, &FieldError{"uri", "is not an address that can be called"}
	}
	d.URI = uri
	return d, nil
}

const insertSpeedDial = "INSERT INTO speed_dial (username, domain, sd_username, sd_domain, new_uri, fname, lname, description)" +
	" VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

func (d SpeedDial) columns() []any {
	return []any{d.Owner.User, d.Owner.Domain, d.Dialed.User, d.Dialed.Domain, d.URI, d.FirstName, d.LastName, d.Description}
}

// SetNumbers puts a list in the place of those of the owner's numbers that are dialed in
// the owner's domain and for which slot is true: all of it or, if one is wrong, nothing.
// ErrNotFound if there is no such subscriber, ErrExists if a number is given twice, ErrFull
// if there would be more than MaxSpeedDials.
func (t *SpeedDials) SetNumbers(ctx context.Context, owner aor.AOR, slot func(number string) bool, list []SpeedDial) error {
	rows := make([]SpeedDial, len(list))
	for i, d := range list {
		d.Owner, d.Dialed.Domain = owner, owner.Domain
		var err error
		if rows[i], err = d.canonical(); err == nil && !slot(d.Dialed.User) {
			err = &FieldError{"dialed", "is no slot"}
		}
		if err != nil {
			return wrap(err, "speed dials of "+owner.String())
		}
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, owner); err != nil {
			return err
		}
		present, err := all(ctx, tx, scanSpeedDial, speedDialColumns+" WHERE username = ? AND domain = ?", owner.User, owner.Domain)
		if err != nil {
			return err
		}
		for _, d := range present {
			if d.Dialed.Domain != owner.Domain && d.Dialed.Domain != "" || !slot(d.Dialed.User) {
				continue
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM speed_dial WHERE username = ? AND domain = ? AND sd_username = ? AND sd_domain = ?",
				owner.User, owner.Domain, d.Dialed.User, d.Dialed.Domain); err != nil {
				return err
			}
		}
		for _, d := range rows {
			if err := insertOwned(ctx, tx, "speed_dial", owner, MaxSpeedDials, insertSpeedDial, d.columns()...); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "speed dials of "+owner.String())
}

// Remove removes a number of an owner, ErrNotFound if there is none.
func (t *SpeedDials) Remove(ctx context.Context, owner, dialed aor.AOR) error {
	return wrap(must(t.db.exec(ctx, "DELETE FROM speed_dial WHERE username = ? AND domain = ? AND sd_username = ? AND sd_domain = ?",
		owner.User, owner.Domain, dialed.User, dialed.Domain)), "speed dial "+dialed.String()+" of "+owner.String())
}
