package public

import (
	"context"
	"errors"
	"net/http"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// newPasswordPage is the data of public-newpassword.html.
type newPasswordPage struct {
	Form    *form.Form
	Address string
	Token   string
}

// ResetNew asks for the new password (GET /reset/new).
func (p *Desk) ResetNew(w http.ResponseWriter, r *http.Request) {
	p.showNew(w, r, http.StatusOK, form.New(), r.URL.Query().Get("t"))
}

func (p *Desk) showNew(w http.ResponseWriter, r *http.Request, status int, f *form.Form, token string) {
	who, err := p.DB.Pending.FindReset(r.Context(), token)
	if err != nil {
		p.resetOver(w, r, err)
		return
	}
	p.View.Page(w, r, status, "public-newpassword", view.Page{Title: view.M("reset.new"), Data: newPasswordPage{f, who.String(), token}})
}

// ResetDone sets the new password (POST /reset/new): of the portal and of the
// phone. All sessions end.
func (p *Desk) ResetDone(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	token := f.Value("t")
	who, err := p.DB.Pending.FindReset(r.Context(), token)
	if err != nil {
		p.resetOver(w, r, err)
		return
	}
	password := portal.NewPassword(f, who.User)
	if !f.OK() {
		p.showNew(w, r, http.StatusUnprocessableEntity, f, token)
		return
	}
	if who, err = p.DB.Pending.Reset(r.Context(), token, password); err != nil {
		p.resetOver(w, r, err)
		return
	}
	p.SessionsChanged(who)
	p.audit(r, who, "subscriber.reset", "")
	p.Log.Info("forgotten password: new one set", "user", who.String())
	p.forget(r.Context(), who)
	p.announce(r, who.String(), func(ctx context.Context) {
		if me, err := p.DB.Profiles.Load(ctx, who); err == nil && me.Mail() != "" {
			p.queue.Put(p.letterChanged(me))
		}
	})
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("reset.done"), Texts: []view.Msg{view.M("reset.done_text")}, Path: pathSignIn, Link: view.M("desk.sign_in"),
	})
}

// announce has a mail sent that nobody waits for: with too much to do, it is
// left out.
func (p *Desk) announce(r *http.Request, user string, job func(context.Context)) {
	select {
	case p.jobs <- job:
	default:
		p.Log.Warn("too many forms wait, a notice was left out", "path", r.URL.Path, "user", user)
	}
}

// resetOver answers for a link that is good no more.
func (p *Desk) resetOver(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, store.ErrNotFound) {
		p.fail(w, r, err)
		return
	}
	p.tell(w, r, http.StatusGone, toldPage{
		Title: view.M("desk.gone"), Texts: []view.Msg{view.M("reset.gone_text")}, Path: PathReset, Link: view.M("desk.forgot"),
	})
}
