package user

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// hit is one thing that was found, by whom it is about.
type hit struct {
	person
	Key string // of the row, unlike every other one's on the page
	// Call is what a call was. Of all else Time (the zero time for none), Head and Text
	// are shown.
	Call       *callRow
	Time       time.Time
	Head, Text string

	who  stranger
	call *store.Call
	// entry is what the name is taken from, in place of what people find out.
	entry *store.Entry
}

// meet notes who it is about.
func (h *hit) meet(who person, me aor.AOR) {
	if e := h.entry; e != nil && (e.FirstName != "" || e.LastName != "") {
		who.Name, who.Known, who.Claimed = e.Name(), true, false
	}
	if h.entry != nil && h.entry.ID != 0 {
		who.EntryID = h.entry.ID
	}
	if h.call != nil {
		row := newCallRow(*h.call, who, me)
		h.Call = &row
	}
	h.person = who
}

// finding is a search that goes on.
type finding struct {
	portal *Portal
	r      *http.Request
	text   string
	// people are the addresses of those in the phone book whom the text finds: their
	// calls, messages and short numbers are found, too.
	people []string
	groups []searchGroup
}

// at is the address of a list with what it has of the text.
func (f *finding) at(path string) string {
	return path + "?" + url.Values{paramSearch: {f.text}}.Encode()
}

// add adds a kind if anything of it was found, so many in all; label and path lead to
// the list with all of it.
func (f *finding) add(g searchGroup, total int, label, path string) {
	if total == 0 {
		return
	}
	g.Links = slices.Insert(g.Links, 0, searchLink{f.portal.counted(label, total), path})
	f.groups = append(f.groups, g)
}

// book finds entries of the phone book.
func (f *finding) book() error {
	entries, total, err := f.portal.DB.Phonebook.List(f.r.Context(), owner(f.r), store.EntryQuery{Search: f.text, Limit: store.MaxPeople})
	g := searchGroup{ID: "book", Title: view.M("phonebook.title")}
	for i, e := range entries {
		f.people = append(f.people, e.Address)
		if i < searchRows {
			g.Hits = append(g.Hits, hit{Key: "book-" + strconv.FormatInt(e.ID, 10), Head: e.Group, Text: printable(e.Note), who: stranger{URI: e.Address}, entry: &e})
		}
	}
	f.add(g, total, "search.all_book", f.at(pathPhoneBook))
	return err
}

// calls finds calls, the missed ones among them.
func (f *finding) calls() error {
	calls, ctx, me := f.portal.DB.Calls, f.r.Context(), owner(f.r)
	q := store.OwnCalls{Search: f.text, People: f.people, Limit: searchRows}
	list, total, err := calls.ListOwn(ctx, me, q)
	if err != nil || total == 0 {
		return err
	}
	g := searchGroup{ID: "calls", Title: view.M("calls.title")}
	for _, c := range list {
		g.Hits = append(g.Hits, hit{Key: "call-" + strconv.FormatInt(c.ID, 10), who: otherSide(c, me), call: &c})
	}
	q.Kind, q.Limit = store.CallsMissed, 1
	_, missed, err := calls.ListOwn(ctx, me, q)
	if missed > 0 {
		g.Links = append(g.Links, searchLink{f.portal.counted("search.all_missed", missed), f.at(pathMissed)})
	}
	f.add(g, total, "search.all_calls", f.at(pathCalls))
	return err
}

// messages finds stored messages.
func (f *finding) messages() error {
	list, total, err := f.portal.DB.Silo.List(f.r.Context(), owner(f.r), store.SiloQuery{Search: f.text, People: f.people, Newest: true, Limit: searchRows})
	g := searchGroup{ID: "messages", Title: view.M("messages.title")}
	for _, m := range list {
		h := hit{Key: "message-" + strconv.FormatInt(m.ID, 10), Time: m.Received, who: stranger{URI: m.From, Name: m.FromName}}
		switch row := newMessageRow(m, person{}, f.portal.Now()); {
		case row.Receipt:
			h.Text = f.word(view.M("messages.receipt"))
		case row.Type != "":
			h.Text = f.word(row.NoText())
		default:
			text, _ := textOf(m)
			h.Text = around(text, f.text)
		}
		g.Hits = append(g.Hits, h)
	}
	f.add(g, total, "search.all_messages", f.at(pathMessages))
	return err
}

// slots finds short numbers: by the number, the name, the address, or who is behind it.
func (f *finding) slots() error {
	list, err := f.portal.DB.SpeedDials.List(f.r.Context(), owner(f.r))
	g, total := searchGroup{ID: "slots", Title: view.M("speeddial.title")}, 0
	for i, d := range list {
		number := d.Dialed.String()
		if d.Dialed.Domain == owner(f.r).Domain || d.Dialed.Domain == "" {
			number = d.Dialed.User
		}
		if !slices.Contains(f.people, d.URI) && !f.within(number, speedDialName(d), d.Description, shortAddress(d.URI)) {
			continue
		}
		if total++; total <= searchRows {
			g.Hits = append(g.Hits, hit{
				Key: "slot-" + strconv.Itoa(i), Head: f.word(view.M("search.slot", number)), Text: printable(d.Description), who: stranger{URI: d.URI},
				entry: &store.Entry{LastName: printable(speedDialName(d))},
			})
		}
	}
	f.add(g, total, "search.all_slots", pathSpeedDial)
	return err
}

// within reports whether the text is in one of the others, without regard to case.
func (f *finding) within(texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(f.text)) })
}

// word is a text in the reader's language.
func (f *finding) word(m view.Msg) string { return f.portal.View.TextsFor(f.r).Text(m) }

// How much of a message is shown, and how much before what was found, in characters.
const (
	maxAround   = 160
	beforeFound = 40
)

// around is the part of a text in which a word stands, in one line; the beginning if it
// does not stand there.
func around(text, word string) string {
	line, small := []rune(oneLine(text)), strings.Map(unicode.ToLower, oneLine(text))
	from := 0
	if at := strings.Index(small, strings.Map(unicode.ToLower, oneLine(word))); at >= 0 {
		from = max(0, utf8.RuneCountInString(small[:at])-beforeFound)
	}
	if from+maxAround > len(line) {
		from = max(0, len(line)-maxAround)
	}
	part := strings.TrimSpace(string(line[from:min(len(line), from+maxAround)]))
	if from > 0 {
		part = "… " + part
	}
	if from+maxAround < len(line) {
		part += " …"
	}
	return part
}

// oneLine is a text without line ends.
func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }
