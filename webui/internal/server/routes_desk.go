package server

import "seraph/webui/internal/public"

// deskRoutes are the pages that need mail; those of new accounts only where
// people may make them.
func deskRoutes(d *public.Desk, signUp bool) []Route {
	routes := []Route{
		{Method: "GET", Path: public.PathReset, Access: Anyone, Handler: d.Reset},
		{Method: "POST", Path: public.PathReset, Access: Anyone, Handler: d.ResetAsk},
		{Method: "GET", Path: public.PathReset + "/sent", Access: Anyone, Handler: d.ResetSent},
		{Method: "GET", Path: public.PathReset + "/new", Access: Anyone, Handler: d.ResetNew},
		{Method: "POST", Path: public.PathReset + "/new", Access: Anyone, Handler: d.ResetDone},
		{Method: "GET", Path: public.PathMissedOff, Access: Anyone, Handler: d.MissedOff},
		{Method: "POST", Path: public.PathMissedOff, Access: Anyone, Handler: d.MissedOffDone, Proven: true},
		{Method: "GET", Path: public.PathMail, Access: Anyone, Handler: d.MailConfirm},
		{Method: "POST", Path: public.PathMail, Access: Anyone, Handler: d.MailDone},
	}
	if !signUp {
		return routes
	}
	return append(routes,
		Route{Method: "GET", Path: public.PathSignUp, Access: Anyone, Handler: d.SignUp},
		Route{Method: "POST", Path: public.PathSignUp, Access: Anyone, Handler: d.SignUpAsk},
		Route{Method: "GET", Path: public.PathSignUp + "/sent", Access: Anyone, Handler: d.SignUpSent},
		Route{Method: "GET", Path: public.PathSignUp + "/terms", Access: Anyone, Handler: d.Terms},
		Route{Method: "GET", Path: public.PathSignUp + "/confirm", Access: Anyone, Handler: d.SignUpConfirm},
		Route{Method: "POST", Path: public.PathSignUp + "/confirm", Access: Anyone, Handler: d.SignUpDone},
	)
}
