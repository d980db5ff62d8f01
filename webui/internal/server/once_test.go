package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// twice sends the form of a page two times, as a double click does, and shows the page that
// the browser then goes to.
func (b *browser) twice(page, action string, pairs ...string) *answer {
	b.t.Helper()
	form := b.get(page).form(action)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	var to [2]string
	for i := range to {
		a := b.do("POST", action, form).is(http.StatusSeeOther)
		to[i] = a.Header.Get("Location")
	}
	if to[0] != to[1] {
		b.t.Errorf("%s leads to %q", action, to)
	}
	return b.get(to[1]).is(http.StatusOK)
}

// TestDoubleClick: a second press of a button that removes something, or takes that back,
// is no error: the page says what was done, offers to undo it, and the audit has nothing
// against whoever pressed it.
func TestDoubleClick(t *testing.T) {
	methods := leaveMethods()
	methods[ctlproto.MethodUserblockReload] = ctltest.Result(ctlproto.Done{})
	methods[ctlproto.MethodSpeeddialReload] = ctltest.Result(ctlproto.Done{})
	s := newStand(t, methods, func(o *server.Options) { o.AliasRules = user.AliasRules{Limit: 5} })
	ctx := t.Context()
	entry := func(name, group string) string {
		t.Helper()
		e, err := s.db.Phonebook.Add(ctx, bob, store.Entry{FirstName: name, Address: strings.ToLower(name), Group: group})
		check(t, err)
		return itoa(e.ID)
	}
	one, two, three := entry("Ann", "Work"), entry("Dan", "Work"), entry("Eve", "")
	check(t, s.db.Aliases.Add(ctx, aor.AOR{User: "bobby", Domain: "example.org"}, bob))
	check(t, s.db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
	b := s.browser().signIn("bob", "builder's")
	s.browser().signIn("bob", "builder's")

	const book = "/user/phone-book"
	b.twice(book+"/groups/remove?group=Work", book+"/groups/remove").shows("Undo")
	b.twice(book+"/"+one+"/delete", book+"/"+one+"/delete").shows("Ann was deleted", "Undo")
	b.twice(book+"/delete?ids="+one+","+two+","+three, book+"/delete").shows("Undo")
	b.twice("/user/account/aliases/remove?alias=bobby@example.org", "/user/account/aliases/remove").lacks(`<li class="tag">bobby`)
	b.twice("/user/account/rules", "/user/account/rules", "dnd", "on").shows("saved").lacks("changed in another tab")
	b.twice("/user/account/rules", "/user/account/rules/unblock").shows("Undo")
	b.twice(book+"/speed-dial", book+"/speed-dial", "target-12", "carol").lacks("changed in another tab")
	b.twice("/user/account/security", "/user/account/security", "old_password", "builder's", "new_password", "another one", "again", "another one").lacks("This is not your password")

	note := func(page, action string) *answer { // whatever it says, it says so after the second press, too
		t.Helper()
		b.post(page, action).leads(book)
		form := b.get(book).form(book + "/restore")
		b.do("POST", book+"/restore", form).leads(book)
		b.do("POST", book+"/restore", form).leads(book)
		return b.get(book).is(http.StatusOK)
	}
	four := entry("Fay", "")
	note(book+"/"+four+"/delete", book+"/"+four+"/delete").shows("Fay")

	for _, r := range s.records() {
		if r.Action == "access.refused" {
			t.Errorf("the audit says %+v", r)
		}
	}
	// What is another's, or was gone before, is still not there.
	b.do("POST", book+"/"+one+"/delete", url.Values{"csrf": {b.get("/user/account").form("/user/account").Get("csrf")}, "once": {"x"}}).is(http.StatusNotFound)
}

// TestDoubleClickAdmin is the same of the administrators' buttons.
func TestDoubleClickAdmin(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Groups.Grant(t.Context(), bob, "ld"))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "bobby", Domain: "example.org"}, bob))
	b := s.admin(root)
	at := userPath(bob)
	b.twice(at, at+"/groups", "group", "int")
	b.twice(at, at+"/groups/revoke")
	b.twice(at, at+"/aliases", "alias", "builder").lacks("taken")
	b.twice(at, at+"/aliases/remove")
	b.twice(at+"/disable", at+"/disable")
	b.twice(at, at+"/enable")
	b.twice(at+"/delete", at+"/delete", "own_password", adminPassword)
	lines := map[string]int{}
	for _, r := range s.records() {
		lines[r.Action]++
	}
	if lines["access.refused"] != 0 || lines["subscriber.delete"] != 1 || lines["subscriber.disable"] != 1 {
		t.Errorf("the audit has %v", lines)
	}
}

