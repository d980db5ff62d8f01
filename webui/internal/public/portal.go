// Package public is the pages for everybody, signed in or not: people who want
// to be seen (/u/NAME, Portal), and, where there is mail, new accounts,
// forgotten passwords and mails that are turned off (/sign-up, /reset, Desk).
// Each file is a page or a part of one.
package public

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

//go:embed templates/*.html
var templates embed.FS

// Templates is the folder of this package's pages, for view.New.
func Templates() (fs.FS, error) { return fs.Sub(templates, "templates") }

// Options are what the pages of people work with. All are needed but Denied.
type Options struct {
	DB     *store.DB
	Ctl    *ctlproto.Redialer
	View   *view.Set
	SignIn *session.SignIn
	Now    func() time.Time
	Log    *slog.Logger
	// CallMe are the rules for visitors who want to be called; zero lets nobody.
	CallMe CallMeRules
	// Denied says which SIP URIs the operator has called from nowhere; nil is none.
	Denied func(uri string) bool
	// Machine is the name of this machine, which is no place of a phone; "" if it is not
	// known.
	Machine string
}

// Portal has the handlers of the pages of people as its methods.
type Portal struct {
	Options
	router portal.Asker
}

// New makes a Portal.
func New(o Options) *Portal { return &Portal{Options: o} }

// fail answers for an error that no form can show.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	portal.Fail(w, r, err, p.View, p.Log)
}
