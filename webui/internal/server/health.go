package server

import (
	"context"
	"io"
	"net/http"
	"time"
)

// healthTime is how long the database may take to show a sign of life.
const healthTime = 3 * time.Second

// healthz says 200 "ok" while pages can be served: the database answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	if err := s.opts.DB.Ping(ctx); err != nil {
		s.opts.Log.Warn("not healthy", "error", err)
		health(w, http.StatusServiceUnavailable, "database away")
		return
	}
	health(w, http.StatusOK, "ok")
}

func health(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, word+"\n") // an error means that the asker has gone
}

// static serves a file of assets.
func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	if !s.opts.Assets.File(w, r, r.PathValue("name")) {
		s.refuse(w, s.visit(w, r), http.StatusNotFound)
	}
}
