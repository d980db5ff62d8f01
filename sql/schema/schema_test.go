package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// open makes an empty SQLite database. The tests on MySQL stand in package store.
func open(t *testing.T) (*sql.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	return openFile(t, path), path
}

func openFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000&_journal_mode=WAL&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// with is the real migrations and more.
func with(t *testing.T, more map[string]string) fstest.MapFS {
	t.Helper()
	own, err := folder(SQLite)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	names, err := fs.Glob(own, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(own, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return files
}

func TestMigrateForward(t *testing.T) {
	db, _ := open(t)
	if _, err := Migrate(t.Context(), db, SQLite); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO subscriber (username, domain) VALUES ('alice', 'example.org')"); err != nil {
		t.Fatal(err)
	}
	files := with(t, map[string]string{"90001_shoe.sql": "CREATE TABLE shoe (size INTEGER);"})
	before, err := status(t.Context(), db, SQLite, files)
	if err != nil || before.UpToDate() || before.Target != 90001 {
		t.Errorf("status before = %+v, %v", before, err)
	}
	applied, err := migrate(t.Context(), db, SQLite, files)
	if diff := cmp.Diff([]string{"90001_shoe.sql"}, applied); diff != "" || err != nil {
		t.Errorf("applied, %v (-want +got):\n%s", err, diff)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM subscriber, (SELECT COUNT(*) FROM shoe)").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d subscribers, %v", n, err)
	}
	// The program that knows one migration less now keeps its hands off.
	applied, err = Migrate(t.Context(), db, SQLite)
	if !errors.Is(err, ErrNewer) || len(applied) != 0 {
		t.Errorf("Migrate of a newer schema = %v, %v", applied, err)
	}
	if state, err := Status(t.Context(), db, SQLite); err != nil || state.UpToDate() || state.Current != 90001 {
		t.Errorf("Status of a newer schema = %+v, %v", state, err)
	}
}

// TestMigrateStops: a migration that fails leaves those before it applied and itself undone; mended, it goes on.
func TestMigrateStops(t *testing.T) {
	db, _ := open(t)
	bad := map[string]string{"90001_shoe.sql": "CREATE TABLE shoe (size INTEGER);", "90002_sock.sql": "CREATE TABLE sock (size INTEGER);\nINSERT INTO none VALUES (1);"}
	applied, err := migrate(t.Context(), db, SQLite, with(t, bad))
	if err == nil || len(applied) == 0 || applied[len(applied)-1] != "90001_shoe.sql" {
		t.Errorf("migrate = %v, %v", applied, err)
	}
	tables, err := tableNames(t.Context(), db, SQLite)
	if err != nil || slices.Contains(tables, "sock") || !slices.Contains(tables, "shoe") {
		t.Errorf("tables %v, %v", tables, err)
	}
	bad["90002_sock.sql"] = "CREATE TABLE sock (size INTEGER);"
	applied, err = migrate(t.Context(), db, SQLite, with(t, bad))
	if diff := cmp.Diff([]string{"90002_sock.sql"}, applied); diff != "" || err != nil {
		t.Errorf("after mending it, %v (-want +got):\n%s", err, diff)
	}
}

func TestMigrateWaitsForLock(t *testing.T) {
	db, path := open(t)
	unlock, err := lock(t.Context(), db, SQLite)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	other := openFile(t, path)
	if _, err := Migrate(ctx, other, SQLite); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Migrate while another one migrates = %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Migrate(context.WithoutCancel(ctx), other, SQLite)
		done <- err
	}()
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Migrate after the lock = %v", err)
	}
}

