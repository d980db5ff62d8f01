package user

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// Paths and tab of the calls.
const (
	tabCalls  = "calls"
	pathCalls = "/user/calls"
)

// Parameters of the addresses of both lists of calls.
const (
	paramKind   = "kind"
	paramSearch = "q"
	paramSince  = "from"
	paramUntil  = "to"
	paramUpTo   = "upto"
)

// callParams are the parameters that a list of calls keeps when the phone to ring is chosen.
var callParams = []string{paramKind, paramSearch, paramSince, paramUntil, "sort", "dir"}

// callFilter is what narrows a list of calls, as its address has it: kind= in, out or
// missed, q= searches, from= and to= are the first and the last day, in the reader's zone.
type callFilter struct {
	// Form has q, from and to as typed, and what is wrong with them.
	Form *form.Form
	Kind store.CallKind

	since, before time.Time
}

// callSearch is the form that narrows a list of calls.
type callSearch struct {
	// Action is the list; Kind is kept, "" if the list has one kind or all.
	Action, Kind string
	// Ring is the phone that the calls of the page make ring, "" for all.
	Ring     string
	Filter   callFilter
	Narrowed bool
}

// dayLayout is how browsers send a day.
const dayLayout = "2006-01-02"

// readCallFilter reads a filter from an address or a form; list says whether the kind is
// given by the list.
func readCallFilter(r *http.Request, values url.Values, list *callList) callFilter {
	f := callFilter{Kind: list.kind, Form: form.New(
		paramSearch, clip(values.Get(paramSearch), maxSearch),
		paramSince, clip(values.Get(paramSince), maxDay), paramUntil, clip(values.Get(paramUntil), maxDay),
	)}
	if f.Kind == store.CallsAll {
		switch kind := store.CallKind(values.Get(paramKind)); kind {
		case store.CallsIn, store.CallsOut, store.CallsMissed:
			f.Kind = kind
		}
	}
	zone := zoneOf(r)
	first, last := readDay(f.Form, paramSince), readDay(f.Form, paramUntil)
	if !first.IsZero() {
		f.since = dayBegins(first, zone)
	}
	if !last.IsZero() {
		f.before = dayBegins(last.AddDate(0, 0, 1), zone)
		if last.Before(first) {
			f.Form.Fail(paramUntil, "calls.days_crossed")
		}
	}
	return f
}

// maxDay is the longest text that is taken for a day, in characters.
const maxDay = 32

// readDay is a day as its midnight in UTC; zero if none is given or what is is none.
func readDay(f *form.Form, name string) time.Time {
	text := f.Value(name)
	if text == "" {
		return time.Time{}
	}
	day, err := time.Parse(dayLayout, text)
	if err != nil || day.Year() < 1970 || day.Year() > 9998 {
		f.Fail(name, "calls.bad_day")
		return time.Time{}
	}
	return day
}

// widest is more than any zone is ahead of UTC.
const widest = 36 * time.Hour

// dayBegins is the first instant whose date in the zone is that of day, which is a
// midnight in UTC. Where clocks are put forward at midnight that is no midnight; of a
// date that a zone left out it is the beginning of the next one.
func dayBegins(day time.Time, zone *time.Location) time.Time {
	at := day.Add(-widest).In(zone)
	for {
		_, ahead := at.Zone()
		begins := day.Add(-time.Duration(ahead) * time.Second).In(zone)
		if begins.Before(at) { // the clocks have jumped over midnight
			begins = at
		}
		_, change := at.ZoneBounds()
		if change.IsZero() || begins.Before(change) {
			return begins
		}
		at = change
	}
}

// zoneOf is the time zone of the reader of a request's page.
func zoneOf(r *http.Request) *time.Location {
	if zone := view.Of(r).Zone; zone != nil {
		return zone
	}
	return time.UTC
}

// Search is the text that is searched for.
func (f callFilter) Search() string { return f.Form.Value(paramSearch) }

// Dates reports whether one of the days is given.
func (f callFilter) Dates() bool {
	return f.Form.Value(paramSince) != "" || f.Form.Value(paramUntil) != ""
}

// Narrows reports whether the filter is one, apart from the list's own.
func (f callFilter) narrows(list *callList) bool {
	return f.Kind != list.kind || f.Search() != "" || f.Dates()
}

// fields are the filter as the fields of a form or the parameters of an address.
func (f callFilter) fields(list *callList) map[string]string {
	fields := make(map[string]string)
	for _, name := range []string{paramSearch, paramSince, paramUntil} {
		if value := f.Form.Value(name); value != "" {
			fields[name] = value
		}
	}
	if f.Kind != list.kind {
		fields[paramKind] = string(f.Kind)
	}
	return fields
}

// address is a path with the filter, and more parameters in pairs.
func (f callFilter) address(list *callList, path string, more ...string) string {
	return filtered(path, f.fields(list), more)
}

// filtered is a path with a filter's fields, and more parameters in pairs.
func filtered(path string, fields map[string]string, more []string) string {
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// query is the filter as the store takes it. Whoever the phone book knows by the
// name that is searched for is found, too.
func (p *Portal) query(r *http.Request, f callFilter) (store.OwnCalls, error) {
	q := store.OwnCalls{Kind: f.Kind, Since: f.since, Before: f.before, Search: f.Search()}
	if q.Search == "" {
		return q, nil
	}
	entries, _, err := p.DB.Phonebook.List(r.Context(), owner(r), store.EntryQuery{Search: q.Search, Limit: store.MaxPeople})
	for _, e := range entries {
		q.People = append(q.People, e.Address)
	}
	return q, err
}

// upTo reads the highest id that a page showed; what is none is store.ErrNotFound.
func upTo(values url.Values) (int64, error) {
	id, err := strconv.ParseInt(values.Get(paramUpTo), 10, 64)
	if err != nil || id <= 0 {
		return 0, store.ErrNotFound
	}
	return id, nil
}
