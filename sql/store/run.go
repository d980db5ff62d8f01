package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"seraph/sql/aor"
)

// A transaction that loses against another one is repeated at most maxAttempts
// times and not after repeatFor has passed.
const (
	maxAttempts = 10
	repeatFor   = 5 * time.Second
	firstPause  = 2 * time.Millisecond
	longPause   = 200 * time.Millisecond
)

// bound gives a context without a deadline one, so that no call waits for ever
// for a frozen server.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, opTimeout)
}

// repeat calls f until it does not fail with a conflict.
func (db *DB) repeat(ctx context.Context, f func() error) error {
	end := time.Now().Add(repeatFor)
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !retryable(err) || attempt == maxAttempts || time.Now().After(end) {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause)) //nolint:gosec // spreads rivals, keeps no secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w, after %w", ctx.Err(), err)
		case <-timer.C:
		}
		pause = min(2*pause, longPause)
	}
}

// tx runs f in a transaction, and again if that loses against another one: f
// must not keep anything from a run that failed.
func (db *DB) tx(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	return db.repeat(ctx, func() error {
		tx, err := db.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(ctx, tx); err != nil {
			_ = tx.Rollback() // the first error tells more
			return err
		}
		return tx.Commit()
	})
}

// exec runs one statement, which is its own transaction, and returns how many
// rows it matched.
func (db *DB) exec(ctx context.Context, query string, args ...any) (matched int64, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	err = db.repeat(ctx, func() error {
		result, err := db.write.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		matched, err = result.RowsAffected()
		return err
	})
	return matched, err
}

// must turns "no row matched" into ErrNotFound.
func must(matched int64, err error) error {
	if err == nil && matched == 0 {
		return ErrNotFound
	}
	return err
}

// querier is what reads: a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is a row at which the cursor stands.
type scanner interface{ Scan(dest ...any) error }

// one reads a single row; none is ErrNotFound.
func one[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	v, err := scan(q.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return v, err
}

// all reads all rows and holds nothing open afterwards.
func all[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// scanInt and scanText read a row of one column.
func scanInt(s scanner) (n int, err error)     { return n, s.Scan(&n) }
func scanText(s scanner) (t string, err error) { return t, s.Scan(&t) }

// scanID reads an id as an argument of the next statement.
func scanID(s scanner) (id any, err error) {
	var n int64
	err = s.Scan(&n)
	return n, err
}

// scanAOR reads the columns username and domain as they stand.
func scanAOR(s scanner) (a aor.AOR, err error) { return a, s.Scan(&a.User, &a.Domain) }
