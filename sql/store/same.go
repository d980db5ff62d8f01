package store

import (
	"strings"

	"seraph/sql/schema"
)

// SameDatabase reports whether two URLs name the same database: the same file, or the
// same database of the same server, whoever signs in there. Names of hosts are
// compared as written.
func SameDatabase(a, b string) (bool, error) {
	x, err := parseURL(a)
	if err != nil {
		return false, err
	}
	y, err := parseURL(b)
	if err != nil {
		return false, err
	}
	if x.dialect != y.dialect {
		return false, nil
	}
	if x.dialect == schema.SQLite {
		return x.path == y.path, nil
	}
	return x.network == y.network && strings.EqualFold(x.address, y.address) && x.database == y.database, nil
}
