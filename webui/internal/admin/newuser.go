package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// newUserPage is the data of admin-newuser.html.
type newUserPage struct {
	Form    *form.Form
	Domains []view.Option
}

// UserNew shows the empty form (GET /admin/users/new).
func (p *Portal) UserNew(w http.ResponseWriter, r *http.Request) {
	domains, err := p.domains(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showNew(w, r, http.StatusOK, form.New(), domains)
}

func (p *Portal) showNew(w http.ResponseWriter, r *http.Request, status int, f *form.Form, domains []string) {
	page := newUserPage{Form: f}
	for _, name := range domains {
		page.Domains = append(page.Domains, view.Option{Value: name, Label: name})
	}
	p.View.Page(w, r, status, "admin-newuser", view.Page{Title: view.M("newuser.title"), Tab: tabUsers, Data: page})
}

// domains are the router's domains in which the actor may make users.
func (p *Portal) domains(r *http.Request) ([]string, error) {
	list, err := p.DB.Domains.List(r.Context())
	if err != nil {
		return nil, err
	}
	x, names := rights(r), []string(nil)
	for _, d := range list {
		if x.Scope() == "" || d.Name == x.Scope() {
			names = append(names, d.Name)
		}
	}
	return names, nil
}

// UserCreate makes a user (POST /admin/users/new). A password that nobody
// typed is made, and shown once.
func (p *Portal) UserCreate(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	domains, err := p.domains(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	me := readPerson(f, store.Profile{AOR: readAddress(f, domains), Presence: store.PresenceSignedIn})
	takeFaults(f, me, "")
	password, made := readPassword(f, me.AOR.User)
	if f.OK() {
		err := p.DB.Subscribers.Create(r.Context(), me.AOR, password)
		switch {
		case errors.Is(err, store.ErrExists):
			f.Fail("user", "newuser.taken")
		case err != nil:
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showNew(w, r, http.StatusUnprocessableEntity, f, domains)
		return
	}
	c := change{
		who: me.AOR, action: "subscriber.create", after: describe(me), tell: p.forget,
		late: view.M("newuser.late"), note: view.M("newuser.done", me.AOR.String()),
	}
	if err := p.saveNew(r, me); err != nil {
		p.Log.Error("new user without a profile", "user", me.AOR.String(), "error", err)
		c.after, c.note = "", view.M("newuser.done_bare", me.AOR.String())
	}
	if made {
		p.showPassword(w, r, me, password, c)
		return
	}
	p.finish(w, r, userPath(me.AOR), c)
}

// saveNew keeps the profile of an account that is made, and that stands even if
// this fails: what was typed has been looked at before.
func (p *Portal) saveNew(r *http.Request, me store.Profile) error {
	ctx, cancel := afterwards(r)
	defer cancel()
	return p.DB.Profiles.Save(ctx, me)
}

// readAddress is the address of the new user: a name in the chosen domain, or a
// whole address in one of the domains.
func readAddress(f *form.Form, domains []string) aor.AOR {
	domain := ""
	if len(domains) == 0 {
		f.Fail("domain", "newuser.no_domain")
	} else {
		domain = f.Choice("domain", domains...)
	}
	name := f.Required("user", 200)
	if name == "" {
		return aor.AOR{}
	}
	who, err := aor.Parse(name, domain)
	switch {
	case errors.Is(err, aor.ErrUser) || errors.Is(err, aor.ErrScheme) || err != nil && strings.Contains(name, "@"):
		f.Fail("user", "newuser.bad_user")
	case err != nil: // no domain was chosen
	case !slices.Contains(domains, who.Domain):
		f.Fail("user", "newuser.foreign", who.Domain)
	}
	return who
}
