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
	for _, text := range []struct {
		now           *string
		before, after string
	}{
		{&p.FirstName, before.FirstName, after.FirstName}, {&p.LastName, before.LastName, after.LastName},
		{&p.Phone, before.Phone, after.Phone}, {&p.TimeZone, before.TimeZone, after.TimeZone},
		{&p.Language, before.Language, after.Language}, {&p.Theme, before.Theme, after.Theme},
		{&p.MissedMail, before.MissedMail, after.MissedMail},
		{(*string)(&p.Presence), string(before.Presence), string(after.Presence)},
	} {
		if text.after != text.before {
			*text.now = text.after
		}
	}
	if after.Email != before.Email || after.Unconfirmed != before.Unconfirmed && p.Email == after.Email {
		p.Email, p.Unconfirmed = after.Email, after.Unconfirmed
	}
	if after.Findable != before.Findable {
		p.Findable = after.Findable
	}
	if after.AutoAnswer != before.AutoAnswer {
		p.AutoAnswer = after.AutoAnswer
	}
}
