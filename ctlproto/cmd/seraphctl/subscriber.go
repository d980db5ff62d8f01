package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// oneUser takes exactly one argument, and says where a second one belongs: it
// is most often a password, so it is not repeated.
func oneUser(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usagef("%s wants a USER or USER@DOMAIN", cmd.Name())
	case len(args) > 1:
		return usagef("%s wants one USER and nothing else; a password is asked for, or read by --password-file", cmd.Name())
	}
	return nil
}

// addressResult is the JSON of a change to one user.
type addressResult struct {
	Address string `json:"address"`
}

func (a *app) addCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add USER[@DOMAIN]",
		Short: "Add a user, who can register a phone and sign in at once",
		Args:  oneUser,
	}
	password := a.passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := password.prepare(cmd); err != nil {
			return err
		}
		return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
			return a.add(ctx, db, user, password)
		})
	}
	return cmd
}

// withUser opens the database and reads the address of a user.
func (a *app) withUser(ctx context.Context, text string, do func(ctx context.Context, db *store.DB, user aor.AOR) error) error {
	if !bare(text) { // a wrong address shows without a database
		if _, err := parseAddress(text, ""); err != nil {
			return err
		}
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	user, err := address(ctx, db, text)
	if err != nil {
		return err
	}
	return do(ctx, db, user)
}

func (a *app) add(ctx context.Context, db *store.DB, user aor.AOR, password *newPassword) error {
	if err := checkNew(ctx, db, user); err != nil {
		return err
	}
	secret, err := password.value(ctx, user.String())
	if err != nil {
		return err
	}
	if err := db.Subscribers.Create(ctx, user, secret); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("%s is a user or an alias already", user)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "subscriber.create", Object: user.String()}); err != nil {
		return err
	}
	a.tell(ctx, false, "the user can register within a few seconds", func(ctx context.Context, c *ctlproto.Client) error {
		return notLoaded(c.AuthForget(ctx, user.String()))
	})
	return a.done(addressResult{user.String()}, "%s added", user)
}

// checkNew refuses a user whom nothing could reach, before a password is asked for.
func checkNew(ctx context.Context, db *store.DB, user aor.AOR) error {
	if err := checkOurs(ctx, db, user.Domain); err != nil {
		return err
	}
	_, err := db.Subscribers.Find(ctx, user)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return databaseError(err)
	}
	return fmt.Errorf("%s is a user already; \"seraphctl passwd %s\" sets a new password", user, user)
}

// checkOurs refuses a domain that the router does not serve.
func checkOurs(ctx context.Context, db *store.DB, domain string) error {
	domains, err := db.Domains.List(ctx)
	if err != nil {
		return databaseError(err)
	}
	for _, d := range domains {
		if d.Name == domain {
			return nil
		}
	}
	return fmt.Errorf("%s is none of the router's domains: add it with \"seraphctl domain add %s\" first", domain, domain)
}

func (a *app) passwdCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "passwd USER[@DOMAIN]",
		Short: "Set a new password and end the user's web sessions",
		Args:  oneUser,
	}
	password := a.passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := password.prepare(cmd); err != nil {
			return err
		}
		return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
			return a.passwd(ctx, db, user, password)
		})
	}
	return cmd
}

// passwdResult is the JSON of passwd.
type passwdResult struct {
	Address       string `json:"address"`
	SessionsEnded int    `json:"sessions_ended"`
}

func (a *app) passwd(ctx context.Context, db *store.DB, user aor.AOR, password *newPassword) error {
	if _, err := db.Subscribers.Find(ctx, user); err != nil {
		return notThere(err, user)
	}
	secret, err := password.value(ctx, user.String())
	if err != nil {
		return err
	}
	if err := db.Subscribers.SetPassword(ctx, user, secret); err != nil {
		return notThere(err, user)
	}
	err = a.audit(ctx, db, store.Record{Action: "subscriber.password", Object: user.String()})
	ended, sessionErr := db.Sessions.RevokeAll(context.WithoutCancel(ctx), user, 0)
	if sessionErr != nil {
		err = errors.Join(err, fmt.Errorf("the password is set, but the web sessions of %s could not be ended: %w", user, sessionErr))
	}
	a.tell(ctx, true, "the old password works there for up to a minute", func(ctx context.Context, c *ctlproto.Client) error {
		return notLoaded(c.AuthForget(ctx, user.String()))
	})
	if err != nil {
		return err
	}
	return a.done(passwdResult{user.String(), ended}, "%s has a new password", user)
}

func (a *app) rmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm USER[@DOMAIN]",
		Short: "Remove a user with everything that is theirs",
		Long: `Remove a user: credentials, profile, phone book, aliases, groups, stored
messages, web sessions and registered contacts. It cannot be undone.`,
		Args: oneUser,
		RunE: func(cmd *cobra.Command, args []string) error { return a.withUser(cmd.Context(), args[0], a.rm) },
	}
}

func (a *app) rm(ctx context.Context, db *store.DB, user aor.AOR) error {
	before, err := db.Subscribers.Find(ctx, user)
	if err != nil {
		return notThere(err, user)
	}
	if err := db.Subscribers.Delete(ctx, user); err != nil {
		if errors.Is(err, store.ErrLastAdmin) {
			return lastAdmin(user)
		}
		return notThere(err, user)
	}
	err = a.audit(ctx, db, store.Record{Action: "subscriber.delete", Object: user.String(), Before: describe(before)})
	a.tell(ctx, true, "the user's phones stay registered there until they expire", func(ctx context.Context, c *ctlproto.Client) error {
		return errors.Join(
			a.forget(ctx, c, user),
			notLoaded(c.AliasReload(ctx)),
			notLoaded(c.GroupReload(ctx)),
			reloadCalls(ctx, c),
		)
	})
	if err != nil {
		return err
	}
	return a.done(addressResult{user.String()}, "%s removed", user)
}

// describe is a user's state for the audit.
func describe(s store.Subscriber) string {
	var parts []string
	for _, p := range [][2]string{{"first name", s.FirstName}, {"last name", s.LastName}, {"e-mail", s.Email}} {
		if p[1] != "" {
			parts = append(parts, fmt.Sprintf("%s %q", p[0], p[1]))
		}
	}
	if s.Disabled {
		parts = append(parts, "disabled")
	}
	return strings.Join(parts, ", ")
}
