package admin

import (
	"context"
	"errors"

	"seraph/sql/aor"
	"seraph/webui/internal/portal"
)

// What the router is told after a change, so that it does not wait for its
// caches to run out.

// forget makes the router read the credentials of a user again.
func (p *Portal) forget(ctx context.Context, who aor.AOR) error {
	return portal.Told(p.acts.AuthForget(ctx, who.String()))
}

// reloadAliases makes the router read all aliases again.
func (p *Portal) reloadAliases(ctx context.Context, _ aor.AOR) error {
	return portal.Told(p.acts.AliasReload(ctx))
}

// reloadGroups makes the router read all groups again.
func (p *Portal) reloadGroups(ctx context.Context, _ aor.AOR) error {
	return portal.Told(p.acts.GroupReload(ctx))
}

// shut makes the router forget the phones and the call rules of an account that the
// administrator has closed.
func (p *Portal) shut(administrator aor.AOR) func(ctx context.Context, who aor.AOR) error {
	return func(ctx context.Context, who aor.AOR) error {
		return errors.Join(portal.Forget(ctx, p.acts, who, administrator), portal.ReloadCalls(ctx, p.acts))
	}
}

// reopen makes the router know an account again.
func (p *Portal) reopen(ctx context.Context, who aor.AOR) error {
	return errors.Join(p.forget(ctx, who), portal.ReloadCalls(ctx, p.acts))
}

// dismiss makes the router forget a user whom the administrator has deleted.
func (p *Portal) dismiss(administrator aor.AOR) func(ctx context.Context, who aor.AOR) error {
	return func(ctx context.Context, who aor.AOR) error {
		return portal.ForgetDeleted(ctx, p.acts, who, administrator)
	}
}
