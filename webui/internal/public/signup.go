package public

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// SignUpRules say whether and how people make their own accounts.
type SignUpRules struct {
	// Enabled is the operator's switch.
	Enabled bool
	// Approve says that an operator has to agree to each account.
	Approve bool
	// Domain is where the accounts are made.
	Domain string
	// TermsURL or TermsText, if not empty, is what people have to accept.
	TermsURL, TermsText string
	// Pattern is what a user name must match as a whole; nil takes any.
	Pattern *regexp.Regexp
	// Reserved are names, in lower case, that nobody gives himself.
	Reserved []string
	// Most is how many sign-ups may wait at a time.
	Most int
}

// terms is where the terms are; "" if there are none.
func (s SignUpRules) terms() string {
	switch {
	case s.TermsURL != "":
		return s.TermsURL
	case s.TermsText != "":
		return pathSignUpTerms
	}
	return ""
}

// signUpPage is the data of public-signup.html.
type signUpPage struct {
	Form   *form.Form
	Domain string
	// Terms is where they are, "" if there are none.
	Terms   string
	Approve bool
	// Fault is what is wrong with the attempt as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// SignUp shows the form (GET /sign-up).
func (p *Desk) SignUp(w http.ResponseWriter, r *http.Request) {
	if session.Of(r).Session != nil {
		http.Redirect(w, r, "/user/account", http.StatusSeeOther)
		return
	}
	p.showSignUp(w, r, http.StatusOK, form.New(), view.Msg{})
}

func (p *Desk) showSignUp(w http.ResponseWriter, r *http.Request, status int, f *form.Form, fault view.Msg) {
	rules := p.Settings.SignUp
	p.View.Page(w, r, status, "public-signup", view.Page{Title: view.M("signup.title"), Data: signUpPage{
		Form: f, Domain: rules.Domain, Terms: rules.terms(), Approve: rules.Approve, Fault: fault,
	}})
}

// SignUpAsk takes the form (POST /sign-up). It tells whether the name is taken,
// and of the mail address nothing: what depends on that is done after the answer.
func (p *Desk) SignUpAsk(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	asked := p.readSignUp(r, f)
	if !f.OK() {
		p.showSignUp(w, r, http.StatusUnprocessableEntity, f, view.Msg{})
		return
	}
	if wait := p.signUps.Enter(source(r)); wait > 0 {
		seconds := portal.WaitSeconds(wait)
		w.Header().Set("Retry-After", seconds)
		p.showSignUp(w, r, http.StatusTooManyRequests, f, view.M("desk.slow_down", seconds))
		return
	}
	err = p.DB.Pending.Room(r.Context(), p.Settings.SignUp.Most)
	if errors.Is(err, store.ErrFull) {
		p.Log.Warn("sign-up refused: too many wait", "most", p.Settings.SignUp.Most)
		p.showSignUp(w, r, http.StatusServiceUnavailable, f, view.M("signup.full"))
		return
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	taken, err := p.DB.Pending.Taken(r.Context(), asked.AOR)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case taken:
		f.Fail("user", "signup.taken")
		p.showSignUp(w, r, http.StatusUnprocessableEntity, f, view.Msg{})
	case p.later(w, r, func(ctx context.Context) { p.begin(ctx, asked) }):
		http.Redirect(w, r, pathSignUpSent, http.StatusSeeOther)
	}
}

// readSignUp is what was typed, with hashes in place of the password.
func (p *Desk) readSignUp(r *http.Request, f *form.Form) store.SignUp {
	who := p.readName(f)
	s := store.SignUp{AOR: who, First: f.Text("first_name", 64), Last: f.Text("last_name", 64), Language: view.Of(r).Language}
	email := f.Required("email", 254)
	address, err := aor.Mail(email)
	if err != nil && email != "" {
		f.Fail("email", "account.bad_mail")
	}
	s.Email = address
	password := portal.NewPassword(f, who.User)
	if p.Settings.SignUp.terms() != "" && !f.Checked("terms") {
		f.Fail("terms", "signup.terms_needed")
	}
	if f.OK() {
		s.Hashes = store.HashesOf(who, password)
	}
	return s
}

// readName is the address of the new account.
func (p *Desk) readName(f *form.Form) aor.AOR {
	rules := p.Settings.SignUp
	name := strings.ToLower(f.Required("user", 64))
	if name == "" {
		return aor.AOR{}
	}
	who, err := aor.Parse(name, rules.Domain)
	if err != nil || who.User != name || who.Domain != rules.Domain || rules.Pattern != nil && !rules.Pattern.MatchString(name) {
		f.Fail("user", "signup.bad_name")
		return aor.AOR{}
	}
	if slices.Contains(rules.Reserved, name) {
		f.Fail("user", "signup.taken")
	}
	return who
}

// begin keeps the sign-up and mails the link that confirms it; if the mail
// address is an account's already, it mails that instead.
func (p *Desk) begin(ctx context.Context, s store.SignUp) {
	if p.mails.Enter("mail "+strings.ToLower(s.Email)) > 0 {
		p.Log.Warn("sign-up: too many mails to one address, none sent", "user", s.AOR.String())
		return
	}
	known, err := p.DB.Profiles.OfMail(ctx, s.Email)
	if err != nil {
		p.Log.Error("sign-up lost", "user", s.AOR.String(), "error", err)
		return
	}
	if len(known) > 0 {
		p.queue.Put(p.letterKnown(s, known))
		return
	}
	token, err := p.DB.Pending.Add(ctx, s, signUpTime, p.Settings.SignUp.Most)
	if err != nil {
		p.Log.Warn("sign-up not kept", "user", s.AOR.String(), "error", err)
		return
	}
	p.queue.Put(p.letterConfirm(s, token))
}

// SignUpSent says what to do next (GET /sign-up/sent).
func (p *Desk) SignUpSent(w http.ResponseWriter, r *http.Request) {
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("signup.sent"), Texts: []view.Msg{view.M("signup.sent_text"), view.M("desk.no_mail")},
		Path: PathSignUp, Link: view.M("signup.again"),
	})
}

// termsPage is the data of public-terms.html.
type termsPage struct{ Text string }

// Terms shows the operator's terms (GET /sign-up/terms).
func (p *Desk) Terms(w http.ResponseWriter, r *http.Request) {
	if p.Settings.SignUp.TermsText == "" {
		p.View.Error(w, r, http.StatusNotFound)
		return
	}
	p.View.Page(w, r, http.StatusOK, "public-terms", view.Page{Title: view.M("signup.terms_title"), Data: termsPage{p.Settings.SignUp.TermsText}})
}
