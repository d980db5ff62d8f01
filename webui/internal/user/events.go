package user

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/session"
	"seraph/webui/internal/view"
)

// Names of the events of /user/events. Their data is JSON.
const (
	eventState    = "state"    // stateData: everything, at the start and after a gap
	eventPresence = "presence" // map of address to status, of those that changed
	eventContacts = "contacts" // {}: the user's own registered contacts changed
	eventCard     = "card"     // cardData: the click-to-dial card changed
	eventCalls    = "calls"    // {}: the list of calls changed
	eventBadges   = "badges"   // badgesData: a number on a tab changed, perhaps with the list behind it
	eventAway     = "away"     // {}: the router cannot be reached
	eventEnd      = "end"      // {}: the session has ended, do not come back
	eventAlive    = "alive"    // {}: nothing is new; a page that hears nothing for long has lost the stream
)

// stateData is the data of eventState.
type stateData struct {
	Presence map[string]string `json:"presence"`
	Card     cardData          `json:"card"`
	Badges   *badgesData       `json:"badges,omitempty"` // nil if they are not known
}

// cardData is the data of eventCard. ID is empty where there is no card.
type cardData struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// badgesData is the data of eventBadges.
type badgesData struct {
	Missed   int `json:"missed"`
	Messages int `json:"messages"`
	// Changed is the list that a page showing it reads again: "missed",
	// "messages", or "" for none.
	Changed string `json:"changed,omitempty"`
}

// reconnectAfter is what browsers are told to wait before they come back, in
// milliseconds as the protocol wants it.
const reconnectAfter = "retry: 2000\n\n"

// Bounds of what a page asks for beside the user's own lists.
const (
	maxAlso        = 200 // addresses; app.js knows it, too
	maxAlsoAddress = 255 // bytes of one
)

// Events is the live feed of one browser (GET /user/events), server-sent events
// in the user's own matters only. It begins with the state, and ends with the
// session, with the program, or when the browser does not read. Each "also" is
// one more address that the browser's pages show; "as" is whose pages they are:
// where somebody else has signed in since, the feed says that it has ended.
func (p *Portal) Events(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if as := query.Get("as"); as != "" && as != owner(r).String() {
		f := newFeed(p, nil, w, r)
		_ = f.event(eventEnd, struct{}{}) // an error means that the browser has gone
		return
	}
	s, err := p.live.join(owner(r), asks{session: session.Of(r).Session.ID, also: alsoOf(query["also"])})
	switch {
	case errors.Is(err, errTooManyStreams):
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many live pages are open.", http.StatusTooManyRequests)
		return
	case err != nil:
		http.Error(w, "Shutting down.", http.StatusServiceUnavailable)
		return
	}
	defer p.live.leave(s)
	f := newFeed(p, s, w, r)
	if f.raw(reconnectAfter) == nil {
		f.serve()
	}
}

// alsoOf are the addresses that a page asks for, as presence is asked by: those
// that are none, are too long or are too many are left out.
func alsoOf(asked []string) []string {
	var also []string
	for _, address := range asked[:min(len(asked), maxAlso)] {
		if who, err := aor.Parse(address, ""); err == nil && len(address) <= maxAlsoAddress {
			also = append(also, who.String())
		}
	}
	return also
}

// feed writes the events of one stream.
type feed struct {
	portal  *Portal
	stream  *stream
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	// checked is when the session was last looked at and had not ended; withheld says
	// that news were not sent because nobody knew.
	checked  time.Time
	withheld bool
}

// newFeed begins the answer.
func newFeed(p *Portal, s *stream, w http.ResponseWriter, r *http.Request) *feed {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx hands on each event at once
	return &feed{portal: p, stream: s, w: w, r: r, control: http.NewResponseController(w)}
}

// serve writes until something ends the stream.
func (f *feed) serve() {
	opts := f.portal.live.opts
	comment, alive := time.NewTicker(opts.Comment), time.NewTicker(opts.Alive)
	defer comment.Stop()
	defer alive.Stop()
	for {
		var err error
		select {
		case <-f.r.Context().Done():
			return
		case <-f.portal.live.ended:
			return
		case n := <-f.stream.queue:
			err = f.write(f.stream.take(n))
		case <-comment.C:
			err = f.alive()
		case <-alive.C:
			err = f.checkSession()
		case <-f.stream.check:
			err = f.checkSession()
		}
		if err != nil {
			return
		}
	}
}

// errSessionEnded ends a stream whose session has.
var errSessionEnded = errors.New("the session has ended")

// checkSession ends the stream if its session has ended. A database that does
// not answer ends nothing; when it does again, the page gets what it missed meanwhile.
func (f *feed) checkSession() error {
	alive, err := f.lives()
	if err != nil || !alive || !f.withheld {
		return err
	}
	f.withheld = false
	return f.write(news{kind: newsState, at: time.Now()})
}

// lives looks at the session, and ends the stream if it has ended; false is a database
// that does not say.
func (f *feed) lives() (alive bool, err error) {
	ctx, cancel := context.WithTimeout(f.r.Context(), f.portal.live.opts.Write)
	defer cancel()
	begin := time.Now()
	err = f.portal.Sessions.Alive(ctx, session.Of(f.r).Session)
	if err == nil {
		f.checked = begin
		return true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err := f.event(eventEnd, struct{}{}); err != nil {
		return false, err
	}
	return false, errSessionEnded
}

// own sends an event with what was known of the user at a time, if the session is still
// the user's after it: the account may have been deleted, and the address be somebody
// else's. One look is enough for all that the queue held before it.
func (f *feed) own(at time.Time, name string, data any) error {
	if !f.checked.After(at) {
		switch alive, err := f.lives(); {
		case err != nil:
			return err
		case !alive:
			f.withheld = true
			return nil
		}
	}
	return f.event(name, data)
}

// write sends one piece of news as its event.
func (f *feed) write(n news) error {
	switch n.kind {
	case newsState:
		statuses, synced := f.portal.live.presence(f.stream.viewer)
		if !synced {
			return nil // away or being read; that is told by itself
		}
		data := stateData{Presence: statuses, Card: f.card(), Badges: f.badges("")}
		return f.own(time.Now(), eventState, data)
	case newsPresence:
		return f.own(n.at, eventPresence, n.presence)
	case newsContacts:
		return f.own(n.at, eventContacts, struct{}{})
	case newsCalls:
		return f.own(n.at, eventCalls, struct{}{})
	case newsCall:
		data := f.card()
		return f.own(time.Now(), eventCard, data)
	case newsAway:
		return f.event(eventAway, struct{}{})
	case newsBadges, newsMissed, newsMessages:
		if data := f.badges(n.kind.changed()); data != nil {
			return f.own(time.Now(), eventBadges, data)
		}
	}
	return nil
}

// badges are the numbers on the tabs, nil while the database does not say.
func (f *feed) badges(changed string) *badgesData {
	ctx, cancel := context.WithTimeout(f.r.Context(), f.portal.live.opts.Write)
	defer cancel()
	b, err := f.portal.badges(ctx, f.stream.viewer.who)
	if err != nil {
		if f.r.Context().Err() == nil { // the browser is still there
			f.portal.Log.Warn("badges unknown", "user", f.stream.viewer.who.String(), "error", err)
		}
		return nil
	}
	return &badgesData{Missed: b.Missed, Messages: b.Messages, Changed: changed}
}

// card is the card as this page's reader sees it.
func (f *feed) card() cardData {
	id, html := f.portal.card(f.r.Context(), view.Of(f.r), f.stream.viewer.who)
	return cardData{ID: id, HTML: html}
}

// event writes one event. JSON has no line ends outside of strings and escapes
// those within, so that the data is one line.
func (f *feed) event(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return f.raw("event: " + name + "\ndata: " + string(text) + "\n\n")
}

// alive shows that the stream lives: to proxies on the way by a comment, to the
// page, which is not shown comments, by an event.
func (f *feed) alive() error {
	if err := f.raw(":\n\n"); err != nil {
		return err
	}
	return f.event(eventAlive, struct{}{})
}

// raw writes and sends, within the time that a browser has to read.
func (f *feed) raw(text string) error {
	err := f.control.SetWriteDeadline(time.Now().Add(f.portal.live.opts.Write))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := f.w.Write([]byte(text)); err != nil {
		return err
	}
	return f.control.Flush()
}
