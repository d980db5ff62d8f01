package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// overviewPage is the data of admin-overview.html and of the part "overview".
type overviewPage struct {
	// Whole says that the reader administers every domain; otherwise the page
	// tells of one domain, and nothing that the router counts for all.
	Whole  bool
	Domain string // the reader's, or the first one
	More   int    // how many domains there are beside it
	Totals store.Totals
	// SignUps is how many new accounts wait for the reader.
	SignUps int
	Router  routerState
	At      string // when, to the second
	AtISO   string
}

// routerState is what the router said of itself.
type routerState struct {
	// Away says that it did not.
	Away    bool
	Version string
	Since   time.Time
	// Waiting is how many changes of it wait for the database.
	Waiting int
	numbers map[string]int64
}

// replyRow is one class of final and provisional replies.
type replyRow struct {
	Class, Meaning      string
	Stateful, Stateless string
}

// Overview shows how the service is (GET /admin): the page, or to htmx the
// part that changes.
func (p *Portal) Overview(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "HX-Request")
	page, err := p.overview(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if portal.FromHTMX(r) {
		p.View.Fragment(w, r, http.StatusOK, "overview", page)
		return
	}
	p.View.Page(w, r, http.StatusOK, "admin-overview", view.Page{Title: view.M("tab.overview"), Tab: "overview", Data: page})
}

func (p *Portal) overview(r *http.Request) (overviewPage, error) {
	x := rights(r)
	now := p.Now()
	page := overviewPage{
		Whole: x.Everywhere(), Domain: x.Scope(),
		At: now.In(view.Of(r).Zone).Format("15:04:05"), AtISO: now.UTC().Format(time.RFC3339),
	}
	var err error
	if page.Totals, err = p.DB.Subscribers.Totals(r.Context(), x.Scope()); err != nil {
		return page, err
	}
	if page.SignUps, err = p.DB.Pending.CountApprovals(r.Context(), x.Scope()); err != nil {
		return page, err
	}
	if page.Whole {
		domains, err := p.DB.Domains.List(r.Context())
		if err != nil {
			return page, err
		}
		if len(domains) > 0 {
			page.Domain, page.More = domains[0].Name, len(domains)-1
		}
	}
	page.Router = p.routerState(r.Context())
	return page, nil
}

// routerState asks the router. One that does not answer in time is away.
func (p *Portal) routerState(ctx context.Context) routerState {
	var s routerState
	err := p.router.Ask(ctx, func(ctx context.Context) (err error) {
		s, err = p.askRouter(ctx)
		return err
	})
	if err != nil {
		p.Log.Warn("overview: the router did not answer", "error", err)
		return routerState{Away: true}
	}
	return s
}

func (p *Portal) askRouter(ctx context.Context) (s routerState, err error) {
	if s.Version, err = p.Ctl.CoreVersion(ctx); err != nil {
		return s, err
	}
	uptime, err := p.Ctl.CoreUptime(ctx)
	if err != nil {
		return s, err
	}
	s.Since = p.Now().Add(-time.Duration(uptime.Uptime) * time.Second)
	stats, err := p.Ctl.Statistics(ctx)
	if err != nil {
		return s, err
	}
	s.numbers = numbersOf(stats)
	s.Waiting = int(s.numbers["usrloc:pending"])
	return s, nil
}

func numbersOf(stats []ctlproto.Statistic) map[string]int64 {
	numbers := make(map[string]int64, len(stats))
	for _, one := range stats {
		numbers[one.Group+":"+one.Name] = one.Value
	}
	return numbers
}

// Users, Contacts and Transactions are there now.
func (s routerState) Users() string        { return s.number("usrloc:registered_users") }
func (s routerState) Contacts() string     { return s.number("usrloc:location-contacts") }
func (s routerState) Transactions() string { return s.number("tm:current") }

// Replies are the final replies since the start, by class.
func (s routerState) Replies() []replyRow {
	var rows []replyRow
	for _, class := range []string{"2xx", "3xx", "4xx", "5xx", "6xx"} {
		rows = append(rows, replyRow{class, "overview.class_" + class[:1], s.number("tm:" + class), s.number("sl:" + class)})
	}
	return rows
}

// number is a statistic as people read it. What the router did not say is not
// shown as 0.
func (s routerState) number(name string) string {
	n, ok := s.numbers[name]
	if !ok {
		return "–"
	}
	return grouped(n)
}

// grouped writes a number with a comma before every three digits.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(text) - 3; i > first; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// StoredMessages, Subscribers and Disabled are the database's numbers.
func (page overviewPage) StoredMessages() string { return grouped(int64(page.Totals.Messages)) }
func (page overviewPage) Subscribers() string    { return grouped(int64(page.Totals.Subscribers)) }
func (page overviewPage) Disabled() string       { return grouped(int64(page.Totals.Disabled)) }
