package user

import (
	"net/http"
	"net/url"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathGroups is the page of the groups.
const pathGroups = pathPhoneBook + "/groups"

// groupsPage is the data of groups.html.
type groupsPage struct {
	Rows []groupRow
	// Gone says that a group which was to get another name is there no more; its key
	// is "" if none was.
	Gone view.Msg
}

// groupRow is one group with the form that gives it another name.
type groupRow struct {
	store.GroupSize
	Number int    // of the row, from 1
	Typed  string // the new name
	Fault  view.Msg
}

// ListPath is the phone book narrowed to the group.
func (row groupRow) ListPath() string {
	return pathPhoneBook + "?" + url.Values{fieldGroup: {row.Name}}.Encode()
}

// RemovePath asks whether the group is to go.
func (row groupRow) RemovePath() string {
	return pathGroups + "/remove?" + url.Values{fieldGroup: {row.Name}}.Encode()
}

// Groups lists the groups of the phone book (GET /user/phone-book/groups).
func (p *Portal) Groups(w http.ResponseWriter, r *http.Request) {
	p.showGroups(w, r, http.StatusOK, form.New())
}

// GroupRename gives a group another name (POST /user/phone-book/groups): group= which,
// name= the new one. One that is there already takes the entries in.
func (p *Portal) GroupRename(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	old, name := f.Value(fieldGroup), f.Required("name", maxEntryName)
	if !f.OK() {
		p.showGroups(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	n := 0
	if old != "" {
		n, err = p.DB.Phonebook.RenameGroup(r.Context(), owner(r), old, name)
	}
	switch {
	case err != nil:
		p.fail(w, r, err)
		return
	case n == 0: // another tab was quicker
		p.showGroups(w, r, http.StatusNotFound, f)
		return
	}
	p.done(w, r, pathGroups, view.M("groups.renamed", old, name))
}

// GroupAsk asks before a group goes (GET /user/phone-book/groups/remove): group= which.
func (p *Portal) GroupAsk(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get(fieldGroup)
	entries, err := p.groupEntries(r, name)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.View.Confirm(w, r, view.M("groups.remove.title", name), tabPhoneBook, view.Question{
		Text: p.counted("groups.remove.text", len(entries)), Button: view.M("groups.remove.button"),
		Action: pathGroups + "/remove", Back: pathGroups, Fields: map[string]string{fieldGroup: name},
	})
}

// GroupRemove takes all entries out of a group and offers to take that back (POST
// /user/phone-book/groups/remove); the entries stay.
func (p *Portal) GroupRemove(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	name := f.Value(fieldGroup)
	entries, err := p.groupEntries(r, name)
	if err == nil {
		_, err = p.DB.Phonebook.RenameGroup(r.Context(), owner(r), name, "")
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.regrouped(w, r, pathGroups, session.Flash{Key: "groups.removed", Args: []string{name, strconv.Itoa(len(entries))}}, entries)
}

// groupEntries are the entries of a group; none is store.ErrNotFound.
func (p *Portal) groupEntries(r *http.Request, name string) (entries []store.Entry, err error) {
	if name == "" {
		return nil, store.ErrNotFound
	}
	for e, err := range p.DB.Phonebook.All(r.Context(), owner(r), store.EntryQuery{Group: name}) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, store.ErrNotFound
	}
	return entries, nil
}

func (p *Portal) showGroups(w http.ResponseWriter, r *http.Request, status int, f *form.Form) {
	groups, err := p.DB.Phonebook.GroupSizes(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var page groupsPage
	if f.Value(fieldGroup) != "" || f.Value("name") != "" {
		page.Gone = view.M("groups.gone", clip(f.Value(fieldGroup), maxEntryName), clip(f.Value("name"), maxEntryName))
	}
	for i, g := range groups {
		row := groupRow{GroupSize: g, Number: i + 1, Typed: g.Name}
		if g.Name == f.Value(fieldGroup) {
			page.Gone = view.Msg{}
		}
		if key, args := f.Error("name"); key != "" && f.Value(fieldGroup) == g.Name {
			row.Typed, row.Fault = f.Value("name"), view.Msg{Key: key, Args: args}
		}
		page.Rows = append(page.Rows, row)
	}
	p.View.Page(w, r, status, "groups", view.Page{Title: view.M("groups.title"), Tab: tabPhoneBook, Data: page})
}
