package store

import (
	"context"

	"seraph/sql/aor"
)

// Owners returns everybody for whom something is stored, expired messages and refused
// ones included.
func (t *Silo) Owners(ctx context.Context) ([]aor.AOR, error) {
	list, err := all(ctx, t.db.read, scanOwner, "SELECT DISTINCT username, domain FROM silo")
	return list, wrap(err, "owners of stored messages")
}

func scanOwner(s scanner) (a aor.AOR, err error) { return a, s.Scan(&a.User, &a.Domain) }
