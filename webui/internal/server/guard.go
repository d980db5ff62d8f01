package server

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Limits of one request that is no stream.
const (
	// maxBody bounds a form, in bytes.
	maxBody = 64 << 10
	// readTime bounds how long a form may take to arrive, writeTime how long
	// all from its header to the last byte of the answer.
	readTime  = 15 * time.Second
	writeTime = 60 * time.Second
	// uploadTime is readTime for a form with a file.
	uploadTime = 2 * time.Minute
)

// guard puts before a route what its access needs: the visitor and the frame;
// for a POST the checks of origin, size and token; a session where one is due.
func (s *Server) guard(route Route) http.HandlerFunc {
	if route.Bare {
		return func(w http.ResponseWriter, r *http.Request) {
			setDeadlines(w, r)
			route.Handler(w, r)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if route.BareFor != nil && r.Method != http.MethodPost && route.BareFor(r) {
			setDeadlines(w, r)
			route.Handler(w, r)
			return
		}
		if route.Stream {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(s.streams, cancel)()
			r = r.WithContext(ctx)
		} else {
			setDeadlines(w, r)
		}
		if r.Method == http.MethodPost {
			status := s.readForm(w, r, route)
			defer removeFiles(r)
			if status != 0 {
				s.refuse(w, s.visit(w, r), status)
				return
			}
		}
		s.admit(w, r, route)
	}
}

// setDeadlines bounds one request; a writer that cannot (a test's) need not.
func setDeadlines(w http.ResponseWriter, r *http.Request) {
	control, now := http.NewResponseController(w), time.Now()
	_ = control.SetWriteDeadline(now.Add(writeTime))
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(now.Add(readTime))
	}
}

// readForm checks where a POST comes from and reads its form. It returns the
// status to refuse it with, 0 if it is fine so far.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request, route Route) int {
	if !route.Proven && session.CheckOrigin(r, s.opts.Proxies.Client(r)) != nil {
		return http.StatusForbidden
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.bodyLimit(w, r, route))
	err := r.ParseForm()
	if err == nil && isMultipart(r) && route.Upload > 0 {
		err = r.ParseMultipartForm(maxBody) // what is longer is kept in a file
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), errors.Is(err, multipart.ErrMessageTooLarge):
		return http.StatusRequestEntityTooLarge
	case err != nil:
		return http.StatusBadRequest
	}
	return 0
}

// removeFiles removes what of a form was too long to be kept in memory. net/http does so only for the very
// request that it has made, not for one with another context.
func removeFiles(r *http.Request) {
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll()
	}
}

// bodyLimit is how long the body of a POST may be. One with a file may be longer, and take
// its time, if it comes from somebody who is signed in.
func (s *Server) bodyLimit(w http.ResponseWriter, r *http.Request, route Route) int64 {
	if route.Upload == 0 || r.ContentLength >= 0 && r.ContentLength <= maxBody {
		return maxBody
	}
	if v, err := s.visitor(r); err != nil || v.Session == nil {
		return maxBody
	}
	control, now := http.NewResponseController(w), time.Now()
	_ = control.SetReadDeadline(now.Add(uploadTime))
	_ = control.SetWriteDeadline(now.Add(uploadTime + writeTime))
	return route.Upload
}

// isMultipart reports whether a form can have files (RFC 7578).
func isMultipart(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
}

// admit finds out who comes, and lets them in or not.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, route Route) {
	visitor, err := s.visitor(r)
	if err != nil {
		s.unavailable(w, r, visitor, err)
		return
	}
	r = s.frame(w, r, visitor)
	signedIn := visitor.Session != nil
	if route.Access == SignedIn && !signedIn {
		s.askToSignIn(w, r, route)
		return
	}
	if r.Method == http.MethodPost && !route.Proven {
		want := session.VisitToken(r, visitor.Client)
		if signedIn {
			want = visitor.Session.CSRF()
		}
		if session.CheckToken(want, r.PostForm.Get(session.FieldCSRF)) != nil {
			if signedIn && route.Path == pathSignIn { // in another tab, meanwhile
				toPhoneBook(w, r)
				return
			}
			s.refuseStale(w, r, visitor)
			return
		}
	}
	if signedIn && counts(r, route) {
		s.touch(r, visitor.Session)
	}
	if route.Stream {
		route.Handler(w, r)
		return
	}
	rec, page := &recorder{ResponseWriter: w}, route.Handler
	if signedIn && r.Method == http.MethodPost {
		page = s.once(page, route.Sends)
	}
	if signedIn && r.Method != http.MethodPost {
		s.onces.arrived(visitor.Session.AOR, r, s.opts.Now())
	}
	page(rec, r)
	s.noteNosy(r, visitor, route, rec.status)
}

