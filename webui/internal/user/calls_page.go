package user

import (
	"fmt"
	"net/http"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// callRowsShown is how many calls stand on a page.
const callRowsShown = 50

// callsPage is the data of calls.html and of its part "calls".
type callsPage struct {
	List   view.List
	Filter callFilter
	Kinds  []kindLink
	Ring   ringChoice
	Rows   []callRow
	// ClearPath leads to the question whether all go; ExportPath is the file of them.
	ClearPath, ExportPath string
	// Narrowed says that a filter is on.
	Narrowed bool
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
}

// SearchForm is the form that narrows the list.
func (page callsPage) SearchForm() callSearch {
	form := callSearch{Action: pathCalls, Ring: page.Ring.Device, Filter: page.Filter, Narrowed: page.Narrowed}
	if page.Filter.Kind != store.CallsAll {
		form.Kind = string(page.Filter.Kind)
	}
	return form
}

// kindLink narrows the list to a kind of calls.
type kindLink struct {
	Label   view.Msg
	URL     string
	Current bool
}

// callRow is one call.
type callRow struct {
	person
	ID int64
	// Icon and Way are the direction.
	Icon string
	Way  view.Msg
	Time time.Time
	// Length is the time from the answer to the end, "" without one.
	Length string
	Result view.Msg
	HungUp view.Msg // who ended it; its key is "" if that is not known
	Detail string   // what SIP said, "486 Busy Here"; "" of an answered call
}

// Calls lists the calls that the user made and got, newest first (GET /user/calls;
// callFilter says how it is narrowed): the page, or to htmx the list alone.
func (p *Portal) Calls(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "HX-Request")
	page := callsPage{List: view.ParseList(r, callRowsShown, columnTime, columnLength).DownFirst(columnTime, columnLength)}
	page.Filter = readCallFilter(r, r.URL.Query(), &allCallsList)
	status := http.StatusOK
	if !page.Filter.Form.OK() {
		status = http.StatusUnprocessableEntity
	}
	if err := p.fillCalls(r, &page); err != nil {
		p.fail(w, r, err)
		return
	}
	if portal.FromHTMX(r) {
		p.View.Fragment(w, r, http.StatusOK, "calls", page) // what is wrong with the filter, its form says
		return
	}
	p.View.Page(w, r, status, "calls", view.Page{Title: view.M("calls.title"), Tab: tabCalls, Data: page})
}

func (p *Portal) fillCalls(r *http.Request, page *callsPage) error {
	f := page.Filter
	page.Narrowed = f.narrows(&allCallsList)
	for _, k := range []struct {
		kind  store.CallKind
		label view.Msg
	}{
		{store.CallsAll, view.M("calls.all")}, {store.CallsIn, view.M("calls.in")},
		{store.CallsOut, view.M("calls.out")}, {store.CallsMissed, view.M("calls.missed")},
	} {
		page.Kinds = append(page.Kinds, kindLink{k.label, page.List.With(paramKind, string(k.kind)), f.Kind == k.kind})
	}
	q, err := p.query(r, f)
	if err != nil {
		return err
	}
	calls, highest, err := p.readCalls(r, &page.List, q)
	if err != nil {
		return err
	}
	others := make([]stranger, len(calls))
	for i, c := range calls {
		others[i] = otherSide(c, owner(r))
	}
	people, away, err := p.people(r, others)
	if err != nil {
		return err
	}
	if page.Away = away; !away && len(calls) > 0 {
		page.Ring = p.ringChoice(r, callParams...)
	}
	for i, c := range calls {
		page.Rows = append(page.Rows, newCallRow(c, people[i], owner(r)))
	}
	page.ClearPath = f.address(&allCallsList, pathCalls+"/delete", paramUpTo, fmt.Sprint(highest))
	page.ExportPath = f.address(&allCallsList, pathCalls+"/export")
	return nil
}

// CallsAsk asks before calls go off the list (GET /user/calls/delete).
func (p *Portal) CallsAsk(w http.ResponseWriter, r *http.Request) { p.askCalls(w, r, &allCallsList) }

// CallsDelete takes calls off the user's lists; the others' keep them (POST
// /user/calls/delete).
func (p *Portal) CallsDelete(w http.ResponseWriter, r *http.Request) {
	p.deleteCalls(w, r, &allCallsList)
}

// madeBy reports whether the user made the call; one to oneself was made.
func madeBy(c store.Call, me aor.AOR) bool { return c.Caller == me }

// otherSide is with whom a call of the user's was.
func otherSide(c store.Call, me aor.AOR) stranger {
	if !madeBy(c, me) {
		return callerOf(c)
	}
	return stranger{URI: calledURI(c, me), Name: c.CalleeName}
}

// calledURI is the address that the user called: as they called it, since they
// need not know who is behind an alias or takes somebody else's calls. What a
// short number stands for tells more than the number.
func calledURI(c store.Call, me aor.AOR) string {
	called, err := aor.Parse(c.TargetURI, "")
	switch {
	case c.TargetURI == "", err == nil && called.Domain == me.Domain && isSlot(called.User):
		return c.Callee.URI()
	case err != nil:
		return c.TargetURI
	}
	return called.URI()
}

func newCallRow(c store.Call, who person, me aor.AOR) callRow {
	row := callRow{person: who, ID: c.ID, Time: c.Started, Icon: "call-in", Way: view.M("calls.way_in")}
	out := madeBy(c, me)
	if out {
		row.Icon, row.Way = "call-out", view.M("calls.way_out")
	}
	if c.Answered.IsZero() {
		row.Detail = sipDetail(c.Code, c.Reason)
		if row.Result = missedWhy(c.Code); out {
			row.Result = failedWhy(c.Code, who.Name)
		} else if c.Code >= 300 {
			row.Icon, row.Way = "call-missed", view.M("calls.way_missed")
		}
		return row
	}
	row.Result = view.M("calls.answered")
	length, known := c.Length()
	if !known {
		row.Result = view.M("calls.not_over")
		return row
	}
	row.Length = clockLength(length)
	switch hungUpWord(c, out) {
	case "me":
		row.HungUp = view.M("calls.you_hung_up")
	case "them":
		row.HungUp = view.M("calls.they_hung_up", who.Name)
	case store.HungUpRouter:
		row.HungUp = view.M("calls.router_hung_up")
	}
	return row
}

// failedWhy is what a final status means to the caller: missedWhy from the other side.
func failedWhy(code int, callee string) view.Msg {
	switch code {
	case 404, 410, 484, 604:
		return view.M("calls.why.nobody", callee)
	case 480:
		return view.M("calls.why.offline", callee)
	case 408:
		return view.M("calls.why.no_answer", callee)
	case 486, 600:
		return view.M("calls.why.busy", callee)
	case 487:
		return view.M("calls.why.gave_up")
	case 603, 607:
		return view.M("calls.why.declined", callee)
	case 415, 488, 606:
		return view.M("calls.why.media", callee)
	}
	switch {
	case code >= 500 && code < 600:
		return view.M("calls.why.failed")
	case code >= 400 && code < 700:
		return view.M("calls.why.refused")
	}
	return view.M("calls.why.unknown", callee)
}

// clockLength writes a time that a call took: "0:07", "12:30", "1:02:03".
func clockLength(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
