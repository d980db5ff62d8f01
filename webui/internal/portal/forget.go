package portal

import (
	"context"
	"errors"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// Forget makes the router forget the phones of an account that is deleted or closed: it
// reads the credentials again, and then takes the phones off, so that none comes back in
// between. Last it cancels the account's click-to-dial attempts, so that nobody's phone rings
// for it: what was clicked, or called by a phone, before the first two is among them by then.
// Each step is tried, whatever became of the others; the error joins theirs. The router logs
// actor as the one who cancelled.
func Forget(ctx context.Context, router ctlproto.Methods, who, actor aor.AOR) error {
	return errors.Join(Told(router.AuthForget(ctx, who.String())), Told(router.UlRm(ctx, who.String())), endAttempts(ctx, router, who, actor))
}

// Ready reports by a nil error that the router can be told of the end of an account: it reads the
// credentials again, and tells of click-to-dial attempts. Nothing of the account is lost by that.
func Ready(ctx context.Context, router ctlproto.Methods, who aor.AOR) error {
	if err := Told(router.AuthForget(ctx, who.String())); err != nil {
		return err
	}
	_, err := router.CtdList(ctx, ctlproto.CtdListParams{Caller: who.String(), Limit: 1})
	return Told(err)
}

// ForgetDeleted is Forget for an account that is no more: its aliases, groups and call
// rules are gone, too.
func ForgetDeleted(ctx context.Context, router ctlproto.Methods, who, actor aor.AOR) error {
	return errors.Join(Forget(ctx, router, who, actor), Told(router.AliasReload(ctx)), Told(router.GroupReload(ctx)), ReloadCalls(ctx, router))
}

// ReloadCalls makes the router read again what users have set for their calls.
func ReloadCalls(ctx context.Context, router ctlproto.Methods) error {
	return errors.Join(Told(router.UserblockReload(ctx)), Told(router.SpeeddialReload(ctx)))
}

// endAttempts cancels the click-to-dial attempts of a user.
func endAttempts(ctx context.Context, router ctlproto.Methods, who, actor aor.AOR) error {
	list, err := router.CtdList(ctx, ctlproto.CtdListParams{Caller: who.String(), Limit: ctlproto.MaxCtdList})
	if err != nil {
		return Told(err)
	}
	var errs []error
	for _, attempt := range list {
		if attempt.Ended || !attempt.Cancellable {
			continue
		}
		err := router.CtdCancel(ctx, attempt.ID, actor.String())
		if ctlproto.CodeOf(err) != ctlproto.CodeRefused { // it has just come to its end
			errs = append(errs, Told(err))
		}
	}
	return errors.Join(errs...)
}

// Told is err, or nil if the router had nothing to forget: that part of it is not loaded,
// or it does not know the address.
func Told(err error) error {
	switch ctlproto.CodeOf(err) {
	case ctlproto.CodeNotFound, ctlproto.CodeMethodNotFound:
		return nil
	}
	return err
}
