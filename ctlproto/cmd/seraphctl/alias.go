package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) aliasCommand() *cobra.Command {
	return group("alias", "Other addresses of users",
		&cobra.Command{
			Use: "add ALIAS[@DOMAIN] USER[@DOMAIN]", Short: "Give a user another address", Args: arguments("alias add", "ALIAS", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withTwo(cmd.Context(), args[0], args[1], a.aliasAdd)
			},
		},
		&cobra.Command{
			Use: "rm ALIAS[@DOMAIN]", Short: "Take an address away", Args: arguments("alias rm", "ALIAS"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withUser(cmd.Context(), args[0], a.aliasRm)
			},
		},
		&cobra.Command{
			Use: "show [USER[@DOMAIN]]", Short: "List all aliases, or those of a user; of an alias, whose it is", Args: upToOne("alias show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return a.withDB(cmd.Context(), a.aliasShowAll)
				}
				return a.withUser(cmd.Context(), args[0], a.aliasShow)
			},
		})
}

// withDB opens the database.
func (a *app) withDB(ctx context.Context, do func(ctx context.Context, db *store.DB) error) error {
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db)
}

// withTwo opens the database and reads two addresses.
func (a *app) withTwo(ctx context.Context, first, second string, do func(ctx context.Context, db *store.DB, first, second aor.AOR) error) error {
	return a.withUser(ctx, first, func(ctx context.Context, db *store.DB, one aor.AOR) error {
		two, err := address(ctx, db, second)
		if err != nil {
			return err
		}
		return do(ctx, db, one, two)
	})
}

// aliasLine is the JSON of one alias.
type aliasLine struct {
	Alias   string `json:"alias"`
	Address string `json:"address"`
}

func (a *app) aliasAdd(ctx context.Context, db *store.DB, alias, user aor.AOR) error {
	if err := checkOurs(ctx, db, alias.Domain); err != nil {
		return err
	}
	if err := db.Aliases.Add(ctx, alias, user); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%s is a user or an alias already", alias)
		}
		return notThere(err, user)
	}
	if err := a.audit(ctx, db, store.Record{Action: "alias.add", Object: user.String(), After: alias.String()}); err != nil {
		return err
	}
	a.tell(ctx, false, "it knows the alias after its next look at the database", reloadAliases)
	return a.done(aliasLine{alias.String(), user.String()}, "%s is an alias of %s", alias, user)
}

func (a *app) aliasRm(ctx context.Context, db *store.DB, alias aor.AOR) error {
	user, err := db.Aliases.Resolve(ctx, alias)
	if err == nil {
		err = db.Aliases.Remove(ctx, alias, user)
	}
	if err != nil {
		return noAlias(err, alias)
	}
	if err := a.audit(ctx, db, store.Record{Action: "alias.remove", Object: user.String(), Before: alias.String()}); err != nil {
		return err
	}
	a.tell(ctx, true, "it knows the alias until its next look at the database", reloadAliases)
	return a.done(aliasLine{alias.String(), user.String()}, "%s is no alias of %s any more", alias, user)
}

func reloadAliases(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.AliasReload(ctx))
}

// noAlias words store.ErrNotFound for an alias.
func noAlias(err error, alias aor.AOR) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no alias %s", alias)
	}
	return databaseError(err)
}

func (a *app) aliasShowAll(ctx context.Context, db *store.DB) error {
	targets, err := db.Aliases.All(ctx)
	if err != nil {
		return databaseError(err)
	}
	lines := []aliasLine{}
	for alias, user := range targets {
		lines = append(lines, aliasLine{alias.String(), user.String()})
	}
	return a.writeAliases(lines)
}

// aliasShow lists the aliases of a user, or says whose alias an address is.
func (a *app) aliasShow(ctx context.Context, db *store.DB, of aor.AOR) error {
	user, err := db.Aliases.Resolve(ctx, of)
	if err == nil {
		return a.writeAliases([]aliasLine{{of.String(), user.String()}})
	}
	if !errors.Is(err, store.ErrNotFound) {
		return databaseError(err)
	}
	if _, err := db.Subscribers.Find(ctx, of); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is neither a user nor an alias", of)
		}
		return databaseError(err)
	}
	aliases, err := db.Aliases.List(ctx, of)
	if err != nil {
		return databaseError(err)
	}
	lines := []aliasLine{}
	for _, alias := range aliases {
		lines = append(lines, aliasLine{alias.String(), of.String()})
	}
	return a.writeAliases(lines)
}

func (a *app) writeAliases(lines []aliasLine) error {
	slices.SortFunc(lines, func(x, y aliasLine) int {
		return cmp.Or(strings.Compare(x.Address, y.Address), strings.Compare(x.Alias, y.Alias))
	})
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{l.Alias, l.Address}
	}
	return a.writeTable([]string{"ALIAS", "USER"}, rows)
}
