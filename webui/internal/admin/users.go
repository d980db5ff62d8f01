package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/view"
)

// tabUsers is the tab of the users and of what belongs to one.
const tabUsers = "users"

// userRows is how many users stand on a page.
const userRows = 50

// maxSearch is the longest text that is searched for, in characters.
const maxSearch = 128

// usersPage is the data of admin-users.html.
type usersPage struct {
	List   view.List
	Rows   []userRow
	Search string
	// Domain narrows to one of Domains, which are none where the reader has but one.
	Domain  string
	Domains []domainLink
	All     string // the address of the list of all domains
	// Empty says that there is no user at all, not just none that matches.
	Empty bool
}

// userRow is one user.
type userRow struct {
	store.Subscriber
	Admin bool // has a privilege here
}

// domainLink narrows the list to one domain.
type domainLink struct {
	Name, URL string
	Current   bool
}

// Users lists the users of the reader's domains (GET /admin/users): q= searches
// user name, names, e-mail and aliases, domain= narrows, sort= dir= page= as in
// every list.
func (p *Portal) Users(w http.ResponseWriter, r *http.Request) {
	page := usersPage{List: view.ParseList(r, userRows, string(store.SubscribersByUser),
		string(store.SubscribersByName), string(store.SubscribersByEmail))}
	page.Search = clip(r.URL.Query().Get("q"), maxSearch)
	if err := p.chooseDomain(r, &page); err != nil {
		p.fail(w, r, err)
		return
	}
	users, err := p.users(r.Context(), &page)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	admins, err := p.DB.Admins.All(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	for _, u := range users {
		isAdmin := slices.ContainsFunc(admins, func(a store.Admin) bool { return a.AOR == u.AOR })
		page.Rows = append(page.Rows, userRow{u, isAdmin})
	}
	page.Empty = page.List.Total == 0 && page.Search == "" && (page.Domain == "" || page.Domain == rights(r).Scope())
	p.View.Page(w, r, http.StatusOK, "admin-users", view.Page{Title: view.M("tab.users"), Tab: tabUsers, Data: page})
}

// chooseDomain takes the domain of the address if the reader may narrow to
// it; a reader of one domain sees that one whatever the address says.
func (p *Portal) chooseDomain(r *http.Request, page *usersPage) error {
	if page.Domain = rights(r).Scope(); page.Domain != "" {
		return nil
	}
	domains, err := p.DB.Domains.List(r.Context())
	if err != nil || len(domains) < 2 {
		return err
	}
	wanted := r.URL.Query().Get("domain")
	page.All = page.List.With("domain", "")
	for _, d := range domains {
		if d.Name == wanted {
			page.Domain = d.Name
		}
		page.Domains = append(page.Domains, domainLink{d.Name, page.List.With("domain", d.Name), d.Name == wanted})
	}
	return nil
}

// users reads the page's rows; a page beyond the last one is the last.
func (p *Portal) users(ctx context.Context, page *usersPage) ([]store.Subscriber, error) {
	for {
		l := &page.List
		users, total, err := p.DB.Subscribers.List(ctx, store.SubscriberQuery{
			Search: page.Search, Domain: page.Domain, Sort: store.SubscriberSort(l.Sort), Desc: l.Desc,
			Limit: l.Size, Offset: l.Offset(),
		})
		if err != nil {
			return nil, err
		}
		l.Total = total
		if len(users) > 0 || l.Page <= 1 {
			return users, nil
		}
		l.Page = min(l.Page-1, l.Pages())
	}
}

// Name is the user's name, or the user part of the address.
func (row userRow) Name() string {
	return store.Profile{AOR: row.AOR, FirstName: row.FirstName, LastName: row.LastName}.Name()
}

// Path is the address of the user's own page.
func (row userRow) Path() string { return userPath(row.AOR) }

// userPath is the page of one user, and what ends in more belongs to it.
func userPath(who aor.AOR, more ...string) string {
	return strings.Join(append([]string{pathUsers, url.PathEscape(who.String())}, more...), "/")
}

// clip makes text from an address bar fit: valid UTF-8 without control
// characters (a database may end its pattern at a NUL) and space around it, cut
// to most characters.
func clip(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), most)])
}
