package stand

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the engines of Query and Exec
	_ "modernc.org/sqlite"
)

// Engine names what keeps the data of a stand.
type Engine string

// The engines.
const (
	SQLite  Engine = "sqlite"
	MariaDB Engine = "mariadb"
	Memory  Engine = "memory" // no database at all
)

// Everything reports whether the long run was asked for (SERAPH_E2E=all, make test-all).
func Everything() bool { return os.Getenv("SERAPH_E2E") == "all" }

// engineVariable names the engine of this run: of every stand whose test names none.
// Where it is set, Engines is this one alone, so that a run with each value does
// everything once on each; without it a stand is on SQLite. No other value is taken.
const engineVariable = "SERAPH_E2E_ENGINE"

// CheckEngine is an error where the run asks for an engine that there is not; for TestMain.
func CheckEngine() error {
	switch asked := Engine(os.Getenv(engineVariable)); asked {
	case "", SQLite, MariaDB:
		return nil
	default:
		return fmt.Errorf("%s is %q, which is no engine: %s or %s", engineVariable, asked, SQLite, MariaDB)
	}
}

// Engines are the engines that a test which needs no special one runs on: the one of
// SERAPH_E2E_ENGINE; without it SQLite, and MariaDB as well when everything runs.
func Engines() []Engine {
	switch asked := Engine(os.Getenv(engineVariable)); {
	case asked != "":
		return []Engine{asked}
	case Everything():
		return []Engine{SQLite, MariaDB}
	}
	return []Engine{SQLite}
}

// standardEngine is what a stand is on whose test names no engine.
func standardEngine() Engine { return Engines()[0] }

// database is where the data of a stand is.
type database struct {
	url    string // for --db
	driver string // for database/sql
	dsn    string
	server *MariaDBServer // nil unless the engine is MariaDB
}

func openDatabase(t testing.TB, engine Engine, dir string) database {
	t.Helper()
	switch engine {
	case MariaDB:
		server := StartMariaDB(t)
		return database{url: server.URL(), driver: "mysql", dsn: server.DSN(), server: server}
	case SQLite:
		file := filepath.Join(dir, "seraph.db")
		return database{url: "sqlite://" + file, driver: "sqlite", dsn: "file:" + file + "?_pragma=busy_timeout(5000)"}
	case Memory:
		return database{url: "none"}
	}
	t.Fatalf("%q is no engine", engine)
	return database{}
}

// Exec runs plain SQL on the stand's database, as an operator's script would, and
// returns how many rows it changed.
func (s *Stand) Exec(query string, args ...any) int64 {
	s.t.Helper()
	db := s.sql()
	defer db.Close()
	result, err := db.Exec(query, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// QueryInt runs a query with one number as its result.
func (s *Stand) QueryInt(query string, args ...any) int {
	s.t.Helper()
	db := s.sql()
	defer db.Close()
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (s *Stand) sql() *sql.DB {
	s.t.Helper()
	if s.db.driver == "" {
		s.t.Fatal("this stand has no database")
	}
	db, err := sql.Open(s.db.driver, s.db.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	return db
}
