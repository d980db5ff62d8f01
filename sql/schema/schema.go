// Package schema holds the tables of the database as embedded migrations, one
// folder for each engine, and applies them. Both folders hold the same file
// names; a migration of MySQL is one statement, because its DDL ends every
// transaction, and one that can run again after a crash in the middle.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// Dialect names a database engine.
type Dialect string

// The engines.
const (
	// MySQL is MySQL, MariaDB and what else speaks their protocol.
	MySQL Dialect = "mysql"
	// SQLite is the embedded engine.
	SQLite Dialect = "sqlite"
)

// ErrForeignTables says that the database was never migrated by us and yet
// holds tables with our names, such as a Kamailio database.
var ErrForeignTables = errors.New("the database holds tables of another program; use an empty one")

// ErrNewer says that the database was migrated by a newer release.
var ErrNewer = errors.New("the database has a newer schema than this program knows")

// State says where a database stands.
type State struct {
	// Current is the version of the last applied migration, 0 for an empty database.
	Current int64
	// Target is the version of the last migration that this program knows.
	Target int64
	// Applied lists the file names of the migrations applied, in order; it
	// leaves out those of a newer program.
	Applied []string
	// Pending lists the file names of the migrations not yet applied, in order.
	Pending []string
}

// UpToDate reports whether nothing is pending and the database is not newer
// than the program.
func (s State) UpToDate() bool { return len(s.Pending) == 0 && s.Current == s.Target }

//go:embed mysql/*.sql sqlite/*.sql
var migrations embed.FS

// versionTable is where goose notes what it has applied.
const versionTable = goose.DefaultTablename

// Migrate applies the pending migrations and returns the file names of those
// that it applied, also beside an error. Several processes may call it at
// once: one migrates, the others wait until it is done or ctx ends. It fails
// with ErrForeignTables or ErrNewer without having changed anything. db must
// allow two connections, and its read timeout must bear the longest migration.
func Migrate(ctx context.Context, db *sql.DB, d Dialect) ([]string, error) {
	files, err := folder(d)
	if err != nil {
		return nil, err
	}
	return migrate(ctx, db, d, files)
}

func migrate(ctx context.Context, db *sql.DB, d Dialect, files fs.FS) (applied []string, err error) {
	unlock, err := lock(ctx, db, d)
	if err != nil {
		return nil, fmt.Errorf("lock for the migration: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	state, err := status(ctx, db, d, files)
	switch {
	case err != nil:
		return nil, err
	case state.Current > state.Target:
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrNewer, state.Current, state.Target)
	case len(state.Pending) == 0:
		return nil, nil
	}
	provider, err := goose.NewProvider(d.goose(), db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		results = partial.Applied
		err = fmt.Errorf("migration %s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
	}
	for _, r := range results {
		applied = append(applied, path.Base(r.Source.Path))
	}
	return applied, err
}

// Status reports where the database stands. It writes nothing. Beside
// ErrForeignTables the state is filled in.
func Status(ctx context.Context, db *sql.DB, d Dialect) (State, error) {
	files, err := folder(d)
	if err != nil {
		return State{}, err
	}
	return status(ctx, db, d, files)
}

func status(ctx context.Context, db *sql.DB, d Dialect, files fs.FS) (State, error) {
	var s State
	known, err := versions(files)
	if err != nil {
		return s, err
	}
	tables, err := tableNames(ctx, db, d)
	if err != nil {
		return s, fmt.Errorf("read the schema: %w", err)
	}
	done := map[int64]bool{}
	if slices.Contains(tables, versionTable) {
		if done, err = appliedVersions(ctx, db); err != nil {
			return s, fmt.Errorf("read the schema's version: %w", err)
		}
	}
	for v := range done {
		s.Current = max(s.Current, v)
	}
	for _, m := range known {
		s.Target = max(s.Target, m.version)
		if done[m.version] {
			s.Applied = append(s.Applied, m.name)
		} else {
			s.Pending = append(s.Pending, m.name)
		}
	}
	if !slices.Contains(tables, versionTable) {
		for _, m := range known {
			if slices.Contains(tables, m.table) {
				return s, fmt.Errorf("%w (there is a table %s)", ErrForeignTables, m.table)
			}
		}
	}
	return s, nil
}

// migration is a file: 00003_location.sql is version 3 and makes (or, later,
// changes) the table location.
type migration struct {
	version int64
	table   string
	name    string
}

// versions lists the migrations in order.
func versions(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	var list []migration
	for _, name := range names {
		number, rest, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil || v < 1 {
			return nil, fmt.Errorf("migration %s: its name does not begin with a number", name)
		}
		list = append(list, migration{version: v, table: strings.TrimSuffix(rest, ".sql"), name: name})
	}
	slices.SortFunc(list, func(a, b migration) int { return int(a.version - b.version) })
	return list, nil
}

func appliedVersions(ctx context.Context, db *sql.DB) (map[int64]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT version_id FROM "+versionTable+" WHERE is_applied AND version_id > 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	done := map[int64]bool{}
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		done[v] = true
	}
	return done, rows.Err()
}

func tableNames(ctx context.Context, db *sql.DB, d Dialect) ([]string, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if d == MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// folder returns the migrations of an engine.
func folder(d Dialect) (fs.FS, error) {
	if d != MySQL && d != SQLite {
		return nil, fmt.Errorf("no database engine %q", d)
	}
	return fs.Sub(migrations, string(d))
}

func (d Dialect) goose() goose.Dialect {
	if d == MySQL {
		return goose.DialectMySQL
	}
	return goose.DialectSQLite3
}