// TestFormAgain: what comes again after something else was done, or later than anybody clicks twice, is
// done, and the page says what is.
func TestFormAgain(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUserblockReload: ctltest.Result(ctlproto.Done{})})
	b := s.browser().signIn("bob", "builder's")
	const rules, block, unblock = "/user/account/rules", "/user/account/rules/block", "/user/account/rules/unblock"
	const empty = "Nobody is refused."
	form := b.get(block + "?pattern=tel:%2B49123").form(block)
	again := func() *answer {
		t.Helper()
		b.do("POST", block, form).leads(rules)
		return b.get(rules).is(http.StatusOK).shows("tel:+49123 is blocked.").lacks(empty)
	}
	again()
	again() // a second click
	undo := b.get(rules).form(unblock)
	for range 2 {
		b.do("POST", unblock, undo).leads(rules)
		b.get(rules).shows("is let through again", empty)
	}
	again()                                  // the button "back", and the first form
	b.do("POST", unblock, undo).leads(rules) // and its undoing, still on another page
	b.get(rules).shows(empty)
	again()
	check(t, s.db.CallRules.Remove(t.Context(), bob, store.RuleBlock, "tel:+49123")) // somebody else did
	s.clock.forward(time.Minute)
	again()
	s.clock.forward(time.Minute)
	// A removal that comes again later has nothing to remove, and says so.
	b.do("POST", unblock, undo).leads(rules)
	s.clock.forward(time.Minute)
	b.do("POST", unblock, undo).is(http.StatusNotFound)
}

// TestSecondClickOnSlowForm: while the first click is at work, however long that takes, and shortly after, the
// second one waits for its answer and does nothing, whatever else is done meanwhile.
func TestSecondClickOnSlowForm(t *testing.T) {
	at, goOn := make(chan struct{}, 9), make(chan struct{})
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodImSend: func(json.RawMessage) (any, *ctlproto.Error) {
		at <- struct{}{}
		<-goOn
		return ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, nil
	}})
	b := s.browser().signIn("bob", "builder's")
	const path = "/user/messages/new"
	form, other := b.get(path).form(path), b.get("/user/phone-book/new").form("/user/phone-book/new")
	form.Set("to", "alice")
	form.Set("text", "once")
	other.Set("first_name", "Ann")
	other.Set("address", "ann")
	var both sync.WaitGroup
	click := func() {
		one := *b
		one.cookies = maps.Clone(b.cookies)
		both.Go(func() { one.do("POST", path, form).is(http.StatusSeeOther) })
	}
	click()
	<-at
	s.clock.forward(time.Minute)
	click()
	b.do("POST", "/user/phone-book/new", other).is(http.StatusSeeOther)
	close(goOn)
	both.Wait()
	b.do("POST", path, form).is(http.StatusSeeOther)
	if n := len(at); n != 0 {
		t.Errorf("sent %d times more", n)
	}
}

