package user

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/contacts"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// MaxImport is the longest form with a file, in bytes: the file and what goes around it.
const MaxImport = contacts.MaxFile + 64<<10

// fieldFile is the file, fieldRows what was good in it when it was looked at.
const (
	fieldFile = "file"
	fieldRows = "rows"
)

// importPage is the data of import.html.
type importPage struct {
	Fault    view.Msg // of the file as a whole; its key is "" if there is none
	MaxRows  int
	MaxMB    int
	Columns  []string
	Domain   string // what a telephone number takes
	Preview  bool   // a file was looked at
	FileName string
	Bad      []badRow
	Added    []mergeRow
	Changed  []mergeRow
	There    []mergeRow
	Unused   []string // columns that are not read
	Rows     string   // what is imported when the button is pressed
}

// Ready says that there is something to import.
func (page importPage) Ready() bool { return len(page.Added)+len(page.Changed) > 0 }

// badRow is a contact that cannot be taken.
type badRow struct {
	Line  int
	Name  string
	Field string // the text that names the field that is wrong, "" if it is none alone
	Why   view.Msg
}

// mergeRow is a contact that can.
type mergeRow struct {
	Line                             int
	Name, Address, Group, Note       string
	OldName, OldGroup, OldNote       string
	NewName, NewGroup, NewNote, More bool
}

// Import shows the form for a file (GET /user/phone-book/import).
func (p *Portal) Import(w http.ResponseWriter, r *http.Request) {
	p.showImport(w, r, http.StatusOK, importPage{})
}

