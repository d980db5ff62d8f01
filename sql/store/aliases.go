package store

import (
	"context"
	"errors"

	"seraph/sql/aor"
)

// Aliases is the table dbaliases: other addresses of subscribers.
type Aliases struct{ db *DB }

// Resolve returns the subscriber's address that alias stands for, ErrNotFound
// if it is no alias.
func (t *Aliases) Resolve(ctx context.Context, alias aor.AOR) (aor.AOR, error) {
	return aor.AOR{}, errors.ErrUnsupported
}

// List returns the aliases of target in alphabetical order.
func (t *Aliases) List(ctx context.Context, target aor.AOR) ([]aor.AOR, error) {
	return nil, errors.ErrUnsupported
}

// Add gives target another address. It fails with ErrExists if alias is an
// alias or a subscriber already, with ErrNotFound if target is no subscriber.
func (t *Aliases) Add(ctx context.Context, alias, target aor.AOR) error {
	return errors.ErrUnsupported
}

// Remove removes the alias from target.
func (t *Aliases) Remove(ctx context.Context, alias, target aor.AOR) error {
	return errors.ErrUnsupported
}
