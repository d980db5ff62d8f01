package store

import (
	"context"
	"database/sql"
)

// Change is Save of no more than what differs between two states of a profile: before, as
// somebody saw it, and after, as it is to be. What others changed in the meantime stays. It
// fails as Save does.
func (t *Profiles) Change(ctx context.Context, before, after Profile) error {
	after.trim()
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, after.AOR); err != nil {
			return err
		}
		now, err := t.load(ctx, tx, after.AOR)
		if err != nil {
			return err
		}
		now.take(before, after)
		return t.save(ctx, tx, now)
	})
	return wrap(err, "profile of "+after.AOR.String())
}

// take makes of p what after made of before. Whether a mail address is confirmed is said
// of that address, and goes with it.
func (p *Profile) take(before, after Profile) {
	take(&p.FirstName, before.FirstName, after.FirstName)
	take(&p.LastName, before.LastName, after.LastName)
	take(&p.Phone, before.Phone, after.Phone)
	take(&p.TimeZone, before.TimeZone, after.TimeZone)
	take(&p.Language, before.Language, after.Language)
	take(&p.Theme, before.Theme, after.Theme)
	take(&p.MissedMail, before.MissedMail, after.MissedMail)
	take(&p.Presence, before.Presence, after.Presence)
	take(&p.Findable, before.Findable, after.Findable)
	take(&p.AutoAnswer, before.AutoAnswer, after.AutoAnswer)
	if after.Email != before.Email || after.Unconfirmed != before.Unconfirmed && p.Email == after.Email {
		p.Email, p.Unconfirmed = after.Email, after.Unconfirmed
	}
}

// take has a value be what it is to be, if that is not what somebody saw.
func take[T comparable](now *T, before, after T) {
	if after != before {
		*now = after
	}
}
