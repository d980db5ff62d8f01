package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a waiting process looks whether a SQLite database is
// still being migrated.
const lockPoll = 50 * time.Millisecond

// lock lets one process at a time migrate the database.
func lock(ctx context.Context, db *sql.DB, d Dialect) (unlock func() error, err error) {
	if d == MySQL {
		return lockMySQL(ctx, db)
	}
	return lockSQLite(ctx, db)
}

// lockMySQL takes a named lock, which belongs to one connection. It asks again
// every second, so that no read timeout of the connection is exceeded.
func lockMySQL(ctx context.Context, db *sql.DB) (func() error, error) {
	const name = "CONCAT('seraph.migrate.', MD5(DATABASE()))" // at most 64 characters
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 1)").Scan(&got); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if got.Int64 == 1 {
			break
		}
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		var released sql.NullInt64
		err := conn.QueryRowContext(ctx, "SELECT RELEASE_LOCK("+name+")").Scan(&released)
		return errors.Join(err, conn.Close())
	}, nil
}

// lockSQLite locks a file beside the database. The database file itself will
// not do: closing any descriptor of it would end SQLite's own locks (POSIX).
func lockSQLite(ctx context.Context, db *sql.DB) (func() error, error) {
	var file string
	const query = "SELECT file FROM pragma_database_list WHERE name = 'main'"
	if err := db.QueryRowContext(ctx, query).Scan(&file); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file+"-migrate", os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o660)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-tick.C:
		}
	}
}
