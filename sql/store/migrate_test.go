package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/schema"
	"seraph/sql/store"
)

func TestMigrateTwice(t *testing.T) {
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) {
			db := open(t, emptyURL(t, d), store.Options{})
			state, err := db.Status(t.Context())
			ok(t, err)
			applied, err := db.Migrate(t.Context())
			ok(t, err)
			if diff := cmp.Diff(state.Pending, applied); diff != "" || len(applied) == 0 {
				t.Errorf("applied, beside what was pending:\n%s", diff)
			}
			applied, err = db.Migrate(t.Context())
			if len(applied) != 0 || err != nil {
				t.Errorf("the second Migrate = %v, %v", applied, err)
			}
			state, err = db.Status(t.Context())
			if err != nil || !state.UpToDate() {
				t.Errorf("Status = %+v, %v", state, err)
			}
		})
	}
}

// TestMigrateTwoProcesses: of several processes that start at once one migrates and the others wait for it.
func TestMigrateTwoProcesses(t *testing.T) {
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) {
			url := emptyURL(t, d)
			var outputs [4]bytes.Buffer
			for i, err := range atOnce(len(outputs), func(i int) error {
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), migrateVar+"="+url)
				cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
				return cmd.Run()
			}) {
				if err != nil {
					t.Fatalf("process %d: %v\n%s", i, err, outputs[i].String())
				}
			}
			var counts []string
			for i := range outputs {
				counts = append(counts, strings.TrimSpace(outputs[i].String()))
			}
			sort.Strings(counts)
			state, err := open(t, url, store.Options{}).Status(t.Context())
			ok(t, err)
			if want := []string{"0", "0", "0", fmt.Sprint(len(state.Applied))}; !state.UpToDate() || !cmp.Equal(want, counts) {
				t.Errorf("the processes applied %v, want %v; state %+v", counts, want, state)
			}
		})
	}
}

// TestMigrateAfterCrash: MySQL commits a table before the note that it was made; after a crash in between the
// migration runs again.
func TestMigrateAfterCrash(t *testing.T) {
	onMySQL(t, func(t *testing.T, db base) {
		db.add(t, alice)
		db.exec(t, "DELETE FROM goose_db_version WHERE version_id > 0")
		applied, err := db.Migrate(t.Context())
		ok(t, err)
		state, err := db.Status(t.Context())
		if err != nil || !state.UpToDate() || len(applied) != int(state.Target) {
			t.Errorf("applied %d, state %+v, %v", len(applied), state, err)
		}
		_, err = db.Subscribers.Find(t.Context(), alice)
		ok(t, err)
	})
}

// TestMigrateFrozen: a database of the first schema, as the first release left it, comes forward with its rows.
func TestMigrateFrozen(t *testing.T) {
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) {
			url := emptyURL(t, d)
			raw := openRaw(t, d, url)
			dump, err := os.ReadFile(filepath.Join("..", "schema", "testdata", "first-"+string(d)+".sql"))
			ok(t, err)
			for statement := range strings.SplitSeq(string(dump), ";\n") {
				if statement = strings.TrimSpace(statement); statement != "" {
					if _, err := raw.Exec(statement); err != nil {
						t.Fatalf("%.80s: %v", statement, err)
					}
				}
			}
			old := base{DB: open(t, url, store.Options{}), url: url, raw: raw}
			_, err = old.Migrate(t.Context())
			ok(t, err)
			state, err := old.Status(t.Context())
			if err != nil || !state.UpToDate() {
				t.Errorf("Status = %+v, %v", state, err)
			}
			if diff := cmp.Diff(layout(t, newBase(t, d)), layout(t, old)); diff != "" {
				t.Errorf("a migrated database is not like a new one (-new +migrated):\n%s", diff)
			}
			if c, err := old.Subscribers.Credentials(t.Context(), alice); err != nil || c != credentialOf(alice, "pw") {
				t.Errorf("Credentials = %+v, %v", c, err)
			}
			full := fullBinding()
			if diff := cmp.Diff(map[string]store.Binding{full.RUID: full}, load(t, old)); diff != "" {
				t.Errorf("location (-want +got):\n%s", diff)
			}
			if e, err := old.Phonebook.FindAddress(t.Context(), alice, "sip:bob@example.org"); err != nil || e.FirstName != "Žofie 😀" {
				t.Errorf("phone book: %+v, %v", e, err)
			}
			if a, err := old.Aliases.Resolve(t.Context(), aor.AOR{User: "alice2", Domain: "example.org"}); err != nil || a != alice {
				t.Errorf("alias: %v, %v", a, err)
			}
		})
	}
}

// layout is every table and index as the engine describes it.
func layout(t *testing.T, db base) []string {
	t.Helper()
	query := "SELECT type || ' ' || tbl_name || ' ' || COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
	if db.Dialect() == schema.MySQL {
		query = "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default, collation_name, extra)" +
			" FROM information_schema.columns WHERE table_schema = DATABASE() UNION" +
			" SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique)" +
			" FROM information_schema.statistics WHERE table_schema = DATABASE()"
	}
	rows, err := db.raw.Query(query)
	ok(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		ok(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	ok(t, rows.Err())
	sort.Strings(lines)
	return lines
}

func TestMigrateForeignTables(t *testing.T) {
	for _, d := range engines(t) {
		t.Run(string(d), func(t *testing.T) {
			url := emptyURL(t, d)
			kamailio := base{DB: open(t, url, store.Options{}), raw: openRaw(t, d, url)}
			kamailio.exec(t, "CREATE TABLE location (id INTEGER)")
			before := layout(t, kamailio)
			applied, err := kamailio.Migrate(t.Context())
			if !errors.Is(err, schema.ErrForeignTables) || len(applied) != 0 {
				t.Errorf("Migrate = %v, %v", applied, err)
			}
			if diff := cmp.Diff(before, layout(t, kamailio)); diff != "" {
				t.Errorf("Migrate changed a database of another program:\n%s", diff)
			}
		})
	}
}

// TestMySQLCollations: identities compare byte by byte, whatever the server's and the database's defaults are.
func TestMySQLCollations(t *testing.T) {
	onMySQL(t, func(t *testing.T, db base) {
		const query = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'goose_db_version'"
		names := "'first_name', 'last_name', 'email', 'fname', 'lname', 'grp_name'"
		if n := db.count(t, query+" AND collation_name <> 'utf8mb4_bin' AND column_name NOT IN ("+names+")"); n != 0 {
			t.Errorf("%d identity columns ignore case", n)
		}
		if n := db.count(t, query+" AND collation_name = 'utf8mb4_unicode_ci' AND column_name IN ("+names+")"); n != 6 {
			t.Errorf("%d columns of names ignore case, want 6", n)
		}
	})
}

// TestKamailioVersions: what Kamailio and kamctl look for.
func TestKamailioVersions(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for table, version := range map[string]int{"version": 1, "subscriber": 7, "location": 9, "acc": 5, "missed_calls": 4,
			"silo": 8, "dbaliases": 1, "grp": 2, "domain": 2} {
			if n := db.count(t, "SELECT table_version FROM version WHERE table_name = ?", table); n != version {
				t.Errorf("version of %s is %d, want %d", table, n, version)
			}
			db.count(t, "SELECT COUNT(*) FROM "+table)
		}
	})
}
