package store

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"seraph/sql/schema"
)

// Time limits. A frozen server costs a caller at most ioTimeout for each
// exchange and opTimeout in all.
const (
	dialTimeout = 5 * time.Second
	ioTimeout   = 5 * time.Second
	// lockWait is in whole seconds and below ioTimeout, so that a wait for
	// another transaction ends as an answer and not as a broken connection.
	lockWait = "3"
	// opTimeout bounds a call whose context has no deadline.
	opTimeout = 10 * time.Second
	// busyTimeout is how long SQLite waits for another process's transaction.
	busyTimeout = 5 * time.Second
)

// strictMode makes MySQL refuse a row instead of bending it.
const strictMode = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"

// openMySQL returns a pool; it does not connect yet.
func openMySQL(t target, maxConns int, readTimeout time.Duration) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd = t.user, t.password
	cfg.Net, cfg.Addr, cfg.DBName = t.network, t.address, t.database
	cfg.TLSConfig = t.tls
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = dialTimeout, readTimeout, ioTimeout
	cfg.Loc, cfg.ParseTime, cfg.ClientFoundRows = time.UTC, true, true
	cfg.InterpolateParams = true // one round trip a statement, not three
	cfg.Collation = "utf8mb4_general_ci"
	cfg.Logger = &mysql.NopLogger{} // what it logs comes back as an error, too
	cfg.Params = map[string]string{
		"time_zone":                "'+00:00'",
		"sql_mode":                 strictMode,
		"innodb_lock_wait_timeout": lockWait,
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errors.New("the driver does not take the parts of the URL") // its text might show them
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	pool.SetConnMaxLifetime(5 * time.Minute)
	pool.SetConnMaxIdleTime(2 * time.Minute)
	return pool, nil
}

// createSQLite makes the file, if it is missing, readable for its group and
// nobody else; SQLite gives the files beside it the same mode.
func createSQLite(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o660)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the folder %s does not exist", filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	// Nothing is locked through any other descriptor yet: closing this one
	// would end such locks.
	return f.Close()
}

// openSQLite returns a pool on the file at path: for one writer, whose
// transactions begin with the lock, or for readers.
func openSQLite(path string, write bool, maxConns int) (*sql.DB, error) {
	q := neturl.Values{
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_dqs":          {"0"},
		"mode":          {"rw"},
	}
	if write {
		q.Set("_txlock", "immediate")
	} else {
		q.Set("_query_only", "1")
	}
	name := neturl.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	pool, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	return pool, nil
}

// open makes the pools of db. They may be one.
func (db *DB) open(maxConns int) (err error) {
	if db.target.dialect == schema.MySQL {
		db.write, err = openMySQL(db.target, cmp.Or(max(maxConns, 0), 16), ioTimeout)
		db.read = db.write
		return err
	}
	if _, err := os.Stat(db.target.path); errors.Is(err, os.ErrNotExist) {
		if err := createSQLite(db.target.path); err != nil {
			return err
		}
	}
	if db.write, err = openSQLite(db.target.path, true, 1); err != nil {
		return err
	}
	db.read, err = openSQLite(db.target.path, false, cmp.Or(max(maxConns, 0), 4))
	return err
}
