// Package admin is the portal of those who run the service: the pages below
// /admin. Each file is a page or a part of one; portal.go is what they share.
// The server gives every request its session.Visitor and view.Frame before a
// page sees it, and has checked the CSRF token of a POST; who comes this far
// has a session of kind admin and a privilege.
package admin

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

//go:embed templates/*.html
var templates embed.FS

// Templates is the folder of this package's pages, for view.New.
func Templates() (fs.FS, error) { return fs.Sub(templates, "templates") }

// Paths of pages that others lead to.
const (
	pathSignIn   = "/admin/sign-in"
	pathOverview = "/admin"
	pathUsers    = "/admin/users"
)

// Options are what the portal works with. All are needed.
type Options struct {
	DB       *store.DB
	Ctl      *ctlproto.Redialer
	View     *view.Set
	Sessions *session.Manager // of administrators
	SignIn   *session.SignIn
	Now      func() time.Time
	Log      *slog.Logger
	// SessionsChanged closes live pages of a user whose sessions were ended.
	SessionsChanged func(aor.AOR)
	// PrivacyChanged says that others may see a user's presence no more, or
	// again.
	PrivacyChanged func(aor.AOR)
	// Deleted forgets what is kept of a user who is no more, and does what SessionsChanged
	// and PrivacyChanged do.
	Deleted func(aor.AOR)
	// SignUpDecided mails a newcomer what was decided.
	SignUpDecided func(s store.SignUp, approved bool)
}

// Portal has the handlers of the pages as its methods.
type Portal struct {
	Options
	router portal.Asker
	acts   ctlproto.Methods // of the router, for what may take its time
}

// New makes a Portal.
func New(o Options) *Portal {
	p := &Portal{Options: o}
	p.acts = p.router.Acts(o.Ctl)
	return p
}

// actor is who is signed in; only for pages that the server keeps for them.
func actor(r *http.Request) aor.AOR { return session.Of(r).Session.AOR }

// rights are what the actor may do.
func rights(r *http.Request) Rights {
	v := session.Of(r)
	return RightsOf(v.Session.AOR, v.Privileges)
}

// fail answers for an error that no form can show.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	portal.Fail(w, r, err, p.View, p.Log)
}

// done ends a change: to path, which says the note once.
func (p *Portal) done(w http.ResponseWriter, r *http.Request, path string, f session.Flash) {
	portal.Done(w, r, path, f)
}

// afterwards is a context for what must follow a change that is made, even if
// the browser goes away meanwhile.
func afterwards(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), afterTime)
}

// afterTime bounds each of those steps.
const afterTime = 5 * time.Second