// touch notes that a session is in use, which no page waits for.
func (s *Server) touch(r *http.Request, current *session.Current) {
	sessions := s.partOf(r).sessions
	if !sessions.TouchDue(current) {
		return
	}
	s.aside.Do(strconv.FormatInt(current.ID, 10), func(ctx context.Context) {
		if err := sessions.Touch(ctx, current); err != nil && !errors.Is(err, store.ErrNotFound) {
			s.opts.Log.Warn("session not touched", "user", current.AOR.String(), "error", err)
		}
	})
}

// refuseStale answers a form whose token is not the visitor's. It can be sent again, with
// the right one, only where the browser says that a page of ours sent it: else another
// site's form would need but one click more.
func (s *Server) refuseStale(w http.ResponseWriter, r *http.Request, visitor session.Visitor) {
	again := portal.Again{
		Status: http.StatusForbidden, Title: view.M("again.stale_title"), Text: view.M("again.stale_text"), CSRF: view.Of(r).CSRF,
	}
	if !session.SameOrigin(r, visitor.Client) || !again.Show(w, r, s.opts.View) {
		s.refuse(w, r, http.StatusForbidden)
	}
}

// isOurs reports whether a page of ours sent a form, whoever sits before it now.
func (s *Server) isOurs(r *http.Request, c session.Client) bool {
	return r.Method == http.MethodPost && (session.SameOrigin(r, c) || s.partOf(r).sessions.Proves(r, c, r.PostForm.Get(session.FieldCSRF)))
}

// counts reports whether a request shows that somebody is there: not what a
// page does by itself.
func counts(r *http.Request, route Route) bool {
	return !route.Stream && (r.Method == http.MethodPost || !portal.FromHTMX(r))
}

// visitor finds out who sent r. On an error it knows the client at least.
func (s *Server) visitor(r *http.Request) (session.Visitor, error) {
	v := session.Visitor{Client: s.opts.Proxies.Client(r)}
	found, err := s.partOf(r).sessions.Find(r.Context(), r, v.Client)
	if err != nil {
		return v, ignoreNotFound(err)
	}
	if s.partOf(r).admin {
		if v.Privileges, err = s.privileges(r, found); err != nil {
			return v, ignoreNotFound(err)
		}
	}
	profile, err := s.opts.DB.Profiles.Load(r.Context(), found.AOR)
	if err != nil {
		return v, ignoreNotFound(err) // the account has just been deleted
	}
	v.Session, v.Profile = found, profile
	return v, nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// visit is visitor and frame for an answer that is a refusal anyway.
func (s *Server) visit(w http.ResponseWriter, r *http.Request) *http.Request {
	visitor, err := s.visitor(r)
	if err != nil {
		s.opts.Log.Warn("visitor unknown", "error", err)
	}
	return s.frame(w, r, visitor)
}

// askToSignIn leads to the sign-in page, and back to where the person wanted to
// go if that can be gone to again.
func (s *Server) askToSignIn(w http.ResponseWriter, r *http.Request, route Route) {
	at, client := s.partOf(r), session.Of(r).Client
	if s.isOurs(r, client) {
		again := portal.Again{
			Status: http.StatusForbidden, Title: view.M("again.ended_title"), Text: view.M("again.ended_text"),
			CSRF: view.Of(r).CSRF, SignIn: at.signIn,
		}
		if again.Show(w, r, s.opts.View) {
			return
		}
	}
	to := at.signIn
	if r.Method == http.MethodGet && !portal.FromHTMX(r) && !route.Stream {
		if back := at.local(r.URL.RequestURI(), ""); back != "" {
			to += "?return=" + url.QueryEscape(back)
		}
	}
	switch {
	case route.Stream:
		w.WriteHeader(http.StatusUnauthorized)
	case portal.FromHTMX(r): // htmx replaces the whole page
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// unavailable answers when the database does not say who comes.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, visitor session.Visitor, err error) {
	status, level := http.StatusInternalServerError, slog.LevelError
	if store.IsUnavailable(err) {
		status = http.StatusServiceUnavailable
	}
	if r.Context().Err() != nil {
		level = slog.LevelDebug // it is the browser that did not wait
	}
	s.opts.Log.Log(r.Context(), level, "visitor unknown", "path", r.URL.Path, "error", err)
	portal.Unavailable(w, s.frame(w, r, visitor), status, s.isOurs(r, visitor.Client), s.opts.View)
}

// refuse writes an error's page.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int) {
	s.opts.View.Error(w, r, status)
}
