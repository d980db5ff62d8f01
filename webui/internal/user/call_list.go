package user

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// callList is what the two lists of calls, all of them and the missed ones, differ in.
type callList struct {
	path, tab, file string
	kind            store.CallKind
	// The texts around deleting: of nothing, of one call, of some, of all, of what was
	// searched for.
	none, oneTitle, oneText, someTitle, someText, allTitle, allText, foundTitle, foundText, button, allButton, done string
}

// Both lists. A call that was missed is on both, and goes off both.
var (
	missedList = callList{
		path: pathMissed, tab: tabMissed, file: "missed-calls.csv", kind: store.CallsMissed,
		none: "missed.none_selected", oneTitle: "missed.delete.title", oneText: "missed.delete.text",
		someTitle: "missed.delete.some_title", someText: "missed.delete.some_text",
		allTitle: "missed.delete.all_title", allText: "missed.delete.all_text",
		foundTitle: "calls.delete.found_title", foundText: "calls.delete.found_text",
		button: "missed.delete.button", allButton: "missed.delete.all_button", done: "missed.deleted",
	}
	allCallsList = callList{
		path: pathCalls, tab: tabCalls, file: "calls.csv", kind: store.CallsAll,
		none: "calls.none_selected", oneTitle: "calls.delete.title", oneText: "calls.delete.text",
		someTitle: "calls.delete.some_title", someText: "calls.delete.some_text",
		allTitle: "calls.delete.all_title", allText: "calls.delete.all_text",
		foundTitle: "calls.delete.found_title", foundText: "calls.delete.found_text",
		button: "calls.delete.button", allButton: "calls.delete.all_button", done: "calls.deleted",
	}
)

// Columns of the lists that can be sorted by.
const (
	columnTime   = "time"
	columnLength = "length"
)

// readCalls reads the page of a list; a page beyond the last one is the last. The list
// is in the order in which calls began, ids are in the one in which they ended: so the
// highest id may stand on any page, and is asked for first. What comes later is on none.
func (p *Portal) readCalls(r *http.Request, l *view.List, q store.OwnCalls) (calls []store.Call, highest int64, err error) {
	if highest, err = p.DB.Calls.MaxOwnID(r.Context(), owner(r), q); err != nil || highest == 0 {
		return nil, 0, err
	}
	q.UpTo, q.Limit, q.Up = highest, l.Size, !l.Desc
	if l.Sort == columnLength {
		q.Sort = store.CallsByLength
	}
	for {
		q.Offset = l.Offset()
		calls, l.Total, err = p.DB.Calls.ListOwn(r.Context(), owner(r), q)
		if err != nil || len(calls) > 0 || l.Page <= 1 {
			return calls, highest, err
		}
		l.Page = min(l.Page-1, l.Pages())
	}
}

// askCalls asks before calls go off a list: ids= names some, upto= all that the filter
// finds up to the highest id that a page showed.
func (p *Portal) askCalls(w http.ResponseWriter, r *http.Request, list *callList) {
	values := r.URL.Query()
	ids, last, err := callSelection(values)
	switch {
	case err != nil:
		p.fail(w, r, err)
		return
	case last > 0:
		p.askFound(w, r, list, last)
		return
	case len(ids) == 0:
		p.done(w, r, list.path, view.M(list.none))
		return
	}
	first, err := p.findCall(r.Context(), r, list, ids[0])
	if err != nil {
		p.fail(w, r, err)
		return
	}
	people, _, err := p.people(r, []stranger{otherSide(first, owner(r))})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	title, text := view.M(list.oneTitle, people[0].Name), view.M(list.oneText)
	if n := len(ids); n > 1 {
		title, text = view.M(list.someTitle, strconv.Itoa(n)), view.M(list.someText)
	}
	p.View.Confirm(w, r, title, list.tab, view.Question{
		Text: text, Button: view.M(list.button), Action: list.path + "/delete", Back: list.path,
		Fields: map[string]string{fieldIDs: joinIDs(ids)},
	})
}

// findCall finds a call that is on a list.
func (p *Portal) findCall(ctx context.Context, r *http.Request, list *callList, id int64) (store.Call, error) {
	if list.kind == store.CallsMissed {
		return p.DB.Calls.FindMissed(ctx, owner(r), id)
	}
	return p.DB.Calls.FindOwn(ctx, owner(r), id)
}

// askFound asks before all calls that a filter finds go.
func (p *Portal) askFound(w http.ResponseWriter, r *http.Request, list *callList, last int64) {
	f := readCallFilter(r, r.URL.Query(), list)
	if !f.Form.OK() {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	question := view.Question{
		Text: view.M(list.allText), Button: view.M(list.allButton), Action: list.path + "/delete",
		Back: f.address(list, list.path), Fields: f.fields(list),
	}
	question.Fields[paramUpTo] = strconv.FormatInt(last, 10)
	title := view.M(list.allTitle)
	if f.narrows(list) {
		q, err := p.query(r, f)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		q.UpTo, q.Limit = last, 1
		_, total, err := p.DB.Calls.ListOwn(r.Context(), owner(r), q)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		title, question.Text = p.counted(list.foundTitle, total), view.M(list.foundText)
		question.Button = view.M(list.button)
	}
	p.View.Confirm(w, r, title, list.tab, question)
}

// callSelection reads which calls are meant.
func callSelection(values url.Values) (ids []int64, last int64, err error) {
	if ids, err = selection(values); err != nil || !values.Has(paramUpTo) {
		return ids, 0, err
	}
	if len(ids) > 0 {
		return nil, 0, store.ErrNotFound
	}
	last, err = upTo(values)
	return nil, last, err
}

// deleteCalls takes calls off the user's lists. Those that none of the user's lists has
// are store.ErrNotFound; what came after the page was made stays.
func (p *Portal) deleteCalls(w http.ResponseWriter, r *http.Request, list *callList) {
	if _, err := form.Parse(r); err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, last, err := callSelection(r.PostForm)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	n := 0
	switch {
	case last > 0:
		f := readCallFilter(r, r.PostForm, list)
		if !f.Form.OK() {
			p.View.Error(w, r, http.StatusBadRequest)
			return
		}
		var q store.OwnCalls
		if q, err = p.query(r, f); err == nil {
			q.UpTo = last
			n, err = p.DB.Calls.DeleteOwnSelected(r.Context(), owner(r), q)
		}
	case len(ids) > 0:
		n, err = p.deleteIDs(r, list, ids)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.live.CallsRemoved(owner(r))
	p.done(w, r, list.path, p.counted(list.done, n))
}

func (p *Portal) deleteIDs(r *http.Request, list *callList, ids []int64) (n int, err error) {
	if list.kind == store.CallsMissed {
		n, err = p.DB.Calls.DeleteMissed(r.Context(), owner(r), ids...)
	} else {
		n, err = p.DB.Calls.DeleteOwn(r.Context(), owner(r), ids...)
	}
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return n, err
}
