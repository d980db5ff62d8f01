package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"

	"seraph/sql/schema"
	"seraph/sql/store"
)

// noDatabase is the value of --db for a router that runs without one.
const noDatabase = "none"

// databaseURL is the URL of --db or of the embedded database in --state.
func (a *app) databaseURL() (string, error) {
	if a.db != "" {
		return a.db, nil
	}
	return store.SQLiteURL(filepath.Join(a.state, "seraph.db"))
}

// openDB opens the database, with the schema that this program knows.
func (a *app) openDB(ctx context.Context) (*store.DB, error) {
	db, err := a.openAnyDB(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openAnyDB opens the database whatever its schema. Only with create it makes
// a SQLite file that is missing.
func (a *app) openAnyDB(ctx context.Context, create bool) (*store.DB, error) {
	if a.db == noDatabase {
		return nil, usagef("this command needs the database, and --db is none")
	}
	url, err := a.databaseURL()
	if err != nil {
		return nil, err
	}
	if err := store.CheckURL(url); err != nil {
		return nil, usagef("--db: %v", err)
	}
	if path, ok := sqlitePath(url); ok {
		if err := checkFile(path, create); err != nil {
			return nil, err
		}
	}
	if err := store.BecomeOwner(url); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, url, store.Options{MaxConns: 2, Now: a.now})
	if err != nil {
		return nil, databaseError(err)
	}
	return db, nil
}

// sqlitePath is the file that a database URL names; false if it names none.
func sqlitePath(url string) (string, bool) {
	scheme, rest, _ := strings.Cut(url, "://")
	path, err := neturl.PathUnescape(rest)
	return path, err == nil && strings.EqualFold(scheme, "sqlite") && strings.HasPrefix(path, "/")
}

// checkFile says what to do when a SQLite file, or its folder, is missing.
func checkFile(path string, create bool) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // there, or hidden: opening it tells more
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database: the folder %s does not exist (--db or --state names another one)", filepath.Dir(path))
	}
	if create {
		return nil
	}
	return fmt.Errorf("there is no database %s: make it with \"seraphctl db migrate\", or name another one by --db or --state", path)
}

// checkSchema refuses a database that is not migrated.
func checkSchema(ctx context.Context, db *store.DB) error {
	state, err := db.Status(ctx)
	switch {
	case err != nil:
		return databaseError(err)
	case state.Current > state.Target:
		return fmt.Errorf("database %s: %w: version %d, known is %d; install the same release of seraphctl", db, schema.ErrNewer, state.Current, state.Target)
	case !state.UpToDate():
		return fmt.Errorf("database %s is not migrated (version %d, wanted %d): run \"seraphctl db migrate\"", db, state.Current, state.Target)
	}
	return nil
}

// databaseError marks the errors of a database that is away.
func databaseError(err error) error {
	if err == nil || errors.Is(err, schema.ErrForeignTables) || errors.Is(err, schema.ErrNewer) || !store.IsUnavailable(err) ||
		errors.Is(err, context.Canceled) {
		return err
	}
	return &unreachableError{err.Error(), err}
}
