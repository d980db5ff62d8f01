package store

import (
	"context"
	"errors"
	"time"
)

// Domains is the table domain: the SIP domains that are ours.
type Domains struct{ db *DB }

// Domain is one row.
type Domain struct {
	Name     string
	Modified time.Time
}

// List returns all domains in alphabetical order.
func (t *Domains) List(ctx context.Context) ([]Domain, error) { return nil, errors.ErrUnsupported }

// Add adds a domain, ErrExists if it is there; the name is canonicalised as
// the domain of an address.
func (t *Domains) Add(ctx context.Context, name string) error { return errors.ErrUnsupported }

// Remove removes a domain; ErrInUse while it has subscribers.
func (t *Domains) Remove(ctx context.Context, name string) error { return errors.ErrUnsupported }
