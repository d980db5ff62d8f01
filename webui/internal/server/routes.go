package server

import (
	"net/http"
	"slices"
	"strings"

	"seraph/webui/internal/user"
)

// Access says who may use a route.
type Access int

// The kinds of access.
const (
	// SignedIn is for those who are signed in. It is the zero value, so that
	// nothing is open by mistake.
	SignedIn Access = iota
	// Anyone is for everybody.
	Anyone
)

// Route is one line of the site map.
type Route struct {
	Method, Path string // the path with :name for a part that r.PathValue("name") gives
	Access       Access
	Handler      http.HandlerFunc
	// Bare is for what is no page: no session is looked up, and only GET fits.
	Bare bool
	// BareFor says for which requests of a page's route Bare holds; nil is none.
	BareFor func(r *http.Request) bool
	// Proven is for a POST whose address holds all that it needs: neither its
	// origin nor a form's token is asked for.
	Proven bool
	// File is for what is saved rather than shown.
	File bool
	// Upload is how long a form with a file may be, in bytes, of those who are signed in;
	// zero is no file.
	Upload int64
	// Sends is for a POST that sends what cannot be taken back: a message, a call.
	Sends bool
	// Stream is for answers without an end: no time limit, and closed first
	// when the program stops.
	Stream bool
}

// pathSignIn is the page of the sign-in.
const pathSignIn = "/user/sign-in"

// routes is the site map. GET serves HEAD, too.
func (s *Server) routes(p *user.Portal) []Route {
	door := p.Door()
	return slices.Concat([]Route{
		{Method: "GET", Path: "/", Access: Anyone, Bare: true, Handler: toPhoneBook},
		{Method: "GET", Path: "/user", Access: Anyone, Bare: true, Handler: toPhoneBook},
		{Method: "GET", Path: "/healthz", Access: Anyone, Bare: true, Handler: s.healthz},
		{Method: "GET", Path: "/static/:name", Access: Anyone, Bare: true, Handler: s.static},

		{Method: "GET", Path: pathSignIn, Access: Anyone, Handler: door.Page},
		{Method: "POST", Path: pathSignIn, Access: Anyone, Handler: door.Enter},
		{Method: "POST", Path: "/user/sign-out", Handler: door.Leave},
		{Method: "POST", Path: "/user/theme", Access: Anyone, Handler: door.Theme},
		{Method: "POST", Path: "/user/language", Access: Anyone, Handler: door.Language},

		{Method: "GET", Path: "/user/search", Handler: p.Search},

		{Method: "GET", Path: "/user/events", Stream: true, Handler: p.Events},
	}, accountRoutes(p), bookRoutes(p), callRoutes(p), messageRoutes(p))
}

func toPhoneBook(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/user/phone-book", http.StatusSeeOther)
}

// isPage reports whether a path can be gone to: it has a GET route, and none that is a
// stream or a file, which may be one of a row's by its form.
func (s *Server) isPage(path string) bool {
	page := false
	for _, route := range s.table {
		if route.Method != http.MethodGet || !fits(route.Path, path) {
			continue
		}
		if route.Bare || route.Stream || route.File {
			return false
		}
		page = true
	}
	return page
}

// fits reports whether a path is one of a route's.
func fits(route, path string) bool {
	want, have := strings.Split(route, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i, part := range want {
		if part != have[i] && (!strings.HasPrefix(part, ":") || have[i] == "") {
			return false
		}
	}
	return true
}
