package store

import (
	"context"
	"database/sql"
	"net/netip"
	"slices"
	"strings"
	"time"

	"seraph/sql/aor"
)

// Domains is the table domain: the SIP domains that are ours.
type Domains struct{ db *DB }

// Domain is one row.
type Domain struct {
	Name     string
	Modified time.Time
}

// List returns all domains in alphabetical order. Names that kamctl wrote in
// capitals come out canonical and once; what is no domain is left out.
func (t *Domains) List(ctx context.Context) ([]Domain, error) {
	rows, err := all(ctx, t.db.read, scanDomain, "SELECT domain, last_modified FROM domain ORDER BY id")
	if err != nil {
		return nil, wrap(err, "list domains")
	}
	var list []Domain
	for _, row := range rows {
		name, err := aor.ParseDomain(row.Name)
		if err != nil {
			continue
		}
		list = append(list, Domain{name, row.Modified})
	}
	slices.SortStableFunc(list, func(a, b Domain) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b Domain) bool { return a.Name == b.Name }), nil
}

// DefaultDomain is what a name without a domain takes: the only one of a list; where some are
// IP addresses, at which phones look for the router, the only one that is a name. It is "" if
// that is none.
func DefaultDomain(list []Domain) string {
	names := slices.DeleteFunc(slices.Clone(list), func(d Domain) bool {
		_, err := netip.ParseAddr(strings.Trim(d.Name, "[]"))
		return err == nil
	})
	switch {
	case len(names) == 1:
		return names[0].Name
	case len(list) == 1:
		return list[0].Name
	}
	return ""
}

func scanDomain(s scanner) (d Domain, err error) {
	return d, s.Scan(&d.Name, moment{&d.Modified})
}

// Add adds a domain, ErrExists if it is there; the name is canonicalised as
// the domain of an address, a bad one is a *FieldError on "name".
func (t *Domains) Add(ctx context.Context, name string) error {
	name, err := parseDomain(name)
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		spellings, err := spellings(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(spellings) > 0 {
			return ErrExists
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO domain (domain, last_modified) VALUES (?, ?)", name, stamp(t.db.present()))
		if duplicate(err) {
			return ErrExists
		}
		return err
	})
	return wrap(err, "add domain "+name)
}

// Remove removes a domain; ErrInUse while it has subscribers.
func (t *Domains) Remove(ctx context.Context, name string) error {
	name, err := parseDomain(name)
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		spellings, err := spellings(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(spellings) == 0 {
			return ErrNotFound
		}
		used, err := all(ctx, tx, scanInt, "SELECT id FROM subscriber WHERE LOWER(domain) = ? LIMIT 1", name)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return ErrInUse
		}
		for _, s := range spellings {
			if _, err := tx.ExecContext(ctx, "DELETE FROM domain WHERE domain = ?", s); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "remove domain "+name)
}

// spellings are the rows that name a domain, which kamctl may have written in
// capitals.
func spellings(ctx context.Context, tx *sql.Tx, name string) ([]string, error) {
	rows, err := all(ctx, tx, scanText, "SELECT domain FROM domain")
	return slices.DeleteFunc(rows, func(row string) bool {
		c, err := aor.ParseDomain(row)
		return err != nil || c != name
	}), err
}

// parseDomain canonicalises a name or says on "name" that it is none.
func parseDomain(name string) (string, error) {
	c, err := aor.ParseDomain(name)
	if err != nil {
		return "", &FieldError{"name", "is not a domain like example.org"}
	}
	return c, nil
}
