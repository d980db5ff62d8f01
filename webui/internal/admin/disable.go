package admin

import (
	"errors"
	"net/http"

	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// DisableAsk asks whether to close an account (GET /admin/users/ADDRESS/disable).
func (p *Portal) DisableAsk(w http.ResponseWriter, r *http.Request) {
	a, ok := p.others(w, r)
	if !ok {
		return
	}
	p.View.Confirm(w, r, view.M("disable.title", a.Profile.Name()), tabUsers, view.Question{
		Text: view.M("disable.text", a.AOR.String()), Button: view.M("disable.button"),
		Action: a.Path("disable"), Back: a.Path(),
	})
}

// Disable closes an account (POST /admin/users/ADDRESS/disable): nobody signs
// in with it, its phones are taken off and do not come back.
func (p *Portal) Disable(w http.ResponseWriter, r *http.Request) {
	a, ok := p.others(w, r)
	if !ok {
		return
	}
	err := p.DB.Profiles.SetDisabled(r.Context(), a.AOR, true)
	switch {
	case errors.Is(err, store.ErrLastAdmin):
		p.refuse(w, r, view.M("admin.last"), a)
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	p.SessionsChanged(a.AOR)
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "subscriber.disable", before: store.EnabledWord(a.Disabled), after: store.EnabledWord(true), tell: p.shut(actor(r)),
		late: view.M("disable.late"), note: view.M("disable.done", a.Profile.Name()),
	})
}

// Enable opens a closed account again (POST /admin/users/ADDRESS/enable).
func (p *Portal) Enable(w http.ResponseWriter, r *http.Request) {
	a, ok := p.others(w, r)
	if !ok {
		return
	}
	if err := p.DB.Profiles.SetDisabled(r.Context(), a.AOR, false); err != nil {
		p.fail(w, r, err)
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "subscriber.enable", before: store.EnabledWord(a.Disabled), after: store.EnabledWord(false), tell: p.reopen,
		late: view.M("enable.late"), note: view.M("enable.done", a.Profile.Name()),
	})
}
