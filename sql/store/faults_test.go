package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/sql/schema"
	"seraph/sql/store"
)

// onMySQL runs a test if MySQL is among the engines.
func onMySQL(t *testing.T, test func(t *testing.T, db base)) {
	t.Helper()
	onEach(t, func(t *testing.T, db base) {
		if db.Dialect() == schema.MySQL {
			test(t, db)
		}
	})
}

// away checks that every kind of call says that the database is to blame.
func away(t *testing.T, db base, ctx func() (context.Context, context.CancelFunc)) {
	t.Helper()
	for name, call := range map[string]func(ctx context.Context) error{
		"read":        func(ctx context.Context) error { _, err := db.Subscribers.Credentials(ctx, alice); return err },
		"list":        func(ctx context.Context) error { _, err := db.Domains.List(ctx); return err },
		"statement":   func(ctx context.Context) error { return db.Audit.Append(ctx, store.Record{}) },
		"transaction": func(ctx context.Context) error { return db.Subscribers.SetPassword(ctx, alice, "new") },
		"batch":       func(ctx context.Context) error { return db.Locations.ApplyBatch(ctx, put(newBinding("a", alice))) },
		"ping":        db.Ping,
		"status":      func(ctx context.Context) error { _, err := db.Status(ctx); return err },
	} {
		ctx, cancel := ctx()
		err := call(ctx)
		cancel()
		if !store.IsUnavailable(err) {
			t.Errorf("%s: IsUnavailable(%v) is false", name, err)
		}
		if err != nil && strings.Contains(err.Error(), mariaPassword) {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestServerKilled(t *testing.T) {
	onMySQL(t, func(t *testing.T, db base) {
		db.add(t, alice)
		m := mariaDB(t)
		m.kill()
		away(t, db, func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), 10*time.Second) })
		_, err := store.Open(t.Context(), db.url, store.Options{})
		if !store.IsUnavailable(err) || strings.Contains(err.Error(), mariaPassword) {
			t.Errorf("Open = %v", err)
		}
		ok(t, m.launch())
		if _, err := db.Subscribers.Credentials(t.Context(), alice); err != nil {
			t.Errorf("after the server is back: %v", err)
		}
		ok(t, db.Locations.ApplyBatch(t.Context(), put(newBinding("a", alice))))
	})
}

func TestServerFrozen(t *testing.T) {
	onMySQL(t, func(t *testing.T, db base) {
		db.add(t, alice)
		m := mariaDB(t)
		m.freeze(t)
		defer m.thaw(t)
		away(t, db, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 100*time.Millisecond)
		})
		m.thaw(t)
		if c, err := db.Subscribers.Credentials(t.Context(), alice); err != nil || c != credentialOf(alice, "pw") {
			t.Errorf("after the server thawed: %+v, %v", c, err)
		}
	})
}

// TestLocked: another process holds a lock; a bounded call gives up in time, one that may wait succeeds.
func TestLocked(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Locations.ApplyBatch(t.Context(), put(newBinding("a", alice))))
		hold := func() *sql.Tx {
			tx, err := db.raw.BeginTx(t.Context(), nil)
			ok(t, err)
			_, err = tx.Exec("UPDATE location SET cseq = 7 WHERE ruid = 'a'")
			ok(t, err)
			return tx
		}
		tx := hold()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := db.Locations.ApplyBatch(ctx, put(newBinding("a", bob)))
		if !store.IsUnavailable(err) {
			t.Errorf("ApplyBatch against a lock = %v, IsUnavailable is false", err)
		}
		if got := load(t, db)["a"]; got.AOR != alice || got.CSeq != 1 {
			t.Errorf("a reader sees %+v", got)
		}
		ok(t, tx.Rollback())

		tx = hold()
		done := make(chan error, 1)
		go func() { done <- db.Locations.ApplyBatch(context.Background(), put(newBinding("a", bob))) }()
		select {
		case err := <-done:
			t.Errorf("ApplyBatch did not wait: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		ok(t, tx.Commit())
		if err := <-done; err != nil {
			t.Errorf("ApplyBatch after the lock = %v", err)
		}
		if got := load(t, db)["a"]; got.AOR != bob || got.CSeq != 1 {
			t.Errorf("the row is %+v", got)
		}
	})
}

