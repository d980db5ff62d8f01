package user_test

import (
	"net/http"
	"regexp"
	"sync"
	"testing"

	"seraph/ctlproto"
)

var onceField = regexp.MustCompile(`name="once" value="([^"]+)"`)

// onceOf is the key of the form on a page.
func onceOf(t *testing.T, page answer) string {
	t.Helper()
	found := onceField.FindStringSubmatch(page.body)
	if found == nil {
		t.Fatalf("%s has no key:\n%s", page.path, page.body)
	}
	return found[1]
}

// TestOnce: a form that is sent twice does once what it does, and is answered alike; one
// with other words, or of another rendering of the page, is another one; so is one that failed.
func TestOnce(t *testing.T) {
	s := newSite(t)
	s.router.answers(ctlproto.ImDelivered, 200, "OK")
	b := s.signIn(alice)
	twice := func(path string, pairs ...string) {
		t.Helper()
		requests := [2]*http.Request{b.request(path, pairs...), b.request(path, pairs...)}
		var together sync.WaitGroup
		var codes [2]int
		var to [2]string
		client := http.Client{Jar: b.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for i, r := range requests {
			together.Go(func() {
				response, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				response.Body.Close()
				codes[i], to[i] = response.StatusCode, response.Header.Get("Location")
			})
		}
		together.Wait()
		if codes[0] != http.StatusSeeOther || codes != [2]int{codes[0], codes[0]} || to[0] != to[1] {
			t.Errorf("%s: answered with %v, %q", path, codes, to)
		}
	}
	first, second := onceOf(t, b.get("/user/messages/new")), onceOf(t, b.get("/user/messages/new"))
	if first == second {
		t.Fatal("two pages have the same key")
	}
	twice("/user/messages/new", "to", "bob", "text", "once?", "once", first)
	sent := func() int { return len(called[ctlproto.ImSendParams](t, s.router, ctlproto.MethodImSend)) }
	if n := sent(); n != 1 {
		t.Fatalf("sent %d times", n)
	}
	again := b.post("/user/messages/new", "to", "bob", "text", "once?", "once", first)
	again.shows(t, http.StatusOK, "has your message") // as the first answered
	b.post("/user/messages/new", "to", "bob", "text", "other words", "once", first)
	b.post("/user/messages/new", "to", "bob", "text", "once?", "once", second)
	b.post("/user/messages/new", "to", "bob", "text", "once?") // a program without a key
	if n := sent(); n != 4 {
		t.Errorf("sent %d times, want 4", n)
	}
	other := s.signIn(bob)
	other.post("/user/messages/new", "to", "bob", "text", "once?", "once", first)
	if n := sent(); n != 5 {
		t.Errorf("another user's form with the same key: sent %d times, want 5", n)
	}
	s.router.answers(ctlproto.ImFailed, 486, "Busy Here")
	for range 2 {
		b.post("/user/messages/new", "to", "bob", "text", "busy", "once", second).shows(t, http.StatusUnprocessableEntity, "busy")
	}
	if n := sent(); n != 7 {
		t.Errorf("one that failed: sent %d times, want 7", n)
	}
	twice("/user/phone-book/new", "first_name", "Dup", "address", "dup", "once", onceOf(t, b.get("/user/phone-book/new")))
	if book := s.book(alice); len(book) != 1 {
		t.Errorf("the phone book has %v", book)
	}
}
