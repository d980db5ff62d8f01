package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func mysqlError(number uint16, state string) error {
	e := &mysql.MySQLError{Number: number, Message: "told by the server"}
	copy(e.SQLState[:], state)
	return fmt.Errorf("doing something: %w", e)
}

func TestIsUnavailable(t *testing.T) {
	tests := []struct {
		name               string
		err                error
		unavailable, again bool
	}{
		{"nil", nil, false, false},
		{"not found", fmt.Errorf("x: %w", ErrNotFound), false, false},
		{"exists", ErrExists, false, false},
		{"in use", ErrInUse, false, false},
		{"no rows", sql.ErrNoRows, false, false},
		{"field", fmt.Errorf("x: %w", &FieldError{"a", "b"}), false, false},
		{"duplicate", mysqlError(1062, "23000"), false, false},
		{"too long", mysqlError(1406, "22001"), false, false},
		{"a trigger", mysqlError(1644, "45000"), false, false},
		{"incorrect value", mysqlError(1366, "22007"), false, false},
		{"deadlock", mysqlError(1213, "40001"), true, true},
		{"lock wait", mysqlError(1205, "HY000"), true, true},
		{"class 40", mysqlError(9999, "40001"), true, true},
		{"write conflict", mysqlError(9007, "HY000"), true, true},
		{"shutting down", mysqlError(1053, "08S01"), true, false},
		{"read only", mysqlError(1290, "HY000"), true, false},
		{"full", mysqlError(1114, "HY000"), true, false},
		{"no such table", mysqlError(1146, "42S02"), true, false},
		{"node not ready", mysqlError(1047, "08S01"), true, false},
		{"broken connection", mysql.ErrInvalidConn, true, false},
		{"end of file", io.ErrUnexpectedEOF, true, false},
		{"refused", syscall.ECONNREFUSED, true, false},
		{"deadline", context.DeadlineExceeded, true, false},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), true, false},
	}
	for _, tt := range tests {
		if got := IsUnavailable(tt.err); got != tt.unavailable {
			t.Errorf("%s: IsUnavailable(%v) = %v", tt.name, tt.err, got)
		}
		if got := retryable(tt.err); got != tt.again {
			t.Errorf("%s: retryable(%v) = %v", tt.name, tt.err, got)
		}
	}
}

// TestRepeat: what loses is repeated, what is wrong is not.
func TestRepeat(t *testing.T) {
	db := &DB{}
	for _, tt := range []struct {
		err   error
		calls int
	}{{nil, 1}, {mysqlError(1213, "40001"), maxAttempts}, {mysqlError(1062, "23000"), 1}, {ErrNotFound, 1}} {
		calls := 0
		err := db.repeat(t.Context(), func() error { calls++; return tt.err })
		if calls != tt.calls || !errors.Is(err, tt.err) {
			t.Errorf("%v: %d calls, error %v; want %d calls", tt.err, calls, err, tt.calls)
		}
	}
	calls := 0
	if err := db.repeat(t.Context(), func() error {
		if calls++; calls < 3 {
			return mysqlError(1205, "HY000")
		}
		return nil
	}); err != nil || calls != 3 {
		t.Errorf("%d calls, error %v; want the third to succeed", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := db.repeat(ctx, func() error { cancel(); return mysqlError(1213, "40001") })
	if !errors.Is(err, context.Canceled) || !IsUnavailable(err) {
		t.Errorf("cancelled while it waits: %v", err)
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{cut("žba", 2), "žb"}, {cut("ab", 2), "ab"}, {cut("a\xffb", 9), "a\uFFFDb"}, {cut("", 0), ""},
		{fold("ŽO", "", "A"), "žo  a"}, {contains(" a_%!B "), "%a!_!%!!b%"}, {contains(""), "%%"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