// TestDeadlock: the store loses a deadlock and does its work again.
func TestDeadlock(t *testing.T) {
	onMySQL(t, func(t *testing.T, db base) {
		ok(t, db.Locations.ApplyBatch(t.Context(), put(newBinding("r0", alice), newBinding("r1", alice), newBinding("r2", alice))))
		deadlocks := func() (n int) {
			var name string
			ok(t, db.raw.QueryRow("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'").Scan(&name, &n))
			return n
		}
		before := deadlocks()
		tx, err := db.raw.BeginTx(t.Context(), nil)
		ok(t, err)
		for range 50 { // the transaction that has changed more wins
			_, err = tx.Exec("INSERT INTO audit (actor) VALUES ('rival')")
			ok(t, err)
		}
		_, err = tx.Exec("UPDATE location SET flags = 1 WHERE ruid = 'r1'")
		ok(t, err)
		done := make(chan error, 1)
		go func() {
			done <- db.Locations.ApplyBatch(context.Background(), put(newBinding("r0", bob), newBinding("r1", bob)))
		}()
		until(t, "the store waits for a lock", func() bool {
			return db.count(t, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") > 0
		})
		_, err = tx.Exec("UPDATE location SET flags = 1 WHERE ruid = 'r0'")
		ok(t, err)
		ok(t, tx.Commit())
		ok(t, <-done)
		if deadlocks() == before {
			t.Error("there was no deadlock")
		}
		all := load(t, db)
		if all["r0"].AOR != bob || all["r1"].AOR != bob || all["r2"].AOR != alice {
			t.Errorf("rows: %v %v %v", all["r0"].AOR, all["r1"].AOR, all["r2"].AOR)
		}
	})
}

// until waits for a condition that comes true by itself. It asks seldom: InnoDB answers from a
// cache that it renews only when nobody has asked for a tenth of a second.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for range 200 {
		if condition() {
			return
		}
		<-tick.C
	}
	t.Fatalf("it never came that %s", what)
}

// TestCancelled: a context that has ended is no fault of the rows.
func TestCancelled(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		away(t, db, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		})
		ok(t, db.Close())
		away(t, db, func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) })
	})
}

// TestNotMigrated: an old or empty schema is the database's state, not a refused row.
func TestNotMigrated(t *testing.T) {
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) {
			db := open(t, emptyURL(t, d), store.Options{})
			err := db.Locations.ApplyBatch(t.Context(), put(newBinding("a", alice)))
			if !store.IsUnavailable(err) {
				t.Errorf("ApplyBatch on an empty database = %v, IsUnavailable is false", err)
			}
			state, err := db.Status(t.Context())
			if err != nil || state.UpToDate() || state.Current != 0 {
				t.Errorf("Status = %+v, %v", state, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	ok(t, os.WriteFile(garbage, []byte(strings.Repeat("this is no database", 100)), 0o600))
	tests := map[string]struct {
		url, want   string
		unavailable bool
	}{
		"missing folder":  {"sqlite://" + dir + "/none/x.db", "/none does not exist", false},
		"a folder":        {"sqlite://" + dir, "", true},
		"no database":     {"sqlite://" + garbage, "not a database", true},
		"nobody listens":  {"mysql://seraph:s3cret@127.0.0.1:1/seraph", "connection refused", true},
		"no such socket":  {"mysql://seraph:s3cret@unix(" + dir + "/none)/seraph", "no such file", true},
		"unknown scheme":  {"postgres://seraph:s3cret@host/db", "unknown scheme", false},
		"none named":      {"mysql://seraph:s3cret@host", "no database is named", false},
		"broken password": {"mysql://seraph:s3cret%zz@host/db", "hexadecimal", false},
	}
	for name, tt := range tests {
		_, err := store.Open(t.Context(), tt.url, store.Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v, want %q and no password", name, err, tt.want)
		}
		if tt.unavailable && !store.IsUnavailable(err) {
			t.Errorf("%s: IsUnavailable(%v) is false", name, err)
		}
	}
	if slices.Contains(engines(t), schema.MySQL) {
		url := mariaDB(t).newDatabase(t)
		for name, bad := range map[string]string{
			"wrong password": strings.Replace(url, mariaURLUser, "seraph:s3cret", 1),
			"wrong database": url + "x",
		} {
			_, err := store.Open(t.Context(), bad, store.Options{})
			if !store.IsUnavailable(err) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), mariaPassword) {
				t.Errorf("%s: Open = %v", name, err)
			}
		}
	}
}

// TestString: the URL that a log may show.
func TestString(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		if strings.Contains(db.String(), mariaPassword) || strings.Contains(db.String(), "t%3Ast") {
			t.Errorf("String shows the password: %s", db)
		}
		if db.Dialect() == schema.MySQL && !strings.HasPrefix(db.String(), "mysql://seraph:***@unix(") {
			t.Errorf("String = %s", db)
		}
	})
}

// TestTwoStores: another process's store on the same file or server sees and changes the same rows.
func TestTwoStores(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		other := open(t, db.url, store.Options{Now: db.clock.read})
		db.add(t, alice)
		errs := atOnce(8, func(i int) error {
			tables := []*store.Subscribers{db.Subscribers, other.Subscribers}
			for n := range 5 {
				if err := tables[i%2].SetPassword(t.Context(), alice, fmt.Sprintf("pw%d", n)); err != nil {
					return err
				}
			}
			return nil
		})
		ok(t, errors.Join(errs...))
		if c, err := other.Subscribers.Credentials(t.Context(), alice); err != nil || c != credentialOf(alice, "pw4") {
			t.Errorf("Credentials = %+v, %v; want those of the last password", c, err)
		}
	})
}
