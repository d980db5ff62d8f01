package admin

import (
	"errors"
	"net/http"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// deletePage is the data of admin-delete.html.
type deletePage struct {
	account
	Form *form.Form
	store.Belongings
	// Phones is how many are registered; Away says that it is not known.
	Phones int
	Away   bool
}

// DeleteAsk shows what goes with a user, and asks for the administrator's own
// password (GET /admin/users/ADDRESS/delete).
func (p *Portal) DeleteAsk(w http.ResponseWriter, r *http.Request) {
	if a, ok := p.others(w, r); ok {
		p.askDelete(w, r, http.StatusOK, a, form.New())
	}
}

func (p *Portal) askDelete(w http.ResponseWriter, r *http.Request, status int, a account, f *form.Form) {
	page := deletePage{account: a, Form: f}
	var err error
	if page.Belongings, err = p.DB.Subscribers.Belongings(r.Context(), a.AOR); err != nil {
		p.fail(w, r, err)
		return
	}
	phones, err := p.phones(r.Context(), a.AOR)
	page.Phones, page.Away = len(phones), err != nil
	p.View.Page(w, r, status, "admin-delete", view.Page{Title: view.M("admin.delete.title", a.Profile.Name()), Tab: tabUsers, Data: page})
}

// Delete deletes a user with everything that is theirs (POST
// /admin/users/ADDRESS/delete). It cannot be undone.
func (p *Portal) Delete(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.others)
	if !ok {
		return
	}
	if err := p.confirmPassword(r, f); err != nil {
		p.fail(w, r, err)
		return
	}
	if !f.OK() {
		p.askDelete(w, r, http.StatusUnprocessableEntity, a, f)
		return
	}
	err := p.DB.Subscribers.Delete(r.Context(), a.AOR)
	switch {
	case errors.Is(err, store.ErrLastAdmin):
		p.refuse(w, r, view.M("admin.last"), a)
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	p.Deleted(a.AOR)
	p.finish(w, r, pathUsers, change{
		who: a.AOR, action: "subscriber.delete", before: describe(a.Profile), tell: p.dismiss(actor(r)),
		late: view.M("admin.delete.late"), note: view.M("admin.delete.done", a.AOR.String()),
	})
}

// confirmPassword checks the administrator's own password, for what a session
// that was left open must not do. Guessing is slowed down as at the sign-in.
func (p *Portal) confirmPassword(r *http.Request, f *form.Form) error {
	const field = "own_password"
	if f.Value(field) == "" {
		f.Fail(field, "form.empty")
		return nil
	}
	_, err := p.SignIn.Check(r.Context(), actor(r).String(), f.Value(field), session.Of(r).Client.Addr)
	return portal.Proven(f, field, err)
}

// What lists what goes, in words; what there is none of is left out.
func (page deletePage) What() []view.Msg {
	var all []view.Msg
	add := func(n int, one, many view.Msg) {
		switch {
		case n == 1:
			all = append(all, one)
		case n > 1:
			many.Args = []string{strconv.Itoa(n)}
			all = append(all, many)
		}
	}
	add(page.Phones, view.M("admin.delete.phones.one"), view.M("admin.delete.phones"))
	add(page.Aliases, view.M("admin.delete.aliases.one"), view.M("admin.delete.aliases"))
	add(page.Groups, view.M("admin.delete.groups.one"), view.M("admin.delete.groups"))
	add(page.Entries, view.M("admin.delete.entries.one"), view.M("admin.delete.entries"))
	add(page.Messages, view.M("admin.delete.messages.one"), view.M("admin.delete.messages"))
	add(page.Belongings.Privileges, view.M("admin.delete.privileges.one"), view.M("admin.delete.privileges"))
	add(page.Sessions, view.M("admin.delete.sessions.one"), view.M("admin.delete.sessions"))
	return all
}
