package store

import (
	"context"
	"database/sql"
	"errors"

	"seraph/sql/aor"
)

// serPerson is what SER's table subscriber tells of a person, for serweb.
type serPerson struct{ first, last, mail, phone, zone string }

// serPersonColumns may be missing: Kamailio's table has none of them any more.
var serPersonColumns = []string{"first_name=''", "last_name=''", "email_address=''", "phone=''", "timezone=''"}

func (p *serPerson) dest() []any { return []any{&p.first, &p.last, &p.mail, &p.phone, &p.zone} }

// person keeps what is told of a user: of one who has just been taken over (created is nil), and of one who
// was before, by a run that ended before that was kept.
func (x *importer) person(ctx context.Context, address aor.AOR, a account, created error) error {
	if errors.Is(created, ErrExists) {
		due, err := x.isProfileDue(ctx, address, a.hash())
		if err != nil || !due {
			return orElse(err, created)
		}
	} else if created != nil {
		return created
	}
	return orElse(x.profile(ctx, address, a.person), created)
}

// isProfileDue reports whether a user who is here is the one of the other database, by the password, and has no
// profile yet. An account with another password may be somebody else's, who got the name later.
func (x *importer) isProfileDue(ctx context.Context, address aor.AOR, ha1 string) (bool, error) {
	const query = "SELECT COUNT(*) FROM subscriber s WHERE s.username = ? AND s.domain = ? AND s.ha1 = ?" +
		" AND NOT EXISTS (SELECT 1 FROM profile p WHERE p.username = s.username AND p.domain = s.domain)"
	n, err := one(ctx, x.db.read, scanInt, query, address.User, address.Domain, ha1)
	return n > 0, err
}

// profile keeps what is told of a user who has none here. What cannot be kept is named; the
// user is here without it. The mail address is what was typed once: no mail goes there before its owner
// has confirmed it.
func (x *importer) profile(ctx context.Context, address aor.AOR, p serPerson) error {
	profile := Profile{AOR: address}
	told := false
	for _, f := range []struct{ from, to *string }{
		{&p.first, &profile.FirstName}, {&p.last, &profile.LastName}, {&p.mail, &profile.Email}, {&p.phone, &profile.Phone}, {&p.zone, &profile.TimeZone},
	} {
		if *f.from == "" {
			continue
		}
		*f.to = *f.from
		var fault *FieldError
		if errors.As(profile.Check(), &fault) {
			x.refuse(address.String(), "is here without that: "+fault.Error())
			*f.to = ""
		}
		told = told || *f.to != ""
	}
	if !told {
		return nil
	}
	profile.Unconfirmed = profile.Email != ""
	return x.db.Profiles.saveFirst(ctx, profile)
}

// saveFirst is Save, but that a profile which is there by now stays.
func (t *Profiles) saveFirst(ctx context.Context, p Profile) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, p.AOR); err != nil {
			return err
		}
		n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM profile WHERE username = ? AND domain = ?", p.AOR.User, p.AOR.Domain)
		if err != nil || n > 0 {
			return err
		}
		return t.save(ctx, tx, p)
	})
	return wrap(err, "profile of "+p.AOR.String())
}

// serEntry is a row of serweb's phone book.
type serEntry struct {
	owner aor.AOR
	entry Entry
}

func importPhonebook(ctx context.Context, x *importer) error {
	scan := func(s scanner) (e serEntry, err error) {
		return e, s.Scan(&e.owner.User, &e.owner.Domain, &e.entry.FirstName, &e.entry.LastName, &e.entry.Address)
	}
	columns := []string{"username", "domain", "fname=''", "lname=''", "sip_uri"}
	return each(ctx, x, scan, columns, func(e serEntry) (string, error) {
		row := e.entry.Address + " of " + e.owner.User + "@" + e.owner.Domain
		owner, err := aor.New(e.owner.User, e.owner.Domain)
		if err != nil {
			return row, &FieldError{"username and domain", "are no address"}
		}
		if _, err := x.db.Subscribers.Find(ctx, owner); err != nil {
			return row, err
		}
		if uri, err := aor.CanonicalURI(e.entry.Address, owner.Domain); err == nil {
			switch _, err := x.db.Phonebook.FindAddress(ctx, owner, uri); {
			case err == nil:
				return row, ErrExists
			case !errors.Is(err, ErrNotFound):
				return row, err
			}
		}
		_, err = x.db.Phonebook.Add(ctx, owner, e.entry)
		return row, err
	})
}
