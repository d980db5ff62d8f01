package server

import "seraph/webui/internal/admin"

// adminRoutes is the site map of the administrators: below /admin, SignedIn
// means an administrator's own session. What a path changes about one user has
// that user's address in it, :aor.
func adminRoutes(p *admin.Portal) []Route {
	door := p.Door()
	return []Route{
		{Method: "GET", Path: "/admin/sign-in", Access: Anyone, Handler: door.Page},
		{Method: "POST", Path: "/admin/sign-in", Access: Anyone, Handler: door.Enter},
		{Method: "POST", Path: "/admin/sign-out", Handler: door.Leave},
		{Method: "POST", Path: "/admin/theme", Access: Anyone, Handler: door.Theme},
		{Method: "POST", Path: "/admin/language", Access: Anyone, Handler: door.Language},

		{Method: "GET", Path: "/admin", Handler: p.Overview},

		{Method: "GET", Path: "/admin/sign-ups", Handler: p.SignUps},
		{Method: "POST", Path: "/admin/sign-ups/:id/approve", Handler: p.SignUpApprove},
		{Method: "GET", Path: "/admin/sign-ups/:id/decline", Handler: p.SignUpDeclineAsk},
		{Method: "POST", Path: "/admin/sign-ups/:id/decline", Handler: p.SignUpDecline},

		{Method: "GET", Path: "/admin/users", Handler: p.Users},
		{Method: "GET", Path: "/admin/users/new", Handler: p.UserNew},
		{Method: "POST", Path: "/admin/users/new", Handler: p.UserCreate},
		{Method: "GET", Path: "/admin/users/:aor", Handler: p.User},
		{Method: "POST", Path: "/admin/users/:aor", Handler: p.UserSave},
		{Method: "POST", Path: "/admin/users/:aor/e-mail", Handler: p.MailConfirm},
		{Method: "GET", Path: "/admin/users/:aor/password", Handler: p.Password},
		{Method: "POST", Path: "/admin/users/:aor/password", Handler: p.PasswordReset},
		{Method: "GET", Path: "/admin/users/:aor/disable", Handler: p.DisableAsk},
		{Method: "POST", Path: "/admin/users/:aor/disable", Handler: p.Disable},
		{Method: "POST", Path: "/admin/users/:aor/enable", Handler: p.Enable},
		{Method: "GET", Path: "/admin/users/:aor/delete", Handler: p.DeleteAsk},
		{Method: "POST", Path: "/admin/users/:aor/delete", Handler: p.Delete},
		{Method: "POST", Path: "/admin/users/:aor/groups", Handler: p.GroupGrant},
		{Method: "POST", Path: "/admin/users/:aor/groups/revoke", Handler: p.GroupRevoke},
		{Method: "POST", Path: "/admin/users/:aor/aliases", Handler: p.AliasAdd},
		{Method: "POST", Path: "/admin/users/:aor/aliases/remove", Handler: p.AliasRemove},
	}
}
