package main

import (
	"context"
	"errors"
	"time"

	"seraph/sql/schema"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/view"
)

// Waits between two looks at a database that is not ready.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
)

// errOldSchema says that migrations are missing.
var errOldSchema = errors.New("the schema is not up to date: run seraphctl db migrate")

// awaitDatabase opens the database as soon as it is there and has its schema;
// until then the gate says what is missing. It fails only when ctx ends.
func (m *Main) awaitDatabase(ctx context.Context, url string, gate *server.Gate) (*store.DB, error) {
	pause, told := firstLook, ""
	for {
		db, err := openReady(ctx, url, store.Options{KeepFreed: m.Config.Aliases.keepFreed()})
		if err == nil {
			return db, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		gate.Wait(view.M(waitingFor(err)))
		if text := err.Error(); text != told {
			told = text
			m.Log.Warn("waiting for the database", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		pause = min(2*pause, lastLook)
	}
}

// openReady opens a database whose schema is the one that this program knows.
func openReady(ctx context.Context, url string, opts store.Options) (*store.DB, error) {
	if err := store.BecomeOwner(url); err != nil { // again, where the folder was missing at the start
		return nil, err
	}
	db, err := store.Open(ctx, url, opts)
	if err != nil {
		return nil, err
	}
	state, err := db.Status(ctx)
	switch {
	case err != nil:
	case state.Current > state.Target:
		err = schema.ErrNewer
	case !state.UpToDate():
		err = errOldSchema
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// waitingFor is the key of the text that says what is waited for.
func waitingFor(err error) string {
	switch {
	case errors.Is(err, errOldSchema):
		return "waiting.schema"
	case errors.Is(err, schema.ErrNewer):
		return "waiting.newer"
	case errors.Is(err, schema.ErrForeignTables):
		return "waiting.foreign"
	}
	return "waiting.database"
}
