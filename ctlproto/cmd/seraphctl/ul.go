package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) ulCommand() *cobra.Command {
	return group("ul", "The user location: which phones are registered",
		&cobra.Command{
			Use: "show [USER[@DOMAIN]]", Short: "List the contacts of all users, or of one", Args: upToOne("ul show", "USER"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.ulShow(cmd.Context(), args) },
		},
		a.ulAddCommand(), a.ulDumpCommand(),
		&cobra.Command{
			Use: "rm USER[@DOMAIN] [CONTACT]", Short: "Remove all contacts of a user, or the one with the URI CONTACT",
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) < 1 || len(args) > 2 {
					return usagef("ul rm wants a USER or USER@DOMAIN, and perhaps the URI of one contact")
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error { return a.ulRm(cmd.Context(), args) },
		})
}

func upToOne(command, wanted string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("%s wants one %s at most; %q is too many", command, wanted, args[1])
		}
		return nil
	}
}

// aorLine is an address in the JSON of ul show; the contacts are as ul.lookup
// of the control protocol gives them.
type aorLine struct {
	AoR      string             `json:"aor"`
	Contacts []ctlproto.Contact `json:"contacts"`
}

func (a *app) ulShow(ctx context.Context, args []string) error {
	lines, err := a.lookUp(ctx, args)
	if err != nil {
		return err
	}
	if a.asJSON() {
		return a.writeJSON(lines)
	}
	var rows [][]string
	for _, line := range lines {
		for _, c := range line.Contacts {
			rows = append(rows, []string{line.AoR, c.Address, expires(c), quality(c), orDash(c.Received), orDash(c.Socket), orDash(c.UserAgent)})
		}
	}
	return a.writeTable([]string{"USER", "CONTACT", "EXPIRES", "Q", "RECEIVED FROM", "SOCKET", "USER AGENT"}, rows)
}

func (a *app) lookUp(ctx context.Context, args []string) ([]aorLine, error) {
	lines := []aorLine{}
	if len(args) == 0 {
		c, err := a.connect(ctx)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		all, err := c.UlDump(ctx)
		if ctlproto.CodeOf(err) == ctlproto.CodeTooLarge {
			return nil, fmt.Errorf("there are too many contacts for one answer: use \"seraphctl online\" and \"seraphctl ul show USER\": %w", err)
		}
		for _, one := range all {
			lines = append(lines, aorLine{one.AoR, one.Contacts})
		}
		slices.SortFunc(lines, func(a, b aorLine) int { return strings.Compare(a.AoR, b.AoR) })
		return lines, err
	}
	user, err := a.liveAddress(ctx, args[0])
	if err != nil {
		return nil, err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	contacts, err := c.UlLookup(ctx, user.String())
	return append(lines, aorLine{user.String(), contacts}), a.notRegistered(ctx, err, user)
}

// notRegistered words CodeNotFound for an address without contacts.
func (a *app) notRegistered(ctx context.Context, err error, user aor.AOR) error {
	return a.noContact(ctx, err, user, fmt.Errorf("%s has no phone registered", user))
}

// noContact is other in the place of CodeNotFound, or that there is no such user. An address that is
// no user's may have contacts all the same, so this is asked last; where it cannot be, other is what is known.
func (a *app) noContact(ctx context.Context, err error, user aor.AOR, other error) error {
	if ctlproto.CodeOf(err) != ctlproto.CodeNotFound {
		return err
	}
	if err := a.known(ctx, user); errors.As(err, new(*noUserError)) {
		return err
	}
	return other
}

// expires is what is left of a contact's life.
func expires(c ctlproto.Contact) string {
	if c.Permanent {
		return "permanent"
	}
	return c.Expires.String()
}

func quality(c ctlproto.Contact) string {
	if c.Q < 0 {
		return "-"
	}
	return strconv.FormatFloat(c.Q, 'f', -1, 64)
}

func (a *app) ulAddCommand() *cobra.Command {
	var lifetime time.Duration
	var q float64
	cmd := &cobra.Command{
		Use: "add USER[@DOMAIN] CONTACT", Short: "Add a contact by hand",
		Args: arguments("ul add", "USER", "CONTACT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lifetime < 0 || lifetime > 0 && lifetime < time.Second {
				return usagef("--expires: want 0 (permanent) or at least 1s")
			}
			return a.ulAdd(cmd.Context(), args[0], ctlproto.UlAddParams{Contact: args[1], Expires: int64(lifetime / time.Second), Q: q})
		},
	}
	cmd.Flags().DurationVar(&lifetime, "expires", time.Hour, "`LIFE` of the contact, as 90s or 1h; 0 is permanent")
	cmd.Flags().Float64Var(&q, "q", 1, "`PRIORITY`, from 0 to 1")
	return cmd
}

