package public

import (
	"errors"
	"net/http"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// confirmPage is the data of public-confirm.html: a question that a link in a
// mail leads to. Programs that look at mails open links; only the button does
// something.
type confirmPage struct {
	Text   view.Msg
	Action string
	Token  string
	Button view.Msg
}

// SignUpConfirm asks whether to make the account (GET /sign-up/confirm).
func (p *Desk) SignUpConfirm(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("t")
	s, err := p.DB.Pending.Find(r.Context(), token)
	if err != nil {
		p.signUpOver(w, r, err, s)
		return
	}
	p.View.Page(w, r, http.StatusOK, "public-confirm", view.Page{Title: view.M("signup.confirm"), Data: confirmPage{
		Text: view.M("signup.confirm_text", s.AOR.String(), s.Email), Action: pathSignUpConfirm, Token: token, Button: view.M("signup.confirm_button"),
	}})
}

// SignUpDone makes the account, or hands it to the operator (POST
// /sign-up/confirm).
func (p *Desk) SignUpDone(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	var wait time.Duration
	if p.Settings.SignUp.Approve {
		wait = approvalTime
	}
	s, err := p.DB.Pending.Confirm(r.Context(), f.Value("t"), wait)
	if err != nil {
		p.signUpOver(w, r, err, s)
		return
	}
	if wait > 0 {
		p.audit(r, s.AOR, "subscriber.ask", "e-mail "+s.Email)
		p.Log.Info("sign-up confirmed, waits for approval", "user", s.AOR.String())
		p.tell(w, r, http.StatusOK, toldPage{Title: view.M("signup.waits"), Texts: []view.Msg{view.M("signup.waits_text", s.AOR.String())}})
		return
	}
	p.audit(r, s.AOR, "subscriber.sign_up", "e-mail "+s.Email)
	p.Log.Info("account made by sign-up", "user", s.AOR.String())
	p.forget(r.Context(), s.AOR)
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("signup.done"), Texts: []view.Msg{view.M("signup.done_text", s.AOR.String())}, Path: pathSignIn, Link: view.M("desk.sign_in"),
	})
}

// signUpOver answers for a link that leads to no account.
func (p *Desk) signUpOver(w http.ResponseWriter, r *http.Request, err error, s store.SignUp) {
	switch {
	case errors.Is(err, store.ErrMailKnown):
		p.tell(w, r, http.StatusConflict, toldPage{
			Title: view.M("signup.mail_known"), Texts: []view.Msg{view.M("signup.mail_known_text", s.Email)}, Path: PathReset, Link: view.M("desk.forgot"),
		})
	case errors.Is(err, store.ErrExists):
		p.tell(w, r, http.StatusConflict, toldPage{
			Title: view.M("signup.gone_name"), Texts: []view.Msg{view.M("signup.gone_name_text", s.AOR.String())}, Path: PathSignUp, Link: view.M("signup.again"),
		})
	case errors.Is(err, store.ErrNotFound):
		p.tell(w, r, http.StatusGone, toldPage{
			Title: view.M("desk.gone"), Texts: []view.Msg{view.M("signup.gone_text")}, Path: PathSignUp, Link: view.M("signup.again"),
		})
	default:
		p.fail(w, r, err)
	}
}
