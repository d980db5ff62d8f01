package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) domainCommand() *cobra.Command {
	return group("domain", "The SIP domains that the router serves",
		&cobra.Command{
			Use: "add DOMAIN", Short: "Add a domain", Args: arguments("domain add", "DOMAIN"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withDomain(cmd.Context(), args[0], a.domainAdd)
			},
		},
		&cobra.Command{
			Use: "rm DOMAIN", Short: "Remove a domain that has no users", Args: arguments("domain rm", "DOMAIN"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withDomain(cmd.Context(), args[0], a.domainRm)
			},
		},
		&cobra.Command{
			Use: "reload", Short: "Make the router read the domains from the database again, at once", Args: arguments("domain reload"),
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := a.connect(cmd.Context())
				if err != nil {
					return err
				}
				defer c.Close()
				if err := c.DomainReload(cmd.Context()); err != nil {
					return err
				}
				return a.done(struct{}{}, "the router has read the domains")
			},
		},
		&cobra.Command{
			Use: "show", Short: "List the domains", Args: arguments("domain show"),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.domainShow(cmd.Context()) },
		})
}

// arguments wants exactly the named arguments.
func arguments(command string, wanted ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(wanted):
			return usagef("%s: %s is missing", command, wanted[len(args)])
		case len(args) > len(wanted) && len(wanted) == 0:
			return usagef("%s takes no arguments", command)
		case len(args) > len(wanted):
			return usagef("%s: %q is one argument too many", command, args[len(wanted)])
		}
		return nil
	}
}

// nameResult is the JSON of a change to one domain.
type nameResult struct {
	Name string `json:"name"`
}

func (a *app) withDomain(ctx context.Context, text string, do func(ctx context.Context, db *store.DB, name string) error) error {
	name, err := aor.ParseDomain(text)
	if err != nil {
		return usagef("%v", err)
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db, name)
}

func (a *app) domainAdd(ctx context.Context, db *store.DB, name string) error {
	if err := db.Domains.Add(ctx, name); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("the domain %s is there already", name)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "domain.add", Object: name}); err != nil {
		return err
	}
	a.tell(ctx, false, "it serves the domain after its next look at the database", reloadDomains)
	return a.done(nameResult{name}, "domain %s added", name)
}

func (a *app) domainRm(ctx context.Context, db *store.DB, name string) error {
	if err := db.Domains.Remove(ctx, name); err != nil {
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no domain %s", name)
		case errors.Is(err, store.ErrInUse):
			return fmt.Errorf("the domain %s has users: remove them first (\"seraphctl show\" lists them)", name)
		}
		return databaseError(err)
	}
	if err := a.audit(ctx, db, store.Record{Action: "domain.remove", Object: name}); err != nil {
		return err
	}
	a.tell(ctx, true, "it serves the domain until its next look at the database", reloadDomains)
	return a.done(nameResult{name}, "domain %s removed", name)
}

func reloadDomains(ctx context.Context, c *ctlproto.Client) error {
	return notLoaded(c.DomainReload(ctx))
}

// domainLine is a domain in the JSON of the list.
type domainLine struct {
	Name     string    `json:"name"`
	Modified time.Time `json:"modified"`
}

func (a *app) domainShow(ctx context.Context) error {
	db, err := a.openDB(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	domains, err := db.Domains.List(ctx)
	if err != nil {
		return databaseError(err)
	}
	lines := []domainLine{}
	var rows [][]string
	for _, d := range domains {
		lines = append(lines, domainLine{d.Name, d.Modified.UTC()})
		rows = append(rows, []string{d.Name, d.Modified.UTC().Format(time.DateTime)})
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	return a.writeTable([]string{"DOMAIN", "SINCE (UTC)"}, rows)
}
