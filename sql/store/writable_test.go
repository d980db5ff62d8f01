package store_test

import (
	"testing"

	"seraph/sql/schema"
	"seraph/sql/store"
)

// TestWritable: a database that takes changes says so; one that is closed does not.
func TestWritable(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Writable(t.Context()))
		ok(t, db.Close())
		if err := db.Writable(t.Context()); err == nil {
			t.Error("a closed database takes changes")
		}
	})
}

// TestWritableLocked: a transaction of another program locks the whole of SQLite, and then
// that is unavailable for changes, though it can be read.
func TestWritableLocked(t *testing.T) {
	db := newBase(t, schema.SQLite)
	other, err := db.raw.BeginTx(t.Context(), nil) // immediate, see openRaw
	ok(t, err)
	if err := db.Writable(t.Context()); !store.IsUnavailable(err) {
		t.Errorf("locked: %v", err)
	}
	if _, err := db.Domains.List(t.Context()); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	ok(t, other.Rollback())
	ok(t, db.Writable(t.Context()))
}
