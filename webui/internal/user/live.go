package user

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Router is what the pages ask of the router over the control socket;
// *ctlproto.Redialer is one. Every call of it may fail with
// ctlproto.ErrUnreachable at once.
type Router interface {
	PresenceGet(ctx context.Context, viewer string, addresses []string) (map[string]ctlproto.PresenceStatus, error)
	CtdDial(ctx context.Context, p ctlproto.CtdDialParams) (string, error)
	CtdStatus(ctx context.Context, id string) (ctlproto.CtdStatus, error)
	CtdCancel(ctx context.Context, id, actor string) error
	CoreVersion(ctx context.Context) (string, error)
	Follow(ctx context.Context, handle func(ctlproto.Event), topics ...string) error
}

var _ Router = (*ctlproto.Redialer)(nil)

// LiveOptions are the durations and limits of Live. A zero field takes the
// default named beside it.
type LiveOptions struct {
	// Gap is the least time between two questions for one user's presence:
	// changes that come within it are asked for together. 100 ms.
	Gap time.Duration
	// Reask is how often the whole phone book is asked for again, for what no
	// event tells: somebody hid, an alias came on line. A minute.
	Reask time.Duration
	// Pulse is how often the router is asked whether it answers at all, and how long
	// it has for that: one that hangs breaks no connection. 3 s.
	Pulse time.Duration
	// Ask is when a page that is opened asks how the reader's running attempt stands, if
	// nothing was heard of it for so long. 5 s.
	Ask time.Duration
	// Comment is how often a stream without news shows that it lives. 20 s.
	Comment time.Duration
	// Alive is how often a stream asks whether its session still is. 10 s.
	Alive time.Duration
	// Write is how long a browser may take to read one event. 10 s.
	Write time.Duration
	// StreamsPerSession, StreamsPerUser and Streams bound the open streams: a
	// browser needs one, or one a visible tab where it cannot share. 6, 10 and 10,000.
	StreamsPerSession, StreamsPerUser, Streams int
}

func (o *LiveOptions) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.Gap, 100*time.Millisecond)
	set(&o.Reask, time.Minute)
	set(&o.Pulse, 3*time.Second)
	set(&o.Ask, defaultAsk)
	set(&o.Comment, 20*time.Second)
	set(&o.Alive, 10*time.Second)
	set(&o.Write, 10*time.Second)
	if o.StreamsPerSession <= 0 {
		o.StreamsPerSession = 6
	}
	if o.StreamsPerUser <= 0 {
		o.StreamsPerUser = 10
	}
	if o.Streams <= 0 {
		o.Streams = 10_000
	}
}

// Live follows the router's events once for the whole program and hands each
// open stream what concerns its user: the presence of the addresses in the
// user's own lists and of those that the pages show beside, as far as the user may see it, the user's own
// contacts and the user's own click-to-dial attempts. Nothing here waits for a
// browser.
type Live struct {
	router Router
	book   *store.Phonebook
	dials  *store.Dials
	missed *store.Calls
	silo   *store.Silo
	people *store.Subscribers
	log    *slog.Logger
	opts   LiveOptions
	calls  *calls
	others strangers // of handle alone

	ended   chan struct{} // closed when Run ends, and with it every stream
	workers sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	away    bool // the router cannot be reached, or hangs
	hung    bool // it takes questions and answers none
	open    int  // streams
	viewers map[aor.AOR]*viewer
	watched map[string]map[*viewer]struct{} // who has an address on a page
}

// NewLive makes a Live. It does nothing before Run.
func NewLive(router Router, db *store.DB, opts LiveOptions, log *slog.Logger) *Live {
	opts.setDefaults()
	l := &Live{
		router: router, book: db.Phonebook, dials: db.Dials, missed: db.Calls, silo: db.Silo, people: db.Subscribers, log: log, opts: opts, calls: newCalls(time.Now), others: strangers{},
		ended: make(chan struct{}), away: true,
		viewers: make(map[aor.AOR]*viewer), watched: make(map[string]map[*viewer]struct{}),
	}
	l.calls.ask = opts.Ask
	return l
}

// Run follows the router until ctx ends, then ends every stream and waits for
// what it started. It is called once, and ended before the HTTP server is shut
// down, which would wait for the streams. Its error is the context's.
func (l *Live) Run(ctx context.Context) error {
	l.workers.Go(func() { l.feelPulse(ctx) })
	for ctx.Err() == nil {
		err := l.router.Follow(ctx, l.handle, ctlproto.TopicRegistration, ctlproto.TopicDialog, ctlproto.TopicCtd, ctlproto.TopicCall, ctlproto.TopicMissedCall, ctlproto.TopicMessage)
		if ctx.Err() == nil { // refused; a router without such a feed may be replaced
			l.log.Error("live: the router refuses its feed", "error", err)
			l.setAway(false)
			wait(ctx, refusedPause)
		}
	}
	l.mu.Lock()
	l.closed = true
	for _, v := range l.viewers {
		v.cancel()
	}
	l.mu.Unlock()
	close(l.ended)
	l.workers.Wait()
	return ctx.Err()
}

// refusedPause is the wait after the router refused its feed.
const refusedPause = 10 * time.Second

// wait lasts d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// handle takes one event of the router. It must be quick: while it runs the
// router's queue for us fills. An event of an attempt that is new here waits for the
// database, for ownerTime at most: whose it is has to be known before the next event.
func (l *Live) handle(event ctlproto.Event) {
	switch event.Topic {
	case ctlproto.TopicAway:
		l.setAway(false)
	case ctlproto.TopicLost:
		l.refresh()
	case ctlproto.TopicRegistration:
		if change, ok := understood(l, event.Registration); ok {
			l.registered(change.AoR)
		}
	case ctlproto.TopicDialog:
		if call, ok := understood(l, event.Dialog); ok {
			l.suspect(call.Caller)
			l.suspect(call.Callee)
		}
	case ctlproto.TopicCtd:
		if status, ok := understood(l, event.Ctd); ok && l.isOwners(status) {
			l.called(status)
		}
	case ctlproto.TopicCall:
		if call, ok := understood(l, event.Call); ok {
			l.listChanged(call.Caller, newsCalls)
			if call.Callee != call.Caller {
				l.listChanged(call.Callee, newsCalls)
			}
		}
	case ctlproto.TopicMissedCall:
		if call, ok := understood(l, event.MissedCall); ok {
			l.listChanged(call.Owner, newsMissed)
		}
	case ctlproto.TopicMessage:
		if message, ok := understood(l, event.Message); ok {
			l.listChanged(message.Owner, newsMessages)
		}
	}
}

// understood is what decode reads of an event; false, and a line in the log, if it
// cannot.
func understood[T any](l *Live, decode func() (T, error)) (data T, ok bool) {
	data, err := decode()
	if err != nil {
		l.log.Warn("live: event not understood", "error", err)
	}
	return data, err == nil
}

// listChanged notes that the calls, the missed ones or the messages of an address
// changed: its pages learn it, and whose status they now show is asked for. (A page of
// calls says itself whom it shows.)
func (l *Live) listChanged(owner string, kind newsKind) {
	if who, err := aor.Parse(owner, ""); err == nil {
		l.tell(who, kind, kind != newsCalls)
	}
}

// CallsRemoved says that calls were removed from the owner's lists, that of missed calls
// included.
func (l *Live) CallsRemoved(owner aor.AOR) {
	l.tell(owner, newsMissed, false)
	l.tell(owner, newsCalls, false)
}

// MessagesChanged says that the owner's messages were removed or sent on.
func (l *Live) MessagesChanged(owner aor.AOR) { l.tell(owner, newsMessages, false) }

// BadgesChanged says that the owner looked at calls or read messages.
func (l *Live) BadgesChanged(owner aor.AOR) { l.tell(owner, newsBadges, false) }

// tell queues news for the pages of a user; recall has everything that they
// show asked for again, too.
func (l *Live) tell(owner aor.AOR, kind newsKind, recall bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.viewers[owner]; v != nil {
		v.tell(news{kind: kind})
		if recall {
			v.recall()
		}
	}
}

// setAway tells every page that the router cannot be reached, or that it hangs.
func (l *Live) setAway(hung bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.hung = true, hung
	for _, v := range l.viewers {
		v.synced = false
		v.tell(news{kind: newsAway})
	}
}

// refresh makes every page's state be asked for again: events are missing.
func (l *Live) refresh() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.hung = false, false
	for _, v := range l.viewers {
		v.recall()
	}
}

