package user

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// signInPage is the data of signin.html.
type signInPage struct {
	Form *form.Form
	// Return is where the person wanted to go.
	Return string
	// Fault is what is wrong with the attempt as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// SignInPage shows the form (GET /user/sign-in).
func (p *Portal) SignInPage(w http.ResponseWriter, r *http.Request) {
	to := p.localPage(r.URL.Query().Get("return"), "")
	if session.Of(r).Session != nil {
		http.Redirect(w, r, p.localPage(to, pathPhoneBook), http.StatusSeeOther)
		return
	}
	p.showSignIn(w, r, http.StatusOK, signInPage{Form: form.New(), Return: to})
}

// SignInPost signs in (POST /user/sign-in). Unknown user, wrong password and
// closed account get the same words.
func (p *Portal) SignInPost(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	page := signInPage{Form: f, Return: p.localPage(f.Value("return"), "")}
	if f.Text("user", 200) == "" {
		f.Fail("user", "signin.user_empty")
	}
	if f.Value("password") == "" {
		f.Fail("password", "signin.password_empty")
	}
	if !f.OK() {
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
		return
	}
	p.signIn(w, r, page)
}

func (p *Portal) signIn(w http.ResponseWriter, r *http.Request, page signInPage) {
	f, visitor := page.Form, session.Of(r)
	who, err := p.SignIn.Check(r.Context(), f.Text("user", 200), f.Value("password"), visitor.Client.Addr)
	var slow *session.SlowDownError
	switch {
	case errors.Is(err, session.ErrDomainNeeded):
		f.Fail("user", "signin.domain_needed")
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
		return
	case errors.Is(err, session.ErrRefused):
		page.Fault = view.M("signin.refused")
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
		return
	case errors.As(err, &slow):
		p.slowDown(w, r, page, slow.Wait)
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	if err := p.Sessions.Start(r.Context(), w, r, visitor.Client, who, f.Checked("keep")); err != nil {
		p.fail(w, r, err)
		return
	}
	if visitor.Session != nil {
		p.live.SessionsChanged(visitor.Session.AOR) // its pages' streams end at once
	}
	p.Log.Info("signed in", "user", who.String(), "addr", visitor.Client.Addr)
	http.Redirect(w, r, p.localPage(page.Return, pathPhoneBook), http.StatusSeeOther)
}

// slowDown says how long to wait, in whole seconds.
func (p *Portal) slowDown(w http.ResponseWriter, r *http.Request, page signInPage, wait time.Duration) {
	seconds := waitSeconds(wait)
	w.Header().Set("Retry-After", seconds)
	page.Fault = view.M("signin.slow_down", seconds)
	if seconds == "1" {
		page.Fault = view.M("signin.slow_down.one")
	}
	p.showSignIn(w, r, http.StatusTooManyRequests, page)
}

// waitSeconds is a wait in whole seconds, rounded up.
func waitSeconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }

func (p *Portal) showSignIn(w http.ResponseWriter, r *http.Request, status int, page signInPage) {
	p.View.Page(w, r, status, "signin", view.Page{Title: view.M("signin.title"), Data: page})
}

// SignOut ends the session (POST /user/sign-out).
func (p *Portal) SignOut(w http.ResponseWriter, r *http.Request) {
	v := session.Of(r)
	if err := p.Sessions.End(r.Context(), w, v.Client, v.Session); err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.SessionsChanged(v.Session.AOR) // other tabs' streams end at once
	http.Redirect(w, r, pathSignIn, http.StatusSeeOther)
}
