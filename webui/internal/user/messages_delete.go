package user

import (
	"net/http"
	"slices"
	"strconv"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

// MessagesAsk asks before messages are deleted (GET /user/messages/delete):
// ids= names some, upto= all that the filter finds up to the highest id that a page showed.
func (p *Portal) MessagesAsk(w http.ResponseWriter, r *http.Request) {
	ids, last, err := callSelection(r.URL.Query())
	switch {
	case err != nil:
		p.fail(w, r, err)
		return
	case last > 0:
		p.askMessagesFound(w, r, last)
		return
	case len(ids) == 0:
		p.done(w, r, pathMessages, view.M("messages.none_selected"))
		return
	}
	title, text := view.M("messages.delete.some_title", strconv.Itoa(len(ids))), view.M("messages.delete.some_text")
	m, err := p.ownMessage(r, ids)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if len(ids) == 1 {
		people, _, err := p.people(r, []stranger{{URI: m.From, Name: m.FromName}})
		if err != nil {
			p.fail(w, r, err)
			return
		}
		title, text = view.M("messages.delete.title", people[0].Name), view.M("messages.delete.text")
	}
	p.View.Confirm(w, r, title, tabMessages, view.Question{
		Text: text, Button: view.M("messages.delete.button"), Action: pathMessages + "/delete", Back: pathMessages,
		Fields: map[string]string{fieldIDs: joinIDs(ids)},
	})
}

// askMessagesFound asks before all messages that a filter finds go.
func (p *Portal) askMessagesFound(w http.ResponseWriter, r *http.Request, last int64) {
	f := readMessageFilter(r.URL.Query())
	ids, err := p.messagesFound(r, f, last)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	title, text := view.M("messages.delete.all_title"), p.counted("messages.delete.all_text", len(ids))
	if f.Narrows() {
		title, text = p.counted("messages.delete.found_title", len(ids)), view.M("messages.delete.found_text")
	}
	question := view.Question{
		Text: text, Button: view.M("messages.delete.button"), Action: pathMessages + "/delete",
		Back: f.address(pathMessages), Fields: f.fields(),
	}
	question.Fields[paramUpTo] = strconv.FormatInt(last, 10)
	p.View.Confirm(w, r, title, tabMessages, question)
}

// messagesFound are the ids of all messages that a filter finds up to the highest id that a
// page showed.
func (p *Portal) messagesFound(r *http.Request, f messageFilter, last int64) ([]int64, error) {
	q, err := p.siloQuery(r, f)
	if err != nil {
		return nil, err
	}
	q.UpTo = last
	return p.DB.Silo.IDs(r.Context(), owner(r), q)
}

// MessagesDelete has the router delete messages (POST /user/messages/delete):
// it may be delivering them. What came after the page was made stays.
func (p *Portal) MessagesDelete(w http.ResponseWriter, r *http.Request) {
	if _, err := form.Parse(r); err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, last, err := callSelection(r.PostForm)
	switch {
	case err != nil:
	case last > 0:
		ids, err = p.messagesFound(r, readMessageFilter(r.PostForm), last)
	case len(ids) == 0:
		err = store.ErrNotFound
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	n, err := p.deleteMessages(r, ids)
	if n > 0 {
		p.live.MessagesChanged(owner(r))
	}
	switch {
	case err != nil:
		p.Log.Warn("messages not deleted", "user", owner(r).String(), "error", err)
		told := view.M("messages.not_deleted")
		if n > 0 {
			told = view.M("messages.deleted_some", strconv.Itoa(n))
		}
		p.notDone(w, r, pathMessages, told)
	case n == 0 && last == 0:
		p.fail(w, r, store.ErrNotFound)
	default:
		p.done(w, r, pathMessages, p.counted("messages.deleted", n))
	}
}

// deleteMessages has the router delete messages, and returns how many of them were there;
// beside an error those that went before it.
func (p *Portal) deleteMessages(r *http.Request, ids []int64) (n int, err error) {
	for some := range slices.Chunk(ids, ctlproto.MaxMessageIDs) {
		removed, err := p.acts.MsiloRm(r.Context(), owner(r).String(), some...)
		if err != nil && ctlproto.CodeOf(err) != ctlproto.CodeNotFound {
			return n, err
		}
		n += removed
	}
	return n, nil
}
