package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) speedDialCommand() *cobra.Command {
	var description string
	add := &cobra.Command{
		Use: "add USER[@DOMAIN] NUMBER ADDRESS", Short: "Give a user a short number for an address",
		Long: `Give a user a short number for an address. The script says which numbers are
looked up: our seraph.cfg asks for numbers of two digits in a domain of ours,
and for no others.`,
		Args: arguments("speed-dial add", "USER", "NUMBER", "ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNumber(cmd.Context(), args, func(ctx context.Context, db *store.DB, d store.SpeedDial) error {
				d.Description = description
				return a.speedDialAdd(ctx, db, d)
			})
		},
	}
	add.Flags().StringVar(&description, "description", "", "`TEXT` of at most 64 characters")
	return group("speed-dial", "Short numbers of users, for sd_lookup in the script", add,
		&cobra.Command{
			Use: "rm USER[@DOMAIN] NUMBER", Short: "Take a short number away", Args: arguments("speed-dial rm", "USER", "NUMBER"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withNumber(cmd.Context(), args, a.speedDialRm)
			},
		},
		&cobra.Command{
			Use: "show USER[@DOMAIN]", Short: "List the short numbers of a user", Args: arguments("speed-dial show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withUser(cmd.Context(), args[0], a.speedDialShow)
			},
		})
}

// withNumber reads USER, NUMBER and, if it is there, ADDRESS, and opens the database.
func (a *app) withNumber(ctx context.Context, args []string, do func(ctx context.Context, db *store.DB, d store.SpeedDial) error) error {
	return a.withUser(ctx, args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
		dialed, err := aor.Parse(args[1], user.Domain)
		if err != nil {
			return usagef("NUMBER is what is dialed, not %q", args[1])
		}
		d := store.SpeedDial{Owner: user, Dialed: dialed}
		if len(args) > 2 {
			if d.URI, err = aor.CanonicalURI(args[2], user.Domain); err != nil {
				return usagef("%v", err)
			}
		}
		return do(ctx, db, d)
	})
}

func (a *app) speedDialAdd(ctx context.Context, db *store.DB, d store.SpeedDial) error {
	switch err := db.SpeedDials.Add(ctx, d); {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%s has the number %s already", d.Owner, dialedText(d))
	case errors.Is(err, store.ErrFull):
		return fmt.Errorf("%s has %d numbers, more are not possible", d.Owner, store.MaxSpeedDials)
	case errors.Is(err, store.ErrNotFound):
		return notThere(err, d.Owner)
	case err != nil:
		return wrongField(err, map[string]string{"description": "--description", "uri": "ADDRESS", "dialed": "NUMBER"})
	}
	if err := a.audit(ctx, db, store.Record{Action: "speed-dial.add", Object: d.Owner.String(), After: dialedText(d) + " " + d.URI}); err != nil {
		return err
	}
	a.tell(ctx, false, "it knows the number after its next look at the database", reloadSpeedDials)
	return a.done(speedDialLineOf(d), "%s of %s is %s", dialedText(d), d.Owner, d.URI)
}

func (a *app) speedDialRm(ctx context.Context, db *store.DB, d store.SpeedDial) error {
	if err := db.SpeedDials.Remove(ctx, d.Owner, d.Dialed); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s has no number %s", d.Owner, dialedText(d))
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "speed-dial.remove", Object: d.Owner.String(), Before: dialedText(d)}); err != nil {
		return err
	}
	a.tell(ctx, true, "it knows the number until its next look at the database", reloadSpeedDials)
	return a.done(speedDialLineOf(d), "%s has the number %s no more", d.Owner, dialedText(d))
}

func reloadSpeedDials(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.SpeeddialReload(ctx))
}

// dialedText is the number, with its domain if that is not the owner's.
func dialedText(d store.SpeedDial) string {
	if d.Dialed.Domain == d.Owner.Domain {
		return d.Dialed.User
	}
	return d.Dialed.String()
}

// speedDialLine is a short number in JSON.
type speedDialLine struct {
	Address     string `json:"address"`
	Number      string `json:"number"`
	URI         string `json:"uri"`
	Description string `json:"description"`
}

func speedDialLineOf(d store.SpeedDial) speedDialLine {
	return speedDialLine{d.Owner.String(), dialedText(d), d.URI, d.Description}
}

func (a *app) speedDialShow(ctx context.Context, db *store.DB, user aor.AOR) error {
	if _, err := db.Subscribers.Belongings(ctx, user); err != nil {
		return notThere(err, user)
	}
	list, err := db.SpeedDials.List(ctx, user)
	if err != nil {
		return databaseError(err)
	}
	lines := []speedDialLine{}
	var rows [][]string
	for _, d := range list {
		line := speedDialLineOf(d)
		lines = append(lines, line)
		rows = append(rows, []string{line.Number, line.URI, orDash(line.Description)})
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeTable([]string{"NUMBER", "ADDRESS", "DESCRIPTION"}, rows)
}
