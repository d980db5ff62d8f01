package server

import (
	"net/http"
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
	// Stream is for answers without an end: no time limit, and closed first
	// when the program stops.
	Stream bool
}

// pathSignIn is the page of the sign-in.
const pathSignIn = "/user/sign-in"

// routes is the site map. GET serves HEAD, too.
func (s *Server) routes(p *user.Portal) []Route {
	door := p.Door()
	return []Route{
		{Method: "GET", Path: "/", Access: Anyone, Bare: true, Handler: toPhoneBook},
		{Method: "GET", Path: "/user", Access: Anyone, Bare: true, Handler: toPhoneBook},
		{Method: "GET", Path: "/healthz", Access: Anyone, Bare: true, Handler: s.healthz},
		{Method: "GET", Path: "/static/:name", Access: Anyone, Bare: true, Handler: s.static},

		{Method: "GET", Path: pathSignIn, Access: Anyone, Handler: door.Page},
		{Method: "POST", Path: pathSignIn, Access: Anyone, Handler: door.Enter},
		{Method: "POST", Path: "/user/sign-out", Handler: door.Leave},
		{Method: "POST", Path: "/user/theme", Access: Anyone, Handler: door.Theme},
		{Method: "POST", Path: "/user/language", Access: Anyone, Handler: door.Language},

		{Method: "GET", Path: "/user/account", Handler: p.Account},
		{Method: "POST", Path: "/user/account", Handler: p.AccountSave},
		{Method: "GET", Path: "/user/account/phones", Handler: p.Phones},
		{Method: "POST", Path: "/user/account/phones", Handler: p.PhoneAdd},
		{Method: "GET", Path: "/user/account/phones/remove", Handler: p.PhoneAsk},
		{Method: "POST", Path: "/user/account/phones/remove", Handler: p.PhoneRemove},
		{Method: "GET", Path: "/user/account/aliases", Handler: p.Aliases},
		{Method: "POST", Path: "/user/account/aliases", Handler: p.AliasAdd},
		{Method: "GET", Path: "/user/account/aliases/remove", Handler: p.AliasAsk},
		{Method: "POST", Path: "/user/account/aliases/remove", Handler: p.AliasRemove},
		{Method: "GET", Path: "/user/account/rules", Handler: p.Rules},
		{Method: "POST", Path: "/user/account/rules", Handler: p.RulesSave},
		{Method: "GET", Path: "/user/account/rules/block", Handler: p.BlockAsk},
		{Method: "POST", Path: "/user/account/rules/block", Handler: p.Block},
		{Method: "POST", Path: "/user/account/rules/unblock", Handler: p.Unblock},
		{Method: "GET", Path: "/user/account/security", Handler: p.Security},
		{Method: "POST", Path: "/user/account/security", Handler: p.PasswordSave},
		{Method: "GET", Path: "/user/account/security/sessions", Handler: p.SessionsAsk},
		{Method: "POST", Path: "/user/account/security/sessions", Handler: p.SessionsEnd},
		{Method: "GET", Path: "/user/account/security/sessions/:id", Handler: p.SessionAsk},
		{Method: "POST", Path: "/user/account/security/sessions/:id", Handler: p.SessionEnd},
		{Method: "GET", Path: "/user/account/public", Handler: p.PublicPage},
		{Method: "POST", Path: "/user/account/public", Handler: p.PublicSave},
		{Method: "GET", Path: "/user/account/data", Handler: p.MyData},
		{Method: "GET", Path: "/user/account/export", File: true, Handler: p.Export},
		{Method: "GET", Path: "/user/account/delete", Handler: p.LeaveAsk},
		{Method: "POST", Path: "/user/account/delete", Handler: p.Leave},
		{Method: "GET", Path: "/user/goodbye", Access: Anyone, Handler: p.Goodbye},

		{Method: "GET", Path: "/user/phone-book", Handler: p.PhoneBook},
		{Method: "GET", Path: "/user/phone-book/new", Handler: p.EntryNew},
		{Method: "POST", Path: "/user/phone-book/new", Handler: p.EntryAdd},
		{Method: "GET", Path: "/user/phone-book/speed-dial", Handler: p.SpeedDial},
		{Method: "POST", Path: "/user/phone-book/speed-dial", Handler: p.SpeedDialSave},
		{Method: "GET", Path: "/user/phone-book/find", Handler: p.Find},
		{Method: "GET", Path: "/user/phone-book/groups", Handler: p.Groups},
		{Method: "POST", Path: "/user/phone-book/groups", Handler: p.GroupRename},
		{Method: "GET", Path: "/user/phone-book/groups/remove", Handler: p.GroupAsk},
		{Method: "POST", Path: "/user/phone-book/groups/remove", Handler: p.GroupRemove},
		{Method: "POST", Path: "/user/phone-book/selected", Handler: p.BookSelected},
		{Method: "GET", Path: "/user/phone-book/delete", Handler: p.BookAsk},
		{Method: "POST", Path: "/user/phone-book/delete", Handler: p.BookDelete},
		{Method: "POST", Path: "/user/phone-book/restore", Handler: p.BookRestore},
		{Method: "GET", Path: "/user/phone-book/import", Handler: p.Import},
		{Method: "POST", Path: "/user/phone-book/import", Upload: user.MaxImport, Handler: p.ImportLook},
		{Method: "POST", Path: "/user/phone-book/import/save", Upload: user.MaxImport, Handler: p.ImportSave},
		{Method: "GET", Path: "/user/phone-book/export.csv", File: true, Handler: p.BookCSV},
		{Method: "GET", Path: "/user/phone-book/export.vcf", File: true, Handler: p.BookCards},
		{Method: "GET", Path: "/user/phone-book/:id", Handler: p.Entry},
		{Method: "POST", Path: "/user/phone-book/:id", Handler: p.EntrySave},
		{Method: "GET", Path: "/user/phone-book/:id/delete", Handler: p.EntryAsk},
		{Method: "POST", Path: "/user/phone-book/:id/delete", Handler: p.EntryDelete},

		{Method: "GET", Path: "/user/dial", Handler: p.DialPage},
		{Method: "POST", Path: "/user/dial", Handler: p.Dial},
		{Method: "GET", Path: "/user/dial/clear", Handler: p.DialAsk},
		{Method: "POST", Path: "/user/dial/clear", Handler: p.DialClear},
		{Method: "GET", Path: "/user/dial/:id", Handler: p.Attempt},
		{Method: "POST", Path: "/user/dial/:id/cancel", Handler: p.AttemptCancel},
		{Method: "POST", Path: "/user/dial/:id/close", Handler: p.AttemptClose},

		{Method: "GET", Path: "/user/missed", Handler: p.Missed},
		{Method: "GET", Path: "/user/missed/delete", Handler: p.MissedAsk},
		{Method: "POST", Path: "/user/missed/delete", Handler: p.MissedDelete},
		{Method: "GET", Path: "/user/missed/export", File: true, Handler: p.MissedExport},

		{Method: "GET", Path: "/user/calls", Handler: p.Calls},
		{Method: "GET", Path: "/user/calls/delete", Handler: p.CallsAsk},
		{Method: "POST", Path: "/user/calls/delete", Handler: p.CallsDelete},
		{Method: "GET", Path: "/user/calls/export", File: true, Handler: p.CallsExport},

		{Method: "GET", Path: "/user/messages", Handler: p.Messages},
		{Method: "POST", Path: "/user/messages/read", Handler: p.MessagesRead},
		{Method: "POST", Path: "/user/messages/deliver", Handler: p.MessagesDeliver},
		{Method: "GET", Path: "/user/messages/delete", Handler: p.MessagesAsk},
		{Method: "POST", Path: "/user/messages/delete", Handler: p.MessagesDelete},
		{Method: "GET", Path: "/user/messages/new", Handler: p.SendPage},
		{Method: "POST", Path: "/user/messages/new", Handler: p.Send},
		{Method: "POST", Path: "/user/messages/new/room", Handler: p.SendRoom},

		{Method: "GET", Path: "/user/events", Stream: true, Handler: p.Events},
	}
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
