package admin

import (
	"context"

	"seraph/sql/aor"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Door is the portal's sign-in (/admin/sign-in), with a session of its own.
func (p *Portal) Door() portal.Door {
	return portal.Door{
		View: p.View, Sessions: p.Sessions, SignIn: p.SignIn, Profiles: p.DB.Profiles, Log: p.Log,
		Path: pathSignIn, Home: pathOverview, Title: view.M("admin.signin"), Lead: view.M("admin.signin_lead"),
		Local: session.AdminPath, Admit: p.admit,
	}
}

// admit refuses an account without a privilege.
func (p *Portal) admit(ctx context.Context, who aor.AOR) error {
	privileges, err := p.DB.Admins.List(ctx, who)
	if err == nil && !RightsOf(who, privileges).Any() {
		err = session.ErrRefused
	}
	return err
}
