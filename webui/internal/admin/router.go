package admin

import (
	"context"
	"errors"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// What the router is told after a change, so that it does not wait for its
// caches to run out. A part of the router that is not loaded has nothing to
// forget, and an address without bindings none to lose.

// forget makes the router read the credentials of a user again.
func (p *Portal) forget(ctx context.Context, who aor.AOR) error {
	return told(p.acts.AuthForget(ctx, who.String()))
}

// unregister takes a user's phones off, after the credentials, so that none
// comes back in between.
func (p *Portal) unregister(ctx context.Context, who aor.AOR) error {
	return errors.Join(p.forget(ctx, who), told(p.acts.UlRm(ctx, who.String())))
}

// reloadAliases makes the router read all aliases again.
func (p *Portal) reloadAliases(ctx context.Context, _ aor.AOR) error {
	return told(p.acts.AliasReload(ctx))
}

// reloadGroups makes the router read all groups again.
func (p *Portal) reloadGroups(ctx context.Context, _ aor.AOR) error {
	return told(p.acts.GroupReload(ctx))
}

// reloadCalls makes the router read again what users say of their calls.
func (p *Portal) reloadCalls(ctx context.Context) error {
	return errors.Join(told(p.acts.UserblockReload(ctx)), told(p.acts.SpeeddialReload(ctx)))
}

// shut makes the router forget the phones and the call rules of a closed account.
func (p *Portal) shut(ctx context.Context, who aor.AOR) error {
	return errors.Join(p.unregister(ctx, who), p.reloadCalls(ctx))
}

// reopen makes the router know an account again.
func (p *Portal) reopen(ctx context.Context, who aor.AOR) error {
	return errors.Join(p.forget(ctx, who), p.reloadCalls(ctx))
}

// dismiss makes the router forget a user who is no more.
func (p *Portal) dismiss(ctx context.Context, who aor.AOR) error {
	return errors.Join(p.unregister(ctx, who), p.reloadAliases(ctx, who), p.reloadGroups(ctx, who), p.reloadCalls(ctx))
}

func told(err error) error {
	switch ctlproto.CodeOf(err) {
	case ctlproto.CodeNotFound, ctlproto.CodeMethodNotFound:
		return nil
	}
	return err
}
