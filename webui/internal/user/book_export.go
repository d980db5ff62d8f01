package user

import (
	"bytes"
	"iter"
	"net/http"

	"seraph/sql/store"
	"seraph/webui/internal/contacts"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// exported are the entries that an export has: all that the filter of the phone book leaves,
// in the order of the page.
func (p *Portal) exported(r *http.Request) iter.Seq2[store.Entry, error] {
	l := view.ParseList(r, bookRows, bookSorts()...)
	return p.DB.Phonebook.All(r.Context(), owner(r), store.EntryQuery{
		Search: clip(r.URL.Query().Get("q"), maxSearch), Group: clip(r.URL.Query().Get("group"), maxSearch),
		Sort: store.EntrySort(l.Sort), Desc: l.Desc,
	})
}

// contactOf is an entry as a file has it.
func contactOf(e store.Entry) contacts.Contact {
	return contacts.Contact{First: e.FirstName, Last: e.LastName, Address: e.Address, Group: e.Group, Note: e.Note}
}

// BookCSV sends the entries as a table (GET /user/phone-book/export.csv); q=, group=, sort=
// and dir= as in the phone book.
func (p *Portal) BookCSV(w http.ResponseWriter, r *http.Request) {
	rows := func(yield func([]string, error) bool) {
		for e, err := range p.exported(r) {
			if !yield(contactOf(e).Cells(), err) || err != nil {
				return
			}
		}
	}
	if err := portal.SendCSV(w, p.Log, "phone-book.csv", contacts.Columns(), rows); err != nil {
		p.fail(w, r, err)
	}
}

// BookCards sends the entries as vCards 4.0 (GET /user/phone-book/export.vcf); parameters as
// BookCSV's. The whole file is made before it is sent: a phone book has at most
// store.MaxEntries entries of less than 3 kB.
func (p *Portal) BookCards(w http.ResponseWriter, r *http.Request) {
	var file bytes.Buffer
	for e, err := range p.exported(r) {
		if err == nil {
			err = contacts.WriteCard(&file, contactOf(e))
		}
		if err != nil {
			p.fail(w, r, err)
			return
		}
	}
	portal.Attachment(w, "text/vcard; charset=utf-8", "phone-book.vcf")
	_, _ = file.WriteTo(w) // an error means that the browser has gone
}
