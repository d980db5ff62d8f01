package server

import (
	"net/http"
	"strings"

	"seraph/sql/store"
	"seraph/webui/internal/admin"
	"seraph/webui/internal/session"
)

// part is one of the two portals, which share nothing that says who comes.
type part struct {
	admin    bool
	sessions *session.Manager
	// signIn is where one signs in to it.
	signIn string
	// local is a page of this portal, or else the fallback.
	local func(to, fallback string) string
}

// newParts makes the portal of users and that of administrators.
func newParts(o Options) (users, admins part) {
	users = part{
		sessions: session.NewManager(o.DB.Sessions, o.Limits, o.Now),
		signIn:   "/user/sign-in", local: session.LocalPath,
	}
	admins = part{
		admin: true, sessions: session.NewAdminManager(o.DB.Sessions, o.AdminLimits, o.Now),
		signIn: "/admin/sign-in", local: session.AdminPath,
	}
	return users, admins
}

// partOf is the portal that a request is for, whatever it sends along.
func (s *Server) partOf(r *http.Request) part {
	if r.URL.Path == "/admin" || strings.HasPrefix(r.URL.Path, "/admin/") {
		return s.admins
	}
	return s.users
}

// privileges reads what an administrator may do, at every request: a privilege
// that is taken away ends at once. An account without one that opens a page is not there:
// store.ErrNotFound.
func (s *Server) privileges(r *http.Request, found *session.Current) ([]store.Privilege, error) {
	list, err := s.opts.DB.Admins.List(r.Context(), found.AOR)
	if err == nil && !admin.RightsOf(found.AOR, list).Any() {
		err = store.ErrNotFound
	}
	return list, err
}
