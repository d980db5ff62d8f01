package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/schema"
	"seraph/sql/store"
)

// migrateVar makes the test binary a process that migrates the database it names and prints what
// it applied, see TestMigrateTwoProcesses.
const migrateVar = "SERAPH_STORE_TEST_MIGRATE"

func TestMain(m *testing.M) {
	if url := os.Getenv(migrateVar); url != "" {
		os.Exit(migrateOnce(url))
	}
	code := m.Run()
	stopMariaDB()
	os.Exit(code)
}

// engines are those that SERAPH_STORE_ENGINES names with commas between; sqlite if it is empty.
func engines(t *testing.T) []schema.Dialect {
	t.Helper()
	names := os.Getenv("SERAPH_STORE_ENGINES")
	if names == "" {
		names = "sqlite"
	}
	var list []schema.Dialect
	for name := range strings.SplitSeq(names, ",") {
		switch d := schema.Dialect(strings.TrimSpace(name)); d {
		case schema.MySQL, schema.SQLite:
			list = append(list, d)
		default:
			t.Fatalf("SERAPH_STORE_ENGINES names %q; it is a list of sqlite and mysql", name)
		}
	}
	return list
}

// base is a database of one test, up to date and empty.
type base struct {
	*store.DB
	url   string
	clock *clock
	// raw is the same database without the store, as kamctl sees it.
	raw *sql.DB
}

// onEach runs a test on every engine.
func onEach(t *testing.T, test func(t *testing.T, db base)) {
	t.Helper()
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) { test(t, newBase(t, d)) })
	}
}

// start is the time at which every clock begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until it is told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newBase(t *testing.T, d schema.Dialect) base {
	t.Helper()
	b := base{clock: &clock{now: start}}
	b.url = emptyURL(t, d)
	if d == schema.SQLite {
		copyTemplate(t, b.url)
	}
	b.raw = openRaw(t, d, b.url)
	b.DB = open(t, b.url, store.Options{Now: b.clock.read})
	if _, err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// copyTemplate makes the database of a new URL a copy of one that was migrated once: for
// each test anew it would cost half of the package's time.
func copyTemplate(t *testing.T, url string) {
	t.Helper()
	made, err := migratedTemplate()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite://"), made, 0o600); err != nil {
		t.Fatal(err)
	}
}

var migratedTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "seraph-store")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "seraph.db")
	db, err := store.Open(context.Background(), "sqlite://"+file, store.Options{})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(context.Background())
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// emptyURL is a new database without a table.
func emptyURL(t *testing.T, d schema.Dialect) string {
	t.Helper()
	if d == schema.MySQL {
		return mariaDB(t).newDatabase(t)
	}
	return "sqlite://" + filepath.Join(t.TempDir(), "seraph.db")
}

func open(t *testing.T, url string, opts store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openRaw(t *testing.T, d schema.Dialect, url string) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+strings.TrimPrefix(url, "sqlite://")+"?_busy_timeout=5000&_txlock=immediate"
	if d == schema.MySQL {
		driver, name = "mysql", rawDSN(url)
	}
	raw, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

// exec changes the database behind the store's back.
func (b base) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := b.raw.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// count is the number that a SELECT COUNT gives.
func (b base) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := b.raw.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// add makes subscribers with the password "pw".
func (b base) add(t *testing.T, as ...aor.AOR) {
	t.Helper()
	for _, a := range as {
		ok(t, b.Subscribers.Create(t.Context(), a, "pw"))
	}
}

var (
	alice = aor.AOR{User: "alice", Domain: "example.org"}
	bob   = aor.AOR{User: "bob", Domain: "example.org"}
	carol = aor.AOR{User: "carol", Domain: "example.org"}
	// injected has everything in its name that SQL could stumble over and an address may hold.
	injected = aor.AOR{User: `o'brien";drop%table_user--\`, Domain: "example.org"}
	// unicodeUser is not ASCII, with a character outside the basic plane.
	unicodeUser = aor.AOR{User: "žofie😀", Domain: "example.org"}
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails checks that err is what was wanted and that no database is to blame.
func fails(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
	if store.IsUnavailable(err) {
		t.Errorf("%s: IsUnavailable(%v)", what, err)
	}
}

// failsOn checks that err blames a field.
func failsOn(t *testing.T, what string, err error, field string) {
	t.Helper()
	var wrong *store.FieldError
	if !errors.As(err, &wrong) || wrong.Field != field || wrong.Msg == "" {
		t.Errorf("%s: error %v, want a FieldError on %s", what, err, field)
	}
	if store.IsUnavailable(err) {
		t.Errorf("%s: IsUnavailable(%v)", what, err)
	}
}

// atOnce runs f n times at the same time and returns the errors.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errs
}

func migrateOnce(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	applied, err := db.Migrate(ctx)
	fmt.Println(len(applied))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
