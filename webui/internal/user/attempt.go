package user

import (
	"context"
	"errors"
	"net/http"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// maxAttemptID is the longest id of an attempt that the router takes, in bytes.
const maxAttemptID = 128

// attemptPage is the data of attempt.html.
type attemptPage struct {
	// Card is nil while the router is away and nothing is known.
	Card *callCard
	Away bool
	// Path of the page, and how many seconds until a browser without
	// JavaScript asks again; 0 = not.
	Path    string
	Refresh int
}

// Seconds between two looks at an attempt without JavaScript.
const (
	refreshRunning = 2
	refreshAway    = 5
)

// Attempt shows one of the user's click-to-dial attempts (GET /user/dial/:id).
func (p *Portal) Attempt(w http.ResponseWriter, r *http.Request) {
	status, err := p.attempt(r)
	page := attemptPage{Path: attemptPath(r.PathValue("id"))}
	switch {
	case routerAway(err):
		p.attemptAway(w, r, page)
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	card := p.newCard(r.Context(), owner(r), status)
	page.Card = &card
	if !status.Ended {
		page.Refresh = refreshRunning
	}
	p.showAttemptPage(w, r, http.StatusOK, card.Title, page)
}

// showAttemptPage shows the page without the card of the same attempt.
func (p *Portal) showAttemptPage(w http.ResponseWriter, r *http.Request, status int, title view.Msg, page attemptPage) {
	if shown, _, ok := p.live.calls.last(owner(r)); ok && shown.ID == r.PathValue("id") {
		f := view.Of(r)
		f.Card = nil
		r = view.With(r, f)
	}
	p.View.Page(w, r, status, "attempt", view.Page{Title: title, Tab: tabPhoneBook, Data: page})
}

// attemptAway shows what is known of an attempt while the router is away.
func (p *Portal) attemptAway(w http.ResponseWriter, r *http.Request, page attemptPage) {
	page.Away, page.Refresh = true, refreshAway
	title := view.M("call.title.unknown")
	if status, _, ok := p.live.calls.last(owner(r)); ok && status.ID == r.PathValue("id") {
		card := p.newCard(r.Context(), owner(r), status)
		card.Cancellable = false
		page.Card, title = &card, card.Title
	}
	w.Header().Set("Retry-After", "5")
	p.showAttemptPage(w, r, http.StatusServiceUnavailable, title, page)
}

// attempt asks for the attempt that the path names. One that is not there and
// one of another user's are the same store.ErrNotFound; the user's last one, which the
// router has forgotten, is as it was last known, and has ended.
func (p *Portal) attempt(r *http.Request) (ctlproto.CtdStatus, error) {
	id := r.PathValue("id")
	if id == "" || len(id) > maxAttemptID {
		return ctlproto.CtdStatus{}, store.ErrNotFound
	}
	var status ctlproto.CtdStatus
	err := p.router.Ask(r.Context(), func(ctx context.Context) (err error) {
		status, err = p.Ctl.CtdStatus(ctx, id)
		return err
	})
	switch ctlproto.CodeOf(err) {
	case ctlproto.CodeNotFound:
		return p.forgotten(r, id)
	case ctlproto.CodeInvalidParams:
		return ctlproto.CtdStatus{}, store.ErrNotFound
	}
	if err != nil {
		return ctlproto.CtdStatus{}, err
	}
	if caller, err := aor.Parse(status.Caller, ""); err != nil || caller != owner(r) {
		return ctlproto.CtdStatus{}, store.ErrNotFound
	}
	own, err := ownAttempt(r.Context(), p.DB.Subscribers, owner(r), status)
	if err != nil {
		return ctlproto.CtdStatus{}, err
	}
	if !own { // of somebody who had the name before
		return ctlproto.CtdStatus{}, store.ErrNotFound
	}
	if !status.Ended {
		p.live.called(status)
	}
	return status, nil
}

// forgotten is the user's attempt of which the router knows nothing any more.
func (p *Portal) forgotten(r *http.Request, id string) (ctlproto.CtdStatus, error) {
	p.live.lost(owner(r), id)
	if status, _, ok := p.live.calls.last(owner(r)); ok && status.ID == id {
		return status, nil
	}
	return ctlproto.CtdStatus{}, store.ErrNotFound
}

// AttemptCancel ends a running attempt (POST /user/dial/:id/cancel). One that
// can no longer be cancelled shows how it stands.
func (p *Portal) AttemptCancel(w http.ResponseWriter, r *http.Request) {
	status, err := p.attempt(r)
	if err == nil && !status.Ended {
		err = p.acts.CtdCancel(r.Context(), status.ID, owner(r).String())
	}
	switch code := ctlproto.CodeOf(err); {
	case err == nil, code == ctlproto.CodeRefused:
	case code == ctlproto.CodeNotFound: // forgotten between the two calls
		if status, err = p.forgotten(r, status.ID); err != nil {
			p.fail(w, r, err)
			return
		}
	case routerAway(err):
		p.Log.Warn("call not cancelled", "user", owner(r).String(), "error", err)
		p.attemptAway(w, r, attemptPage{Path: attemptPath(r.PathValue("id"))})
		return
	default:
		p.fail(w, r, err)
		return
	}
	p.showAttempt(w, r, status)
}

// AttemptClose takes an attempt's card off the user's pages (POST
// /user/dial/:id/close). The attempt goes on. That another page has closed it
// is no error; one that is not the user's is not there.
func (p *Portal) AttemptClose(w http.ResponseWriter, r *http.Request) {
	if err := p.closable(r); err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.closeCard(owner(r), r.PathValue("id"))
	if portal.FromHTMX(r) {
		if status, closed, ok := p.live.calls.last(owner(r)); ok && closed && !status.Ended {
			p.View.Fragment(w, r, http.StatusOK, "call-link", p.newCard(r.Context(), owner(r), status))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		return
	}
	http.Redirect(w, r, pathPhoneBook, http.StatusSeeOther)
}

// closable is store.ErrNotFound if the attempt that the path names is not the user's,
// as far as that can be known: the last one is, whatever the router says.
func (p *Portal) closable(r *http.Request) error {
	if last, _, ok := p.live.calls.last(owner(r)); ok && last.ID == r.PathValue("id") {
		return nil
	}
	if _, err := p.attempt(r); errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// showAttempt answers a form that began or changed an attempt: with the card
// for htmx, else with the way to its page. before is what to show if the
// router cannot be asked again.
func (p *Portal) showAttempt(w http.ResponseWriter, r *http.Request, before ctlproto.CtdStatus) {
	if !portal.FromHTMX(r) {
		http.Redirect(w, r, attemptPath(before.ID), http.StatusSeeOther)
		return
	}
	status := before
	err := p.router.Ask(r.Context(), func(ctx context.Context) (err error) {
		status, err = p.Ctl.CtdStatus(ctx, before.ID)
		return err
	})
	if err != nil {
		p.Log.Warn("attempt not read", "user", owner(r).String(), "error", err)
		status = before
	}
	p.live.called(status) // what the feed said meanwhile may be newer
	if known, ok := p.live.calls.current(owner(r)); ok && known.ID == status.ID {
		status = known
	}
	p.View.Fragment(w, r, http.StatusOK, "call-card", p.newCard(r.Context(), owner(r), status))
}
