package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"seraph/ctlproto"
	"seraph/sql/schema"
	"seraph/sql/store"
)

// databaseWait is how long a start waits for a database that is away; after it the
// program ends, and who started it decides.
const databaseWait = time.Minute

// openDatabase opens and checks the database; nil without one.
func openDatabase(ctx context.Context, cfg *Config) (*store.DB, error) {
	if cfg.DB == NoDatabase {
		return nil, nil
	}
	url, own := cfg.DB, false
	if url == "" {
		var err error
		if url, err = cfg.embedded(); err != nil {
			return nil, fmt.Errorf("state folder: %w", err)
		}
		own = true
	}
	db, err := await(ctx, cfg.Log, "database", func(ctx context.Context) (*store.DB, error) {
		return store.Open(ctx, url, store.Options{})
	})
	if err != nil {
		return nil, err
	}
	if own {
		err = migrate(ctx, db, cfg.Log)
	} else {
		err = upToDate(ctx, db)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// await calls f until it succeeds, fails for good, or databaseWait is over.
func await[T any](outer context.Context, log *slog.Logger, what string, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(outer, databaseWait)
	defer cancel()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		v, err := f(ctx)
		switch {
		case store.IsBroken(err):
			return v, fmt.Errorf("%s: the database's file is damaged; put a copy of it back, or move it away to begin with an empty one: %w", what, err)
		case err == nil, !store.IsUnavailable(err):
			return v, err
		}
		log.Warn("waiting for the database", "for", what, "error", err)
		select {
		case <-ctx.Done():
			if outer.Err() != nil {
				return v, fmt.Errorf("%s: told to end while waiting: %w", what, err)
			}
			return v, fmt.Errorf("%s: gave up after %v: %w", what, databaseWait, err)
		case <-time.After(pause):
		}
	}
}

// migrate brings the embedded database's schema up to date.
func migrate(ctx context.Context, db *store.DB, log *slog.Logger) error {
	done, err := db.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrating %s: %w", db, err)
	}
	if len(done) > 0 {
		log.Info("database migrated", "database", db.String(), "migrations", len(done))
	}
	return nil
}

// upToDate refuses a schema that this release was not made for.
func upToDate(ctx context.Context, db *store.DB) error {
	state, err := db.Status(ctx)
	if err != nil {
		return fmt.Errorf("state of %s: %w", db, err)
	}
	if err := schemaFault(state); err != nil {
		return fmt.Errorf("database %s: %w", db, err)
	}
	return nil
}

func schemaFault(state schema.State) error {
	switch {
	case state.Current > state.Target:
		return errors.New("its schema is of a later release: install that release")
	case len(state.Pending) > 0:
		return fmt.Errorf("%d migrations are missing: run seraphctl db migrate --db URL", len(state.Pending))
	}
	return nil
}

// makeState makes the state folder for the proxy's user and group.
func makeState(path string) error {
	err := os.Mkdir(path, 0o750)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("state folder %s is not a folder", path)
	}
	return nil
}

// lockState keeps a second proxy out of the state folder: each would take the other's
// bindings for expired ones. The lock goes with the process.
func lockState(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "proxy.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("state folder %s: another seraph-proxy works with it", path)
		}
		return nil, fmt.Errorf("state folder %s: lock: %w", path, err)
	}
	return f, nil
}

// makeControlFolder makes the folder of the default control socket, which on many
// machines does not outlive a boot. Another one is the operator's.
func makeControlFolder(socket string) error {
	if socket != ctlproto.DefaultSocket {
		return nil
	}
	err := os.Mkdir(filepath.Dir(socket), 0o750)
	if err == nil || errors.Is(err, os.ErrExist) {
		return nil
	}
	return fmt.Errorf("folder of the control socket (--ctl names another): %w", err)
}
