package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors of the store; test with errors.Is.
var (
	// ErrNotFound says that there is no such row, or none of this owner's.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a row with this identity is there already.
	ErrExists = errors.New("already exists")
	// ErrInUse says that other rows still need this one.
	ErrInUse = errors.New("still in use")
	// ErrFull says that the owner has as many rows as are allowed.
	ErrFull = errors.New("full")
)

// FieldError says which field of a value is wrong. Its text is fit for the
// person who filled in the field and never repeats the value.
type FieldError struct {
	// Field is the name of the Go field in lower case with underscores, for
	// example first_name.
	Field string
	// Msg says what is wrong, as the rest of a sentence: "is longer than 64 characters".
	Msg string
}

// Error implements error.
func (e *FieldError) Error() string { return fmt.Sprintf("%s %s", e.Field, e.Msg) }

// urlError is what is wrong with a database URL: no waiting mends it.
type urlError struct{ error }

// Unwrap gives the error itself.
func (e urlError) Unwrap() error { return e.error }

// IsUnavailable reports whether err says that the database could not be asked
// or could not answer: away, frozen, full, locked, out of time. The same call
// may succeed later. It is false for what is wrong with the rows themselves
// (a constraint, a length, a trigger's refusal), for nil, and for the errors
// of this package; such a batch is worth splitting.
func IsUnavailable(err error) bool {
	var field *FieldError
	var url urlError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case err == nil, errors.As(err, &url),
		errors.Is(err, ErrNotFound), errors.Is(err, ErrExists), errors.Is(err, ErrInUse), errors.Is(err, ErrFull),
		errors.Is(err, sql.ErrNoRows), errors.As(err, &field):
		return false
	case errors.As(err, &my):
		return retryableMySQL(my) || unavailableMySQL(my.Number)
	case errors.As(err, &lite):
		return unavailableSQLite(lite)
	}
	return true // a broken or refused connection, a timeout, a cancelled context
}

// IsBroken reports whether err says that the embedded database's file is damaged, or is no
// database: no waiting mends it. IsUnavailable is true then as well.
func IsBroken(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	code := lite.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// unavailableMySQL knows the server's errors that no other row would have
// spared us. What it does not know is taken for a refused row: splitting a
// batch in vain costs a few statements, not splitting it costs good rows.
func unavailableMySQL(number uint16) bool {
	switch number {
	case 1037, 1038, 1041, // out of memory
		1021, 1114, // disk or table full
		1040, 1203, 1226, // too many connections
		1044, 1045, 1049, 1142, 1698, // access denied, no such database
		1053, 1077, 1079, // shutting down
		1146, 1054, // table or column missing: not migrated
		1290, 1792, 1836, // read only
		1317, 1927, 1969, 3024, // interrupted or killed
		1047, // cluster node not ready
		1158, 1159, 1160, 1161:
		return true
	}
	return false
}

// retryableMySQL reports whether a transaction lost against another one:
// deadlock, lock wait, conflict of certification in a cluster. SQLSTATE class
// 40 is the standard's "transaction rollback".
func retryableMySQL(err *mysql.MySQLError) bool {
	switch err.Number {
	case 1205, // lock wait timeout
		1213,             // deadlock, and Galera's certification conflict
		1020,             // record has changed since last read
		3101,             // Group Replication refused at commit
		8002, 8022, 9007: // TiDB's write conflicts
		return true
	}
	return strings.HasPrefix(string(err.SQLState[:]), "40")
}

// unavailableSQLite sorts SQLite's primary result codes. A schema that is not
// migrated shows in the text only.
func unavailableSQLite(err *sqlite.Error) bool {
	switch err.Code() & 0xff {
	case sqlite3.SQLITE_ERROR:
		return strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "no such column")
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return false
	}
	return true
}

// retryable reports whether the same transaction may succeed at once.
func retryable(err error) bool {
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &my):
		return retryableMySQL(my)
	case errors.As(err, &lite):
		code := lite.Code() & 0xff
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	return false
}

// duplicate reports whether a unique index refused a row.
func duplicate(err error) bool {
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &my):
		return my.Number == 1062
	case errors.As(err, &lite):
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// missingTable reports whether a table is not there.
func missingTable(err error) bool {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number == 1146
	}
	return err != nil && strings.Contains(err.Error(), "no such table")
}

// wrap says what was being done when err came up; nil stays nil.
func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