// TestAnswerLost: a message and a call whose answer was lost are not sent a second time when the browser sends
// the form again, minutes later and after something else was done. Once the answer has arrived, what comes
// later is meant; and so is what comes after ten minutes, or anything else than that form.
func TestAnswerLost(t *testing.T) {
	sent, dialled := 0, 0
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodImSend: func(json.RawMessage) (any, *ctlproto.Error) {
			sent++
			return ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, nil
		},
		ctlproto.MethodCtdDial: func(json.RawMessage) (any, *ctlproto.Error) {
			dialled++
			return ctlproto.CtdDialResult{ID: "att" + itoa(int64(dialled))}, nil
		},
	})
	b := s.browser().signIn("bob", "builder's")
	lost := func(path string, form url.Values) { // the answer, with its cookies
		t.Helper()
		one := *b
		one.cookies = maps.Clone(b.cookies)
		one.do("POST", path, form).is(http.StatusSeeOther)
	}
	for _, c := range []struct {
		path   string
		form   url.Values
		number *int
		to     string
	}{
		{"/user/messages/new", url.Values{"to": {"alice"}, "text": {"once"}}, &sent, "/user/messages"},
		{"/user/dial", url.Values{"to": {"alice"}}, &dialled, "/user/dial/att"},
	} {
		form := b.get(c.path).form(c.path)
		maps.Copy(form, c.form)
		check := func(what string, want int) {
			t.Helper()
			if *c.number != want {
				t.Fatalf("%s, %s: sent %d times, want %d", c.path, what, *c.number, want)
			}
		}
		lost(c.path, form)
		s.clock.forward(5 * time.Minute)
		b.post("/user/phone-book/new", "/user/phone-book/new", "first_name", "Ann", "address", "ann"+c.path[6:9]).is(http.StatusSeeOther)
		b.get("/user/phone-book").is(http.StatusOK)
		b.get("/user/messages").is(http.StatusOK)
		s.clock.forward(4 * time.Minute)
		lost(c.path, form)
		check("sent again by the browser", 1)
		if to := b.do("POST", c.path, form).is(http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(to, c.to) {
			t.Errorf("%s leads to %s", c.path, to)
		} else {
			b.get(to)
		}
		check("and again", 1)
		lost(c.path, form)
		check("a second click", 1)
		s.clock.forward(20 * time.Second)
		lost(c.path, form)
		check("after the answer has arrived", 2)
		s.clock.forward(11 * time.Minute)
		lost(c.path, form)
		check("after ten minutes", 3)
		form.Set("to", "carol")
		lost(c.path, form)
		check("to somebody else", 4)
	}
}

// TestAnswersOfSeveral: that the answer to one message has arrived says nothing of another one's, and a message
// whose answer came late, or between others, is sent when it is meant once more.
func TestAnswersOfSeveral(t *testing.T) {
	sent := 0
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodImSend: func(json.RawMessage) (any, *ctlproto.Error) {
			sent++
			return ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, nil
		},
	})
	b := s.browser().signIn("bob", "builder's")
	const path = "/user/messages/new"
	form := func(to, text string) url.Values {
		f := b.get(path).form(path)
		maps.Copy(f, url.Values{"to": {to}, "text": {text}})
		return f
	}
	post := func(f url.Values, want int) string {
		t.Helper()
		to := b.do("POST", path, f).is(http.StatusSeeOther).Header.Get("Location")
		if sent != want {
			t.Fatalf("sent %d messages, want %d", sent, want)
		}
		return to
	}
	first, second := form("alice", "hello"), form("carol", "hello")
	one := *b
	one.cookies = maps.Clone(b.cookies)
	one.do("POST", path, first).is(http.StatusSeeOther) // its answer is lost
	b.get(post(second, 2)).is(http.StatusOK)
	b.get(post(first, 2)).is(http.StatusOK) // the browser's own try, whose answer arrives
	s.clock.forward(2 * time.Minute)
	post(first, 3) // meant
	there := post(second, 4)
	b.get(there).is(http.StatusOK)
	lost, other := form("alice", "one"), form("alice", "two") // whose notes say the same
	one.cookies = maps.Clone(b.cookies)
	one.do("POST", path, lost).is(http.StatusSeeOther)
	b.get(post(other, 6)).is(http.StatusOK)
	s.clock.forward(2 * time.Minute)
	post(lost, 6)
}

// TestSecondClicksLeaveNothing: a form that is sent again and again, with a second click each time, is remembered once.
func TestSecondClicksLeaveNothing(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodImSend: func(json.RawMessage) (any, *ctlproto.Error) {
			return ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, nil
		},
	})
	b := s.browser().signIn("bob", "builder's")
	const path = "/user/messages/new"
	f := b.get(path).form(path)
	maps.Copy(f, url.Values{"to": {"alice"}, "text": {"hello"}})
	for range 5 {
		b.get(b.do("POST", path, f).is(http.StatusSeeOther).Header.Get("Location")).is(http.StatusOK)
		b.do("POST", path, f).is(http.StatusSeeOther)
		s.clock.forward(time.Minute)
	}
	if n := server.Awaited(s.server, aor.AOR{User: "bob", Domain: "example.org"}); n > 1 {
		t.Errorf("%d answers are remembered", n)
	}
}
