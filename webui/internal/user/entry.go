package user

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/contacts"
	"seraph/webui/internal/form"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Lengths of an entry's fields, in characters; the columns'.
const (
	maxEntryName    = 64
	maxEntryAddress = 255
	maxEntryNote    = 255
)

// entryPage is the data of entry.html.
type entryPage struct {
	Form   *form.Form
	Domain string   // what a bare name takes
	Groups []string // offered while typing
	// Action is where the form is sent; Delete is empty for a new entry.
	Action, Delete string
	// Write is the address of the form for a message, "" if it cannot be sent one.
	Write string
	// There is another entry with this address, if there is one and this is a new one:
	// its name and its page.
	There, ThereName string
	Aliases          string
}

// EntryNew shows the form for a new entry (GET /user/phone-book/new). The
// fields can be given in the address, name= for first and last name in one: the links "add to
// phone book" do so.
func (p *Portal) EntryNew(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := form.New("address", plainAddress(clip(q.Get("address"), maxEntryAddress)), "note", clip(q.Get("note"), maxEntryNote))
	for _, name := range []string{"first_name", "last_name", "group"} {
		f.Set(name, clip(q.Get(name), maxEntryName))
	}
	if name := clip(printable(q.Get("name")), maxEntryName); name != "" {
		first, last := contacts.Split(name)
		f.Set("first_name", first)
		f.Set("last_name", last)
	}
	p.showEntry(w, r, http.StatusOK, 0, f)
}

// newEntryPath is the address of the form for a new entry with an address and a name, which
// may be "".
func newEntryPath(uri, name string) string {
	fields := url.Values{"address": {plainAddress(uri)}}
	if name != "" {
		fields.Set("name", name)
	}
	return pathPhoneBook + "/new?" + fields.Encode()
}

// EntryAdd stores a new entry (POST /user/phone-book/new).
func (p *Portal) EntryAdd(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	entry := readEntry(f, owner(r))
	if f.OK() {
		entry, err = p.DB.Phonebook.Add(r.Context(), owner(r), entry)
	}
	p.endEntry(w, r, 0, f, err, view.M("phonebook.added", entry.Name()))
}

