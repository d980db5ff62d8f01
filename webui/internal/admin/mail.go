package admin

import (
	"errors"
	"net/http"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// MailConfirm makes a mail address that only its owner typed count as confirmed, as one does
// that an administrator types (POST /admin/users/ADDRESS/e-mail): email= which, so that it is
// the one that the page showed.
func (p *Portal) MailConfirm(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.changeable)
	if !ok {
		return
	}
	email := f.Value("email")
	if email == "" || email != a.Email {
		p.done(w, r, a.Path(), session.Flash{Key: "user.mail_moved", Args: []string{a.Profile.Name()}})
		return
	}
	if _, err := aor.Mail(email); err != nil { // another program wrote it
		shown := profileForm(a.Profile)
		shown.Fail("email", "account.bad_mail")
		p.showUser(w, r, http.StatusUnprocessableEntity, userPage{account: a, Form: shown})
		return
	}
	me := a.Profile
	me.Unconfirmed = false
	err := p.DB.Profiles.Change(r.Context(), a.Profile, me)
	if err == nil {
		err = p.dropConfirmed(r, a.AOR, email)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "email.confirm", before: email, after: email, note: view.M("user.mail_confirmed", email, a.Profile.Name()),
	})
}

// dropConfirmed voids the link that would confirm an address which is confirmed already.
func (p *Portal) dropConfirmed(r *http.Request, who aor.AOR, email string) error {
	waits, err := p.DB.Pending.MailOf(r.Context(), who)
	if err == nil && waits.Email == email {
		_, err = p.DB.Pending.DropMail(r.Context(), who)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
