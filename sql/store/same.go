package store

import (
	"os"
	"path/filepath"
	"strings"

	"seraph/sql/schema"
)

// SameDatabase reports whether two URLs name the same database: the same file, by
// whichever links, or the same database of the same server, whoever signs in there.
// Names of hosts are compared as written.
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
		return sameFile(x.path, y.path), nil
	}
	if x.network != y.network || x.database != y.database {
		return false, nil
	}
	if x.network == "unix" {
		return sameFile(x.address, y.address), nil
	}
	return strings.EqualFold(x.address, y.address), nil
}

// sameFile reports whether two paths lead to one file, which need not be there yet.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX == nil && errY == nil {
		return os.SameFile(x, y)
	}
	return linked(a, maxLinks) == linked(b, maxLinks)
}

// maxLinks is how many symbolic links are followed, as Linux does.
const maxLinks = 40

// linked is the path that a path stands for, with links followed as far as there are
// any; the file itself need not be there.
func linked(path string, links int) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir, name := filepath.Split(path)
	if name == "" || dir == "" || links == 0 {
		return path
	}
	dir = linked(dir, links)
	path = filepath.Join(dir, name)
	to, err := os.Readlink(path)
	switch {
	case err != nil:
		return path
	case filepath.IsAbs(to):
		return linked(to, links-1)
	}
	return linked(filepath.Join(dir, to), links-1)
}
