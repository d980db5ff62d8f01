package server

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"seraph/webui/internal/assets"
)

// policy is the Content-Security-Policy of everything we send: our own files,
// nothing inline, nobody's frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// transportSecurity has browsers come by TLS only (RFC 6797), for a year. It is
// said where we speak TLS ourselves; a proxy before us speaks for itself.
const transportSecurity = "max-age=31536000"

// setHeaders sets what every answer bears. Static files replace Cache-Control.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// outermost sets the headers, survives a panic and writes the access log, which
// has no query, cookie or body: those may hold secrets.
func (s *Server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.opts.Now()
		rec := &recorder{ResponseWriter: w}
		setHeaders(w.Header())
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", transportSecurity)
		}
		defer func() {
			fault := recover()
			if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
				panic(fault)
			}
			if fault != nil {
				s.opts.Log.Error("panic", "path", r.URL.Path, "fault", fault, "stack", string(debug.Stack()))
				if rec.status != 0 { // half an answer has left: break it off
					panic(http.ErrAbortHandler)
				}
				s.opts.View.Error(rec, r, http.StatusInternalServerError)
			}
			s.access(r, rec.status, s.opts.Now().Sub(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

// access writes a line of the access log; static files and health checks are
// for debugging only.
func (s *Server) access(r *http.Request, status int, took time.Duration) {
	level := slog.LevelInfo
	if r.URL.Path == "/healthz" || len(r.URL.Path) > len(assets.Prefix) && r.URL.Path[:len(assets.Prefix)] == assets.Prefix {
		level = slog.LevelDebug
	}
	s.opts.Log.LogAttrs(r.Context(), level, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Duration("took", took.Round(time.Microsecond)), slog.String("source", s.opts.Proxies.Client(r).Addr.String()))
}
