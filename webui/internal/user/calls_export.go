package user

import (
	"iter"
	"net/http"
	"strconv"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
)

// callColumns are the heads of the file of calls: names for programs.
var callColumns = []string{"time", "direction", "name", "address", "result", "answered", "ended", "seconds", "hung_up_by", "sip_status", "sip_reason"}

// CallsExport answers with the calls that the filter finds as a CSV file, all pages of
// the list (GET /user/calls/export).
func (p *Portal) CallsExport(w http.ResponseWriter, r *http.Request) {
	p.exportCalls(w, r, &allCallsList)
}

// MissedExport is CallsExport for the missed calls (GET /user/missed/export).
func (p *Portal) MissedExport(w http.ResponseWriter, r *http.Request) {
	p.exportCalls(w, r, &missedList)
}

func (p *Portal) exportCalls(w http.ResponseWriter, r *http.Request, list *callList) {
	f := readCallFilter(r, r.URL.Query(), list)
	if !f.Form.OK() {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	q, err := p.query(r, f)
	if err == nil {
		q.UpTo, err = p.DB.Calls.MaxOwnID(r.Context(), owner(r), q)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	rows := p.callRows(r, q)
	if q.UpTo == 0 {
		rows = func(func([]string, error) bool) {}
	}
	if err := portal.SendCSV(w, p.Log, list.file, callColumns, rows); err != nil {
		p.fail(w, r, err)
	}
}

// exportPage is how many calls are read at once.
const exportPage = 500

// callRows are the rows of the file, page by page: it takes the same memory however many
// there are.
func (p *Portal) callRows(r *http.Request, q store.OwnCalls) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		q.Limit = exportPage
		for {
			calls, _, err := p.DB.Calls.ListOwn(r.Context(), owner(r), q)
			if err != nil {
				yield(nil, err)
				return
			}
			known, err := p.namesOf(r, calls)
			if err != nil {
				yield(nil, err)
				return
			}
			for i, c := range calls {
				if !yield(callCells(c, known[i], owner(r), zoneOf(r)), nil) {
					return
				}
			}
			if len(calls) < exportPage {
				return
			}
			q.Offset += len(calls)
		}
	}
}

// namesOf is who the others of calls are, without asking the router for anything.
func (p *Portal) namesOf(r *http.Request, calls []store.Call) ([]person, error) {
	list := make([]person, len(calls))
	var asked []string
	for i, c := range calls {
		list[i] = newPerson(otherSide(c, owner(r)))
		if uri := list[i].URI; uri != "" {
			asked = append(asked, uri, plainURI(uri))
		}
	}
	entries, err := p.DB.Phonebook.FindAddresses(r.Context(), owner(r), distinct(asked))
	for i := range list {
		list[i].meet(entries)
	}
	return list, err
}

// callCells is a call as a row of the file. Times are in the reader's zone, with its
// offset (RFC 3339).
func callCells(c store.Call, who person, me aor.AOR, zone *time.Location) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
	}
	direction, result, seconds, code := "in", "missed", "", ""
	out := madeBy(c, me)
	switch {
	case !c.Answered.IsZero():
		result = "answered"
	case out:
		result = "not answered"
	}
	if out {
		direction = "out"
	}
	if length, ok := c.Length(); ok {
		seconds = strconv.FormatInt(int64(length/time.Second), 10)
	}
	if c.Code != 0 {
		code = strconv.Itoa(c.Code)
	}
	name := who.Name
	if name == who.Address {
		name = ""
	}
	return []string{
		at(c.Started), direction, name, who.Address, result, at(c.Answered), at(c.Ended), seconds, hungUpWord(c, out), code, printable(c.Reason),
	}
}

// hungUpWord is who ended a call, for programs: me, them or router; "" if that is not known.
func hungUpWord(c store.Call, out bool) string {
	switch c.HungUpBy {
	case store.HungUpCaller, store.HungUpCallee:
		if (c.HungUpBy == store.HungUpCaller) == out {
			return "me"
		}
		return "them"
	}
	return c.HungUpBy
}
