package server

import (
	"net/http"

	"seraph/webui/internal/public"
)

// Outermost puts what every request passes before another handler.
func Outermost(s *Server, next http.Handler) http.Handler { return s.outermost(next) }

// Guard puts what a route needs before its handler.
func Guard(s *Server, r Route) http.HandlerFunc { return s.guard(r) }

// StopStreams ends the streams, as Run does at its end.
func StopStreams(s *Server) { s.stop() }

// Desk is the part with mail.
func Desk(s *Server) *public.Desk { return s.desk }
