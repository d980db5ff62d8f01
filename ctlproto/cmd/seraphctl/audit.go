package main

import (
	"context"
	"fmt"
	"time"

	"seraph/sql/store"
)

// auditSource is where the changes of this program come from.
const auditSource = "seraphctl"

// audit records a change that was made. If that fails, the operator learns
// that the change stands and the record is missing.
func (a *app) audit(ctx context.Context, db *store.DB, r store.Record) error {
	// The change is made: an interrupt must not keep it out of the record.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	r.Actor, r.Source = a.actor, auditSource
	if err := db.Audit.Append(ctx, r); err != nil {
		return fmt.Errorf("%s of %s is done, but the audit could not record it: %w", r.Action, r.Object, err)
	}
	return nil
}

// openAudit opens the database for the record of a change that the router
// makes; nil with --db none, where there is no record.
func (a *app) openAudit(ctx context.Context) (*store.DB, error) {
	if a.db == noDatabase {
		return nil, nil //nolint:nilnil // no database is a choice of the operator's
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return nil, fmt.Errorf("nothing was done, because it could not be recorded in the audit: %w (--db none does without a record)", err)
	}
	return db, nil
}
