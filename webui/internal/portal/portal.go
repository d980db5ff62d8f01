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
		log.Warn("page not made: database", "path", r.URL.Path, "error", err)
		failed(w, r, http.StatusServiceUnavailable, pages)
	default:
		log.Error("page not made", "path", r.URL.Path, "error", err)
		failed(w, r, http.StatusInternalServerError, pages)
	}
}

// failed is the page of an error that is none of the sender's; what was typed is on it.
func failed(w http.ResponseWriter, r *http.Request, status int, pages *view.Set) {
	key := strconv.Itoa(status)
	again := Again{Status: status, Title: view.M("error." + key + ".title"), Text: view.M("again." + key), CSRF: view.Of(r).CSRF}
	if !again.Show(w, r, pages) {
		pages.Error(w, r, status)
	}
}

// Unavailable is the page of a database that does not even say who comes; what was typed
// is on it if the form is known to be one of ours. It is sent again with the token that it
// had, which is that of the session it came with.
func Unavailable(w http.ResponseWriter, r *http.Request, status int, ours bool, pages *view.Set) {
	key := strconv.Itoa(status)
	again := Again{Status: status, Title: view.M("error." + key + ".title"), Text: view.M("again." + key), CSRF: r.PostForm.Get(session.FieldCSRF)}
	if !ours || !again.Show(w, r, pages) {
		pages.Error(w, r, status)
	}
}

// FromHTMX reports whether htmx asks, which puts the answer into the page that is open,
// rather than a browser that opens a page.
func FromHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") != "" }

// Done ends a change: to path, which says the note once.
func Done(w http.ResponseWriter, r *http.Request, path string, f session.Flash) {
	v := session.Of(r)
	v.Session.SetFlash(w, v.Client, f)
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// WaitSeconds is a wait in whole seconds, rounded up, as pages and Retry-After
// say it.
func WaitSeconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }
