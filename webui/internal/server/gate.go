package server

import (
	"net/http"
	"strings"
	"sync/atomic"

	"seraph/webui/internal/assets"
	"seraph/webui/internal/view"
)

// Gate stands before a Server that cannot be made yet: it says that and why,
// and goes on by itself once it is opened.
type Gate struct {
	assets *assets.Set
	view   *view.Set
	reason atomic.Pointer[view.Msg]
	open   atomic.Pointer[Server]
}

// NewGate makes a closed Gate.
func NewGate(files *assets.Set, pages *view.Set, reason view.Msg) *Gate {
	g := &Gate{assets: files, view: pages}
	g.Wait(reason)
	return g
}

// Wait sets what the page says while the gate is closed.
func (g *Gate) Wait(reason view.Msg) { g.reason.Store(&reason) }

// Open lets every request through to s, for good.
func (g *Gate) Open(s *Server) { g.open.Store(s) }

// ServeHTTP implements http.Handler.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := g.open.Load(); s != nil {
		s.ServeHTTP(w, r)
		return
	}
	setHeaders(w.Header())
	setDeadlines(w, r)
	name, static := strings.CutPrefix(r.URL.Path, assets.Prefix)
	switch {
	case static && g.assets.File(w, r, name):
	case r.URL.Path == "/healthz":
		health(w, http.StatusServiceUnavailable, "waiting for the database")
	default:
		w.Header().Set("Retry-After", "3")
		g.view.Page(w, r, http.StatusServiceUnavailable, "waiting", view.Page{Title: view.M("waiting.title"), Data: *g.reason.Load()})
	}
}
