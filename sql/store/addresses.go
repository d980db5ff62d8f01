package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"seraph/sql/aor"
)

// Addresses is the table address: hosts and networks by group, for module permissions.
type Addresses struct{ db *DB }

// Address is one row.
type Address struct {
	// Group is a number of the operator's choice, from 1.
	Group int
	// IP is an address, or a domain name that a script compares with one.
	IP string
	// Mask is the length of the network's prefix; 0 stands for the one host.
	Mask int
	// Port is 0 for any.
	Port int
	// Tag is a text for the script, possibly empty; 64 characters.
	Tag string
}

// String is the row as kamctl writes it: group, address, mask and port.
func (a Address) String() string { return fmt.Sprintf("%d %s/%d:%d", a.Group, a.IP, a.Mask, a.Port) }

// All returns every row in the order in which they were added, as they are: rows of kamctl may
// say what no address is.
func (t *Addresses) All(ctx context.Context) ([]Address, error) {
	list, err := all(ctx, t.db.read, scanAddress, addressQuery)
	return list, wrap(err, "read all addresses")
}

const addressQuery = "SELECT grp, ip_addr, mask, port, COALESCE(tag, '') FROM address ORDER BY id"

func scanAddress(s scanner) (a Address, err error) {
	return a, s.Scan(&a.Group, &a.IP, &a.Mask, &a.Port, &a.Tag)
}

// Canonical checks a row and writes its address in the usual form, without the bits beyond the mask,
// and the mask of a host in full.
func (a Address) Canonical() (Address, error) {
	switch {
	case a.Group < 1 || a.Group > 1<<31-1:
		return a, &FieldError{"group", "is not a number from 1 to 2147483647"}
	case a.Port < 0 || a.Port > 65535:
		return a, &FieldError{"port", "is not from 0 to 65535"}
	case utf8.RuneCountInString(a.Tag) > 64 || !utf8.ValidString(a.Tag):
		return a, &FieldError{"tag", "is longer than 64 characters"}
	}
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		return a.canonicalName()
	}
	ip = ip.Unmap()
	if ip.Zone() != "" {
		return a, &FieldError{"ip", "has a zone"}
	}
	if a.Mask == 0 {
		a.Mask = ip.BitLen()
	}
	prefix, err := ip.Prefix(a.Mask)
	if err != nil {
		return a, &FieldError{"mask", fmt.Sprintf("is not from 0 to %d", ip.BitLen())}
	}
	a.IP = prefix.Addr().String()
	return a, nil
}

// canonicalName is Canonical of a row with a domain name, which has no mask. What ends in a number
// is an address with a mistake in it.
func (a Address) canonicalName() (Address, error) {
	name, err := aor.ParseDomain(a.IP)
	if err != nil || len(name) > 50 || strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "0123456789") == "" {
		return a, &FieldError{"ip", "is neither an address nor a name of at most 50 characters"}
	}
	a.IP, a.Mask = name, 0
	return a, nil
}

// Add adds a row in its canonical form; ErrExists if group, address, mask and port are there.
func (t *Addresses) Add(ctx context.Context, a Address) error {
	a, err := a.Canonical()
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ids, err := sameAddresses(ctx, tx, a)
		if err != nil || len(ids) > 0 {
			return orElse(err, ErrExists)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (?, ?, ?, ?, ?)",
			a.Group, a.IP, a.Mask, a.Port, a.Tag)
		return err
	})
	return wrap(err, "address "+a.String())
}

// Remove removes the rows with this group, address, mask and port, however they are written;
// ErrNotFound if there is none.
func (t *Addresses) Remove(ctx context.Context, a Address) error {
	a, err := a.Canonical()
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ids, err := sameAddresses(ctx, tx, a)
		if err != nil || len(ids) == 0 {
			return orElse(err, ErrNotFound)
		}
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "DELETE FROM address WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "address "+a.String())
}

// sameAddresses are the ids of the rows that say the same as a.
func sameAddresses(ctx context.Context, tx *sql.Tx, a Address) ([]int64, error) {
	type numbered struct {
		id int64
		Address
	}
	rows, err := all(ctx, tx, func(s scanner) (n numbered, err error) {
		return n, s.Scan(&n.id, &n.Group, &n.IP, &n.Mask, &n.Port)
	}, "SELECT id, grp, ip_addr, mask, port FROM address WHERE grp = ?", a.Group)
	var ids []int64
	for _, row := range rows {
		c, err := row.Canonical()
		if err == nil && c.IP == a.IP && c.Mask == a.Mask && c.Port == a.Port {
			ids = append(ids, row.id)
		}
	}
	return ids, err
}
