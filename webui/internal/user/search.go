package user

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"seraph/webui/internal/view"
)

// tabSearch is the mark of the search's page: its box stands in it, not in the bar.
const tabSearch = "search"

const (
	// searchRows is how much of each kind the search shows.
	searchRows = 5
	// maxKept is how much is kept of a text too long to be searched for, in characters.
	maxKept = 1000
)

// searchPage is the data of search.html.
type searchPage struct {
	Search string
	// Fault is why nothing was searched for; its key is "" if nothing is wrong.
	Fault view.Msg
	// Asked says that something was searched for.
	Asked  bool
	Groups []searchGroup
	// FindPath looks for the text among the people of Domain, "" if it is too short for that.
	FindPath, Domain string
	Ring             ringChoice
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
}

// searchGroup is what was found of one kind: the first few, and where the others are.
type searchGroup struct {
	ID    string // "book", "calls", "messages" or "slots"
	Title view.Msg
	Hits  []hit
	Links []searchLink
}

// searchLink leads to a list with all that was found.
type searchLink struct {
	Label view.Msg
	URL   string
}

// Search looks for q= in everything that is the user's own (GET /user/search): the phone
// book, calls, stored messages and short numbers. Each list finds what it finds by itself.
// People of the domain are Find's, which the page leads to: nothing here tells who exists.
func (p *Portal) Search(w http.ResponseWriter, r *http.Request) {
	page := searchPage{Search: searchText(r.URL.Query().Get(paramSearch)), Domain: owner(r).Domain}
	status := http.StatusOK
	switch n := utf8.RuneCountInString(page.Search); {
	case n > maxSearch:
		status, page.Fault = http.StatusUnprocessableEntity, view.M("search.long", strconv.Itoa(maxSearch))
		page.Search = clip(page.Search, maxKept)
	case n > 0:
		page.Asked = true
		if err := p.search(r, &page); err != nil {
			p.fail(w, r, err)
			return
		}
	}
	p.View.Page(w, r, status, "search", view.Page{Title: view.M("search.title"), Tab: tabSearch, Data: page})
}

// searchText is what is searched for: valid UTF-8 without what cannot be seen.
func searchText(asked string) string {
	return strings.TrimSpace(printable(strings.ToValidUTF8(asked, "")))
}

// search makes the groups, with the presence of all who are in them in one question.
func (p *Portal) search(r *http.Request, page *searchPage) error {
	f := &finding{portal: p, r: r, text: page.Search}
	for _, find := range []func() error{f.book, f.calls, f.messages, f.slots} {
		if err := find(); err != nil {
			return err
		}
	}
	var hits []*hit
	var who []stranger
	for i := range f.groups {
		for j := range f.groups[i].Hits {
			h := &f.groups[i].Hits[j]
			hits, who = append(hits, h), append(who, h.who)
		}
	}
	people, away, err := p.people(r, who)
	if err != nil {
		return err
	}
	for i, h := range hits {
		h.meet(people[i], owner(r))
	}
	page.Groups, page.Away = f.groups, away
	if len(page.Search) >= minSearch {
		page.FindPath = f.at(pathFind)
	}
	if len(hits) > 0 && !away {
		page.Ring = p.ringChoice(r, paramSearch)
	}
	return nil
}
