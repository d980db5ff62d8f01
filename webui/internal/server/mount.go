package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// mount gives every route to echo, whose only work is to find it: the rest is
// plain net/http.
func (s *Server) mount() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.echoError
	for _, route := range s.table {
		serve := s.guard(route)
		handler := func(c echo.Context) error {
			r := c.Request()
			for _, name := range c.ParamNames() {
				r.SetPathValue(name, pathValue(r, c.Param(name)))
			}
			serve(c.Response().Writer, r)
			return nil
		}
		e.Add(route.Method, route.Path, handler)
		if route.Method == http.MethodGet && !route.Stream {
			e.Add(http.MethodHead, route.Path, handler)
		}
	}
	return e
}

// pathValue is a part of the path as text. echo cuts it out of the path as it
// was sent where that has escapes that matter, such as a slash in a user name.
func pathValue(r *http.Request, value string) string {
	if r.URL.RawPath == "" {
		return value
	}
	text, err := url.PathUnescape(value)
	if err != nil { // net/url has read the path before: cannot be
		return value
	}
	return text
}

// echoError answers what no route takes: 404, and 405, for which echo has set Allow.
func (s *Server) echoError(err error, c echo.Context) {
	status := http.StatusInternalServerError
	var known *echo.HTTPError
	if errors.As(err, &known) {
		status = known.Code
	}
	w, r := c.Response().Writer, c.Request()
	if to := strings.TrimRight(r.URL.Path, "/"); status == http.StatusNotFound && to != r.URL.Path && r.Method == http.MethodGet && (to == "/user" || s.isPage(to)) {
		u := url.URL{Path: to, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, u.String(), http.StatusSeeOther)
		return
	}
	visitor, err := s.visitor(r)
	if err != nil {
		s.opts.Log.Warn("visitor unknown", "error", err)
	}
	s.refuse(w, s.frame(w, r, visitor), status)
	if route, near := s.nearRow(r); near {
		s.noteNosy(r, visitor, route, status)
	}
}
