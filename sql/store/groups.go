package store

import (
	"context"
	"errors"

	"seraph/sql/aor"
)

// Groups is the table grp: the permissions of subscribers (local, ld, int,
// voicemail …).
type Groups struct{ db *DB }

// List returns the groups of a user in alphabetical order.
func (t *Groups) List(ctx context.Context, a aor.AOR) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// Grant puts a subscriber into a group; being in it already is no error. A
// group's name is 1 to 64 letters, digits, "-", "_" and "."; ErrNotFound if
// there is no such subscriber.
func (t *Groups) Grant(ctx context.Context, a aor.AOR, group string) error {
	return errors.ErrUnsupported
}

// Revoke takes a user out of a group, ErrNotFound if they are not in it.
func (t *Groups) Revoke(ctx context.Context, a aor.AOR, group string) error {
	return errors.ErrUnsupported
}
