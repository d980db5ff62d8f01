package server

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"seraph/sql/aor"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
)

// Bounds of what is remembered of forms that went through.
const (
	onceFor     = 10 * time.Minute
	onceOfUser  = 64
	onceOfAll   = 10_000
	maxOnceSize = 64 // of a key, in bytes
)

// onceKey is one form as it was sent: the page that it was on, who sent it, what was in it.
type onceKey struct {
	who  aor.AOR
	form [sha256.Size]byte
}

// onceAnswer is what came of it.
type onceAnswer struct {
	ended chan struct{} // closed when the answer is known
	ok    bool          // it led on, to
	to    string        // with
	notes []string      // as cookies
	until time.Time
}

// onces remembers which forms went through. Its zero value is ready.
type onces struct {
	mu     sync.Mutex
	forms  map[onceKey]*onceAnswer
	ofUser map[aor.AOR]int
}

// once is the page of a POST of who is signed in, whose form does what it does once: the
// same one sent again, by a second press of its button, does nothing, and is answered as
// the first was. One that failed may be sent again, and one that has other words in it is
// another one. Forms carry a key in the field portal.FieldOnce; one without is always taken.
func (s *Server) once(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := formKey(r)
		if !ok {
			page(w, r)
			return
		}
		for {
			answer, first := s.onces.begin(key, s.opts.Now())
			switch {
			case answer == nil: // there are too many
				page(w, r)
				return
			case first:
				s.answerOnce(key, answer, page, w, r)
				return
			}
			select {
			case <-answer.ended:
			case <-r.Context().Done():
				return
			}
			if answer.ok {
				w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], answer.notes...)
				http.Redirect(w, r, answer.to, http.StatusSeeOther)
				return
			}
		}
	}
}

// answerOnce makes the page of the first, and remembers what came of it.
func (s *Server) answerOnce(key onceKey, answer *onceAnswer, page http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	seen := &recorder{ResponseWriter: w}
	defer func() { s.onces.end(key, answer, answer.to != "", s.opts.Now()) }() // even if the page panics
	r, failed := portal.WatchNotDone(r)
	page(seen, r)
	if seen.status == http.StatusSeeOther && !failed() {
		answer.to, answer.notes = w.Header().Get("Location"), w.Header().Values("Set-Cookie")
	}
}

// formKey is what a form is known by; false if it has no key. The part of the site is in
// the path.
func formKey(r *http.Request) (onceKey, bool) {
	once := r.PostForm.Get(portal.FieldOnce)
	if once == "" || len(once) > maxOnceSize {
		return onceKey{}, false
	}
	return onceKey{session.Of(r).Session.AOR, sha256.Sum256([]byte(r.URL.RequestURI() + "\n" + r.PostForm.Encode()))}, true
}

// begin finds the answer to a form, or makes the place for it; nil if there is no place.
func (o *onces) begin(key onceKey, now time.Time) (answer *onceAnswer, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found, ok := o.forms[key]; ok && (found.until.IsZero() || now.Before(found.until)) {
		return found, false
	}
	if o.ofUser[key.who] >= onceOfUser || len(o.forms) >= onceOfAll {
		o.sweep(now)
	}
	if o.ofUser[key.who] >= onceOfUser || len(o.forms) >= onceOfAll {
		return nil, true
	}
	if o.forms == nil {
		o.forms, o.ofUser = make(map[onceKey]*onceAnswer), make(map[aor.AOR]int)
	}
	if _, old := o.forms[key]; !old {
		o.ofUser[key.who]++
	}
	answer = &onceAnswer{ended: make(chan struct{})}
	o.forms[key] = answer
	return answer, true
}

// end notes what came of a form: if it led nowhere, it may be sent again.
func (o *onces) end(key onceKey, answer *onceAnswer, ok bool, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	answer.ok, answer.until = ok, now.Add(onceFor)
	if !ok {
		o.drop(key)
	}
	close(answer.ended)
}

// sweep forgets what is over. The caller holds onces.mu.
func (o *onces) sweep(now time.Time) {
	for key, answer := range o.forms {
		if !answer.until.IsZero() && !now.Before(answer.until) {
			o.drop(key)
		}
	}
}

// drop forgets a form. The caller holds onces.mu.
func (o *onces) drop(key onceKey) {
	delete(o.forms, key)
	if o.ofUser[key.who]--; o.ofUser[key.who] <= 0 {
		delete(o.ofUser, key.who)
	}
}
