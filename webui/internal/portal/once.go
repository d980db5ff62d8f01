package portal

import (
	"context"
	"net/http"
	"sync/atomic"
)

// notDoneKey is where a request carries that nothing came of its form.
type notDoneKey struct{}

// NotDone says that nothing came of the form of r, although its page leads on: the
// same form may be sent again, and is then taken once more (server.Server.once).
func NotDone(r *http.Request) {
	if said, ok := r.Context().Value(notDoneKey{}).(*atomic.Bool); ok {
		said.Store(true)
	}
}

// WatchNotDone returns r for a page, and what tells afterwards whether it said NotDone.
func WatchNotDone(r *http.Request) (watched *http.Request, said func() bool) {
	flag := new(atomic.Bool)
	return r.WithContext(context.WithValue(r.Context(), notDoneKey{}, flag)), flag.Load
}
