package user

import (
	"net/http"
	"strings"

	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// tabPhoneBook is the tab of the phone book and of what belongs to it.
const tabPhoneBook = "phone-book"

// bookRows is how many entries stand on a page.
const bookRows = 50

// maxSearch is the longest text that is searched for, in characters.
const maxSearch = 128

// bookPage is the data of phonebook.html.
type bookPage struct {
	List   view.List
	Rows   []bookRow
	Search string
	Group  string
	Groups []groupLink
	All    string // the address of the list of all groups
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
	Ring ringChoice
	// Empty says that there is no entry at all, not just none that matches.
	Empty bool
}

// bookRow is one entry.
type bookRow struct {
	ID          int64
	Name        string // of the person, or the address
	Address     string // as people write it
	URI         string // to be called
	Group, Note string
	AOR, Status string // marks of the row
	HasName     bool
	// Aliases are other addresses of somebody who allows others to find them, as people
	// write them, with commas between.
	Aliases string
}

// groupLink narrows the list to one group.
type groupLink struct {
	Name, URL string
	Current   bool
}

// bookSorts are the columns that the phone book is sorted by.
func bookSorts() []string {
	return []string{string(store.EntriesByLastName), string(store.EntriesByFirstName), string(store.EntriesByAddress), string(store.EntriesByGroup)}
}

// ExportCSV is the address of the whole list as a table.
func (page bookPage) ExportCSV() string { return page.List.At(pathPhoneBook + "/export.csv") }

// ExportCards is the address of the whole list as vCards.
func (page bookPage) ExportCards() string { return page.List.At(pathPhoneBook + "/export.vcf") }

// PhoneBook lists the user's entries (GET /user/phone-book): q= searches,
// group= narrows, ring= is which of
// the own phones the calls of the page make ring, sort= dir= page= as in every list.
func (p *Portal) PhoneBook(w http.ResponseWriter, r *http.Request) {
	page := bookPage{List: view.ParseList(r, bookRows, bookSorts()...)}
	page.Search = clip(r.URL.Query().Get("q"), maxSearch)
	page.Group = clip(r.URL.Query().Get("group"), maxSearch)
	entries, err := p.entries(r, &page)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	groups, err := p.DB.Phonebook.Groups(r.Context(), owner(r))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page.All = page.List.With("group", "")
	for _, name := range groups {
		page.Groups = append(page.Groups, groupLink{name, page.List.With("group", name), name == page.Group})
	}
	page.Empty = page.List.Total == 0 && page.Search == "" && page.Group == ""
	p.addRows(r, &page, entries)
	if !page.Away && !page.Empty {
		page.Ring = p.ringChoice(r, "q", "group", "sort", "dir")
	}
	p.View.Page(w, r, http.StatusOK, "phonebook", view.Page{Title: view.M("phonebook.title"), Tab: tabPhoneBook, Data: page})
}

// entries reads the page's entries; a page beyond the last one is the last.
func (p *Portal) entries(r *http.Request, page *bookPage) ([]store.Entry, error) {
	for {
		l := &page.List
		entries, total, err := p.DB.Phonebook.List(r.Context(), owner(r), store.EntryQuery{
			Search: page.Search, Group: page.Group, Sort: store.EntrySort(l.Sort), Desc: l.Desc,
			Limit: l.Size, Offset: l.Offset(),
		})
		if err != nil {
			return nil, err
		}
		l.Total = total
		if len(entries) > 0 || l.Page <= 1 {
			return entries, nil
		}
		l.Page = min(l.Page-1, l.Pages())
	}
}

// addRows makes the rows, with the presence of all of them in one question.
func (p *Portal) addRows(r *http.Request, page *bookPage, entries []store.Entry) {
	addresses := make([]string, 0, len(entries))
	for _, e := range entries {
		addresses = append(addresses, presenceKey(e.Address))
	}
	statuses, err := p.presence(r, addresses)
	if err != nil {
		p.Log.Warn("presence unknown", "user", owner(r).String(), "error", err)
		page.Away = true
	}
	aliases := p.aliasesOf(r, entries)
	for i, e := range entries {
		row := bookRow{
			ID: e.ID, Name: e.Name(), Address: shortAddress(e.Address), URI: e.Address,
			Group: e.Group, Note: e.Note, AOR: addresses[i], Status: known(statuses[addresses[i]]),
			HasName: e.FirstName != "" || e.LastName != "", Aliases: aliases[addresses[i]],
		}
		page.Rows = append(page.Rows, row)
	}
}

// Path is the address of the entry's own page.
func (row bookRow) Path() string { return entryPath(row.ID) }

// Write is the address of the form for a message to the entry, "" if it takes none.
func (row bookRow) Write() string { return writePath(row.URI) }

// clip makes text from an address bar fit: valid UTF-8 without space around
// it, cut to most characters.
func clip(text string, most int) string {
	runes := []rune(strings.TrimSpace(strings.ToValidUTF8(text, "")))
	return string(runes[:min(len(runes), most)])
}
