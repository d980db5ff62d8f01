package user

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Fields of the forms about several entries.
const (
	fieldAct   = "act" // what is to be done: actDelete or actGroup
	fieldGroup = "group"
	fieldBatch = "batch" // names a deletion that is to be taken back
	actDelete  = "delete"
	actGroup   = "group"
)

// BookSelected does something with several entries (POST /user/phone-book/selected): ids=
// which, act= what. Deleting is asked about first; group= puts them into a group.
func (p *Portal) BookSelected(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, err := selection(r.PostForm)
	switch {
	case err != nil:
		p.fail(w, r, err)
	case len(ids) == 0:
		p.done(w, r, pathPhoneBook, view.M("book.none_selected"))
	case f.Value(fieldAct) == actDelete:
		http.Redirect(w, r, pathPhoneBook+"/delete?"+url.Values{fieldIDs: {joinIDs(ids)}}.Encode(), http.StatusSeeOther)
	case f.Value(fieldAct) == actGroup:
		p.putInGroup(w, r, f, ids)
	default:
		p.fail(w, r, store.ErrNotFound) // no page of ours sends it
	}
}

// putInGroup puts entries into a group, or takes them out of all if none is named.
func (p *Portal) putInGroup(w http.ResponseWriter, r *http.Request, f *form.Form, ids []int64) {
	group := f.Text(fieldGroup, maxEntryName)
	if !f.OK() {
		p.done(w, r, pathPhoneBook, view.M("book.group_bad"))
		return
	}
	before, err := p.DB.Phonebook.Select(r.Context(), owner(r), ids...)
	if err == nil && len(before) == 0 {
		err = store.ErrNotFound
	}
	n := 0
	if err == nil {
		n, err = p.DB.Phonebook.SetGroup(r.Context(), owner(r), group, ids...)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	note := flash(p.counted("book.ungrouped", n))
	if group != "" {
		note = flash(p.counted("book.grouped", n))
		note.Args = append(note.Args, group)
	}
	p.regrouped(w, r, pathPhoneBook, note, before)
}

func flash(m view.Msg) session.Flash { return session.Flash{Key: m.Key, Args: m.Args} }

// BookAsk asks before several entries are deleted (GET /user/phone-book/delete): ids= which.
func (p *Portal) BookAsk(w http.ResponseWriter, r *http.Request) {
	ids, err := selection(r.URL.Query())
	var entries []store.Entry
	if err == nil {
		entries, err = p.DB.Phonebook.Select(r.Context(), owner(r), ids...)
	}
	if err == nil && len(entries) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	title, text := view.M("phonebook.delete.title", entries[0].Name()), view.M("phonebook.delete.text", entries[0].Name(), shortAddress(entries[0].Address))
	button := view.M("phonebook.delete.button")
	if n := strconv.Itoa(len(entries)); len(entries) > 1 {
		title, text, button = view.M("book.delete.title", n), view.M("book.delete.text"), view.M("book.delete.button", n)
	}
	p.View.Confirm(w, r, title, tabPhoneBook, view.Question{
		Text: text, Button: button, Action: pathPhoneBook + "/delete", Back: pathPhoneBook,
		Fields: map[string]string{fieldIDs: joinIDs(ids)},
	})
}

// BookDelete deletes several entries and offers to take that back (POST
// /user/phone-book/delete). None of the user's own among them is store.ErrNotFound.
func (p *Portal) BookDelete(w http.ResponseWriter, r *http.Request) {
	if _, err := form.Parse(r); err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, err := selection(r.PostForm)
	batch, n := "", 0
	if err == nil {
		batch, n, err = p.DB.Phonebook.DeleteMany(r.Context(), owner(r), ids...)
	}
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.BookChanged(owner(r))
	note := flash(p.counted("book.deleted", n))
	note.UndoPath, note.Undo = pathPhoneBook+"/restore", map[string]string{fieldBatch: batch}
	p.doneFlash(w, r, pathPhoneBook, note)
}

// BookRestore takes a deletion of several entries back (POST /user/phone-book/restore).
func (p *Portal) BookRestore(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	n, err := p.DB.Phonebook.Restore(r.Context(), owner(r), f.Value(fieldBatch))
	switch {
	case errors.Is(err, store.ErrFull):
		p.notDone(w, r, pathPhoneBook, view.M("book.full", strconv.Itoa(store.MaxEntries)))
	case err != nil:
		p.fail(w, r, err)
	default:
		p.live.BookChanged(owner(r))
		p.done(w, r, pathPhoneBook, p.counted("book.restored", n))
	}
}
