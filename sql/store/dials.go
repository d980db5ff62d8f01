package store

import (
	"context"
	"errors"
	"time"

	"seraph/sql/aor"
)

// Dials is the table dial_history: the addresses that a user called last from
// the portal.
type Dials struct{ db *DB }

// MaxDials is how many addresses are remembered for each user.
const MaxDials = 20

// Dial is one address called.
type Dial struct {
	Address string // as aor.CanonicalURI gives it
	Time    time.Time
}

// Add remembers that the owner called address now; an address already there
// moves to the front, the oldest ones beyond MaxDials go.
func (t *Dials) Add(ctx context.Context, owner aor.AOR, address string) error {
	return errors.ErrUnsupported
}

// List returns at most n of the owner's addresses, the last called first.
func (t *Dials) List(ctx context.Context, owner aor.AOR, n int) ([]Dial, error) {
	return nil, errors.ErrUnsupported
}

// Clear forgets all of the owner's addresses.
func (t *Dials) Clear(ctx context.Context, owner aor.AOR) error { return errors.ErrUnsupported }
