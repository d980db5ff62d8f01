package admin

import (
	"errors"
	"net/http"
	"slices"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// AliasAdd gives a user another address (POST /admin/users/ADDRESS/aliases).
func (p *Portal) AliasAdd(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.changeable)
	if !ok {
		return
	}
	alias, err := p.readAlias(r, f, a)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if f.OK() {
		err := p.DB.Aliases.Add(r.Context(), alias, a.AOR)
		switch {
		case errors.Is(err, store.ErrExists):
			f.Fail("alias", "admin.aliases.taken")
		case err != nil && !f.Take(err):
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showUser(w, r, http.StatusUnprocessableEntity, userPage{account: a, AliasForm: f})
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "alias.add", after: alias.String(), tell: p.reloadAliases,
		late: view.M("admin.aliases.late"), note: view.M("admin.aliases.added", alias.String(), a.Profile.Name()),
		undoPath: a.Path("aliases", "remove"), undo: map[string]string{"alias": alias.String()},
	})
}

// readAlias is the address that was typed: a bare name takes the user's domain.
// It is in a domain of the router's, where it is ever looked up, and one that
// the actor administers.
func (p *Portal) readAlias(r *http.Request, f *form.Form, a account) (aor.AOR, error) {
	typed := f.Required("alias", aor.MaxURI)
	if !f.OK() {
		return aor.AOR{}, nil
	}
	domains, err := p.domains(r)
	if err != nil {
		return aor.AOR{}, err
	}
	alias, bad := aor.Parse(typed, a.AOR.Domain)
	switch {
	case bad != nil:
		f.Fail("alias", "admin.aliases.bad")
	case !slices.Contains(domains, alias.Domain):
		f.Fail("alias", "newuser.foreign", alias.Domain)
	}
	return alias, nil
}

// AliasRemove takes an address from a user (POST /admin/users/ADDRESS/aliases/remove).
func (p *Portal) AliasRemove(w http.ResponseWriter, r *http.Request) {
	a, ok := p.changeable(w, r)
	if !ok {
		return
	}
	alias, err := aor.Parse(r.PostFormValue("alias"), "")
	if err != nil {
		p.View.Error(w, r, http.StatusNotFound)
		return
	}
	if err := p.DB.Aliases.Remove(r.Context(), alias, a.AOR); err != nil {
		p.fail(w, r, err)
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "alias.remove", before: alias.String(), tell: p.reloadAliases,
		late: view.M("admin.aliases.late"), note: view.M("admin.aliases.removed", alias.String(), a.Profile.Name()),
		undoPath: a.Path("aliases"), undo: map[string]string{"alias": alias.String()},
	})
}
