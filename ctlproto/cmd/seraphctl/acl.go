package main

import (
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

func (a *app) aclCommand() *cobra.Command {
	return group("acl", "The groups of users, which say what they may call",
		&cobra.Command{
			Use: "grant USER[@DOMAIN] GROUP", Short: "Put a user into a group, such as local, ld, int or voicemail", Args: arguments("acl grant", "USER", "GROUP"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
					return a.aclGrant(ctx, db, user, args[1])
				})
			},
		},
		&cobra.Command{
			Use: "revoke USER[@DOMAIN] GROUP", Short: "Take a user out of a group", Args: arguments("acl revoke", "USER", "GROUP"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withUser(cmd.Context(), args[0], func(ctx context.Context, db *store.DB, user aor.AOR) error {
					return a.aclRevoke(ctx, db, user, args[1])
				})
			},
		},
		&cobra.Command{
			Use: "show [USER[@DOMAIN]]", Short: "List the groups of all users, or of one", Args: upToOne("acl show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return a.withDB(cmd.Context(), a.aclShowAll)
				}
				return a.withUser(cmd.Context(), args[0], a.aclShow)
			},
		})
}

// memberResult is the JSON of a change to the groups of one user.
type memberResult struct {
	Address string `json:"address"`
	Group   string `json:"group"`
}

func (a *app) aclGrant(ctx context.Context, db *store.DB, user aor.AOR, name string) error {
	if err := db.Groups.Grant(ctx, user, name); err != nil {
		return fieldOr(err, "GROUP", user)
	}
	if err := a.audit(ctx, db, store.Record{Action: "group.grant", Object: user.String(), After: name}); err != nil {
		return err
	}
	a.tell(ctx, false, "it knows the group after its next look at the database", reloadGroups)
	return a.done(memberResult{user.String(), name}, "%s is in the group %s", user, name)
}

func (a *app) aclRevoke(ctx context.Context, db *store.DB, user aor.AOR, name string) error {
	if err := db.Groups.Revoke(ctx, user, name); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is not in the group %q", user, name)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "group.revoke", Object: user.String(), Before: name}); err != nil {
		return err
	}
	a.tell(ctx, true, "it grants what the group may until its next look at the database", reloadGroups)
	return a.done(memberResult{user.String(), name}, "%s is no longer in the group %s", user, name)
}

func reloadGroups(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.GroupReload(ctx))
}

// fieldOr words what is wrong with an argument that the store refused, or that
// there is no such user.
func fieldOr(err error, argument string, user aor.AOR) error {
	var wrong *store.FieldError
	if errors.As(err, &wrong) {
		return usagef("%s %s", argument, wrong.Msg)
	}
	return notThere(err, user)
}

// groupLine is a user's groups in JSON.
type groupLine struct {
	Address string   `json:"address"`
	Groups  []string `json:"groups"`
}

func (a *app) aclShow(ctx context.Context, db *store.DB, user aor.AOR) error {
	if _, err := db.Subscribers.Find(ctx, user); err != nil {
		return notThere(err, user)
	}
	groups, err := db.Groups.List(ctx, user)
	if err != nil {
		return databaseError(err)
	}
	return a.writeGroups([]groupLine{{user.String(), append([]string{}, groups...)}})
}

func (a *app) aclShowAll(ctx context.Context, db *store.DB) error {
	groups, err := db.Groups.All(ctx)
	if err != nil {
		return databaseError(err)
	}
	lines := []groupLine{}
	for user, names := range groups {
		lines = append(lines, groupLine{user.String(), names})
	}
	slices.SortFunc(lines, func(x, y groupLine) int { return strings.Compare(x.Address, y.Address) })
	return a.writeGroups(lines)
}

func (a *app) writeGroups(lines []groupLine) error {
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{l.Address, orDash(strings.Join(l.Groups, ", "))}
	}
	return a.writeTable([]string{"USER", "GROUPS"}, rows)
}
