package user

import (
	"errors"
	"net/http"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Post sends the mails that a change of the mail address needs; public.Desk is one.
type Post interface {
	// MailWait counts a change of the address of an account to another one, or to none;
	// if there were too many, it is how long to wait.
	MailWait(me aor.AOR, email string) time.Duration
	// MailWanted mails the link with token to email, which may be "", and tells the
	// address that the profile has.
	MailWanted(me store.Profile, email, token string)
}

// mailTime is how long the link that confirms an address is good.
const mailTime = 24 * time.Hour

// mailField is where the password stands that a change of the address takes.
const mailField = "password"

// mailWish is what somebody wants of the mail address.
type mailWish struct {
	// Ask is an address whose owner is to confirm it; "" for none.
	Ask string
	// TakeBack says that the address which waits for its confirmation is not wanted any
	// more.
	TakeBack bool
}

// shownMail is the address that the form begins with: the one that waits for its
// confirmation or else the profile's. So what is left as it is changes nothing, and
// whoever types the profile's takes the other one back.
func shownMail(me store.Profile, pending string) string {
	if pending != "" {
		return pending
	}
	return me.Email
}

// readMail takes what was typed as the mail address. Whoever has the address sets
// the password, so changing it takes the password; a password without another address
// changes nothing, for browsers fill in those that they keep. Where there is mail, the profile
// keeps the address that it has until the new one is confirmed. Where there is none,
// the address is only text, and counts as unconfirmed.
func (p *Portal) readMail(r *http.Request, f *form.Form, before store.Profile, pending string, me *store.Profile) (wish mailWish, err error) {
	typed := me.Email
	me.Email, me.Unconfirmed = before.Email, before.Unconfirmed
	if typed != "" && typed != before.Email && typed != pending {
		address, bad := aor.Mail(typed)
		if bad != nil {
			f.Fail("email", "account.bad_mail")
		}
		typed = address
	}
	switch {
	case !f.OK(), typed == shownMail(before, pending):
		return wish, nil
	case typed == before.Email:
		return mailWish{TakeBack: true}, nil
	case f.Value(mailField) == "":
		f.Fail(mailField, "account.mail_needs_password")
		return wish, nil
	}
	if err := p.confirmOwner(r, f, mailField); err != nil || !f.OK() {
		return wish, err
	}
	if p.MailOn {
		if wait := p.Post.MailWait(me.AOR, typed); wait > 0 {
			f.Fail("email", "account.mail_too_many", p.possibleAgain(r, wait))
		}
	}
	if !p.MailOn || typed == "" {
		me.Email, me.Unconfirmed = typed, true
		return wish, nil
	}
	return mailWish{Ask: typed}, nil
}

// possibleAgain is when a wait is over, to the minute, as the reader's clock shows it.
func (p *Portal) possibleAgain(r *http.Request, wait time.Duration) string {
	zone := view.Of(r).Zone
	if zone == nil {
		zone = time.UTC
	}
	now := p.Now().In(zone)
	return p.View.TextsFor(r).When(now.Add(wait+time.Minute-1).Truncate(time.Minute), now)
}

// readMissedMail turns the daily mail of missed calls on or off. It goes to the
// profile's own address, which is also where a new password goes, and never to
// another one: nobody could subscribe a stranger to the calls of somebody else. Until
// that address is confirmed it is a wish, which no mail comes of.
func readMissedMail(f *form.Form, before store.Profile, wish mailWish, pending string, me *store.Profile) {
	me.MissedMail = ""
	if !f.Checked("missed_mail") {
		return
	}
	for _, to := range []string{me.Email, wish.Ask, pending, before.MissedMail} {
		if me.MissedMail == "" {
			me.MissedMail = to
		}
	}
}

// needsMail says that the mail of missed calls needs an address, to a user who turns it
// on without one or takes the address away.
func needsMail(f *form.Form, before store.Profile, typed string) {
	if f.Checked("missed_mail") && typed == "" && (before.Email != "" || before.MissedMail == "") {
		f.Fail("missed_mail", "account.missed_mail_needs")
	}
}

// confirmOwner checks the password in a field, which slows guessing down as the
// sign-in does.
func (p *Portal) confirmOwner(r *http.Request, f *form.Form, field string) error {
	return portal.Proven(f, field, p.SignIn.Confirm(r.Context(), owner(r), session.Of(r).Session.ID, f.Value(field)))
}

// mailChanged does what follows a saved profile: it has the new address confirmed,
// tells the old one, and writes down what was asked for. told is what the page says.
func (p *Portal) mailChanged(r *http.Request, before, me store.Profile, wish mailWish) (told view.Msg, err error) {
	told = view.M("account.saved")
	switch {
	case wish.TakeBack:
		email, err := p.takeMailBack(r)
		if err == nil && email != "" {
			told = view.M("account.saved_taken_back", email)
		}
		return told, err
	case wish.Ask != "":
		token, err := p.DB.Pending.AddMail(r.Context(), me.AOR, wish.Ask, mailTime)
		if err != nil {
			return told, err
		}
		p.audit(r, "email.ask", before.Email, wish.Ask)
		p.Post.MailWanted(before, wish.Ask, token)
		return view.M("account.saved_confirm", wish.Ask), nil
	case me.Email != before.Email:
		if err := p.DB.Pending.DropLinks(r.Context(), me.AOR); err != nil {
			return told, err
		}
		p.audit(r, "email.change", before.Email, me.Email)
		if p.MailOn {
			p.Post.MailWanted(before, "", "")
		}
	}
	return told, nil
}

// MailTakeBack takes back that another mail address is wanted (POST
// /user/account/e-mail/take-back): its link leads nowhere then. It asks for no
// password, for all stays as it was.
func (p *Portal) MailTakeBack(w http.ResponseWriter, r *http.Request) {
	email, err := p.takeMailBack(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	told := view.M("account.mail_taken_back", email)
	if email == "" {
		told = view.M("account.mail_none_waits")
	}
	p.done(w, r, pathAccount, told)
}

// MailAgain mails the link that confirms an address once more (POST
// /user/account/e-mail/again): to the address that waits for it, or to the profile's own
// if that was never confirmed. The link before is void. It asks for no password: that was
// asked for when the address was typed, and the address stays.
func (p *Portal) MailAgain(w http.ResponseWriter, r *http.Request) {
	me := session.Of(r).Profile
	pending, err := p.pendingMail(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	to := shownMail(me, pending)
	if !p.MailOn || to == "" || pending == "" && !me.Unconfirmed {
		p.done(w, r, pathAccount, view.M("account.mail_none_waits"))
		return
	}
	f := p.profileForm(me, pending)
	if _, err := aor.Mail(to); err != nil { // another program wrote it
		f.Fail("email", "account.bad_mail")
	} else if wait := p.Post.MailWait(me.AOR, to); wait > 0 {
		f.Fail("email", "account.mail_too_many", p.possibleAgain(r, wait))
	}
	if !f.OK() {
		p.showAccount(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	token, err := p.DB.Pending.AddMail(r.Context(), me.AOR, to, mailTime)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.audit(r, "email.ask", me.Email, to)
	me.Email = to // whom else it concerns was told when it was asked for first
	p.Post.MailWanted(me, to, token)
	p.done(w, r, pathAccount, view.M("account.mail_again_sent", to))
}

// takeMailBack voids the address that waits and its link; email is that address, ""
// if there is none (any more).
func (p *Portal) takeMailBack(r *http.Request) (email string, err error) {
	email, err = p.DB.Pending.DropMail(r.Context(), owner(r))
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err == nil {
		p.audit(r, "email.take_back", email, session.Of(r).Profile.Email)
	}
	return email, err
}

// pendingMail is the address that waits for its confirmation; "" for none, and where
// there is no mail that it could be confirmed by.
func (p *Portal) pendingMail(r *http.Request) (string, error) {
	if !p.MailOn {
		return "", nil
	}
	c, err := p.DB.Pending.MailOf(r.Context(), owner(r))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return c.Email, err
}
