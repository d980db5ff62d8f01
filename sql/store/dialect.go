package store

import (
	"strings"

	"seraph/sql/schema"
)

// What the engines want said differently in statements is in this file; connections are
// opened in connect.go, errors are told apart in errors.go.

// upsert builds an INSERT of n rows that, where the unique key exists already,
// replaces the columns in update; with none of these it leaves the row alone.
func upsert(d schema.Dialect, table string, columns, key, update []string, n int) string {
	return upsertWhile(d, table, columns, key, update, "", n)
}

// upsertWhile is upsert that replaces columns of such rows only for which the
// condition while holds, if it is not empty. A column that the condition names
// must be the last in update: MySQL would see its new value afterwards.
func upsertWhile(d schema.Dialect, table string, columns, key, update []string, while string, n int) string {
	return upsertChanges(d, table, columns, key, []change{{update, while}}, n)
}

// change is columns that an upsert replaces where a condition holds.
type change struct {
	columns []string
	while   string
}

// upsertChanges is upsertWhile with a condition for each of several changes. No
// condition may name a column that stands before its own.
func upsertChanges(d schema.Dialect, table string, columns, key []string, changes []change, n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	row := "(" + placeholders(len(columns)) + ")"
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(row)
	}
	var update []string
	for _, x := range changes {
		for _, c := range x.columns {
			update = append(update, c+" = "+incoming(d, table, c, x.while))
		}
	}
	b.WriteString(onConflict(d, key, len(update) == 0))
	b.WriteString(strings.Join(update, ", "))
	if len(update) == 0 && d == schema.MySQL {
		b.WriteString(key[0] + " = " + table + "." + key[0])
	}
	return b.String()
}

// onConflict is what stands before the assignments of an upsert.
func onConflict(d schema.Dialect, key []string, nothing bool) string {
	switch {
	case d == schema.MySQL:
		return " ON DUPLICATE KEY UPDATE "
	case nothing:
		return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO NOTHING"
	}
	return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET "
}

// incoming is the value that the row to be inserted has for a column, or the
// present one unless the condition while holds.
func incoming(d schema.Dialect, table, column, while string) string {
	value := "excluded." + column
	if d == schema.MySQL {
		value = "VALUES(" + column + ")"
	}
	if while == "" {
		return value
	}
	return "CASE WHEN " + while + " THEN " + value + " ELSE " + table + "." + column + " END"
}

// placeholders returns n question marks with commas between them.
func placeholders(n int) string {
	return strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
}

// seconds is how many seconds lie between two times; NULL if one is.
func seconds(d schema.Dialect, from, to string) string {
	if d == schema.MySQL {
		return "TIMESTAMPDIFF(SECOND, " + from + ", " + to + ")"
	}
	return "CAST(strftime('%s', " + to + ") AS INTEGER) - CAST(strftime('%s', " + from + ") AS INTEGER)"
}

// forUpdate ends a SELECT inside a transaction that decides about a write: the
// rows it saw, and their absence, stay as they are until the end. A SQLite
// transaction has the whole database for itself.
func forUpdate(d schema.Dialect) string {
	if d == schema.MySQL {
		return " FOR UPDATE"
	}
	return ""
}

// ignoreCase makes an expression compare and sort without regard to case.
func ignoreCase(d schema.Dialect, expr string) string {
	if d == schema.MySQL {
		return expr + " COLLATE utf8mb4_unicode_ci"
	}
	return expr + " COLLATE NOCASE"
}

// exact makes a column whose collation ignores case compare byte by byte.
func exact(d schema.Dialect, column string) string {
	if d == schema.MySQL {
		return column + " COLLATE utf8mb4_bin"
	}
	return column + " COLLATE BINARY"
}

// hasUpper is the condition that a column holds an ASCII capital.
func hasUpper(d schema.Dialect, column string) string {
	if d == schema.MySQL {
		return column + " REGEXP '[A-Z]'" // the identity columns' collation regards case
	}
	return column + " GLOB '*[A-Z]*'"
}

// concat joins texts and columns.
func concat(d schema.Dialect, parts ...string) string {
	if d == schema.MySQL {
		return "CONCAT(" + strings.Join(parts, ", ") + ")"
	}
	return strings.Join(parts, " || ")
}

// bytesAsText makes a column of bytes a text in UTF-8.
func bytesAsText(d schema.Dialect, column string) string {
	if d == schema.MySQL {
		return "CONVERT(" + column + " USING utf8mb4)"
	}
	return "CAST(" + column + " AS TEXT)"
}