// ImportLook says what a file would change, and changes nothing (POST
// /user/phone-book/import).
func (p *Portal) ImportLook(w http.ResponseWriter, r *http.Request) {
	name, text, err := readUpload(r)
	if err != nil {
		p.showImport(w, r, http.StatusUnprocessableEntity, importPage{Fault: view.M("import.no_file")})
		return
	}
	file, err := contacts.Read(text, owner(r).Domain)
	if err != nil {
		p.showImport(w, r, http.StatusUnprocessableEntity, importPage{Fault: fileFault(err)})
		return
	}
	page := importPage{Preview: true, FileName: clip(printable(name), maxName), Unused: file.Unused}
	good, lines := page.sort(r, file.Contacts)
	merged, err := p.DB.Phonebook.Merge(r.Context(), owner(r), good, true)
	switch {
	case errors.Is(err, store.ErrFull):
		page.Fault = view.M("import.full", strconv.Itoa(store.MaxEntries))
		p.showImport(w, r, http.StatusUnprocessableEntity, page)
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	page.plan(merged, lines)
	page.Rows, err = rowsOf(good)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showImport(w, r, http.StatusOK, page)
}

// ImportSave imports what a look at the file had found good (POST
// /user/phone-book/import/save), all of it or nothing. The rows come back from the page, and
// are checked again like anything else that comes from a browser.
func (p *Portal) ImportSave(w http.ResponseWriter, r *http.Request) {
	file, err := contacts.Read([]byte(r.PostForm.Get(fieldRows)), owner(r).Domain)
	if err != nil {
		p.showImport(w, r, http.StatusUnprocessableEntity, importPage{Fault: fileFault(err)})
		return
	}
	page := importPage{Preview: true}
	good, _ := page.sort(r, file.Contacts)
	if len(page.Bad) > 0 {
		p.showImport(w, r, http.StatusUnprocessableEntity, page)
		return
	}
	merged, err := p.DB.Phonebook.Merge(r.Context(), owner(r), good, false)
	switch {
	case errors.Is(err, store.ErrFull):
		p.showImport(w, r, http.StatusUnprocessableEntity, importPage{Fault: view.M("import.full", strconv.Itoa(store.MaxEntries))})
		return
	case err != nil:
		p.fail(w, r, err)
		return
	}
	count := map[store.MergeKind]int{}
	for _, m := range merged {
		count[m.Kind]++
	}
	p.live.BookChanged(owner(r))
	p.done(w, r, pathPhoneBook, view.M("import.done", strconv.Itoa(count[store.MergeAdded]), strconv.Itoa(count[store.MergeChanged])))
}

// readUpload reads the file of a form; the server has bounded it.
func readUpload(r *http.Request) (name string, text []byte, err error) {
	file, head, err := r.FormFile(fieldFile)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	text, err = io.ReadAll(io.LimitReader(file, contacts.MaxFile+1))
	return head.Filename, text, err
}

// fileFault says what is wrong with a file as a whole.
func fileFault(err error) view.Msg {
	switch {
	case errors.Is(err, contacts.ErrEmpty):
		return view.M("import.empty")
	case errors.Is(err, contacts.ErrCharset):
		return view.M("import.charset")
	case errors.Is(err, contacts.ErrHeader):
		return view.M("import.header")
	case errors.Is(err, contacts.ErrTooMany):
		return view.M("import.many", strconv.Itoa(contacts.MaxRows))
	case errors.Is(err, contacts.ErrTooLong):
		return view.M("import.long", strconv.Itoa(contacts.MaxFile>>20))
	}
	return view.M("import.binary")
}

// sort checks contacts as if somebody had typed them: the good ones are returned as entries
// with their lines, the bad ones are listed on the page.
func (page *importPage) sort(r *http.Request, list []contacts.Contact) (good []store.Entry, lines []int) {
	for _, c := range list {
		if c.Fault != contacts.FaultNone {
			page.Bad = append(page.Bad, badRow{Line: c.Line, Name: c.Name(), Why: contactFault(c)})
			continue
		}
		f := form.New("first_name", c.First, "last_name", c.Last, "address", c.Address, "group", c.Group, "note", c.Note)
		entry := readEntry(f, owner(r))
		if f.OK() {
			good, lines = append(good, entry), append(lines, c.Line)
			continue
		}
		for _, name := range contacts.Columns() {
			if key, args := f.Error(name); key != "" {
				page.Bad = append(page.Bad, badRow{Line: c.Line, Name: c.Name(), Field: "field." + name, Why: view.Msg{Key: key, Args: args}})
				break
			}
		}
	}
	return good, lines
}

// contactFault says why a contact cannot be taken.
func contactFault(c contacts.Contact) view.Msg {
	switch c.Fault {
	case contacts.FaultVersion:
		if c.Detail == "" {
			return view.M("import.fault.no_version")
		}
		return view.M("import.fault.version", c.Detail)
	case contacts.FaultUnended:
		return view.M("import.fault.unended")
	case contacts.FaultGroup:
		return view.M("import.fault.group")
	case contacts.FaultNoAddress:
		return view.M("import.fault.no_address")
	case contacts.FaultQuotes:
		return view.M("import.fault.quotes")
	}
	return view.M("import.fault.card")
}

// plan lists what a merge would do.
func (page *importPage) plan(merged []store.Merged, lines []int) {
	for i, m := range merged {
		row := mergeRow{Line: lines[i], Name: m.Entry.Name(), Address: shortAddress(m.Entry.Address), Group: m.Entry.Group, Note: m.Entry.Note}
		switch m.Kind {
		case store.MergeAdded:
			page.Added = append(page.Added, row)
		case store.MergeChanged:
			row.OldName, row.OldGroup, row.OldNote = m.Before.Name(), m.Before.Group, m.Before.Note
			row.NewName, row.NewGroup, row.NewNote = row.OldName != row.Name, row.OldGroup != row.Group, row.OldNote != row.Note
			page.Changed = append(page.Changed, row)
		default:
			page.There = append(page.There, row)
		}
	}
}

// rowsOf is what the page takes along until the button is pressed: all good entries, as a
// file of ours. Those that are there already are among them: without them another one with
// the same address would be taken for a change of theirs.
func rowsOf(good []store.Entry) (string, error) {
	var text bytes.Buffer
	file := csv.NewWriter(&text)
	_ = file.Write(contacts.Columns()) // Error tells of all
	for _, e := range good {
		cells := contactOf(e).Cells()
		for i := range cells {
			cells[i] = portal.CSVCell(cells[i])
		}
		_ = file.Write(cells)
	}
	file.Flush()
	return text.String(), file.Error()
}

func (p *Portal) showImport(w http.ResponseWriter, r *http.Request, status int, page importPage) {
	page.MaxRows, page.MaxMB, page.Columns, page.Domain = contacts.MaxRows, contacts.MaxFile>>20, contacts.Columns(), owner(r).Domain
	p.View.Page(w, r, status, "import", view.Page{Title: view.M("import.title"), Tab: tabPhoneBook, Data: page})
}
