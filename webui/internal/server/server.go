// Package server is the HTTP side of the portal: the site map, and what every
// request passes before its page. It alone knows echo; pages are plain
// http.HandlerFuncs.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/admin"
	"seraph/webui/internal/assets"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/public"
	"seraph/webui/internal/session"
	"seraph/webui/internal/user"
	"seraph/webui/internal/view"
)

// Options of New. DB, Ctl, View, Assets and Log are needed.
type Options struct {
	DB     *store.DB
	Ctl    *ctlproto.Redialer
	Assets *assets.Set
	View   *view.Set
	// DefaultDomain is what a user name without a domain takes.
	DefaultDomain string
	// Proxies are the reverse proxies that are believed.
	Proxies session.Proxies
	// Limits of sessions; zero means session.DefaultLimits.
	Limits session.Limits
	// AdminLimits are those of administrators' sessions; zero means
	// session.AdminLimits.
	AdminLimits session.Limits
	// Zone is the time zone of those who have not chosen one, nil is time.Local.
	Zone *time.Location
	// Live are the durations and limits of the live pages; zero is good.
	Live user.LiveOptions
	// AliasRules say which aliases people may give themselves; zero is none.
	AliasRules user.AliasRules
	// ContactRules say which contacts people may add by hand; zero is all.
	ContactRules user.ContactRules
	// RuleLimits say which call rules people may give themselves; zero is all.
	RuleLimits user.RuleLimits
	// Machine is the name of this machine, which is no place of a phone; "" if it is not
	// known.
	Machine string
	// CallMe are the rules for visitors who want to be called; zero lets nobody.
	CallMe public.CallMeRules
	// Desk is what the operator says of mail and new accounts; zero is neither.
	Desk public.Settings
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Server serves the pages. Make it with New, Run it, and serve it.
type Server struct {
	opts    Options
	users   part
	admins  part
	signIn  *session.SignIn
	portal  *user.Portal
	desk    *public.Desk
	domain  domainName
	nosy    nosy
	onces   onces
	aside   portal.Aside
	table   []Route
	handler http.Handler
	streams context.Context // ends when streams have to
	stop    context.CancelFunc
}

// New makes a Server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Limits == (session.Limits{}) {
		o.Limits = session.DefaultLimits()
	}
	if o.AdminLimits == (session.Limits{}) {
		o.AdminLimits = session.AdminLimits()
	}
	s := &Server{opts: o}
	s.users, s.admins = newParts(o)
	s.streams, s.stop = context.WithCancel(context.Background())
	s.signIn = session.NewSignIn(o.DB, o.DefaultDomain, o.Now, o.Log)
	s.portal = user.New(user.Options{
		DB: o.DB, Ctl: o.Ctl, View: o.View, Sessions: s.users.sessions, SignIn: s.signIn, Now: o.Now, Log: o.Log,
		Live: o.Live, AliasRules: o.AliasRules, ContactRules: o.ContactRules, RuleLimits: o.RuleLimits, CallMeOn: o.CallMe.On(), IsPage: s.isPage,
		MailOn: o.Desk.On(), SignUpOn: o.Desk.SignUpOn(), Machine: o.Machine,
	})
	s.desk = public.NewDesk(public.DeskOptions{
		Settings: o.Desk, DB: o.DB, Ctl: o.Ctl, View: o.View, SignIn: s.signIn, Zone: o.Zone, Now: o.Now, Log: o.Log,
		SessionsChanged: s.portal.SessionsChanged,
	})
	s.portal.Post = s.desk
	admins := admin.New(admin.Options{
		DB: o.DB, Ctl: o.Ctl, View: o.View, Sessions: s.admins.sessions, SignIn: s.signIn, Now: o.Now, Log: o.Log,
		SessionsChanged: s.portal.SessionsChanged, PrivacyChanged: s.portal.PrivacyChanged, Deleted: s.portal.Deleted, SignUpDecided: s.desk.SignUpDecided,
	})
	everybody := public.New(public.Options{
		DB: o.DB, Ctl: o.Ctl, View: o.View, SignIn: s.signIn, Now: o.Now, Log: o.Log, CallMe: o.CallMe, Denied: o.ContactRules.Denies, Machine: o.Machine,
	})
	s.table = slices.Concat(s.routes(s.portal), publicRoutes(everybody), adminRoutes(admins))
	if o.Desk.On() {
		s.table = append(s.table, deskRoutes(s.desk, o.Desk.SignUpOn())...)
	}
	s.handler = s.outermost(s.mount())
	return s
}

// sweepEvery is how often the rows of ended sessions are deleted.
const sweepEvery = time.Hour

// Run does what goes on beside the requests: it follows the router for the live
// pages and deletes ended sessions. When ctx ends, it closes the streams first
// and returns when they are closed; then the HTTP server can be shut down.
func (s *Server) Run(ctx context.Context) {
	defer s.stop()
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { s.sweep(ctx) })
	wait.Go(func() { s.desk.Run(ctx) })
	if err := s.portal.Run(ctx); err != nil && ctx.Err() == nil {
		s.opts.Log.Error("live updates have ended", "error", err)
	}
	<-ctx.Done()
}

// sweep deletes ended sessions now and then.
func (s *Server) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if _, err := s.opts.DB.Sessions.DeleteExpired(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("ended sessions not deleted", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// SiteMap is the route table of a Server in which everything is switched on, to be
// read: its handlers belong to none.
func SiteMap() []Route {
	db := &store.DB{}
	users, admins := &user.Portal{Options: user.Options{DB: db}}, &admin.Portal{Options: admin.Options{DB: db}}
	return slices.Concat(
		new(Server).routes(users), publicRoutes(new(public.Portal)), adminRoutes(admins), deskRoutes(new(public.Desk), true),
	)
}

// Routes is the site map, for tests that walk it.
func (s *Server) Routes() []Route { return s.table }