// registered notes that the contacts of an address changed.
func (l *Live) registered(address string) {
	l.suspect(address)
	if who, err := aor.Parse(address, ""); err == nil {
		l.tell(who, newsContacts, false)
	}
}

// suspect notes that the status of an address may have changed.
func (l *Live) suspect(address string) {
	who, err := aor.Parse(address, "")
	if err != nil {
		return // nobody's, or not one that a phone book can hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for v := range l.watched[who.String()] {
		v.suspect(who.String())
	}
}

// called notes how an attempt stands and tells its caller's pages.
func (l *Live) called(status ctlproto.CtdStatus) {
	who, err := aor.Parse(status.Caller, "")
	if err == nil && l.calls.put(who, status) {
		l.tellCall(who)
	}
}

// lost notes that the router knows nothing of an attempt any more, and tells its
// caller's pages.
func (l *Live) lost(who aor.AOR, id string) {
	if l.calls.lose(who, id) {
		l.tellCall(who)
	}
}

// tellCall tells a user's pages that their attempt stands otherwise.
func (l *Live) tellCall(who aor.AOR) { l.tell(who, newsCall, false) }

// isOwners reports whether an attempt is that of the account which has its caller's
// name now: not of one that is deleted. It is asked once for each attempt; of one that is
// not, once in strangerTime, and of which it is not known, once in unknownTime.
func (l *Live) isOwners(status ctlproto.CtdStatus) bool {
	who, err := aor.Parse(status.Caller, "")
	if err != nil {
		return false
	}
	if known, _, ok := l.calls.last(who); ok && (known.ID == status.ID || began(status).Before(began(known))) {
		return known.ID == status.ID // an older one is no news, whosever it is
	}
	if l.others.has(status.ID, time.Now()) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), ownerTime)
	defer cancel()
	own, err := ownAttempt(ctx, l.people, who, status)
	if err != nil {
		l.log.Warn("live: whose attempt is not known", "user", who.String(), "error", err)
	}
	switch {
	case err != nil:
		l.others.add(status.ID, time.Now().Add(unknownTime))
	case !own:
		l.others.add(status.ID, time.Now().Add(strangerTime))
	}
	return own
}

// ownerTime bounds the question whose attempt it is.
const ownerTime = 2 * time.Second

// ownAttempt reports whether an attempt began when the name was its owner's.
func ownAttempt(ctx context.Context, people *store.Subscribers, who aor.AOR, status ctlproto.CtdStatus) (bool, error) {
	if _, err := people.Find(ctx, who); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return false, err
	}
	since, err := people.Since(ctx, who)
	return err == nil && (began(status).IsZero() || !began(status).Before(since)), err
}

// forgetGone forgets the attempts of a user who is no more.
func (l *Live) forgetGone(who aor.AOR) {
	ctx, cancel := context.WithTimeout(context.Background(), ownerTime)
	defer cancel()
	if _, err := l.people.Find(ctx, who); errors.Is(err, store.ErrNotFound) {
		l.calls.drop(who)
	}
}

// Away reports that the router cannot be reached at the moment.
func (l *Live) Away() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away
}

// BookChanged says that the owner's phone book, or list of dialled addresses,
// was changed.
func (l *Live) BookChanged(owner aor.AOR) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.viewers[owner]; v != nil {
		v.recall()
	}
}

// PrivacyChanged says that who may see the presence of a user was changed.
func (l *Live) PrivacyChanged(who aor.AOR) { l.suspect(who.String()) }

// SessionsChanged says that sessions of the owner's were ended: those of the
// streams are looked at, and closed, at once.
func (l *Live) SessionsChanged(owner aor.AOR) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.viewers[owner]; v != nil {
		for s := range v.streams {
			s.checkNow()
		}
	}
}

// reopenCard puts the card of an attempt back on all of the owner's pages.
func (l *Live) reopenCard(owner aor.AOR, id string) {
	l.calls.reopen(owner, id)
	l.tellCall(owner)
}

// closeCard takes the card of an attempt off all of the owner's pages.
func (l *Live) closeCard(owner aor.AOR, id string) {
	if l.calls.hide(owner, id) {
		l.tellCall(owner)
	}
}
