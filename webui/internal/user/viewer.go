package user

import (
	"context"
	"maps"
	"slices"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// viewer is a user with at least one page open. Its worker asks for the
// presence of what changed, for all of the pages together. All fields but who,
// wake, cancel and failing are guarded by Live.mu.
type viewer struct {
	who     aor.AOR
	wake    chan struct{} // holds one token
	cancel  context.CancelFunc
	streams map[*stream]struct{}

	statuses map[string]string   // what the pages were told, by address
	suspects map[string]struct{} // addresses whose presence may have changed
	all      bool                // the phone book and all of its addresses are to be read again
	watching []string            // the addresses under which Live.watched has this viewer
	synced   bool                // statuses are the state; false while the router is away

	failing bool // the last question failed; the worker's own
}

// recall has everything read again. The caller holds Live.mu.
func (v *viewer) recall() {
	v.all = true
	v.nudge()
}

// suspect has one address asked for. The caller holds Live.mu.
func (v *viewer) suspect(address string) {
	v.suspects[address] = struct{}{}
	v.nudge()
}

func (v *viewer) nudge() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// tell queues news for every page. The caller holds Live.mu.
func (v *viewer) tell(n news) {
	for s := range v.streams {
		s.put(n)
	}
}

// streamsOf is how many streams one session has. The caller holds Live.mu.
func (v *viewer) streamsOf(session int64) (n int) {
	for s := range v.streams {
		if s.asks.session == session {
			n++
		}
	}
	return n
}

// misses reports that the pages are not told of one of the addresses. The
// caller holds Live.mu.
func (v *viewer) misses(addresses []string) bool {
	return slices.ContainsFunc(addresses, func(address string) bool {
		_, known := v.statuses[address]
		return !known
	})
}

// alsoShown adds what the viewer's pages show beside the user's own lists.
func (l *Live) alsoShown(v *viewer, addresses []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]struct{}, len(addresses))
	for _, address := range addresses {
		all[address] = struct{}{}
	}
	for s := range v.streams {
		for _, address := range s.asks.also {
			all[address] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// serveViewer is the viewer's worker. It ends when the last page has gone.
func (l *Live) serveViewer(ctx context.Context, v *viewer) {
	defer l.workers.Done()
	reask := time.NewTicker(l.opts.Reask)
	defer reask.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.wake:
		case <-reask.C:
			l.mu.Lock()
			v.all = v.all || !l.away
			l.mu.Unlock()
		}
		l.bringUpToDate(ctx, v)
		wait(ctx, l.opts.Gap)
	}
}

// bringUpToDate asks for what is due and tells the pages what is new.
func (l *Live) bringUpToDate(ctx context.Context, v *viewer) {
	l.mu.Lock()
	away, all, suspects := l.away, v.all, v.suspects
	v.all, v.suspects = false, make(map[string]struct{})
	l.mu.Unlock()
	if away {
		return // its return has everything read again
	}
	if all {
		l.readAll(ctx, v)
		return
	}
	addresses := slices.Sorted(maps.Keys(suspects))
	if len(addresses) == 0 {
		return
	}
	fresh, err := presenceOf(ctx, l.router, v.who, addresses)
	if err != nil {
		l.askAgain(ctx, v, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellNews(v, fresh)
}

// tellNews sends the statuses that the pages do not have yet. The caller
// holds Live.mu.
func (l *Live) tellNews(v *viewer, fresh map[string]string) {
	if !v.synced {
		return // the whole state is about to be read
	}
	changed := make(map[string]string)
	for address, status := range fresh {
		if before, known := v.statuses[address]; known && before != status {
			v.statuses[address] = status
			changed[address] = status
		}
	}
	if len(changed) > 0 {
		v.tell(news{kind: newsPresence, presence: changed})
	}
}

// readAll reads the phone book and the presence of all of its addresses.
func (l *Live) readAll(ctx context.Context, v *viewer) {
	addresses, err := l.addressesOf(ctx, v.who)
	if err != nil {
		l.askAgain(ctx, v, err)
		return
	}
	addresses = l.alsoShown(v, addresses)
	l.watch(v, addresses)
	fresh, err := presenceOf(ctx, l.router, v.who, addresses)
	if err != nil {
		l.askAgain(ctx, v, err)
		return
	}
	v.failing = false
	called := l.recheckCall(ctx, v.who)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return // went away meanwhile; its return has it all read again
	}
	if v.synced && sameKeys(v.statuses, fresh) {
		l.tellNews(v, fresh)
		if called {
			v.tell(news{kind: newsCall})
		}
		return
	}
	v.statuses, v.synced = fresh, true
	v.tell(news{kind: newsState})
}

func sameKeys(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key := range a {
		if _, ok := b[key]; !ok {
			return false
		}
	}
	return true
}

// askAgain has everything read once more after a failure, unless the router is
// known to be away: then its return does so.
func (l *Live) askAgain(ctx context.Context, v *viewer, err error) {
	if ctx.Err() != nil {
		return
	}
	if !v.failing {
		l.log.Warn("live: state not read, asking again until it is", "user", v.who.String(), "error", err)
	}
	v.failing = true
	wait(ctx, retryPause)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.away {
		v.recall()
	}
}

// retryPause is the wait after a state that could not be read.
const retryPause = time.Second

// addressesOf lists the addresses of a user's phone book, those called last,
// and those whose calls were missed or messages stored, each one once, in the form that presence is asked in and rows are
// marked with.
func (l *Live) addressesOf(ctx context.Context, owner aor.AOR) ([]string, error) {
	seen := make(map[string]struct{})
	for offset := 0; offset < store.MaxEntries; offset += store.MaxPage {
		entries, _, err := l.book.List(ctx, owner, store.EntryQuery{Limit: store.MaxPage, Offset: offset})
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			seen[presenceKey(e.Address)] = struct{}{}
		}
		if len(entries) < store.MaxPage {
			break
		}
	}
	last, err := l.dials.List(ctx, owner, store.MaxDials)
	if err != nil {
		return nil, err
	}
	for _, d := range last {
		seen[presenceKey(d.Address)] = struct{}{}
	}
	strangers, err := strangerKeys(ctx, l.missed, l.silo, owner)
	if err != nil {
		return nil, err
	}
	for _, key := range strangers {
		seen[key] = struct{}{}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// watch replaces the addresses whose events concern the viewer.
func (l *Live) watch(v *viewer, addresses []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unwatch(v)
	if l.viewers[v.who] != v {
		return // its last page has gone
	}
	for _, address := range addresses {
		set := l.watched[address]
		if set == nil {
			set = make(map[*viewer]struct{})
			l.watched[address] = set
		}
		set[v] = struct{}{}
		v.watching = append(v.watching, address)
	}
}

// unwatch takes the viewer out of the index. The caller holds Live.mu.
func (l *Live) unwatch(v *viewer) {
	for _, address := range v.watching {
		delete(l.watched[address], v)
		if len(l.watched[address]) == 0 {
			delete(l.watched, address)
		}
	}
	v.watching = nil
}

// recheckCall asks how the user's running attempt stands, be its card closed or not;
// changed says that the pages do not know it yet.
func (l *Live) recheckCall(ctx context.Context, who aor.AOR) (changed bool) {
	status, _, ok := l.calls.last(who)
	if !ok || status.Ended {
		return false
	}
	fresh, err := l.router.CtdStatus(ctx, status.ID)
	switch {
	case ctlproto.CodeOf(err) == ctlproto.CodeNotFound:
		return l.calls.lose(who, status.ID)
	case err == nil:
		return l.calls.put(who, fresh)
	}
	return false
}
