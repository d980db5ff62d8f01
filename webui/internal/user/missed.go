package user

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/view"
)

// tabMissed is the tab of the missed calls.
const tabMissed = "missed"

// pathMissed is their page.
const pathMissed = "/user/missed"

// missedRows is how many calls stand on a page.
const missedRows = 50

// missedPage is the data of missed.html and of its part "missed-calls".
type missedPage struct {
	List view.List
	Rows []missedRow
	// UpTo is the highest id in the list, all its pages: what came later was not seen here.
	UpTo   int64
	Filter callFilter
	Ring   ringChoice
	// ClearPath leads to the question whether all go; ExportPath is the file of them.
	ClearPath, ExportPath string
	// Narrowed says that a filter is on.
	Narrowed bool
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
}

// SearchForm is the form that narrows the list.
func (page missedPage) SearchForm() callSearch {
	return callSearch{Action: pathMissed, Ring: page.Ring.Device, Filter: page.Filter, Narrowed: page.Narrowed}
}

// missedRow is one caller's calls in a row, the newest of which it shows.
type missedRow struct {
	person
	IDs    string // of all of them
	ID     int64  // of the newest
	Time   time.Time
	Why    view.Msg // in plain words
	Detail string   // what SIP said, "486 Busy Here"
	Times  int      // how often in a row
	New    bool     // not looked at before
}

// callerOf is the other side of a missed call.
func callerOf(c store.Call) stranger {
	s := stranger{URI: c.CallerURI, Name: c.CallerName}
	if s.URI == "" && !c.Caller.IsZero() {
		s.URI = c.Caller.URI()
	}
	return s
}

// Missed lists the calls that did not reach the user, newest first, and notes
// that they were looked at (GET /user/missed): the page, or to htmx the list
// alone.
func (p *Portal) Missed(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "HX-Request")
	page, err := p.missedPage(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	status := http.StatusOK
	if !page.Filter.Form.OK() {
		status = http.StatusUnprocessableEntity
	}
	if r.Method == http.MethodGet {
		p.markSeen(r, page)
	}
	if portal.FromHTMX(r) {
		p.View.Fragment(w, r, status, "missed-calls", page)
		return
	}
	p.View.Page(w, r, status, "missed", view.Page{Title: view.M("missed.title"), Tab: tabMissed, Data: page})
}

func (p *Portal) missedPage(r *http.Request) (missedPage, error) {
	page := missedPage{List: view.ParseList(r, missedRows, columnTime).DownFirst(columnTime), Filter: readCallFilter(r, r.URL.Query(), &missedList)}
	page.Narrowed = page.Filter.narrows(&missedList)
	q, err := p.query(r, page.Filter)
	if err != nil {
		return page, err
	}
	calls, highest, err := p.readCalls(r, &page.List, q)
	if err != nil {
		return page, err
	}
	page.UpTo = highest
	page.ClearPath = page.Filter.address(&missedList, pathMissed+"/delete", paramUpTo, strconv.FormatInt(highest, 10))
	page.ExportPath = page.Filter.address(&missedList, pathMissed+"/export")
	callers := make([]stranger, len(calls))
	for i, c := range calls {
		callers[i] = callerOf(c)
	}
	people, away, err := p.people(r, callers)
	if err != nil {
		return page, err
	}
	if page.Away = away; !away && len(calls) > 0 {
		page.Ring = p.ringChoice(r, callParams...)
	}
	for i, c := range calls {
		page.add(c, people[i])
	}
	return page, nil
}

// add adds a call: to the row before it if that is the same caller's and ended
// in the same way.
func (page *missedPage) add(c store.Call, who person) {
	why := missedWhy(c.Code)
	if n := len(page.Rows); n > 0 {
		last := &page.Rows[n-1]
		if who.URI != "" && last.URI == who.URI && last.Why.Key == why.Key {
			last.IDs += "," + strconv.FormatInt(c.ID, 10)
			last.Times++
			last.New = last.New || !c.CalleeSeen
			return
		}
	}
	page.Rows = append(page.Rows, missedRow{
		person: who, IDs: strconv.FormatInt(c.ID, 10), ID: c.ID, Time: c.Started, Why: why,
		Detail: sipDetail(c.Code, c.Reason), Times: 1, New: !c.CalleeSeen,
	})
}

// missedWhy is what a final status means to the callee.
func missedWhy(code int) view.Msg {
	switch code {
	case 480:
		return view.M("missed.why.offline")
	case 408:
		return view.M("missed.why.no_answer")
	case 486, 600:
		return view.M("missed.why.busy")
	case 487:
		return view.M("missed.why.gave_up")
	case 603, 607:
		return view.M("missed.why.declined")
	case 415, 488, 606:
		return view.M("missed.why.media")
	}
	switch {
	case code >= 500 && code < 600:
		return view.M("missed.why.failed")
	case code >= 400 && code < 700:
		return view.M("missed.why.refused")
	}
	return view.M("missed.why.unknown")
}

// maxReason is how much is shown of a reason phrase, which is a stranger's
// text, in characters.
const maxReason = 64

// sipDetail is a final status as SIP writes it: "486 Busy Here"; "" if there
// was none.
func sipDetail(code int, reason string) string {
	if code == 0 {
		return ""
	}
	return clip(strconv.Itoa(code)+" "+printable(reason), maxReason)
}

// Repeated says that the row stands for more calls than one.
func (row missedRow) Repeated() bool { return row.Times > 1 }

// markSeen notes that the user looked at the list. That it fails takes nothing
// from the reader.
func (p *Portal) markSeen(r *http.Request, page missedPage) {
	if page.UpTo == 0 || page.List.Page > 1 || page.Narrowed || !page.List.Desc {
		return // what is new is noticed on the first page of all, wherever in the list it stands
	}
	me := owner(r)
	p.aside.Do("seen "+me.String(), func(ctx context.Context) {
		n, err := p.DB.Calls.MarkSeen(ctx, me, page.UpTo)
		if err != nil {
			p.Log.Warn("missed calls not marked as seen", "user", me.String(), "error", err)
			return
		}
		if n > 0 {
			p.live.BadgesChanged(me)
		}
	})
}

// MissedAsk asks before calls go off the list (GET /user/missed/delete).
func (p *Portal) MissedAsk(w http.ResponseWriter, r *http.Request) { p.askCalls(w, r, &missedList) }

// MissedDelete takes calls off the user's list (POST /user/missed/delete).
func (p *Portal) MissedDelete(w http.ResponseWriter, r *http.Request) {
	p.deleteCalls(w, r, &missedList)
}

// counted is the text of key for n things; that of key.one if n is 1.
func (p *Portal) counted(key string, n int) view.Msg {
	if n == 1 && p.View.Texts(view.English).Has(key+".one") {
		key += ".one"
	}
	return view.Msg{Key: key, Args: []string{strconv.Itoa(n)}}
}
