package server

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"sync"
	"time"

	"seraph/sql/aor"
	"seraph/webui/internal/portal"
	"seraph/webui/internal/session"
)

// Bounds of what is remembered of forms that went through.
const (
	onceFor     = 10 * time.Second // after its answer: nobody clicks twice as late
	sentFor     = 10 * time.Minute // of one that sends something, until its answer has arrived
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
	sends bool          // it was a message, a call
	ok    bool          // it led on, to
	to    string        // with
	notes []string      // as cookies
	until time.Time
}

// onces remembers which forms went through. Its zero value is ready.
type onces struct {
	mu     sync.Mutex
	forms  map[onceKey]*onceAnswer
	ofUser map[aor.AOR]*onceUser
}

// onceUser is what is remembered of one user: how many forms, which one went through last, and which ones
// that sent something.
type onceUser struct {
	forms int
	last  onceKey
	done  *onceAnswer   // of last, nil if none is remembered
	sent  []*onceAnswer // those whose answer has not arrived
}

// once is the page of a POST of who is signed in, whose form does what it does once: the
// same one sent again, by a second press of its button, does nothing, and is answered as
// the first was. A second press comes while the first is at work, or shortly after, and before the
// same user has done anything else: what comes later, from a page that the browser has kept, is meant.
// One that failed may be sent again, and one that has other words in it is
// another one. With sends the form sends what nobody can take back: if its answer was lost, the browser
// asks, perhaps minutes later, whether to send the form again, and it still does nothing; only once the browser
// has come to the page that the answer led to, what comes later is meant. Forms carry a key in the field portal.FieldOnce; one without is always taken.
func (s *Server) once(page http.HandlerFunc, sends bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := formKey(r)
		if !ok {
			page(w, r)
			return
		}
		for {
			answer, first := s.onces.begin(key, sends, s.opts.Now())
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
func (o *onces) begin(key onceKey, sends bool, now time.Time) (answer *onceAnswer, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found, ok := o.forms[key]; ok && (found.until.IsZero() || now.Before(found.until)) {
		if user := o.ofUser[key.who]; found.sends && found.ok && !slices.Contains(user.sent, found) {
			user.sent = append(user.sent, found) // its answer goes out again
		}
		return found, false
	}
	o.drop(key, o.forms[key]) // what is over
	if o.full(key.who) {
		o.sweep(now)
	}
	if o.full(key.who) {
		return nil, true
	}
	if o.forms == nil {
		o.forms, o.ofUser = make(map[onceKey]*onceAnswer), make(map[aor.AOR]*onceUser)
	}
	user := o.ofUser[key.who]
	if user == nil {
		user = &onceUser{}
		o.ofUser[key.who] = user
	}
	user.forms++
	answer = &onceAnswer{ended: make(chan struct{}), sends: sends}
	o.forms[key] = answer
	return answer, true
}

// full reports whether there is no place for another form of a user. The caller holds onces.mu.
func (o *onces) full(who aor.AOR) bool {
	user := o.ofUser[who]
	return user != nil && user.forms >= onceOfUser || len(o.forms) >= onceOfAll
}

// end notes what came of a form: if it led nowhere, it may be sent again, and so may what the same user
// did before, which may be undone by now; what was sent cannot be.
func (o *onces) end(key onceKey, answer *onceAnswer, ok bool, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	answer.ok, answer.until = ok, now.Add(onceFor)
	if answer.sends {
		answer.until = now.Add(sentFor)
	}
	switch user := o.ofUser[key.who]; {
	case !ok:
		o.drop(key, answer)
	case o.forms[key] == answer:
		before, done := user.last, user.done
		user.last, user.done = onceKey{}, nil
		if answer.sends {
			user.sent = append(user.sent, answer)
		} else {
			user.last, user.done = key, answer
		}
		o.drop(before, done)
	}
	close(answer.ended)
}

// arrived notes that a browser asks for a page: of what its user sent, the same form is a second click only shortly
// after the answer has led it there.
func (o *onces) arrived(who aor.AOR, r *http.Request, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	user := o.ofUser[who]
	if user == nil {
		return
	}
	soon := now.Add(onceFor)
	user.sent = slices.DeleteFunc(user.sent, func(a *onceAnswer) bool {
		seen := a.isSeenBy(r)
		if seen && soon.Before(a.until) {
			a.until = soon
		}
		return seen
	})
}

// isSeenBy reports whether a request shows that the answer has arrived: by a note that it left, or, without one,
// by the page that it led to.
func (a *onceAnswer) isSeenBy(r *http.Request) bool {
	if len(a.notes) == 0 {
		return r.URL.RequestURI() == a.to
	}
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool {
		return slices.ContainsFunc(a.notes, func(note string) bool {
			left, err := http.ParseSetCookie(note)
			return err == nil && left.Name == c.Name && left.Value == c.Value
		})
	})
}

// sweep forgets what is over. The caller holds onces.mu.
func (o *onces) sweep(now time.Time) {
	for key, answer := range o.forms {
		if !answer.until.IsZero() && !now.Before(answer.until) {
			o.drop(key, answer)
		}
	}
}

// drop forgets the answer to a form, unless there is another one by now. The caller holds onces.mu.
func (o *onces) drop(key onceKey, answer *onceAnswer) {
	if answer == nil || o.forms[key] != answer {
		return
	}
	delete(o.forms, key)
	user := o.ofUser[key.who]
	if user.done == answer {
		user.done = nil
	}
	user.sent = slices.DeleteFunc(user.sent, func(a *onceAnswer) bool { return a == answer })
	if user.forms--; user.forms <= 0 {
		delete(o.ofUser, key.who)
	}
}