func TestWrongFiles(t *testing.T) {
	db, _ := open(t)
	for _, name := range []string{"shoe.sql", "0_shoe.sql", "x1_shoe.sql", "-1_shoe.sql"} {
		files := fstest.MapFS{name: &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;")}}
		if applied, err := migrate(t.Context(), db, SQLite, files); err == nil || len(applied) != 0 {
			t.Errorf("%s: migrate = %v, %v", name, applied, err)
		}
	}
	if _, err := Migrate(t.Context(), db, "oracle"); err == nil {
		t.Error("Migrate took an unknown engine")
	}
	if _, err := Status(t.Context(), db, "oracle"); err == nil {
		t.Error("Status took an unknown engine")
	}
}

// TestEnginesAgree: both folders make the same tables with the same columns, lengths, defaults and keys.
func TestEnginesAgree(t *testing.T) {
	lite, my := tables(t, SQLite), tables(t, MySQL)
	if len(my) < 19 {
		t.Errorf("%d tables, want the 19 of the first schema at least", len(my))
	}
	if diff := cmp.Diff(lite, my); diff != "" {
		t.Errorf("the engines differ (-sqlite +mysql):\n%s", diff)
	}
}

// tables reads what the files of an engine make, with the engine's own words taken out.
func tables(t *testing.T, d Dialect) map[string]table {
	t.Helper()
	files, err := folder(d)
	if err != nil {
		t.Fatal(err)
	}
	list, err := versions(files)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]table{}
	for _, m := range list {
		text, err := fs.ReadFile(files, m.name)
		if err != nil {
			t.Fatal(err)
		}
		for name, found := range parseTables(string(text)) {
			if _, twice := all[name]; twice || len(found.Columns) == 0 {
				t.Errorf("%s: table %s with %d columns", m.name, name, len(found.Columns))
			}
			all[name] = found
		}
	}
	return all
}

// TestParseTables: the reader above sees what it must compare.
func TestParseTables(t *testing.T) {
	lite := parseTables("CREATE TABLE `x` (\n    `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n    `a` VARCHAR(64) COLLATE NOCASE DEFAULT '' NOT NULL,\n" +
		"    `n` INTEGER DEFAULT 0 NOT NULL,\n    CONSTRAINT `x_a_idx` UNIQUE (`a`, `n`)\n);\nCREATE INDEX `x_n_idx` ON `x` (`n`);\n")
	want := map[string]table{"x": {
		Columns: []string{"id INT PRIMARY KEY NOT NULL", "a VARCHAR(64) NOCASE DEFAULT '' NOT NULL", "n INT DEFAULT 0 NOT NULL"},
		Keys:    []string{"(n)", "UNIQUE (a, n)"},
	}}
	if diff := cmp.Diff(want, lite); diff != "" {
		t.Errorf("sqlite (-want +got):\n%s", diff)
	}
	my := parseTables("CREATE TABLE IF NOT EXISTS `x` (\n    `id` BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,\n" +
		"    `a` VARCHAR(64) COLLATE utf8mb4_unicode_ci DEFAULT '' NOT NULL,\n    `n` TINYINT(1) DEFAULT 0 NOT NULL,\n" +
		"    CONSTRAINT `a_idx` UNIQUE (`a`, `n`),\n    KEY `n_idx` (`n`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;\n")
	if diff := cmp.Diff(want, my); diff != "" {
		t.Errorf("mysql (-want +got):\n%s", diff)
	}
	my["x"].Columns[1] = "a VARCHAR(65)"
	if cmp.Equal(want, my) {
		t.Error("a difference does not show")
	}
}

// TestNumbers: the migrations are numbered without a gap and begin with their table.
func TestNumbers(t *testing.T) {
	for _, d := range []Dialect{MySQL, SQLite} {
		files, err := folder(d)
		if err != nil {
			t.Fatal(err)
		}
		list, err := versions(files)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range list {
			if want := fmt.Sprintf("%05d_", i+1); m.version != int64(i+1) || m.name[:6] != want {
				t.Errorf("%s: %s, want number %s", d, m.name, want)
			}
		}
		if names := slices.Sorted(maps.Keys(tables(t, d))); !slices.Contains(names, "subscriber") || !slices.Contains(names, "location") {
			t.Errorf("%s makes %v", d, names)
		}
	}
}
