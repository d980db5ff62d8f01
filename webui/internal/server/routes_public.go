package server

import (
	"net/http"

	"seraph/webui/internal/public"
)

// publicRoutes are the pages of everybody, which need no sign-in.
func publicRoutes(p *public.Portal) []Route {
	return []Route{
		{Method: "GET", Path: "/u/:name", Access: Anyone, Handler: p.Person, BareFor: isBadge},
		{Method: "POST", Path: "/u/:name", Access: Anyone, Handler: p.Ask},
	}
}

func isBadge(r *http.Request) bool { return public.IsBadge(r.URL.Path) }
