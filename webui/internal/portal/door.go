package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"seraph/sql/aor"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// maxName is the longest user name that is looked at, in characters.
const maxName = 200

// Door is the sign-in and sign-out of a portal. All fields are needed but those
// that say otherwise.
type Door struct {
	View     *view.Set
	Sessions *session.Manager // of this portal
	SignIn   *session.SignIn
	// Profiles keep the language that people choose; *store.Profiles do.
	Profiles interface {
		SetLanguage(ctx context.Context, who aor.AOR, tag string) error
	}
	Log *slog.Logger

	// Path is the page of the sign-in, Home where one goes who wanted to go
	// nowhere else.
	Path, Home  string
	Title, Lead view.Msg
	// Keeps says that people can ask to be kept signed in.
	Keeps bool
	// Forgot says that a forgotten password can be replaced by mail, SignUp that
	// people can make accounts.
	Forgot, SignUp bool
	// Local is path if it is a page of this portal to go to, else fallback.
	Local func(path, fallback string) string
	// Admit says whether somebody whose password was right has something to do
	// here: session.ErrRefused if not. nil admits all.
	Admit func(ctx context.Context, who aor.AOR) error
	// Ended hears whose session ended here. nil: nobody wants to.
	Ended func(who aor.AOR)
}

// signInPage is the data of the page "signin".
type signInPage struct {
	Form *form.Form
	// Action is where the form is sent, Return where the person wanted to go.
	Action, Return string
	Lead           view.Msg
	Keeps          bool
	Forgot, SignUp bool
	// Fault is what is wrong with the attempt as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// Page shows the form (GET of the sign-in).
func (d Door) Page(w http.ResponseWriter, r *http.Request) {
	to := d.Local(r.URL.Query().Get("return"), "")
	if session.Of(r).Session != nil {
		http.Redirect(w, r, d.Local(to, d.Home), http.StatusSeeOther)
		return
	}
	d.show(w, r, http.StatusOK, signInPage{Form: form.New(), Return: to})
}

// Enter signs in (POST of the sign-in). Unknown user, wrong password, closed
// account and one that is not admitted get the same words.
func (d Door) Enter(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		d.View.Error(w, r, http.StatusBadRequest)
		return
	}
	page := signInPage{Form: f, Return: d.Local(f.Value("return"), "")}
	if f.Text("user", maxName) == "" {
		f.Fail("user", "signin.user_empty")
	}
	if f.Value("password") == "" {
		f.Fail("password", "signin.password_empty")
	}
	if !f.OK() {
		d.show(w, r, http.StatusUnprocessableEntity, page)
		return
	}
	who, err := d.identify(r, f)
	var slow *session.SlowDownError
	switch {
	case errors.Is(err, session.ErrDomainNeeded):
		f.Fail("user", "signin.domain_needed")
		d.show(w, r, http.StatusUnprocessableEntity, page)
	case errors.Is(err, session.ErrRefused):
		page.Fault = view.M("signin.refused")
		d.show(w, r, http.StatusUnprocessableEntity, page)
	case errors.As(err, &slow):
		d.slowDown(w, r, page, slow.Wait)
	case err != nil:
		Fail(w, r, err, d.View, d.Log)
	default:
		d.begin(w, r, who, page)
	}
}

// identify checks name and password, and that there is something here for the
// account.
func (d Door) identify(r *http.Request, f *form.Form) (aor.AOR, error) {
	addr := session.Of(r).Client.Addr
	who, err := d.SignIn.Check(r.Context(), f.Text("user", maxName), f.Value("password"), addr)
	if err != nil || d.Admit == nil {
		return who, err
	}
	err = d.Admit(r.Context(), who)
	if errors.Is(err, session.ErrRefused) {
		d.Log.Warn("signed in without a privilege, refused", "at", d.Home, "user", who.String(), "source", addr)
	}
	return who, err
}

// begin starts the session and leads on.
func (d Door) begin(w http.ResponseWriter, r *http.Request, who aor.AOR, page signInPage) {
	v := session.Of(r)
	if err := d.Sessions.Start(r.Context(), w, r, v.Client, who, d.Keeps && page.Form.Checked("keep")); err != nil {
		Fail(w, r, err, d.View, d.Log)
		return
	}
	if v.Session != nil {
		d.ended(v.Session.AOR) // the browser's session before
	}
	d.Log.Info("signed in", "at", d.Home, "user", who.String(), "source", v.Client.Addr)
	http.Redirect(w, r, d.Local(page.Return, d.Home), http.StatusSeeOther)
}

// slowDown says how long to wait, in whole seconds.
func (d Door) slowDown(w http.ResponseWriter, r *http.Request, page signInPage, wait time.Duration) {
	seconds := WaitSeconds(wait)
	w.Header().Set("Retry-After", seconds)
	page.Fault = view.M("signin.slow_down", seconds)
	if seconds == "1" {
		page.Fault = view.M("signin.slow_down.one")
	}
	d.show(w, r, http.StatusTooManyRequests, page)
}

func (d Door) show(w http.ResponseWriter, r *http.Request, status int, page signInPage) {
	page.Action, page.Lead, page.Keeps, page.Forgot, page.SignUp = d.Path, d.Lead, d.Keeps, d.Forgot, d.SignUp
	d.View.Page(w, r, status, "signin", view.Page{Title: d.Title, Data: page})
}

// Leave ends the session (POST of the sign-out), not the same person's in the
// other portal.
func (d Door) Leave(w http.ResponseWriter, r *http.Request) {
	v := session.Of(r)
	if err := d.Sessions.End(r.Context(), w, v.Client, v.Session); err != nil {
		Fail(w, r, err, d.View, d.Log)
		return
	}
	d.ended(v.Session.AOR)
	http.Redirect(w, r, d.Path, http.StatusSeeOther)
}

func (d Door) ended(who aor.AOR) {
	if d.Ended != nil {
		d.Ended(who)
	}
}
