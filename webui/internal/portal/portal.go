// Package portal is what the portals below /user and /admin have in common: how
// one comes in and out, and how the answer to a request ends that no page is for.
package portal

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Fail answers for an error that no form can show: 404 for what is not there or
// not this person's, 503 while the database is away, else 500. The reason of a
// 500 goes to the log.
func Fail(w http.ResponseWriter, r *http.Request, err error, pages *view.Set, log *slog.Logger) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		pages.Error(w, r, http.StatusNotFound)
	case r.Context().Err() != nil: // the browser has gone
		pages.Error(w, r, http.StatusServiceUnavailable)
	case store.IsUnavailable(err):
		log.Warn("page not made: database", "path", r.URL.Path, "err", err)
		pages.Error(w, r, http.StatusServiceUnavailable)
	default:
		log.Error("page not made", "path", r.URL.Path, "err", err)
		pages.Error(w, r, http.StatusInternalServerError)
	}
}

// Done ends a change: to path, which says the note once.
func Done(w http.ResponseWriter, r *http.Request, path string, f session.Flash) {
	v := session.Of(r)
	v.Session.SetFlash(w, v.Client, f)
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// WaitSeconds is a wait in whole seconds, rounded up, as pages and Retry-After
// say it.
func WaitSeconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }
