package user

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// tabMessages is the tab of the message store and of what belongs to it.
const tabMessages = "messages"

// pathMessages is the message store.
const pathMessages = "/user/messages"

// messageRows is how many messages stand on a page.
const messageRows = 20

// messagesPage is the data of messages.html and of its part "messages".
type messagesPage struct {
	List   view.List
	Filter messageFilter
	Kinds  []kindLink
	Rows   []messageRow
	// Unread are the ids of the rows that were not read.
	Unread string
	// ClearPath leads to the question whether all go that the filter finds.
	ClearPath string
	// Away says that the router could not be asked: the statuses are unknown,
	// and nothing can be deleted or delivered.
	Away bool
}

// messageRow is one stored message.
type messageRow struct {
	person
	ID   int64
	Time time.Time
	Read bool
	// Text is what it says; if it is no text, Type says what it is and Size how
	// long, in bytes.
	Text, Type string
	Size       int
	Blank      bool // Text says nothing
	Cut        bool // Text is the beginning only
	Long       bool // it has so many lines that a page shows the first ones until asked for all
	// Receipt says that a program reports on an earlier message, and no person writes.
	Receipt bool
	// Later is when the message will be sent, the zero time if it may be sent now.
	Later time.Time
	// Fate is what became of its delivery, its key "" if nothing did.
	Fate view.Msg
}

// Messages lists the messages that are stored for the user, newest first (GET
// /user/messages; messageFilter says how it is narrowed): the page, or to htmx the list alone. They are read from the
// database and so are there while the router is away; only the router changes
// them.
func (p *Portal) Messages(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "HX-Request")
	page, err := p.messagesPage(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if portal.FromHTMX(r) {
		p.View.Fragment(w, r, http.StatusOK, "messages", page)
		return
	}
	p.View.Page(w, r, http.StatusOK, "messages", view.Page{Title: view.M("messages.title"), Tab: tabMessages, Data: page})
}

func (p *Portal) messagesPage(r *http.Request) (messagesPage, error) {
	page := messagesPage{List: view.ParseList(r, messageRows), Filter: readMessageFilter(r.URL.Query())}
	page.Kinds = page.Filter.kinds(page.List)
	messages, highest, err := p.messages(r, &page.List, page.Filter)
	if err != nil {
		return page, err
	}
	page.ClearPath = page.Filter.address(pathMessages+"/delete", paramUpTo, strconv.FormatInt(highest, 10))
	senders := make([]stranger, len(messages))
	for i, m := range messages {
		senders[i] = stranger{URI: m.From, Name: m.FromName}
	}
	people, away, err := p.people(r, senders)
	if err != nil {
		return page, err
	}
	page.Away = away
	var unread []int64
	for i, m := range messages {
		row := newMessageRow(m, people[i], p.Now())
		page.Rows = append(page.Rows, row)
		if !row.Read {
			unread = append(unread, m.ID)
		}
	}
	page.Unread = joinIDs(unread)
	return page, nil
}

// messages reads the page's messages and the highest id of all that the filter finds; a
// page beyond the last one is the last.
func (p *Portal) messages(r *http.Request, l *view.List, f messageFilter) (list []store.SiloMessage, highest int64, err error) {
	q, err := p.siloQuery(r, f)
	if err != nil {
		return nil, 0, err
	}
	if highest, err = p.DB.Silo.MaxID(r.Context(), owner(r), q); err != nil || highest == 0 {
		return nil, 0, err
	}
	q.UpTo, q.Newest, q.Limit = highest, true, l.Size
	for {
		q.Offset = l.Offset()
		list, l.Total, err = p.DB.Silo.List(r.Context(), owner(r), q)
		if err != nil || len(list) > 0 || l.Page <= 1 {
			return list, highest, err
		}
		l.Page = min(l.Page-1, l.Pages())
	}
}

// newMessageRow words a message for its owner.
func newMessageRow(m store.SiloMessage, sender person, now time.Time) messageRow {
	row := messageRow{person: sender, ID: m.ID, Time: m.Received, Read: !m.Read.IsZero(), Fate: fate(m)}
	if m.SendAt.After(now) {
		row.Later, row.Read = m.SendAt, true // it is not to be read before
	}
	text, ok := textOf(m)
	if !ok {
		row.Type, row.Size = clip(printable(m.ContentType), maxName), len(m.Body)
		row.Receipt = isReceipt(unwrapped(m).ContentType)
		return row
	}
	row.Blank = strings.TrimFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) || unicode.IsSpace(c) }) == ""
	row.Text = clip(text, maxShown)
	row.Cut, row.Long = len(row.Text) < len(text), linesOf(row.Text) > maxLines
	return row
}

// NoText says what it is if it is no text.
func (m messageRow) NoText() view.Msg {
	return view.Msg{Key: countKey("messages.no_text", m.Size), Args: []string{m.Type, strconv.Itoa(m.Size)}}
}

// fate says what became of a message's delivery.
func fate(m store.SiloMessage) view.Msg {
	code := sipDetail(m.LastCode, "")
	switch {
	case m.Refused:
		return view.M("messages.refused", code)
	case m.Attempts > 0 && m.LastCode > 0:
		return view.M("messages.tried_code", strconv.Itoa(m.Attempts), code)
	case m.Attempts > 0:
		return view.M("messages.tried", strconv.Itoa(m.Attempts))
	}
	return view.Msg{}
}

// MessagesRead has the router mark messages as read (POST /user/messages/read);
// it tells every open page, and whoever else listens.
func (p *Portal) MessagesRead(w http.ResponseWriter, r *http.Request) {
	f, err := form.Parse(r)
	if err != nil {
		p.View.Error(w, r, http.StatusBadRequest)
		return
	}
	ids, err := selection(r.PostForm)
	if err == nil && len(ids) == 0 {
		err = store.ErrNotFound
	}
	if err == nil {
		_, err = p.ownMessage(r, ids)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	back := session.LocalPath(f.Value("return"), pathMessages)
	if _, err := p.acts.MsiloRead(r.Context(), owner(r).String(), ids...); err != nil {
		p.Log.Warn("messages not marked as read", "user", owner(r).String(), "error", err)
		p.done(w, r, back, view.M("messages.not_marked"))
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// ownMessage is the first of the messages that is the user's and still there:
// the phone may have taken some meanwhile. store.ErrNotFound if none is.
func (p *Portal) ownMessage(r *http.Request, ids []int64) (m store.SiloMessage, err error) {
	err = store.ErrNotFound
	for _, id := range ids {
		if m, err = p.DB.Silo.Find(r.Context(), owner(r), id); !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return m, err
}

// MessagesDeliver has the router deliver what is stored (POST
// /user/messages/deliver). The list empties by itself as phones take it.
func (p *Portal) MessagesDeliver(w http.ResponseWriter, r *http.Request) {
	n, err := p.acts.MsiloDump(r.Context(), owner(r).String())
	switch {
	case ctlproto.CodeOf(err) == ctlproto.CodeRefused:
		p.notDone(w, r, pathMessages, view.M("messages.no_phone"))
	case err != nil:
		p.Log.Warn("messages not delivered", "user", owner(r).String(), "error", err)
		p.notDone(w, r, pathMessages, view.M("messages.deliver_away"))
	case n == 0:
		p.notDone(w, r, pathMessages, view.M("messages.nothing_to_deliver"))
	default:
		p.done(w, r, pathMessages, p.counted("messages.delivering", n))
	}
}
