package user

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// pathFind is the page that finds people of the domain.
const pathFind = pathPhoneBook + "/find"

const (
	// maxFound is how many people one search shows.
	maxFound = 50
	// minSearch is the shortest text that is searched for, in bytes: one letter would list
	// half of the domain, one Chinese character is a name.
	minSearch = 2
)

// findTries is how fast one user may look people up: nobody who looks for somebody notices,
// and who wants to have everybody waits.
var findTries = session.ThrottlePolicy{Free: 60, First: time.Second, Cap: 15 * time.Second, Forget: 5 * time.Minute, Keys: 20_000}

// findPage is the data of find.html.
type findPage struct {
	Search string
	// Online says that only those who are on line are wanted.
	Online bool
	// Asked says that something was searched for; Fault is why not, its key is "" if it was.
	Asked bool
	Fault view.Msg
	Rows  []findRow
	Ring  ringChoice
	// More says that there are others, too many to be shown.
	More bool
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
}

// findRow is somebody who was found.
type findRow struct {
	person
	Number  int // of the row, from 1
	Aliases string
}

// AddPath is the address of the form for a new entry, with what the white pages say.
func (row findRow) AddPath() string { return newEntryPath(row.URI, row.Name) }

// Find looks people of the own domain up who allow it (GET /user/phone-book/find): q= is part
// of a name, user name or address, online= leaves those who can be seen to be on line. Whoever
// does not allow it is not found, by whatever text: the answer is that of no match.
func (p *Portal) Find(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := findPage{Search: clip(q.Get("q"), maxSearch), Online: q.Get("online") != ""}
	status := http.StatusOK
	switch {
	case page.Search == "" && !q.Has("q"):
	case len(page.Search) < minSearch:
		status, page.Fault = http.StatusUnprocessableEntity, view.M("find.short")
	default:
		if wait := p.findTries.Enter(owner(r).String()); wait > 0 {
			w.Header().Set("Retry-After", portal.WaitSeconds(wait))
			status, page.Fault = http.StatusTooManyRequests, view.M("find.wait", portal.WaitSeconds(wait))
			break
		}
		if err := p.find(r, &page); err != nil {
			p.fail(w, r, err)
			return
		}
	}
	if len(page.Rows) > 0 && !page.Away {
		page.Ring = p.ringChoice(r, "q", "online")
	}
	p.View.Page(w, r, status, "find", view.Page{Title: view.M("find.title"), Tab: tabPhoneBook, Data: page})
}

// find makes the rows.
func (p *Portal) find(r *http.Request, page *findPage) error {
	page.Asked = true
	most := maxFound
	if page.Online {
		most = store.MaxListed // the database does not know who is on line
	}
	found, more, err := p.DB.WhitePages.Search(r.Context(), owner(r), page.Search, most)
	if err != nil {
		return err
	}
	who := make([]stranger, len(found))
	as := make([]aor.AOR, len(found))
	for i, l := range found {
		who[i], as[i] = stranger{URI: l.AOR.URI(), Name: l.Name()}, l.AOR
	}
	people, away, err := p.people(r, who)
	if err != nil {
		return err
	}
	page.Away, page.More = away, more
	aliases, err := p.DB.WhitePages.Aliases(r.Context(), as)
	if err != nil {
		return err
	}
	for i, one := range people {
		if page.Online && one.Status != statusOnline && one.Status != statusBusy {
			continue
		}
		if len(page.Rows) == maxFound {
			page.More = true
			break
		}
		one.Name, one.Claimed, one.Known = found[i].Name(), false, true // as they call themselves here, where we know them
		page.Rows = append(page.Rows, findRow{person: one, Number: len(page.Rows) + 1, Aliases: aliasText(aliases[found[i].AOR], owner(r).Domain)})
	}
	return nil
}

// aliasesOf are the aliases of those in the phone book, by address of record, who are of the
// own domain and allow others to find them. They only help to know somebody: an error is none.
func (p *Portal) aliasesOf(r *http.Request, entries []store.Entry) map[string]string {
	var as []aor.AOR
	for _, e := range entries {
		if a, ok := e.AOR(); ok && a.Domain == owner(r).Domain {
			as = append(as, a)
		}
	}
	found, err := p.DB.WhitePages.Aliases(r.Context(), as)
	if err != nil {
		p.Log.Warn("aliases not read", "user", owner(r).String(), "error", err)
	}
	texts := make(map[string]string, len(found))
	for a, list := range found {
		texts[a.String()] = aliasText(list, owner(r).Domain)
	}
	return texts
}

// maxAliases is how many of somebody's aliases are shown.
const maxAliases = 5

// aliasText is aliases as people write them: those of the own domain by their user part alone.
func aliasText(aliases []aor.AOR, domain string) string {
	var texts []string
	for i, a := range aliases {
		if i == maxAliases {
			texts = append(texts, fmt.Sprintf("+%d", len(aliases)-i))
			break
		}
		text := shortAddress(a.URI())
		if a.Domain == domain {
			text = a.User
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}
