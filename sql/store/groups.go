package store

import (
	"context"
	"database/sql"
	"regexp"
	"slices"

	"seraph/sql/aor"
)

// Groups is the table grp: the permissions of subscribers (local, ld, int,
// voicemail …).
type Groups struct{ db *DB }

// List returns the groups of a user in alphabetical order.
func (t *Groups) List(ctx context.Context, a aor.AOR) ([]string, error) {
	list, err := all(ctx, t.db.read, scanText, "SELECT grp FROM grp WHERE username = ? AND domain = ? ORDER BY grp", a.User, a.Domain)
	return list, wrap(err, "groups of "+a.String())
}

// All returns the groups of every user, in alphabetical order, for a cache. A
// user whose name kamctl wrote in capitals comes out canonical; a row that
// names no address is left out.
func (t *Groups) All(ctx context.Context) (map[aor.AOR][]string, error) {
	rows, err := all(ctx, t.db.read, scanMember, "SELECT username, domain, grp FROM grp ORDER BY grp")
	if err != nil {
		return nil, wrap(err, "read all groups")
	}
	groups := map[aor.AOR][]string{}
	for _, row := range rows {
		if a, ok := canonical(row.user); ok && !slices.Contains(groups[a], row.group) {
			groups[a] = append(groups[a], row.group)
		}
	}
	return groups, nil
}

type member struct {
	user  aor.AOR
	group string
}

func scanMember(s scanner) (m member, err error) {
	return m, s.Scan(&m.user.User, &m.user.Domain, &m.group)
}

// groupName is what a group may be called.
var groupName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Grant puts a subscriber into a group; being in it already is no error. A
// group's name is 1 to 64 letters, digits, "-", "_" and "."; ErrNotFound if
// there is no such subscriber.
func (t *Groups) Grant(ctx context.Context, a aor.AOR, group string) error {
	_, err := t.GrantNew(ctx, a, group)
	return err
}

// GrantNew is Grant, and reports whether the subscriber was not in the group before.
func (t *Groups) GrantNew(ctx context.Context, a aor.AOR, group string) (added bool, err error) {
	if !groupName.MatchString(group) {
		return false, &FieldError{"group", "is not 1 to 64 letters, digits, -, _ and ."}
	}
	columns := []string{"username", "domain", "grp", "last_modified"}
	statement := upsert(t.db.target.dialect, "grp", columns, columns[:3], nil, 1)
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		const count = "SELECT COUNT(*) FROM grp WHERE username = ? AND domain = ? AND grp = ?"
		var n int
		if err := tx.QueryRowContext(ctx, count, a.User, a.Domain, group).Scan(&n); err != nil {
			return err
		}
		added = n == 0
		_, err := tx.ExecContext(ctx, statement, a.User, a.Domain, group, stamp(t.db.present()))
		return err
	})
	return added, wrap(err, "groups of "+a.String())
}

// Revoke takes a user out of a group, ErrNotFound if they are not in it.
func (t *Groups) Revoke(ctx context.Context, a aor.AOR, group string) error {
	err := must(t.db.exec(ctx, "DELETE FROM grp WHERE username = ? AND domain = ? AND grp = ?", a.User, a.Domain, group))
	return wrap(err, "groups of "+a.String())
}
