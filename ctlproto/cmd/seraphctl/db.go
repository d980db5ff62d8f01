package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"seraph/sql/schema"
	"seraph/sql/store"
)

func (a *app) dbCommand() *cobra.Command {
	return group("db", "The database",
		&cobra.Command{
			Use: "migrate", Short: "Create the tables, or bring them up to date", Args: arguments("db migrate"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.dbMigrate(cmd.Context()) },
		},
		&cobra.Command{
			Use: "status", Short: "Show the engine and the migrations, done and pending", Args: arguments("db status"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.dbStatus(cmd.Context()) },
		},
		a.importCommand())
}

// migration is the JSON of db migrate.
type migration struct {
	Database string   `json:"database"`
	Version  int64    `json:"version"`
	Applied  []string `json:"applied"`
}

func (a *app) dbMigrate(ctx context.Context) error {
	db, err := a.openAnyDB(ctx, true)
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := db.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("database %s: %w", db, databaseError(err))
	}
	state, err := db.Status(ctx)
	if err != nil {
		return databaseError(err)
	}
	if len(applied) > 0 {
		r := store.Record{Action: "db.migrate", Object: db.String(), After: fmt.Sprintf("version %d", state.Current)}
		if err := a.audit(ctx, db, r); err != nil {
			return err
		}
	}
	if a.asJSON() {
		return a.writeJSON(migration{db.String(), state.Current, append([]string{}, applied...)})
	}
	if a.quiet {
		return nil
	}
	for _, name := range applied {
		if _, err := fmt.Fprintln(a.out, "applied", name); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.out, "%s is up to date: version %d\n", safe(db.String()), state.Current)
	return err
}

// databaseStatus is the JSON of db status.
type databaseStatus struct {
	Database   string          `json:"database"`
	Engine     schema.Dialect  `json:"engine"`
	Version    int64           `json:"version"`
	Target     int64           `json:"target"`
	UpToDate   bool            `json:"up_to_date"`
	Migrations []migrationLine `json:"migrations"`
	// FilledPasswords counts the users with a password in clear text, Capitals
	// those whose name no phone can reach; null while migrations are pending.
	FilledPasswords *int `json:"filled_passwords"`
	Capitals        *int `json:"capitals"`
}

// migrationLine is one migration in the JSON of db status.
type migrationLine struct {
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

func (a *app) dbStatus(ctx context.Context) error {
	db, err := a.openAnyDB(ctx, false)
	if err != nil {
		return err
	}
	defer db.Close()
	state, err := db.Status(ctx)
	if err != nil {
		return fmt.Errorf("database %s: %w", db, databaseError(err))
	}
	s := databaseStatus{
		Database: db.String(), Engine: db.Dialect(), Version: state.Current, Target: state.Target,
		UpToDate: state.UpToDate(), Migrations: []migrationLine{},
	}
	for _, name := range state.Applied {
		s.Migrations = append(s.Migrations, migrationLine{name, true})
	}
	for _, name := range state.Pending {
		s.Migrations = append(s.Migrations, migrationLine{name, false})
	}
	if s.UpToDate {
		filled, err1 := db.Subscribers.PlainTextPasswords(ctx)
		capitals, err2 := db.Subscribers.Capitals(ctx)
		if err := errors.Join(err1, err2); err != nil {
			return databaseError(err)
		}
		s.FilledPasswords, s.Capitals = &filled, &capitals
	}
	return errors.Join(a.writeStatus(s), a.judge(s))
}

func (a *app) writeStatus(s databaseStatus) error {
	if a.asJSON() {
		return a.writeJSON(s)
	}
	err := a.writePairs([][2]string{
		{"database", s.Database},
		{"engine", string(s.Engine)},
		{"version", strconv.FormatInt(s.Version, 10) + " of " + strconv.FormatInt(s.Target, 10)},
	})
	if err != nil {
		return err
	}
	rows := make([][]string, len(s.Migrations))
	for i, m := range s.Migrations {
		rows[i] = []string{m.Name, orText(word(m.Applied, "applied"), "pending")}
	}
	return a.writeTable([]string{"MIGRATION", "STATE"}, rows)
}

// judge says what the operator should do about a status. A schema that the
// router would not take is a failure, so that a script can ask.
func (a *app) judge(s databaseStatus) error {
	if s.FilledPasswords != nil && *s.FilledPasswords > 0 {
		a.warn("%d users have a password in clear text in subscriber.password, which Seraph neither reads nor writes: "+
			"empty it (UPDATE subscriber SET password = '') and set STORE_PLAINTEXT_PW=0 in kamctlrc", *s.FilledPasswords)
	}
	if s.Capitals != nil && *s.Capitals > 0 {
		a.warn("%d users have a capital letter in their name or domain, so no phone reaches them: "+
			"write both columns of table subscriber in lower case", *s.Capitals)
	}
	switch {
	case s.UpToDate:
		return nil
	case s.Version > s.Target:
		return fmt.Errorf("%w: install the same release of seraphctl", schema.ErrNewer)
	}
	return errors.New("the database is not migrated: run \"seraphctl db migrate\"")
}
