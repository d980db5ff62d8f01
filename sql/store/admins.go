package store

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"

	"seraph/sql/aor"
)

// Admins is the table admin_privilege: what a subscriber may do on the pages
// of the administrators. With PrivilegeAdmin or PrivilegeDomain one may sign in
// there; the others add to what these allow.
type Admins struct{ db *DB }

// Privilege is one thing that an administrator may do. It is one of the
// constants, or what PrivilegeGroup makes.
type Privilege string

// Privileges of administrators.
const (
	// PrivilegeAdmin allows everything in every domain, but to change privileges.
	PrivilegeAdmin Privilege = "is_admin"
	// PrivilegeDomain allows to see and change the users of one's own domain.
	PrivilegeDomain Privilege = "domain_admin"
	// PrivilegeChange allows to give privileges to others and to take them.
	PrivilegeChange Privilege = "change_privileges"
)

// privilegeGroup is the column priv_name of a PrivilegeGroup; the group is in
// priv_value.
const privilegeGroup = "grp"

// PrivilegeGroup allows to put the users one may change into a group, and to
// take them out.
func PrivilegeGroup(group string) Privilege { return Privilege(privilegeGroup + ":" + group) }

// privilegeText is how a privilege is written.
var privilegeText = regexp.MustCompile(`^(?:(is_admin|domain_admin|change_privileges)|(grp):([A-Za-z0-9._-]{1,64}))$`)

// ErrLastAdmin says that nobody could administer any more: the account is
// the only one with PrivilegeAdmin that is not disabled. It is an ErrInUse.
var ErrLastAdmin = fmt.Errorf("the last administrator: %w", ErrInUse)

// columns gives what a privilege is in the table; a *FieldError on "privilege"
// for what is none.
func (p Privilege) columns() (name, value string, err error) {
	m := privilegeText.FindStringSubmatch(string(p))
	if m == nil {
		return "", "", &FieldError{"privilege", "is none of is_admin, domain_admin, change_privileges, grp:NAME"}
	}
	return m[1] + m[2], m[3], nil
}

// Check returns a *FieldError on "privilege" if p is none.
func (p Privilege) Check() error {
	_, _, err := p.columns()
	return err
}

// Admin is an administrator with all privileges, in alphabetical order.
type Admin struct {
	AOR        aor.AOR
	Privileges []Privilege
}

// Has reports whether one of the privileges is p.
func (a Admin) Has(p Privilege) bool {
	for _, has := range a.Privileges {
		if has == p {
			return true
		}
	}
	return false
}

// Grant gives a subscriber a privilege; having it already is no error.
// ErrNotFound if there is no such subscriber, a *FieldError on "privilege" if
// it is none.
func (t *Admins) Grant(ctx context.Context, a aor.AOR, p Privilege) error {
	name, value, err := p.columns()
	if err != nil {
		return err
	}
	columns := []string{"username", "domain", "priv_name", "priv_value"}
	statement := upsert(t.db.target.dialect, "admin_privilege", columns, columns, nil, 1)
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, statement, a.User, a.Domain, name, value)
		return err
	})
	return wrap(err, "privileges of "+a.String())
}

// Revoke takes a privilege from an account. ErrNotFound if it has not got it,
// ErrLastAdmin if nobody could administer without it.
func (t *Admins) Revoke(ctx context.Context, a aor.AOR, p Privilege) error {
	name, value, err := p.columns()
	if err != nil {
		return err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if p == PrivilegeAdmin {
			if err := t.db.keepAdmin(ctx, tx, a); err != nil {
				return err
			}
		}
		return matched(tx.ExecContext(ctx,
			"DELETE FROM admin_privilege WHERE username = ? AND domain = ? AND priv_name = ? AND priv_value = ?", a.User, a.Domain, name, value))
	})
	return wrap(err, "privileges of "+a.String())
}

// RevokeAll takes every privilege from an account, so that it can no longer
// sign in as an administrator. ErrNotFound if it has none, ErrLastAdmin if
// nobody could administer without it.
func (t *Admins) RevokeAll(ctx context.Context, a aor.AOR) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.keepAdmin(ctx, tx, a); err != nil {
			return err
		}
		return matched(tx.ExecContext(ctx, "DELETE FROM admin_privilege WHERE username = ? AND domain = ?", a.User, a.Domain))
	})
	return wrap(err, "privileges of "+a.String())
}

// keepAdmin fails with ErrLastAdmin if the account is the only one left with
// PrivilegeAdmin, and keeps the others that have it until the transaction
// ends. Accounts that are disabled, or were deleted by kamctl, do not count.
func (db *DB) keepAdmin(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	admins, err := all(ctx, tx, scanAOR, "SELECT v.username, v.domain FROM admin_privilege v"+
		" JOIN subscriber s ON s.username = v.username AND s.domain = v.domain"+
		" LEFT JOIN profile p ON p.username = s.username AND p.domain = s.domain"+
		" WHERE v.priv_name = ? AND COALESCE(p.disabled, 0) = 0"+forUpdate(db.target.dialect), string(PrivilegeAdmin))
	if err != nil {
		return err
	}
	if len(admins) == 1 && admins[0] == a {
		return ErrLastAdmin
	}
	return nil
}

// List returns the privileges of an account in alphabetical order.
func (t *Admins) List(ctx context.Context, a aor.AOR) ([]Privilege, error) {
	rows, err := all(ctx, t.db.read, scanPrivilege,
		"SELECT username, domain, priv_name, priv_value FROM admin_privilege WHERE username = ? AND domain = ? ORDER BY priv_name, priv_value",
		a.User, a.Domain)
	if err != nil {
		return nil, wrap(err, "privileges of "+a.String())
	}
	var list []Privilege
	for _, row := range rows {
		list = append(list, row.Privileges...)
	}
	return list, nil
}

// All returns every administrator in alphabetical order.
func (t *Admins) All(ctx context.Context) ([]Admin, error) {
	rows, err := all(ctx, t.db.read, scanPrivilege,
		"SELECT username, domain, priv_name, priv_value FROM admin_privilege ORDER BY username, domain, priv_name, priv_value")
	if err != nil {
		return nil, wrap(err, "list administrators")
	}
	var list []Admin
	for _, row := range rows {
		if n := len(list); n > 0 && list[n-1].AOR == row.AOR {
			list[n-1].Privileges = append(list[n-1].Privileges, row.Privileges...)
			continue
		}
		list = append(list, row)
	}
	return list, nil
}

// scanPrivilege reads one row as an administrator with one privilege.
func scanPrivilege(s scanner) (Admin, error) {
	var a Admin
	var name, value string
	err := s.Scan(&a.AOR.User, &a.AOR.Domain, &name, &value)
	if name == privilegeGroup {
		name += ":" + value
	}
	a.Privileges = []Privilege{Privilege(name)}
	return a, err
}
