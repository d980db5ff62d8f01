package server

import (
	"context"
	"html/template"
	"net/http"
	"sync"
	"time"

	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// frame gives a request its visitor and its frame.
func (s *Server) frame(w http.ResponseWriter, r *http.Request, v session.Visitor) *http.Request {
	at := s.partOf(r)
	f := view.Frame{
		Theme: session.Theme(r, v.Client), Language: s.language(r, v), Zone: s.opts.Zone, Admin: at.admin,
		Path: at.local(r.URL.RequestURI(), ""),
	}
	if r.Method != http.MethodGet {
		f.Path = "" // not a page to come back to
	}
	if v.Session == nil {
		f.CSRF, f.Domain = session.Visit(w, r, v.Client), s.domain.get(r.Context(), s.signIn, s.opts.Now())
		return view.With(session.With(r, v), f)
	}
	f.Name, f.Address, f.Domain = v.Profile.Name(), v.Session.AOR.String(), v.Session.AOR.Domain
	f.CSRF = v.Session.CSRF()
	if zone, err := time.LoadLocation(v.Profile.TimeZone); err == nil && v.Profile.TimeZone != "" {
		f.Zone = zone
	}
	f.TakeNote = func(w http.ResponseWriter) *view.Note { return takeNote(w, r, v) }
	if at.admin {
		return view.With(session.With(r, v), f)
	}
	bare := f
	f.Card = func() template.HTML { return s.portal.Card(r.Context(), bare, v.Session.AOR) }
	f.Badges = func() view.Badges { return s.portal.Badges(r.Context(), v.Session.AOR) }
	return view.With(session.With(r, v), f)
}

// domainName is the domain that a page shows to those who are not signed in. It
// is asked for once a minute: a database that hangs must not hold up a page
// that needs nothing of it.
type domainName struct {
	mu    sync.Mutex
	name  string
	asked time.Time
}

// Times of domainName.
const (
	domainEvery = time.Minute
	domainTime  = time.Second
)

// get returns the domain, "" if there is no one domain or it is not known.
func (d *domainName) get(ctx context.Context, signIn *session.SignIn, now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked.IsZero() || now.Sub(d.asked) >= domainEvery {
		ctx, cancel := context.WithTimeout(ctx, domainTime)
		defer cancel()
		d.name, _ = signIn.Domain(ctx) // without it the page only says less
		d.asked = now
	}
	return d.name
}

func takeNote(w http.ResponseWriter, r *http.Request, v session.Visitor) *view.Note {
	flash, ok := v.Session.TakeFlash(w, r, v.Client)
	if !ok {
		return nil
	}
	return &view.Note{Msg: view.M(flash.Key, flash.Args...), UndoPath: flash.UndoPath, Undo: flash.Undo}
}
