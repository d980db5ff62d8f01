package user

import (
	"errors"
	"net/http"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
)

// Post sends the mails that a change of the mail address needs; public.Desk is one.
type Post interface {
	// MailAddress is a text as an address that we send to, an error if it is none.
	MailAddress(text string) (string, error)
	// MailWait counts a mail to an address; if there were too many, it is how long to
	// wait.
	MailWait(email string) time.Duration
	// MailWanted mails the link with token to email, which may be "", and tells the
	// address that the profile has.
	MailWanted(me store.Profile, email, token string)
}

// mailTime is how long the link that confirms an address is good.
const mailTime = 24 * time.Hour

// mailField is where the password stands that a change of the address takes.
const mailField = "password"

// readMail takes what was typed as the mail address. Whoever has the address sets
// the password, so changing it takes the password. Where there is mail, the profile
// keeps the address that it has until the new one is confirmed, which is asked:
// then ask is it. Where there is none, the address is only text, and counts as
// unconfirmed.
func (p *Portal) readMail(r *http.Request, f *form.Form, before store.Profile, me *store.Profile) (ask string, err error) {
	typed := me.Email
	me.Email, me.Unconfirmed = before.Email, before.Unconfirmed
	again := p.MailOn && before.Unconfirmed && typed != "" && f.Value(mailField) != "" // asks for the link
	if !f.OK() || typed == before.Email && !again {
		return "", nil
	}
	if p.MailOn && typed != "" {
		address, bad := p.Post.MailAddress(typed)
		if bad != nil {
			f.Fail("email", "account.bad_mail")
			return "", nil //nolint:nilerr // it stands beside the field
		}
		typed = address
	}
	if f.Value(mailField) == "" {
		f.Fail(mailField, "account.mail_needs_password")
		return "", nil
	}
	if err := p.confirmOwner(r, f, mailField); err != nil || !f.OK() {
		return "", err
	}
	if !p.MailOn || typed == "" {
		me.Email, me.Unconfirmed = typed, true
		return "", nil
	}
	if wait := p.Post.MailWait(typed); wait > 0 {
		f.Fail("email", "account.mail_too_many", portal.WaitSeconds(wait))
	}
	return typed, nil
}

// confirmOwner checks the password in a field, which slows guessing down as the
// sign-in does.
func (p *Portal) confirmOwner(r *http.Request, f *form.Form, field string) error {
	return portal.Proven(f, field, p.SignIn.Confirm(r.Context(), owner(r), session.Of(r).Session.ID, f.Value(field)))
}

// mailChanged does what follows a saved profile: it has the new address confirmed,
// tells the old one, and writes down what was asked for.
func (p *Portal) mailChanged(r *http.Request, before, me store.Profile, ask string) error {
	switch {
	case ask != "":
		token, err := p.DB.Pending.AddMail(r.Context(), me.AOR, ask, mailTime)
		if err != nil {
			return err
		}
		p.audit(r, "email.ask", before.Email, ask)
		p.Post.MailWanted(before, ask, token)
	case me.Email != before.Email:
		if err := p.DB.Pending.DropLinks(r.Context(), me.AOR); err != nil {
			return err
		}
		p.audit(r, "email.change", before.Email, me.Email)
		if p.MailOn {
			p.Post.MailWanted(before, "", "")
		}
	}
	return nil
}

// pendingMail is the address that waits for its confirmation; "" for none.
func (p *Portal) pendingMail(r *http.Request) (string, error) {
	c, err := p.DB.Pending.MailOf(r.Context(), owner(r))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return c.Email, err
}
