package user

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// securityPage is the data of security.html.
type securityPage struct {
	Form     *form.Form
	Sessions []sessionRow
}

// sessionRow is one browser that is signed in.
type sessionRow struct {
	store.Session
	Browser view.Msg
	// Current says that it is the one that shows the page.
	Current bool
}

// Security shows password and sessions (GET /user/account/security).
func (p *Portal) Security(w http.ResponseWriter, r *http.Request) {
	p.showSecurity(w, r, http.StatusOK, form.New())
}

func (p *Portal) showSecurity(w http.ResponseWriter, r *http.Request, status int, f *form.Form) {
	sessions, err := p.DB.Sessions.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := securityPage{Form: f}
	for _, s := range sessions {
		if s.Kind == store.SessionUser {
			row := sessionRow{Session: s, Browser: browserName(s.UserAgent), Current: s.ID == session.Of(r).Session.ID}
			page.Sessions = append(page.Sessions, row)
		}
	}
	p.View.Page(w, r, status, "security", view.Page{Title: view.M("security.title"), Tab: tabAccount, Data: page})
}

// PasswordSave changes the password (POST /user/account/security): of the portal
// and of the phone, which is the same one.
func (p *Portal) PasswordSave(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	password := readPassword(f, owner(r).User)
	if f.OK() {
		if err := p.changePassword(r, f, password); err != nil && !f.Take(err) {
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showSecurity(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	told := view.M("security.changed")
	if err := p.acts.AuthForget(r.Context(), owner(r).String()); err != nil {
		p.Log.Warn("router not told of a new password", "user", owner(r).String(), "error", err)
		told = view.M("security.changed_later")
	}
	p.done(w, r, pathSecurity, told)
}

// readPassword is the new password, which is another one than the old.
func readPassword(f *form.Form, name string) string {
	password := portal.NewPassword(f, name)
	if f.OK() && password == f.Value("old_password") {
		f.Fail("new_password", "security.same")
	}
	if f.Value("old_password") == "" {
		f.Fail("old_password", "form.empty")
	}
	return password
}

// changePassword checks the old password, which slows guessing down as the
// sign-in does, sets the new one and ends the other sessions.
func (p *Portal) changePassword(r *http.Request, f *form.Form, password string) error {
	v, me := session.Of(r), owner(r)
	if err := p.confirmOwner(r, f, "old_password"); err != nil || !f.OK() {
		return err
	}
	if err := p.DB.Subscribers.SetPassword(r.Context(), me, password); err != nil {
		var field *store.FieldError
		if errors.As(err, &field) {
			key, args := form.Reason(field)
			f.Fail("new_password", key, args...)
			return nil
		}
		return err
	}
	p.audit(r, "subscriber.password", "", "")
	if _, err := p.DB.Sessions.RevokeAll(r.Context(), me, v.Session.ID); err != nil {
		return err
	}
	p.live.SessionsChanged(me)
	p.Log.Info("password changed", "user", me.String(), "source", v.Client.Addr)
	return nil
}

// pathSessions are the browsers that are signed in, each below it by its id.
const pathSessions = pathSecurity + "/sessions"

// SessionsAsk asks before all other browsers are signed out (GET
// /user/account/security/sessions).
func (p *Portal) SessionsAsk(w http.ResponseWriter, r *http.Request) {
	p.View.Confirm(w, r, view.M("security.end_others.title"), tabAccount, view.Question{
		Text: view.M("security.end_others.text"), Button: view.M("security.end_others"), Action: pathSessions, Back: pathSecurity,
	})
}

// SessionAsk asks before another browser is signed out (GET
// /user/account/security/sessions/ID).
func (p *Portal) SessionAsk(w http.ResponseWriter, r *http.Request) {
	sessions, err := p.DB.Sessions.List(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	at := slices.IndexFunc(sessions, func(s store.Session) bool { return s.ID == id })
	if err != nil || at < 0 || id == session.Of(r).Session.ID { // for one's own there is "Sign out"
		p.View.Error(w, r, http.StatusNotFound)
		return
	}
	p.View.Confirm(w, r, view.M("security.end.title", sessions[at].IP), tabAccount, view.Question{
		Text: view.M("security.end.text"), Button: view.M("security.end.button"),
		Action: pathSessions + "/" + strconv.FormatInt(id, 10), Back: pathSecurity,
	})
}

// SessionEnd signs another browser out (POST /user/account/security/sessions/ID).
func (p *Portal) SessionEnd(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id == session.Of(r).Session.ID { // for one's own there is "Sign out"
		p.View.Error(w, r, http.StatusNotFound)
		return
	}
	if err := p.DB.Sessions.Revoke(r.Context(), owner(r), id); err != nil {
		p.fail(w, r, err)
		return
	}
	p.audit(r, "session.end", strconv.FormatInt(id, 10), "")
	p.live.SessionsChanged(owner(r))
	p.done(w, r, pathSecurity, view.M("security.ended"))
}

// SessionsEnd signs all other browsers out (POST /user/account/security/sessions).
func (p *Portal) SessionsEnd(w http.ResponseWriter, r *http.Request) {
	n, err := p.DB.Sessions.RevokeAll(r.Context(), owner(r), session.Of(r).Session.ID)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if n > 0 {
		p.audit(r, "session.end_others", strconv.Itoa(n), "")
	}
	p.live.SessionsChanged(owner(r))
	told := view.M("security.others_ended", strconv.Itoa(n))
	switch n {
	case 0:
		told = view.M("security.no_others")
	case 1:
		told = view.M("security.others_ended.one")
	}
	p.done(w, r, pathSecurity, told)
}
