package admin

import (
	"errors"
	"net/http"

	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// maxGroup is the longest name of a group, in characters.
const maxGroup = 64

// GroupGrant puts a user into a group (POST /admin/users/ADDRESS/groups).
func (p *Portal) GroupGrant(w http.ResponseWriter, r *http.Request) {
	a, f, ok := p.posted(w, r, p.changeable)
	if !ok {
		return
	}
	group := f.Required("group", maxGroup)
	if f.OK() && !rights(r).MayGrant(group) {
		f.Fail("group", "admin.groups.not_yours")
	}
	added := false
	if f.OK() {
		var err error
		added, err = p.DB.Groups.GrantNew(r.Context(), a.AOR, group)
		var field *store.FieldError
		switch {
		case errors.As(err, &field):
			f.Fail("group", "admin.groups.bad")
		case err != nil:
			p.fail(w, r, err)
			return
		}
	}
	if !f.OK() {
		p.showUser(w, r, http.StatusUnprocessableEntity, userPage{account: a, GroupForm: f})
		return
	}
	if !added {
		p.done(w, r, a.Path(), session.Flash{Key: "admin.groups.already", Args: []string{a.Profile.Name(), group}})
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "group.grant", after: group, tell: p.reloadGroups,
		late: view.M("admin.groups.late"), note: view.M("admin.groups.granted", a.Profile.Name(), group),
		undoPath: a.Path("groups", "revoke"), undo: map[string]string{"group": group},
	})
}

// GroupRevoke takes a user out of a group (POST /admin/users/ADDRESS/groups/revoke).
func (p *Portal) GroupRevoke(w http.ResponseWriter, r *http.Request) {
	a, ok := p.changeable(w, r)
	if !ok {
		return
	}
	group := r.PostFormValue("group")
	if !rights(r).MayGrant(group) {
		p.refuse(w, r, view.M("admin.groups.not_yours"), a)
		return
	}
	if err := p.DB.Groups.Revoke(r.Context(), a.AOR, group); err != nil {
		p.fail(w, r, err)
		return
	}
	p.finish(w, r, a.Path(), change{
		who: a.AOR, action: "group.revoke", before: group, tell: p.reloadGroups,
		late: view.M("admin.groups.late"), note: view.M("admin.groups.revoked", a.Profile.Name(), group),
		undoPath: a.Path("groups"), undo: map[string]string{"group": group},
	})
}
