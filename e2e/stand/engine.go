package stand

import (
	"database/sql"
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

// Engines are the engines that a test which needs no special one runs on: SQLite,
// and MariaDB as well when everything runs.
func Engines() []Engine {
	if Everything() {
		return []Engine{SQLite, MariaDB}
	}
	return []Engine{SQLite}
}

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
	default:
		return database{url: "none"}
	}
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
