// Package user is the portal of the people who have a phone here: the pages
// below /user. Each file is a page; portal.go is what they share. The server
// gives every request its session.Visitor and view.Frame before a page sees it,
// and has checked the CSRF token of a POST.
package user

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
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
	pathSignIn    = "/user/sign-in"
	pathPhoneBook = "/user/phone-book"
	pathAccount   = "/user/account"
	pathPhones    = "/user/account/phones"
	pathSecurity  = "/user/account/security"
)

// Options are what the portal works with. All but Live are needed.
type Options struct {
	DB       *store.DB
	Ctl      *ctlproto.Redialer
	View     *view.Set
	Sessions *session.Manager
	SignIn   *session.SignIn
	Now      func() time.Time
	Log      *slog.Logger
	// IsPage reports whether a path of the site is a page that can be gone to;
	// nil means that each is.
	IsPage func(path string) bool
	// Live are the durations and limits of the live pages; zero is good.
	Live LiveOptions
	// AliasRules say which aliases people may give themselves; zero is none.
	AliasRules AliasRules
	// ContactRules say which contacts people may add by hand; zero is all.
	ContactRules ContactRules
	// MailOn says that the portal sends mail, SignUpOn that people make their own
	// accounts.
	MailOn, SignUpOn bool
	// Post sends what a change of the mail address needs; nil only without MailOn.
	Post Post
	// CallMeOn says that the operator lets visitors ask to be called.
	CallMeOn bool
	// RuleLimits say which call rules people may give themselves; zero is all.
	RuleLimits RuleLimits
	// Machine is the name of this machine, which is no place of a phone; "" if it is not
	// known.
	Machine string
}

// Portal has the handlers of the pages as its methods.
type Portal struct {
	Options
	live       *Live
	aliasTries *session.Throttle // by user
	findTries  *session.Throttle // by user
	router     portal.Asker
	acts       ctlproto.Methods // of the router, for what may take its time
	exports    exporting
	regroups   regroups
	aside      portal.Aside
}

// New makes a Portal.
func New(o Options) *Portal {
	p := &Portal{
		Options: o, live: NewLive(o.Ctl, o.DB, o.Live, o.Log), aliasTries: session.NewThrottle(aliasTries, o.Now),
		findTries: session.NewThrottle(findTries, o.Now),
	}
	p.acts = p.router.Acts(o.Ctl)
	return p
}

// Run follows the router until ctx ends; with it end the streams.
func (p *Portal) Run(ctx context.Context) error { return p.live.Run(ctx) }

// SessionsChanged closes the live pages of sessions that somebody else ended:
// an administrator, who may have deleted the account, too.
func (p *Portal) SessionsChanged(who aor.AOR) {
	p.live.SessionsChanged(who)
	p.live.forgetGone(who)
}

// PrivacyChanged says that somebody else changed who may see a user's presence.
func (p *Portal) PrivacyChanged(who aor.AOR) { p.live.PrivacyChanged(who) }

// Deleted forgets what is kept of a user whom an administrator has deleted: whoever gets
// the address next sees nothing of theirs.
func (p *Portal) Deleted(who aor.AOR) {
	p.live.SessionsChanged(who)
	p.live.PrivacyChanged(who)
	p.live.calls.drop(who)
}

// owner is who is signed in; only for pages that the server keeps for them.
func owner(r *http.Request) aor.AOR { return session.Of(r).Session.AOR }

// localPage is session.LocalPath for a page that can be gone to.
func (p *Portal) localPage(to, fallback string) string {
	local := session.LocalPath(to, "")
	path, _, _ := strings.Cut(local, "?")
	if local == "" || p.IsPage != nil && !p.IsPage(path) {
		return fallback
	}
	return local
}

// fail answers for an error that no form can show.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	portal.Fail(w, r, err, p.View, p.Log)
}

// done ends a change: to path, which says m once.
func (p *Portal) done(w http.ResponseWriter, r *http.Request, path string, m view.Msg) {
	p.doneFlash(w, r, path, session.Flash{Key: m.Key, Args: m.Args})
}

// notDone is done for a form of which nothing came: it may be sent again.
func (p *Portal) notDone(w http.ResponseWriter, r *http.Request, path string, m view.Msg) {
	portal.NotDone(r)
	p.done(w, r, path, m)
}

// doneFlash is done with a note that may offer to undo the change.
func (p *Portal) doneFlash(w http.ResponseWriter, r *http.Request, path string, f session.Flash) {
	portal.Done(w, r, path, f)
}
