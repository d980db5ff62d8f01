package public

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/mailer"
	"seraph/webui/internal/view"
)

// fullTime is how long to wait if there is no room for mails.
const fullTime = time.Minute

// MailWait counts a change of an account's mail address, for the account and, unless
// email is "", for the address that was typed. If there were too many, it is how long
// to wait.
func (p *Desk) MailWait(me aor.AOR, email string) time.Duration {
	if !p.queue.Room(mailer.Change, 2) {
		return fullTime
	}
	if wait := p.changes.Enter(me.String()); wait > 0 || email == "" {
		return wait
	}
	wait := p.mails.Enter("mail " + strings.ToLower(email))
	if wait > 0 {
		p.changes.Forgive(me.String())
	}
	return wait
}

// MailWanted mails the link that makes an address the account's, and tells the one
// that the account has, if that is confirmed. An email of "" takes it away.
func (p *Desk) MailWanted(me store.Profile, email, token string) {
	if email != "" {
		p.queue.Put(p.letterMail(me, email, token))
	}
	if me.Mail() != "" && !strings.EqualFold(me.Mail(), email) {
		p.queue.Put(p.letterLeft(me))
	}
}

// MailConfirm asks whether an address shall be the account's (GET /e-mail/confirm).
func (p *Desk) MailConfirm(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("t")
	c, err := p.DB.Pending.FindMail(r.Context(), token)
	if err != nil {
		p.mailOver(w, r, err)
		return
	}
	p.View.Page(w, r, http.StatusOK, "public-confirm", view.Page{Title: view.M("mailchange.confirm"), Data: confirmPage{
		Text: view.M("mailchange.confirm_text", c.Email, c.AOR.String()), Action: PathMail, Token: token, Button: view.M("mailchange.confirm_button"),
	}})
}

// MailDone makes it so (POST /e-mail/confirm).
func (p *Desk) MailDone(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	c, before, err := p.DB.Pending.ConfirmMail(r.Context(), f.Value("t"))
	if err != nil {
		p.mailOver(w, r, err)
		return
	}
	p.record(r, store.Record{Actor: c.AOR.String(), Action: "email.confirm", Object: c.AOR.String(), Before: before, After: c.Email})
	p.Log.Info("mail address confirmed", "user", c.AOR.String())
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("mailchange.done"), Texts: []view.Msg{view.M("mailchange.done_text", c.Email, c.AOR.String())},
		Path: "/user/account", Link: view.M("mailchange.account"),
	})
}

// mailOver answers for a link that is good no more.
func (p *Desk) mailOver(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, store.ErrNotFound) {
		p.fail(w, r, err)
		return
	}
	p.tell(w, r, http.StatusGone, toldPage{
		Title: view.M("desk.gone"), Texts: []view.Msg{view.M("mailchange.gone_text")}, Path: "/user/account", Link: view.M("mailchange.account"),
	})
}