// contactResult is the JSON of a change to the contacts of one user.
type contactResult struct {
	AoR     string `json:"aor"`
	Contact string `json:"contact,omitempty"`
}

func (a *app) ulAdd(ctx context.Context, text string, p ctlproto.UlAddParams) error {
	change := liveChange{action: "location.add", after: p.Contact, call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) error {
		if err := a.known(ctx, user); err != nil {
			return err
		}
		p.AoR = user.String()
		return c.UlAdd(ctx, p)
	}}
	user, err := a.changeLive(ctx, text, &change)
	if err != nil {
		return err
	}
	return a.done(contactResult{user.String(), p.Contact}, "%s has the contact %s", user, p.Contact)
}

func (a *app) ulRm(ctx context.Context, args []string) error {
	if len(args) == 2 {
		return a.ulRmContact(ctx, args[0], args[1])
	}
	var change liveChange
	change = liveChange{action: "location.remove", call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) error {
		contacts, err := c.UlLookup(ctx, user.String())
		if err != nil {
			return a.notRegistered(ctx, err, user)
		}
		var uris []string
		for _, contact := range contacts {
			uris = append(uris, contact.Address)
		}
		change.before = strings.Join(uris, ", ")
		return a.notRegistered(ctx, c.UlRm(ctx, user.String()), user)
	}}
	user, err := a.changeLive(ctx, args[0], &change)
	if err != nil {
		return err
	}
	return a.done(contactResult{AoR: user.String()}, "all contacts of %s are removed", user)
}

func (a *app) ulRmContact(ctx context.Context, text, contact string) error {
	change := liveChange{action: "location.remove", before: contact, call: func(ctx context.Context, c *ctlproto.Client, user aor.AOR) error {
		err := c.UlRmContact(ctx, user.String(), contact)
		return a.noContact(ctx, err, user, fmt.Errorf("%s has no contact %s", user, contact))
	}}
	user, err := a.changeLive(ctx, text, &change)
	if err != nil {
		return err
	}
	return a.done(contactResult{user.String(), contact}, "the contact %s of %s is removed", contact, user)
}

// liveChange is a change that the router makes and the audit records.
type liveChange struct {
	action        string
	before, after string // for the record
	// describe, if set, gives after once the change is made.
	describe func() string
	call     func(ctx context.Context, c *ctlproto.Client, user aor.AOR) error
}

func (a *app) changeLive(ctx context.Context, text string, change *liveChange) (user aor.AOR, err error) {
	if user, err = a.liveAddress(ctx, text); err != nil {
		return user, err
	}
	// Without the router nothing happens, so it is asked for first.
	c, err := a.connect(ctx)
	if err != nil {
		return user, err
	}
	defer c.Close()
	db, err := a.openAudit(ctx)
	if err != nil {
		return user, err
	}
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	if err := change.call(ctx, c, user); err != nil {
		return user, err
	}
	if db == nil {
		return user, nil
	}
	if change.describe != nil {
		change.after = change.describe()
	}
	return user, a.audit(ctx, db, store.Record{Action: change.action, Object: user.String(), Before: change.before, After: change.after})
}

func (a *app) onlineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "online", Short: "List the users that have a phone registered", Args: arguments("online"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			users, err := c.UlDumpBrief(cmd.Context())
			if err != nil {
				return err
			}
			slices.Sort(users)
			if a.asJSON() {
				return a.writeJSON(append([]string{}, users...))
			}
			for _, user := range users {
				if _, err := fmt.Fprintln(a.out, safe(user)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
