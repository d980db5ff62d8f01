package admin

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"seraph/sql/aor"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// maxName is the longest user name that is looked at, in characters.
const maxName = 200

// signInPage is the data of admin-signin.html.
type signInPage struct {
	Form *form.Form
	// Return is where the person wanted to go.
	Return string
	// Fault is what is wrong with the attempt as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// SignInPage shows the form (GET /admin/sign-in).
func (p *Portal) SignInPage(w http.ResponseWriter, r *http.Request) {
	to := session.AdminPath(r.URL.Query().Get("return"), "")
	if session.Of(r).Session != nil {
		http.Redirect(w, r, session.AdminPath(to, pathOverview), http.StatusSeeOther)
		return
	}
	p.showSignIn(w, r, http.StatusOK, signInPage{Form: form.New(), Return: to})
}

// SignInPost signs in (POST /admin/sign-in). Unknown user, wrong password,
// closed account and one without privileges get the same words.
func (p *Portal) SignInPost(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	page := signInPage{Form: f, Return: session.AdminPath(f.Value("return"), "")}
	if f.Text("user", maxName) == "" {
		f.Fail("user", "signin.user_empty")
	}
	if f.Value("password") == "" {
		f.Fail("password", "signin.password_empty")
	}
	if !f.OK() {
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
		return
	}
	who, err := p.identify(r, f)
	var slow *session.SlowDownError
	switch {
	case errors.Is(err, session.ErrDomainNeeded):
		f.Fail("user", "signin.domain_needed")
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
	case errors.Is(err, session.ErrRefused):
		page.Fault = view.M("signin.refused")
		p.showSignIn(w, r, http.StatusUnprocessableEntity, page)
	case errors.As(err, &slow):
		p.slowDown(w, r, page, slow.Wait)
	case err != nil:
		p.fail(w, r, err)
	default:
		p.begin(w, r, who, page.Return)
	}
}

// identify checks name and password, and that there is something here for the
// account.
func (p *Portal) identify(r *http.Request, f *form.Form) (aor.AOR, error) {
	client := session.Of(r).Client
	who, err := p.SignIn.Check(r.Context(), f.Text("user", maxName), f.Value("password"), client.Addr)
	if err != nil {
		return aor.AOR{}, err
	}
	privileges, err := p.DB.Admins.List(r.Context(), who)
	if err != nil {
		return aor.AOR{}, err
	}
	if !RightsOf(who, privileges).Any() {
		p.Log.Warn("sign-in to the administrators' pages without a privilege", "user", who.String(), "addr", client.Addr)
		return aor.AOR{}, session.ErrRefused
	}
	return who, nil
}

// begin starts the session and leads on.
func (p *Portal) begin(w http.ResponseWriter, r *http.Request, who aor.AOR, to string) {
	client := session.Of(r).Client
	if err := p.Sessions.Start(r.Context(), w, r, client, who, false); err != nil {
		p.fail(w, r, err)
		return
	}
	p.Log.Info("administrator signed in", "user", who.String(), "addr", client.Addr)
	http.Redirect(w, r, session.AdminPath(to, pathOverview), http.StatusSeeOther)
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
	p.View.Page(w, r, status, "admin-signin", view.Page{Title: view.M("admin.signin"), Data: page})
}

// SignOut ends the session (POST /admin/sign-out), not the same person's as a user.
func (p *Portal) SignOut(w http.ResponseWriter, r *http.Request) {
	v := session.Of(r)
	if err := p.Sessions.End(r.Context(), w, v.Client, v.Session); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, pathSignIn, http.StatusSeeOther)
}

// Theme keeps the colour scheme of this browser (POST /admin/theme).
func (p *Portal) Theme(w http.ResponseWriter, r *http.Request) {
	theme := r.PostFormValue("theme")
	switch theme {
	case "light", "dark":
	case "auto":
		theme = ""
	default:
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	session.SetTheme(w, session.Of(r).Client, theme)
	http.Redirect(w, r, session.AdminPath(r.PostFormValue("return"), pathOverview), http.StatusSeeOther)
}
