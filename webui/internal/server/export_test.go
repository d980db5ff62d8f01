package server

import (
	"net/http"

	"seraph/sql/aor"
	"seraph/webui/internal/public"
)

// Outermost puts what every request passes before another handler.
func Outermost(s *Server, next http.Handler) http.Handler { return s.outermost(next) }

// Guard puts what a route needs before its handler.
func Guard(s *Server, r Route) http.HandlerFunc { return s.guard(r) }

// StopStreams ends the streams, as Run does at its end.
func StopStreams(s *Server) { s.stop() }

// Awaited is of how many forms that sent something a user's browser has not shown that their answer has arrived.
func Awaited(s *Server, who aor.AOR) int {
	s.onces.mu.Lock()
	defer s.onces.mu.Unlock()
	if user := s.onces.ofUser[who]; user != nil {
		return len(user.sent)
	}
	return 0
}

// Desk is the part with mail.
func Desk(s *Server) *public.Desk { return s.desk }
