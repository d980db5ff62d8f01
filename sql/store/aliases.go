package store

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"seraph/sql/aor"
)

// Aliases is the table dbaliases: other addresses of subscribers.
type Aliases struct{ db *DB }

// Resolve returns the subscriber's address that alias stands for, ErrNotFound
// if it is no alias.
func (t *Aliases) Resolve(ctx context.Context, alias aor.AOR) (aor.AOR, error) {
	a, err := one(ctx, t.db.read, scanAOR,
		"SELECT username, domain FROM dbaliases WHERE alias_username = ? AND alias_domain = ?", alias.User, alias.Domain)
	if err == nil {
		a, err = reachable(a)
	}
	return a, wrap(err, "alias "+alias.String())
}

// reachable makes the target of an alias canonical.
func reachable(a aor.AOR) (aor.AOR, error) {
	if c, ok := canonical(a); ok {
		return c, nil
	}
	return aor.AOR{}, ErrNotFound
}

// All returns every alias with its target, for a cache. Rows that kamctl wrote
// in capitals come out canonical, a row spelled canonically goes before those,
// and a row that names no address is left out.
func (t *Aliases) All(ctx context.Context) (map[aor.AOR]aor.AOR, error) {
	rows, err := all(ctx, t.db.read, scanAlias, "SELECT alias_username, alias_domain, username, domain FROM dbaliases ORDER BY id")
	if err != nil {
		return nil, wrap(err, "read all aliases")
	}
	targets := make(map[aor.AOR]aor.AOR, len(rows))
	for _, row := range rows {
		alias, ok1 := canonical(row[0])
		target, ok2 := canonical(row[1])
		if _, known := targets[alias]; ok1 && ok2 && (!known || alias == row[0]) {
			targets[alias] = target
		}
	}
	return targets, nil
}

// scanAlias reads an alias and its target.
func scanAlias(s scanner) (row [2]aor.AOR, err error) {
	return row, s.Scan(&row[0].User, &row[0].Domain, &row[1].User, &row[1].Domain)
}

// List returns the aliases of target in alphabetical order.
func (t *Aliases) List(ctx context.Context, target aor.AOR) ([]aor.AOR, error) {
	list, err := all(ctx, t.db.read, scanAOR,
		"SELECT alias_username, alias_domain FROM dbaliases WHERE username = ? AND domain = ? ORDER BY alias_username, alias_domain",
		target.User, target.Domain)
	return list, wrap(err, "aliases of "+target.String())
}

// Add gives target another address. It fails with ErrExists if alias is an
// alias or a subscriber already, with ErrNotFound if target is no subscriber.
func (t *Aliases) Add(ctx context.Context, alias, target aor.AOR) error {
	return t.add(ctx, alias, target, math.MaxInt, true)
}

// AddWithin is Add for somebody who adds it by himself and may have at most most
// aliases; ErrFull if there are. Two additions at once count each other. ErrExists,
// too, for the name of an account that was deleted not long ago, and for an alias that
// somebody else has given back not long ago.
func (t *Aliases) AddWithin(ctx context.Context, alias, target aor.AOR, most int) error {
	return t.add(ctx, alias, target, most, false)
}

// add is both; freed says that a freed name can be given.
func (t *Aliases) add(ctx context.Context, alias, target aor.AOR, most int, freed bool) error {
	if err := checkAOR("alias", alias); err != nil {
		return err
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, target); err != nil {
			return err
		}
		n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM dbaliases WHERE username = ? AND domain = ?", target.User, target.Domain)
		if err != nil {
			return err
		}
		if n >= most {
			return ErrFull
		}
		if kept, err := t.isKeptFor(ctx, tx, alias, target); err != nil || kept && !freed {
			return orElse(err, ErrExists)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO dbaliases (alias_username, alias_domain, username, domain) VALUES (?, ?, ?, ?)",
			alias.User, alias.Domain, target.User, target.Domain)
		if duplicate(err) {
			return ErrExists
		}
		if err != nil {
			return err
		}
		if err := forgetBack(ctx, tx, alias); err != nil {
			return err
		}
		// Subscribers.Create looks the other way round: one of two that meet
		// waits for the other or is repeated.
		err = t.db.lockSubscriber(ctx, tx, alias)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return orElse(err, ErrExists)
	})
	return wrap(err, "alias "+alias.String()+" of "+target.String())
}

// Remove removes the alias from target, who may take it again at once; nobody else
// takes it by himself before Options.KeepFreed is over: calls and mails still come.
func (t *Aliases) Remove(ctx context.Context, alias, target aor.AOR) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, target); err != nil && !errors.Is(err, ErrNotFound) { // kamctl leaves aliases of nobody
			return err
		}
		if err := matched(tx.ExecContext(ctx,
			"DELETE FROM dbaliases WHERE alias_username = ? AND alias_domain = ? AND username = ? AND domain = ?",
			alias.User, alias.Domain, target.User, target.Domain)); err != nil {
			return err
		}
		return t.keepBack(ctx, tx, alias, target)
	})
	return wrap(err, "alias "+alias.String()+" of "+target.String())
}
