package store_test

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"seraph/sql/schema"
	"seraph/sql/store"
)

// identity are the columns by which a table names a subscriber.
var identity = map[string]bool{
	"username": true, "caller_username": true, "callee_username": true, "src_user": true, "dst_user": true, "silo_id": true, "actor": true,
}

// secret are columns that no export may have.
var secret = regexp.MustCompile(`ha1|passw|token|hash|secret|payload|sha256`)

// people gives the tables with rows of subscribers.
func (b base) tablesOfPeople(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, name := range b.texts(t, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name") {
		if slices.ContainsFunc(b.texts(t, "SELECT name FROM pragma_table_info('"+name+"')"), func(c string) bool { return identity[c] }) {
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d tables: %v", len(names), names)
	}
	return names
}

// texts reads one column.
func (b base) texts(t *testing.T, query string, args ...any) (list []string) {
	t.Helper()
	rows, err := b.raw.QueryContext(t.Context(), query, args...)
	ok(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		ok(t, rows.Scan(&text))
		list = append(list, text)
	}
	ok(t, rows.Err())
	return list
}

// plant puts a row of alice's into a table, whatever its columns are.
func (b base) plant(t *testing.T, table string) {
	t.Helper()
	var columns, values []string
	for _, c := range b.texts(t, "SELECT name || ' ' || type || ' ' || pk FROM pragma_table_info('"+table+"')") {
		parts := strings.Split(c, " ")
		name, kind, key := parts[0], strings.Join(parts[1:len(parts)-1], " "), parts[len(parts)-1]
		value := "'planted'"
		switch {
		case name == "username" || name == "caller_username" || name == "src_user":
			value = "'alice'"
		case name == "domain" || name == "caller_domain" || name == "src_domain":
			value = "'example.org'"
		case name == "actor" || name == "object":
			value = "'alice@example.org'"
		case strings.HasSuffix(name, "deleted") && strings.HasPrefix(name, "calle"):
			value = "0"
		case name == "silo_id":
			value = "(SELECT MAX(id) FROM silo WHERE username = 'alice')"
		case key != "0" && kind == "INTEGER":
			continue
		case kind == "INTEGER" || kind == "REAL":
			value = "1"
		case kind == "DATETIME":
			value = "'2026-03-01 12:00:00'"
		}
		columns, values = append(columns, "`"+name+"`"), append(values, value)
	}
	_, err := b.raw.ExecContext(t.Context(), "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(values, ", ")+")")
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

// TestPersonalIsComplete: each table with rows of a subscriber is in the export or
// said not to be, nothing of it is a secret, and after the account is deleted
// nothing is left but what is said to stay. A new table fails here until somebody
// has decided.
func TestPersonalIsComplete(t *testing.T) {
	db := newBase(t, schema.SQLite)
	db.add(t, alice, bob)
	exported, unexported, kept := store.PersonalTables()
	tables := db.tablesOfPeople(t)
	slices.SortStableFunc(tables, func(a, b string) int { // silo before what hangs on it
		return boolInt(b == "silo") - boolInt(a == "silo")
	})
	for _, table := range tables {
		if !slices.Contains(exported, table) && unexported[table] == "" {
			t.Errorf("the table %s has rows of subscribers and is not in personals (sql/store/personal.go)", table)
		}
		if table != "subscriber" && table != "profile" && table != "credential_sha256" && table != "account_name" {
			db.plant(t, table)
		}
	}
	seen := map[string]int{}
	for _, part := range store.PersonalParts() {
		ok(t, db.Subscribers.Personal(t.Context(), alice, part, func(row map[string]any) error {
			seen[part]++
			for column := range row {
				if secret.MatchString(column) {
					t.Errorf("%s has the column %s", part, column)
				}
			}
			return nil
		}))
		ok(t, db.Subscribers.Personal(t.Context(), bob, part, func(row map[string]any) error {
			if row["username"] != "bob" {
				t.Errorf("%s of bob has %v", part, row)
			}
			return nil
		}))
	}
	for _, part := range []string{"account", "phone-book", "calls-made", "messages", "sessions", "audit-by-you", "call-me-requests"} {
		if seen[part] != 1 {
			t.Errorf("%d rows of %s, want 1", seen[part], part)
		}
	}

	ok(t, db.Subscribers.Delete(t.Context(), alice))
	for _, table := range tables {
		var conditions []string
		for _, c := range db.texts(t, "SELECT name FROM pragma_table_info('"+table+"')") {
			switch c {
			case "username", "caller_username", "src_user":
				conditions = append(conditions, c+" = 'alice'")
			case "silo_id", "actor":
				conditions = append(conditions, "1 = 1")
			}
		}
		left := db.texts(t, "SELECT COUNT(*) FROM "+table+" WHERE "+strings.Join(conditions, " OR "))[0]
		if want := strconv.Itoa(boolInt(kept[table] != "")); left != want {
			t.Errorf("%s rows are left in %s, want %s", left, table, want)
		}
	}
}

// TestPersonalEnds: no such part, more rows than one chunk, a reader who has
// enough, bytes that are no text.
func TestPersonalEnds(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		fails(t, "no such part", db.Subscribers.Personal(ctx, alice, "subscriber; DROP TABLE subscriber", nil), store.ErrNotFound)
		for range 205 {
			_, err := db.Phonebook.Add(ctx, alice, store.Entry{Address: "bob", FirstName: "Böb"})
			ok(t, err)
		}
		n, ids := 0, map[any]bool{}
		ok(t, db.Subscribers.Personal(ctx, alice, "phone-book", func(row map[string]any) error {
			n++
			ids[row["id"]] = true
			if row["fname"] != "Böb" || row["created"] != start {
				t.Fatalf("%v", row)
			}
			return nil
		}))
		if n != 205 || len(ids) != 205 {
			t.Errorf("%d rows, %d different", n, len(ids))
		}
		enough := errors.New("enough")
		if err := db.Subscribers.Personal(ctx, alice, "phone-book", func(map[string]any) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("a reader who has enough: %v", err)
		}
		_, err := db.Silo.Add(ctx, store.SiloMessage{Owner: alice, From: bob.URI(), To: alice.URI(), Expires: start.Add(time.Hour), ContentType: "x/y", Body: []byte{0xff, 0}}, 0)
		ok(t, err)
		ok(t, db.Subscribers.Personal(ctx, alice, "messages", func(row map[string]any) error {
			if row["body"] != "base64:/wA=" {
				t.Errorf("body %v", row["body"])
			}
			return nil
		}))
	})
}

// TestDeleteAndCalls: who is left keeps their record of a call, and what is
// nobody's any more goes.
func TestDeleteAndCalls(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Calls.Record(ctx, []store.Call{
			{CallID: "with bob", CallerURI: alice.URI(), Callee: bob, Started: start, Code: 486},
			{CallID: "from afar", CallerURI: "sip:far@example.net", Callee: alice, Started: start, Code: 486},
		}))
		count := func() (n int) {
			ok(t, db.raw.QueryRowContext(ctx, "SELECT COUNT(*) FROM call_log").Scan(&n))
			return n
		}
		ok(t, db.Subscribers.Delete(ctx, alice))
		if got := missedBy(t, db, bob); len(got) != 1 || got[0].CallID != "with bob" || count() != 1 {
			t.Errorf("bob has %v; %d rows in all, want his alone", got, count())
		}
		ok(t, db.Subscribers.Delete(ctx, bob))
		if n := count(); n != 0 {
			t.Errorf("%d rows when both are gone", n)
		}
	})
}

func boolInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