// Entry shows the form of an entry (GET /user/phone-book/:id).
func (p *Portal) Entry(w http.ResponseWriter, r *http.Request) {
	entry, err := p.entry(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showEntry(w, r, http.StatusOK, entry.ID, entryForm(entry))
}

// entryForm shows an entry as it is.
func entryForm(e store.Entry) *form.Form {
	return form.Showing("first_name", e.FirstName, "last_name", e.LastName, "address", plainAddress(e.Address), "group", e.Group, "note", e.Note)
}

// EntrySave changes what was typed of an entry (POST /user/phone-book/:id). What another
// page changed since this one was made, as the name of its group, stays.
func (p *Portal) EntrySave(w http.ResponseWriter, r *http.Request) {
	before, err := p.entry(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	f.Rebase(entryForm(before))
	entry := readEntry(f, owner(r))
	entry.ID = before.ID
	if f.OK() {
		entry, err = p.DB.Phonebook.Change(r.Context(), owner(r), before, entry)
	}
	p.endEntry(w, r, before.ID, f, err, view.M("phonebook.saved", entry.Name()))
}

// endEntry ends a change: the list, or the form again with what is wrong.
func (p *Portal) endEntry(w http.ResponseWriter, r *http.Request, id int64, f *form.Form, err error, text view.Msg) {
	switch {
	case !f.OK() || err != nil && f.Take(err):
		p.showEntry(w, r, http.StatusUnprocessableEntity, id, f)
	case err != nil:
		p.fail(w, r, err)
	default:
		p.live.BookChanged(owner(r))
		p.done(w, r, pathPhoneBook, text)
	}
}

// EntryAsk asks before an entry is deleted (GET /user/phone-book/:id/delete).
func (p *Portal) EntryAsk(w http.ResponseWriter, r *http.Request) {
	entry, err := p.entry(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	path := entryPath(entry.ID)
	p.View.Confirm(w, r, view.M("phonebook.delete.title", entry.Name()), tabPhoneBook, view.Question{
		Text:   view.M("phonebook.delete.text", entry.Name(), shortAddress(entry.Address)),
		Button: view.M("phonebook.delete.button"), Action: path + "/delete", Back: path,
	})
}

// EntryDelete deletes an entry and offers to take that back (POST
// /user/phone-book/:id/delete).
func (p *Portal) EntryDelete(w http.ResponseWriter, r *http.Request) {
	entry, err := p.entry(r)
	batch, n := "", 0
	if err == nil {
		batch, n, err = p.DB.Phonebook.DeleteMany(r.Context(), owner(r), entry.ID)
	}
	if err == nil && n == 0 { // gone meanwhile
		err = store.ErrNotFound
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.BookChanged(owner(r))
	p.doneFlash(w, r, pathPhoneBook, session.Flash{
		Key: "phonebook.deleted", Args: []string{entry.Name()},
		UndoPath: pathPhoneBook + "/restore", Undo: map[string]string{fieldBatch: batch},
	})
}

// entry is the entry that the path names. What is no number, not there or
// another user's is store.ErrNotFound.
func (p *Portal) entry(r *http.Request) (store.Entry, error) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != text {
		return store.Entry{}, store.ErrNotFound
	}
	return p.DB.Phonebook.Find(r.Context(), owner(r), id)
}

// plainAddress is an address as it is typed: a scheme stands only where it is
// not the one that goes without saying.
func plainAddress(uri string) string {
	if rest, ok := strings.CutPrefix(uri, "sip:"); ok {
		return rest
	}
	return uri
}

func entryPath(id int64) string { return pathPhoneBook + "/" + strconv.FormatInt(id, 10) }

// showEntry shows the form; id 0 is a new entry.
func (p *Portal) showEntry(w http.ResponseWriter, r *http.Request, status int, id int64, f *form.Form) {
	page := entryPage{Form: f, Domain: owner(r).Domain, Action: pathPhoneBook + "/new"}
	title := view.M("phonebook.new.title")
	uri, err := aor.CanonicalURI(f.Value("address"), owner(r).Domain)
	switch {
	case id != 0:
		page.Action, page.Delete = entryPath(id), entryPath(id)+"/delete"
		title = view.M("phonebook.edit.title")
		if err == nil {
			page.Write = writePath(uri)
			page.Aliases = p.aliasesOf(r, []store.Entry{{Address: uri}})[presenceKey(uri)]
		}
	case err == nil:
		if e, err := p.DB.Phonebook.FindAddress(r.Context(), owner(r), uri); err == nil {
			page.There, page.ThereName = entryPath(e.ID), e.Name()
		}
	}
	groups, err := p.DB.Phonebook.Groups(r.Context(), owner(r))
	if err != nil {
		p.Log.Warn("groups not read", "user", owner(r).String(), "error", err) // they only help to type
	}
	page.Groups = groups
	p.View.Page(w, r, status, "entry", view.Page{Title: title, Tab: tabPhoneBook, Data: page})
}

// readEntry reads the form of an entry.
func readEntry(f *form.Form, owner aor.AOR) store.Entry {
	return store.Entry{
		FirstName: f.Text("first_name", maxEntryName), LastName: f.Text("last_name", maxEntryName),
		Address: readAddress(f, "address", owner.Domain),
		Group:   f.Text("group", maxEntryName), Note: f.Text("note", maxEntryNote),
	}
}

// readAddress reads an address that can be called and says, beside the field,
// what keeps it from being one.
func readAddress(f *form.Form, name, domain string) string {
	text := f.Required(name, maxEntryAddress)
	if text == "" {
		return ""
	}
	uri, err := aor.CanonicalURI(text, domain)
	if err == nil && !strings.HasPrefix(uri, "tel:") {
		_, err = aor.Parse(uri, domain) // what is too long for the router is never called
	}
	if err != nil {
		f.FailAddress(name, err)
		return ""
	}
	return uri
}
