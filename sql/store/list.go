package store

import (
	"context"
	"database/sql"
	"strings"
)

// filter is a WHERE clause in the making.
type filter struct {
	conditions []string
	args       []any
}

func (f *filter) and(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

func (f *filter) where() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(f.conditions, " AND ")
}

// orderBy sorts by all keys, each one downwards if desc.
func orderBy(keys []string, desc bool) string {
	if desc {
		return " ORDER BY " + strings.Join(keys, " DESC, ") + " DESC"
	}
	return " ORDER BY " + strings.Join(keys, ", ")
}

// listPage reads a page of rows and counts how many match in all.
func listPage[T any](ctx context.Context, q querier, scan func(scanner) (T, error),
	columns, from string, f filter, order string, limit, offset int) ([]T, int, error) {
	total, err := one(ctx, q, scanInt, "SELECT COUNT(*)"+from+f.where(), f.args...)
	if err != nil {
		return nil, 0, err
	}
	limit, offset = page(limit, offset)
	list, err := all(ctx, q, scan, "SELECT "+columns+from+f.where()+order+" LIMIT ? OFFSET ?", append(f.args, limit, offset)...)
	return list, total, err
}

// affected is how many rows a statement in a transaction matched.
func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// matched turns "no row matched" in a transaction into ErrNotFound.
func matched(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	return must(result.RowsAffected())
}

// orElse returns err, or other if that is nil.
func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
