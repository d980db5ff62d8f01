// Package store reads and writes the database: one type for each table, the
// same queries on MySQL (MariaDB) and SQLite.
//
// Every method takes a context, is safe for concurrent use, and returns an
// error that IsUnavailable, errors.Is (ErrNotFound, ErrExists, ErrInUse, ErrFull) and
// errors.As (*FieldError) sort. Transactions that lose against another one are
// repeated, a bounded number of times. Times go in and come out in UTC with
// whole seconds.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"seraph/sql/schema"
)

// DB is an open database with its tables. Create it with Open.
type DB struct {
	Subscribers *Subscribers
	Profiles    *Profiles
	Locations   *Locations
	Domains     *Domains
	Aliases     *Aliases
	Groups      *Groups
	Phonebook   *Phonebook
	Sessions    *Sessions
	Audit       *Audit
	Dials       *Dials
	Silo        *Silo
	Calls       *Calls
	Accounting  *Accounting
	Admins      *Admins
	Addresses   *Addresses
	Trusted     *Trusted
	SpeedDials  *SpeedDials
	CallRules   *CallRules
	Dispatcher  *Dispatcher
	CallMe      *CallMe
	WhitePages  *WhitePages
	Pending     *Pending
	MissedMails *MissedMails

	target target
	masked string
	// write and read are one pool on MySQL; on SQLite write has one connection.
	write, read *sql.DB
	now         func() time.Time
	keepFreed   time.Duration
}

// Options of Open. The zero value is good.
type Options struct {
	// Now is the clock for created, modified and last-seen times; nil is time.Now.
	Now func() time.Time
	// MaxConns bounds the connections to MySQL, and the readers on SQLite;
	// 0 means 16 and 4.
	MaxConns int
	// KeepFreed is for how long nobody gives himself the name of a deleted account,
	// by a sign-up or as an alias; 0 means DefaultKeepFreed, less means not at all.
	KeepFreed time.Duration
}

// Open opens the database that url names:
//
//	mysql://user:password@host:port/database   also sql://…
//	mysql://user:password@unix(/path)/database
//	sqlite:///absolute/path
//
// User, password, database and path are percent-decoded; ?tls=true or
// ?tls=skip-verify encrypts the connection to MySQL. A SQLite file is created
// if it is missing; its folder is not. Open talks to the database once, so a
// wrong address, a refused password or a missing folder show here
// (IsUnavailable tells a database that is away). It does not migrate. Neither
// its errors nor those of the methods ever hold the password.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	t, err := parseURL(url)
	if err != nil {
		return nil, urlError{err}
	}
	db := &DB{target: t, masked: MaskURL(url), now: opts.Now, keepFreed: opts.KeepFreed}
	if db.keepFreed == 0 {
		db.keepFreed = DefaultKeepFreed
	}
	if db.now == nil {
		db.now = time.Now
	}
	if err := db.open(opts.MaxConns); err != nil {
		return nil, fmt.Errorf("database %s: %w", db.masked, errors.Join(err, db.Close()))
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	db.Subscribers, db.Profiles, db.Locations = &Subscribers{db}, &Profiles{db}, &Locations{db}
	db.Domains, db.Aliases, db.Groups = &Domains{db}, &Aliases{db}, &Groups{db}
	db.Phonebook, db.Sessions = &Phonebook{db}, &Sessions{db}
	db.Audit, db.Dials = &Audit{db}, &Dials{db}
	db.Admins = &Admins{db}
	db.Addresses, db.Trusted = &Addresses{db}, &Trusted{db}
	db.SpeedDials, db.CallRules, db.Dispatcher = &SpeedDials{db}, &CallRules{db}, &Dispatcher{db}
	db.CallMe = &CallMe{db}
	db.WhitePages = &WhitePages{db}
	db.Pending, db.MissedMails = &Pending{db}, &MissedMails{db}
	db.Silo, db.Calls, db.Accounting = &Silo{db}, &Calls{db}, &Accounting{db}
	return db, nil
}

// Close closes all connections.
func (db *DB) Close() error {
	var errs []error
	for i, pool := range []*sql.DB{db.write, db.read} {
		if pool != nil && (i == 0 || pool != db.write) {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// Writable asks whether the database takes a change at the moment, and makes none: nil if
// it does, else an error that IsUnavailable knows. It waits for a lock as a change would.
func (db *DB) Writable(ctx context.Context) error {
	return wrap(db.tx(ctx, func(context.Context, *sql.Tx) error { return nil }), "database")
}

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	err := db.repeat(ctx, func() error {
		var one int
		return db.write.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	})
	return wrap(err, "database "+db.masked)
}

// Dialect tells the engine.
func (db *DB) Dialect() schema.Dialect { return db.target.dialect }

// String returns the URL of the database with its password masked.
func (db *DB) String() string { return db.masked }

// Migrate brings the schema up to date and returns the names of the applied
// migrations; see schema.Migrate.
func (db *DB) Migrate(ctx context.Context) ([]string, error) {
	if db.target.dialect == schema.SQLite {
		return schema.Migrate(ctx, db.write, schema.SQLite)
	}
	// A change of a large table may take longer than any query is given.
	pool, err := openMySQL(db.target, 2, 0)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return schema.Migrate(ctx, pool, schema.MySQL)
}

// Status tells the state of the schema; see schema.Status.
func (db *DB) Status(ctx context.Context) (schema.State, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return schema.Status(ctx, db.read, db.target.dialect)
}
