package user

import (
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// Door is the portal's sign-in (/user/sign-in). The live pages of a session end
// with it.
func (p *Portal) Door() portal.Door {
	return portal.Door{
		View: p.View, Sessions: p.Sessions, SignIn: p.SignIn, Profiles: p.DB.Profiles, Log: p.Log,
		Path: pathSignIn, Home: pathPhoneBook, Title: view.M("signin.title"), Lead: view.M("signin.lead"),
		Keeps: true, Forgot: p.MailOn, SignUp: p.SignUpOn, Local: p.localPage, Ended: p.live.SessionsChanged,
	}
}
