package server

import (
	"context"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/session"
)

// Bounds of what the audit is told of one person who asks for what is not
// theirs, so that nobody fills it.
const (
	nosyLines  = 30 // within nosyWindow; the last one says that there may be more
	nosyWindow = time.Hour
	nosyPeople = 10_000 // remembered at a time
	nosyTime   = 5 * time.Second
)

// nosyFields are the fields that name somebody's row or address, and hold no
// secret, in the order in which a line has them.
var nosyFields = []string{"id", "ids", "batch", "contact", "alias", "address", "device", "to", "upto"}

// nosy counts who asked for what is not there or not theirs. It is safe for
// concurrent use.
type nosy struct {
	mu  sync.Mutex
	who map[nosyKey]*nosyCount
}

type nosyKey struct {
	who   aor.AOR
	admin bool
}

type nosyCount struct {
	since time.Time
	lines int
}

// enter counts one more; n is which one it is within the window, 0 beyond nosyLines.
func (c *nosy) enter(key nosyKey, now time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := c.who[key]
	if count == nil || now.Sub(count.since) >= nosyWindow {
		if c.who == nil {
			c.who = make(map[nosyKey]*nosyCount)
		}
		c.makeRoom(now)
		count = &nosyCount{since: now}
		c.who[key] = count
	}
	if count.lines >= nosyLines {
		return 0
	}
	count.lines++
	return count.lines
}

// makeRoom drops whose window is over and, if that is not enough, any one.
func (c *nosy) makeRoom(now time.Time) {
	if len(c.who) < nosyPeople {
		return
	}
	for key, count := range c.who {
		if now.Sub(count.since) >= nosyWindow {
			delete(c.who, key)
		}
	}
	for key := range c.who {
		if len(c.who) < nosyPeople {
			return
		}
		delete(c.who, key)
	}
}

// noteNosy writes into the audit that somebody who is signed in asked for what
// is not there or not theirs: a page of ours answered 404. It is here that all
// such answers pass.
func (s *Server) noteNosy(r *http.Request, v session.Visitor, route Route, status int) {
	if status != http.StatusNotFound || route.Access != SignedIn || v.Session == nil {
		return
	}
	at := s.partOf(r)
	n := s.nosy.enter(nosyKey{v.Session.AOR, at.admin}, s.opts.Now())
	if n == 0 {
		return
	}
	after := askedFor(r)
	if n == nosyLines {
		after = strings.TrimSpace(after + " (no more is written down for a while)")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), nosyTime)
	defer cancel()
	err := s.opts.DB.Audit.Append(ctx, store.Record{
		Actor: v.Session.AOR.String(), Source: v.Client.Addr.String(), Action: "access.refused",
		Object: r.Method + " " + r.URL.Path, After: after,
	})
	if err != nil {
		s.opts.Log.Error("refusal not recorded", "user", v.Session.AOR.String(), "path", r.URL.Path, "error", err)
	}
}

// nearRow is the route of somebody's row that the path of r means in another spelling:
// in other case, escaped, or with more slashes. No route takes it.
func (s *Server) nearRow(r *http.Request) (Route, bool) {
	at := path.Clean("/" + strings.ToLower(r.URL.Path))
	for _, route := range s.table {
		if route.Access == SignedIn && strings.Contains(route.Path, "/:") && fits(route.Path, at) && s.partOf(r).admin == strings.HasPrefix(route.Path, "/admin/") {
			return route, true
		}
	}
	return Route{}, false
}

// askedFor are the fields of a request that name a row.
func askedFor(r *http.Request) string {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		values = r.PostForm
	}
	var parts []string
	for _, name := range nosyFields {
		if value := values.Get(name); value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(parts, " ")
}
