package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) adminCommand() *cobra.Command {
	return group("admin", "The administrators, who may open /admin on the web",
		a.adminAddCommand(),
		a.adminRmCommand(),
		&cobra.Command{
			Use: "show", Short: "List the administrators and what they may do", Args: arguments("admin show"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.withDB(cmd.Context(), a.adminShow) },
		})
}

// privilegeHelp explains --privilege.
const privilegeHelp = `A PRIVILEGE is one of
  is_admin           everything in every domain, but to change privileges
  change_privileges  to make others administrators and to end that
  domain_admin       the users of the administrator's own domain
  grp:NAME           to put those users into the group NAME and to take them out
To sign in at /admin one needs is_admin or domain_admin.`

func (a *app) adminAddCommand() *cobra.Command {
	var privileges []string
	cmd := &cobra.Command{
		Use: "add USER[@DOMAIN]", Short: "Make a user an administrator",
		Long: `Make a user an administrator, or give one more privileges. Without --privilege
the user gets is_admin and change_privileges.

` + privilegeHelp,
		Args: arguments("admin add", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(privileges) == 0 {
				privileges = []string{string(store.PrivilegeAdmin), string(store.PrivilegeChange)}
			}
			if err := checkPrivileges(privileges); err != nil {
				return err
			}
			return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
				return a.adminAdd(ctx, db, user, privileges)
			})
		},
	}
	cmd.Flags().StringSliceVar(&privileges, "privilege", nil, "`PRIVILEGE` to give; may be repeated")
	return cmd
}

// checkPrivileges refuses what is no privilege, before any is given or taken.
func checkPrivileges(privileges []string) error {
	for _, p := range privileges {
		var wrong *store.FieldError
		if err := store.Privilege(p).Check(); errors.As(err, &wrong) {
			return usagef("--privilege: %q %s", p, wrong.Msg)
		}
	}
	return nil
}

// adminResult is the JSON of an administrator.
type adminResult struct {
	Address    string   `json:"address"`
	Privileges []string `json:"privileges"`
}

func (a *app) adminAdd(ctx context.Context, db *store.DB, user aor.AOR, privileges []string) error {
	for _, p := range privileges {
		if err := db.Admins.Grant(ctx, user, store.Privilege(p)); err != nil {
			return notThere(err, user)
		}
		if err := a.audit(ctx, db, store.Record{Action: "admin.grant", Object: user.String(), After: p}); err != nil {
			return err
		}
	}
	return a.adminNow(ctx, db, user, "%s may now do as administrator: %s")
}

// adminNow confirms what a user may do after a change.
func (a *app) adminNow(ctx context.Context, db *store.DB, user aor.AOR, format string) error {
	list, err := db.Admins.List(ctx, user)
	if err != nil {
		return databaseError(err)
	}
	words := privilegeWords(list)
	return a.done(adminResult{user.String(), words}, format, user, orText(strings.Join(words, ", "), "nothing"))
}

func privilegeWords(list []store.Privilege) []string {
	words := []string{}
	for _, p := range list {
		words = append(words, string(p))
	}
	return words
}

func (a *app) adminRmCommand() *cobra.Command {
	var privileges []string
	cmd := &cobra.Command{
		Use: "rm USER[@DOMAIN]", Short: "End a user's being an administrator",
		Long: `Take all privileges from a user, or those that --privilege names. The user stays
a user. The last one with is_admin cannot be removed.

` + privilegeHelp,
		Args: arguments("admin rm", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPrivileges(privileges); err != nil {
				return err
			}
			return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
				if len(privileges) == 0 {
					return a.adminRmAll(ctx, db, user)
				}
				return a.adminRm(ctx, db, user, privileges)
			})
		},
	}
	cmd.Flags().StringSliceVar(&privileges, "privilege", nil, "`PRIVILEGE` to take; may be repeated (default all)")
	return cmd
}

func (a *app) adminRmAll(ctx context.Context, db *store.DB, user aor.AOR) error {
	before, err := db.Admins.List(ctx, user)
	if err != nil {
		return databaseError(err)
	}
	if err := db.Admins.RevokeAll(ctx, user); err != nil {
		return noAdmin(err, user, "")
	}
	r := store.Record{Action: "admin.revoke", Object: user.String(), Before: strings.Join(privilegeWords(before), ", ")}
	if err := a.audit(ctx, db, r); err != nil {
		return err
	}
	return a.done(adminResult{user.String(), []string{}}, "%s is no administrator any more", user)
}

func (a *app) adminRm(ctx context.Context, db *store.DB, user aor.AOR, privileges []string) error {
	for _, p := range privileges {
		if err := db.Admins.Revoke(ctx, user, store.Privilege(p)); err != nil {
			return noAdmin(err, user, p)
		}
		if err := a.audit(ctx, db, store.Record{Action: "admin.revoke", Object: user.String(), Before: p}); err != nil {
			return err
		}
	}
	return a.adminNow(ctx, db, user, "%s may now do as administrator: %s")
}

// noAdmin words why a privilege was not taken; privilege is "" for all.
func noAdmin(err error, user aor.AOR, privilege string) error {
	switch {
	case errors.Is(err, store.ErrLastAdmin):
		return lastAdmin(user)
	case errors.Is(err, store.ErrNotFound) && privilege == "":
		return fmt.Errorf("%s is no administrator", user)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%s has not got the privilege %s", user, privilege)
	}
	return databaseError(err)
}

// lastAdmin words store.ErrLastAdmin.
func lastAdmin(user aor.AOR) error {
	return fmt.Errorf("%s is the last administrator: make another one first (\"seraphctl admin add USER\")", user)
}

func (a *app) adminShow(ctx context.Context, db *store.DB) error {
	admins, err := db.Admins.All(ctx)
	if err != nil {
		return databaseError(err)
	}
	lines := []adminResult{}
	rows := make([][]string, len(admins))
	for i, admin := range admins {
		words := privilegeWords(admin.Privileges)
		lines = append(lines, adminResult{admin.AOR.String(), words})
		rows[i] = []string{admin.AOR.String(), strings.Join(words, ", ")}
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeTable([]string{"USER", "MAY"}, rows)
}
