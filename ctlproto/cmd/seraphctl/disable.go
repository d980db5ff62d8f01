package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func (a *app) disableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disable USER[@DOMAIN]",
		Short: "Close an account: no registering, no signing in",
		Args:  oneUser,
		RunE:  func(cmd *cobra.Command, args []string) error { return a.withUser(cmd.Context(), args[0], a.disable) },
	}
}

func (a *app) enableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "enable USER[@DOMAIN]",
		Short: "Open an account that was closed",
		Args:  oneUser,
		RunE:  func(cmd *cobra.Command, args []string) error { return a.withUser(cmd.Context(), args[0], a.enable) },
	}
}

func (a *app) disable(ctx context.Context, db *store.DB, user aor.AOR) error {
	if err := a.setDisabled(ctx, db, user, true); err != nil {
		return err
	}
	a.tell(ctx, true, "the user's phones stay registered there until they expire", func(ctx context.Context, c *ctlproto.Client) error {
		return errors.Join(a.forget(ctx, c, user), reloadCalls(ctx, c))
	})
	return a.done(addressResult{user.String()}, "%s is disabled", user)
}

func (a *app) enable(ctx context.Context, db *store.DB, user aor.AOR) error {
	if err := a.setDisabled(ctx, db, user, false); err != nil {
		return err
	}
	a.tell(ctx, false, "the user can register within a minute", func(ctx context.Context, c *ctlproto.Client) error {
		return errors.Join(notLoaded(c.AuthForget(ctx, user.String())), reloadCalls(ctx, c))
	})
	return a.done(addressResult{user.String()}, "%s is enabled", user)
}

// forget makes the router forget the phones of an account that is removed or closed: the
// credentials, then the contacts, so that no phone comes back in between, and last its
// click-to-dial attempts, so that nobody's phone rings for it: what was clicked, or called by a
// phone, before the first two is among them by then. Each step is tried, whatever became of
// the others.
func (a *app) forget(ctx context.Context, c *ctlproto.Client, user aor.AOR) error {
	return errors.Join(notLoaded(c.AuthForget(ctx, user.String())), notLoaded(gone(c.UlRm(ctx, user.String()))), a.cancelAttempts(ctx, c, user))
}

// cancelAttempts cancels the click-to-dial attempts of a user.
func (a *app) cancelAttempts(ctx context.Context, c *ctlproto.Client, user aor.AOR) error {
	list, err := c.CtdList(ctx, ctlproto.CtdListParams{Caller: user.String(), Limit: ctlproto.MaxCtdList})
	if err != nil {
		return notLoaded(err)
	}
	var errs []error
	for _, attempt := range list {
		if attempt.Ended || !attempt.Cancellable {
			continue
		}
		err := gone(c.CtdCancel(ctx, attempt.ID, a.actor+" by "+auditSource))
		if ctlproto.CodeOf(err) != ctlproto.CodeRefused { // it has just come to its end
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reloadCalls has the router read again what users say of their calls: nobody forwards
// any with a closed account.
func reloadCalls(ctx context.Context, c *ctlproto.Client) error {
	return errors.Join(reloadRules(ctx, c), notLoaded(c.SpeeddialReload(ctx)))
}

// setDisabled writes the state and its record, whatever it was before.
func (a *app) setDisabled(ctx context.Context, db *store.DB, user aor.AOR, disabled bool) error {
	before, err := db.Subscribers.Find(ctx, user)
	if err != nil {
		return notThere(err, user)
	}
	if err := db.Profiles.SetDisabled(ctx, user, disabled); err != nil {
		if errors.Is(err, store.ErrLastAdmin) {
			return lastAdmin(user)
		}
		return notThere(err, user)
	}
	action := "subscriber.enable"
	if disabled {
		action = "subscriber.disable"
	}
	return a.audit(ctx, db, store.Record{Action: action, Object: user.String(), Before: store.EnabledWord(before.Disabled), After: store.EnabledWord(disabled)})
}
