package store

import (
	"context"
	"fmt"
	"strings"
)

// query is a SELECT of columns of another database's table. Kamailio's and SER's tables have
// the same names and not the same columns: "a|b" is called b in old tables, and what has a
// value behind "=" may be missing or NULL, and is that value then. The rows come in the
// order of their ids, or of the other columns where there are none.
func (x *importer) query(ctx context.Context, table string, columns ...string) (string, error) {
	has, err := x.columns(ctx, table)
	if err != nil {
		return "", err
	}
	var list, order []string
	for _, column := range columns {
		names, otherwise, optional := strings.Cut(column, "=")
		expression := ""
		for name := range strings.SplitSeq(names, "|") {
			if expression == "" && has[name] {
				expression = name
			}
		}
		switch {
		case expression == "" && !optional:
			return "", &FieldError{"table " + table, fmt.Sprintf("has no column %s: it is none of Kamailio or SER 0.9", names)}
		case expression == "":
			expression = otherwise
		case optional:
			expression = "COALESCE(" + expression + ", " + otherwise + ")"
		default:
			order = append(order, expression)
		}
		list = append(list, expression)
	}
	if has["id"] {
		order = []string{"id"}
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + table + " ORDER BY " + strings.Join(order, ", "), nil
}

// columns are the names of a table's columns, in lower case.
func (x *importer) columns(ctx context.Context, table string) (map[string]bool, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	rows, err := x.from.read.QueryContext(ctx, "SELECT * FROM "+table+" WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	has := make(map[string]bool, len(names))
	for _, name := range names {
		has[strings.ToLower(name)] = true
	}
	return has, rows.Err()
}
