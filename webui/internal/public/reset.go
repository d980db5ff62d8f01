package public

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// resetPage is the data of public-reset.html.
type resetPage struct {
	Form *form.Form
	// Fault is what is wrong with the attempt as a whole; its key is "" if nothing is.
	Fault view.Msg
}

// Reset asks whose password is forgotten (GET /reset).
func (p *Desk) Reset(w http.ResponseWriter, r *http.Request) {
	p.showReset(w, r, http.StatusOK, form.New(), view.Msg{})
}

func (p *Desk) showReset(w http.ResponseWriter, r *http.Request, status int, f *form.Form, fault view.Msg) {
	p.View.Page(w, r, status, "public-reset", view.Page{Title: view.M("reset.title"), Data: resetPage{f, fault}})
}

// ResetAsk takes the form (POST /reset). Everybody gets the same answer, before
// anything is looked up.
func (p *Desk) ResetAsk(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	who := f.Required("user", 254)
	if !strings.Contains(who, "@") && view.Of(r).Domain == "" { // there are several
		f.Fail("user", "signin.domain_needed")
	}
	if !f.OK() {
		p.showReset(w, r, http.StatusUnprocessableEntity, f, view.Msg{})
		return
	}
	if wait := p.resets.Enter(source(r)); wait > 0 {
		seconds := portal.WaitSeconds(wait)
		w.Header().Set("Retry-After", seconds)
		p.showReset(w, r, http.StatusTooManyRequests, f, view.M("desk.slow_down", seconds))
		return
	}
	language := view.Of(r).Language
	if p.later(w, r, func(ctx context.Context) { p.mailReset(ctx, who, language) }) {
		http.Redirect(w, r, pathResetSent, http.StatusSeeOther)
	}
}

// ResetSent says what to do next (GET /reset/sent).
func (p *Desk) ResetSent(w http.ResponseWriter, r *http.Request) {
	p.tell(w, r, http.StatusOK, toldPage{
		Title: view.M("reset.sent"), Texts: []view.Msg{view.M("reset.sent_text"), view.M("desk.no_mail")}, Path: pathSignIn, Link: view.M("desk.sign_in"),
	})
}

// mailReset mails a link to the accounts that a text means: a user name, an
// address, or a mail address.
func (p *Desk) mailReset(ctx context.Context, text, language string) {
	found, err := p.meant(ctx, text)
	if err != nil {
		p.Log.Error("forgotten password: not looked up", "error", err)
		return
	}
	for _, me := range found {
		if me.Disabled || me.Mail() == "" {
			p.Log.Info("forgotten password: no mail", "user", me.AOR.String(), "disabled", me.Disabled)
			continue
		}
		if p.mails.Enter("account "+me.AOR.String()) > 0 {
			p.Log.Warn("forgotten password: too many mails to one account, none sent", "user", me.AOR.String())
			continue
		}
		if p.boxes.Enter(strings.ToLower(me.Mail())) > 0 {
			p.Log.Warn("forgotten password: too many mails to one address, none sent", "user", me.AOR.String())
			continue
		}
		if err := p.mailOne(ctx, me, language); err != nil {
			p.Log.Error("forgotten password: no mail", "user", me.AOR.String(), "error", err)
		}
	}
}

// meant are the accounts that a text means.
func (p *Desk) meant(ctx context.Context, text string) ([]store.Profile, error) {
	var found []store.Profile
	domain := ""
	if !strings.Contains(text, "@") {
		var err error
		if domain, err = p.SignIn.Domain(ctx); err != nil {
			return nil, err
		}
	}
	if who, err := aor.Parse(text, domain); err == nil {
		me, err := p.DB.Profiles.Load(ctx, who)
		switch {
		case err == nil:
			found = append(found, me)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	if !strings.Contains(text, "@") {
		return found, nil
	}
	others, err := p.DB.Profiles.OfMail(ctx, text)
	for _, other := range others {
		if len(found) == 0 || other.AOR != found[0].AOR {
			found = append(found, other)
		}
	}
	return found, err
}

// mailOne mails one account its link. Administrators get none: whoever can read a
// mailbox has fewer rights than theirs (decision 10). The mailbox goes to the address that the account has, never to what was
// typed.
func (p *Desk) mailOne(ctx context.Context, me store.Profile, language string) error {
	if me.Language != "" {
		language = me.Language
	}
	list, err := p.DB.Admins.List(ctx, me.AOR)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if len(list) > 0 {
		p.Log.Warn("forgotten password of an administrator: not by mail", "user", me.AOR.String())
		p.queue.Put(p.letterAdmin(me, language))
		return nil
	}
	token, err := p.DB.Pending.AddReset(ctx, me.AOR, resetTime)
	if err != nil {
		return err
	}
	p.Log.Info("forgotten password: link mailed", "user", me.AOR.String())
	p.queue.Put(p.letterReset(me, language, token))
	return nil
}
