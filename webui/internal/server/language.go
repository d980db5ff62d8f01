package server

import (
	"net/http"

	"seraph/webui/internal/session"
)

// language is the one that a visitor's page is in: that of the profile, else the
// one chosen in this browser, else what the browser asks for.
func (s *Server) language(r *http.Request, v session.Visitor) string {
	if v.Session != nil {
		if tag := s.opts.View.Match(v.Profile.Language); tag != "" {
			return tag
		}
	}
	if tag := s.opts.View.Match(session.Language(r, v.Client)); tag != "" {
		return tag
	}
	return s.opts.View.Accept(r.Header.Get("Accept-Language"))
}
