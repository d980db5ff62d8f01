package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"seraph/sql/store"
)

func (a *app) importCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import-kamailio URL",
		Short: "Take over users and tables of Kamailio or SER 0.9",
		Long: `Take over the rows of a database of Kamailio or SER 0.9: domains, users with
their passwords' hashes and what serweb kept of them, aliases (tables dbaliases
and aliases), groups, phone books, speed dials, gateways (dispatcher), and the
tables address and trusted. Rows that are here stay as they are, so that the
command may be run again. Registrations come back when the phones register; old
calls and stored messages are not taken.`,
		Args: arguments("db import-kamailio", "URL"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.dbImport(cmd.Context(), args[0]) },
	}
}

// importLine is a table in the JSON of db import-kamailio.
type importLine struct {
	Table   string        `json:"table"`
	Missing bool          `json:"missing"`
	Read    int           `json:"read"`
	Added   int           `json:"added"`
	There   int           `json:"there"`
	Refused []refusedLine `json:"refused"`
}

type refusedLine struct {
	Row string `json:"row"`
	Why string `json:"why"`
}

func (a *app) dbImport(ctx context.Context, url string) error {
	if err := store.CheckURL(url); err != nil {
		return usagef("URL: %v", err)
	}
	if path, ok := sqlitePath(url); ok {
		if _, err := os.Stat(path); err != nil { // opening it would make it
			return fmt.Errorf("there is no database %s: %w", path, err)
		}
	}
	return a.withDB(ctx, func(ctx context.Context, db *store.DB) error {
		from, err := store.Open(ctx, url, store.Options{MaxConns: 2})
		if err != nil {
			return databaseError(err)
		}
		defer from.Close()
		if from.String() == db.String() {
			return usagef("db import-kamailio: %s is our own database", db)
		}
		list, err := db.ImportKamailio(ctx, from)
		added := 0
		for _, t := range list {
			added += t.Added
		}
		if added > 0 {
			r := store.Record{Action: "db.import", Object: from.String(), After: fmt.Sprintf("%d rows", added)}
			err = errors.Join(err, a.audit(ctx, db, r))
		}
		return errors.Join(a.showImport(list), databaseErrorOf(err))
	})
}

// databaseErrorOf is databaseError of an error that there may not be.
func databaseErrorOf(err error) error {
	if err == nil {
		return nil
	}
	return databaseError(err)
}

// showImport says what became of the rows; the refused ones go to standard error.
func (a *app) showImport(list []store.Imported) error {
	lines := []importLine{}
	rows := make([][]string, len(list))
	for i, t := range list {
		line := importLine{Table: t.Table, Missing: t.Missing, Read: t.Read, Added: t.Added, There: t.There, Refused: []refusedLine{}}
		for _, r := range t.Refused {
			line.Refused = append(line.Refused, refusedLine(r))
		}
		lines = append(lines, line)
		rows[i] = []string{t.Table, strconv.Itoa(t.Read), strconv.Itoa(t.Added), strconv.Itoa(t.There), strconv.Itoa(t.Read - t.Added - t.There)}
		if t.Missing {
			rows[i] = []string{t.Table, "-", "-", "-", "-"}
		}
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	for _, t := range list {
		for _, r := range t.Refused {
			a.warn("%s: %s: %s", t.Table, r.Row, r.Why)
		}
	}
	return a.writeTable([]string{"TABLE", "READ", "ADDED", "THERE", "REFUSED"}, rows)
}
