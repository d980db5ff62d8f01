package user

import (
	"net/http"
	"strconv"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/form"
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
	UpTo int64
	// Away says that the router could not be asked: the statuses are unknown.
	Away bool
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
	if r.Method == http.MethodGet {
		p.markSeen(r, page)
	}
	if r.Header.Get("HX-Request") != "" {
		p.View.Fragment(w, r, http.StatusOK, "missed-calls", page)
		return
	}
	p.View.Page(w, r, http.StatusOK, "missed", view.Page{Title: view.M("missed.title"), Tab: tabMissed, Data: page})
}

func (p *Portal) missedPage(r *http.Request) (missedPage, error) {
	page := missedPage{List: view.ParseList(r, missedRows)}
	calls, err := p.missedCalls(r, &page)
	if err != nil {
		return page, err
	}
	callers := make([]stranger, len(calls))
	for i, c := range calls {
		callers[i] = callerOf(c)
	}
	people, away, err := p.people(r, callers)
	if err != nil {
		return page, err
	}
	page.Away = away
	for i, c := range calls {
		page.add(c, people[i])
	}
	return page, nil
}

// missedCalls reads the page's calls; a page beyond the last one is the last. The list
// is in the order in which calls began, ids are in the one in which they ended: so the
// highest id may stand on any page, and is asked for first. What comes later is on none.
func (p *Portal) missedCalls(r *http.Request, page *missedPage) (calls []store.Call, err error) {
	l := &page.List
	if page.UpTo, err = p.DB.Calls.MaxMissedID(r.Context(), owner(r)); err != nil || page.UpTo == 0 {
		return nil, err
	}
	for {
		q := store.CallQuery{UpTo: page.UpTo, Limit: l.Size, Offset: l.Offset()}
		calls, l.Total, err = p.DB.Calls.ListMissed(r.Context(), owner(r), q)
		if err != nil || len(calls) > 0 || l.Page <= 1 {
			return calls, err
		}
		l.Page = min(l.Page-1, l.Pages())
	}
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

// missedWhy is what a final status means to who was called.
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
// from who looks.
func (p *Portal) markSeen(r *http.Request, page missedPage) {
	if page.UpTo == 0 || page.List.Page > 1 {
		return // what is new is noticed on the first page, wherever in the list it stands
	}
	n, err := p.DB.Calls.MarkSeen(r.Context(), owner(r), page.UpTo)
	if err != nil {
		p.Log.Warn("missed calls not marked as seen", "user", owner(r).String(), "err", err)
		return
	}
	if n > 0 {
		p.live.BadgesChanged(owner(r))
	}
}

// MissedAsk asks before calls go off the list (GET /user/missed/delete): ids=
// names some, upto= all up to the highest id that a page showed.
func (p *Portal) MissedAsk(w http.ResponseWriter, r *http.Request) {
	ids, upTo, err := missedSelection(r.URL.Query())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if len(ids) == 0 && upTo == 0 {
		p.done(w, r, pathMissed, view.M("missed.none_selected"))
		return
	}
	q := view.Question{
		Text: view.M("missed.delete.all_text"), Button: view.M("missed.delete.all_button"), Action: pathMissed + "/delete", Back: pathMissed,
		Fields: map[string]string{"upto": strconv.FormatInt(upTo, 10)},
	}
	title := view.M("missed.delete.all_title")
	if upTo == 0 {
		first, err := p.DB.Calls.FindMissed(r.Context(), owner(r), ids[0])
		if err != nil {
			p.fail(w, r, err)
			return
		}
		people, _, err := p.people(r, []stranger{callerOf(first)})
		if err != nil {
			p.fail(w, r, err)
			return
		}
		q.Fields = map[string]string{fieldIDs: joinIDs(ids)}
		q.Button = view.M("missed.delete.button")
		title, q.Text = view.M("missed.delete.title", people[0].Name), view.M("missed.delete.text")
		if n := len(ids); n > 1 {
			title, q.Text = view.M("missed.delete.some_title", strconv.Itoa(n)), view.M("missed.delete.some_text")
		}
	}
	p.View.Confirm(w, r, title, tabMissed, q)
}

// missedSelection reads which calls are meant.
func missedSelection(values map[string][]string) (ids []int64, upTo int64, err error) {
	if ids, err = selection(values); err != nil || len(values["upto"]) == 0 {
		return ids, 0, err
	}
	upTo, err = strconv.ParseInt(values["upto"][0], 10, 64)
	if err != nil || upTo <= 0 || len(ids) > 0 {
		return nil, 0, store.ErrNotFound
	}
	return nil, upTo, nil
}

// MissedDelete takes calls off the user's list (POST /user/missed/delete).
// Those that none of the user's lists has are store.ErrNotFound; what came
// after the page was made stays.
func (p *Portal) MissedDelete(w http.ResponseWriter, r *http.Request) {
	if _, err := form.Parse(r); err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, upTo, err := missedSelection(r.PostForm)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	n := 0
	switch {
	case upTo > 0:
		n, err = p.DB.Calls.DeleteMissedUpTo(r.Context(), owner(r), upTo)
	case len(ids) > 0:
		n, err = p.DB.Calls.DeleteMissed(r.Context(), owner(r), ids...)
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.MissedChanged(owner(r))
	p.done(w, r, pathMissed, p.counted("missed.deleted", n))
}

// counted is the text of key for n things; that of key.one if n is 1.
func (p *Portal) counted(key string, n int) view.Msg {
	if n == 1 && p.View.Texts().Has(key+".one") {
		key += ".one"
	}
	return view.Msg{Key: key, Args: []string{strconv.Itoa(n)}}
}
