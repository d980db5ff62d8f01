package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// back is how long a page may take to come back by itself: its pauses grow to half a
// minute, and the machine may be loaded.
const back = 45 * time.Second

// through signs alice in by a front, with bob in her phone book.
func through(t *testing.T, s *stand.Stand) (site, *front) {
	t.Helper()
	f := newFront(t, s.Portal())
	w := site{browser.Start(t, f.URL), t}
	w.enters("alice")
	w.adds("Bob", "Keller", "bob@"+stand.Domain)
	w.Open("/user/phone-book")
	return w, f
}

// enters signs a user in.
func (w site) enters(user string) {
	w.t.Helper()
	w.Open("/user")
	w.Fill("User name", user)
	w.Fill("Password", stand.Password(user))
	w.Press("Sign in")
	w.Shows("Click a name")
}

// streams waits until so many are open.
func (f *front) has(t *testing.T, streams int) {
	t.Helper()
	wait.For(t, back, "the open streams", func() error {
		if now, _ := f.Streams(); now != streams {
			return fmt.Errorf("%d, want %d", now, streams)
		}
		return nil
	})
}

// comesAndGoes has bob's phone register and leave; every window shows it.
func comesAndGoes(t *testing.T, s *stand.Stand, windows ...*browser.Browser) {
	t.Helper()
	address := "bob@" + stand.Domain
	s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	for _, w := range windows {
		w.Status(address, "online", back)
	}
	s.Ctl("", "ul", "rm", "bob")
	for _, w := range windows {
		w.Status(address, "offline", back)
	}
}

// TestOneStreamABrowser: the windows of a browser share one stream, whatever they
// show; the card and the badges are on all of them; when the window that has the
// stream is closed or goes to another page, the next one takes it.
func TestOneStreamABrowser(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	first, f := through(t, s)
	second, third := first.Tab(), first.Tab()
	second.Open("/user/phone-book")
	third.Open("/user/account")
	f.has(t, 1)
	comesAndGoes(t, s, first.Browser, second)

	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	call := stranger.Call("sip:alice@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	for _, b := range []*browser.Browser{first.Browser, second, third} {
		site{b, t}.badges(1, 0)
	}
	third.Open("/user/missed")
	third.Shows("walter@elsewhere.example")
	for _, b := range []*browser.Browser{first.Browser, second, third} {
		site{b, t}.badges(0, 0)
	}
	call = s.Peer(peer.Config{Name: "wanda", Domain: "elsewhere.example"}).Call("sip:alice@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	third.Shows("wanda@elsewhere.example") // its list is read again

	second.Press("Call Bob Keller")
	for _, b := range []*browser.Browser{first.Browser, second, third} {
		b.Shows("Call to Bob Keller")
		b.Shows("None of your phones is on line")
	}
	f.has(t, 1)

	first.Close() // it had the stream
	f.has(t, 1)
	comesAndGoes(t, s, second)
	second.Open("/user/account") // one of the two has it
	second.Open("/user/phone-book")
	f.has(t, 1)
	comesAndGoes(t, s, second)
	second.Close()
	third.Open("/user/phone-book")
	f.has(t, 1)
	comesAndGoes(t, s, third)
	s.NothingLeft()
}

// TestPageOutlivesThePrograms: each of the two programs is killed and started again
// under an open page, which says what is missing, works as far as it can, and goes on
// without being loaded again.
func TestPageOutlivesThePrograms(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w, f := through(t, s)
	comesAndGoes(t, s, w.Browser)
	w.Marks()
	calls := w.Tab()
	calls.Open("/user/calls")
	calls.Shows("There are no calls yet")

	s.KillPortal()
	w.ShowsWithin(back, "The connection to this site is interrupted")
	w.Status("bob@"+stand.Domain, "unknown", back)
	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	call := stranger.Call("sip:alice@" + stand.Domain) // nobody is told of it now
	call.AckFailure(call.Expects(480))
	s.LaunchPortal()
	w.Status("bob@"+stand.Domain, "offline", back)
	w.badges(1, 0)
	w.hides("interrupted")
	calls.ShowsWithin(back, "walter@elsewhere.example")
	comesAndGoes(t, s, w.Browser)
	w.StillThere()

	s.KillProxy()
	w.ShowsWithin(back, "The router cannot be reached")
	w.Status("bob@"+stand.Domain, "unknown", back)
	other := site{w.Tab(), t} // what the database knows is there
	other.adds("Carol", "Adams", "carol@"+stand.Domain)
	for path, text := range map[string]string{
		"/user/missed": "walter@elsewhere.example", "/user/messages": "No messages", "/user/account": "Time zone", "/user/dial": "Dial",
	} {
		other.Open(path)
		other.Shows(text)
	}
	s.Launch()
	w.Status("bob@"+stand.Domain, "offline", back)
	w.hides("cannot be reached")
	comesAndGoes(t, s, w.Browser)
	w.StillThere()
	f.has(t, 1)
}

// hides waits until the page does not show a text.
func (w site) hides(text string) {
	w.t.Helper()
	wait.For(w.t, back, "the page says no more: "+text, func() error {
		if w.Has(text) {
			return fmt.Errorf("it does")
		}
		return nil
	})
}

// TestPageOutlivesTheNetwork: connections that break, and a machine without a
// network; the page says so and goes on by itself.
func TestPageOutlivesTheNetwork(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	w, f := through(t, s)
	comesAndGoes(t, s, w.Browser)
	w.Marks()

	f.Cut()
	w.ShowsWithin(back, "The connection to this site is interrupted")
	f.Mend()
	w.Status("bob@"+stand.Domain, "offline", back)
	w.hides("interrupted")

	f.Cut()
	w.Online(false)
	w.Shows("The connection to this site is interrupted")
	f.Mend()
	w.Online(true)
	w.Status("bob@"+stand.Domain, "offline", back)
	w.hides("interrupted")
	f.has(t, 1)
	comesAndGoes(t, s, w.Browser)
	w.StillThere()
}

// TestPagesSayThatTheSessionEnded: in every window, whether the end is told or found
// when the stream comes back.
func TestPagesSayThatTheSessionEnded(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	w, f := through(t, s)
	other := w.Tab()
	other.Open("/user/account")
	f.has(t, 1)
	other.Press("alice A") // the menu
	other.Press("Sign out")
	w.ShowsWithin(back, "You have been signed out")
	f.has(t, 0)

	w.enters("alice")
	f.has(t, 1)
	s.KillPortal()
	s.Exec("DELETE FROM session")
	s.LaunchPortal()
	w.ShowsWithin(back, "You have been signed out")
	f.has(t, 0)
	w.Press("Sign in again")
	w.Shows("User name")
}

// TestNothingMoves: neither statuses that arrive, nor badges, nor the card, nor what
// the page says about them move anything.
func TestNothingMoves(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := withPeople(t, s)
	for _, width := range []int{1280, 390} {
		w.Wear(browser.Look{Width: width, Theme: "light"})
		w.Open("/user/phone-book")
		w.WatchShifts()
		comesAndGoes(t, s, w.Browser)
		stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
		call := stranger.Call("sip:alice@" + stand.Domain)
		call.AckFailure(call.Expects(480))
		w.badges(1, 0)
		s.KillProxy()
		w.ShowsWithin(back, "The router cannot be reached")
		s.Launch()
		w.Status("bob@"+stand.Domain, "offline", back)
		w.NothingMoved(fmt.Sprintf("the phone book, %d px wide", width))
		w.Open("/user/missed")
		w.badges(0, 0)
	}
}

// TestListsAreLive: people who are in no list of alice's, found by name in one window,
// are shown live there although another window has the stream; and so are her own
// phones, on both pages that tell of them, and her calls.
func TestListsAreLive(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "zoe"}})
	zoe := site{browser.Start(t, s.Portal()), t}
	zoe.enters("zoe")
	zoe.Open("/user/account")
	zoe.Fill("Last name", "Novak")
	zoe.Tick("Let others find me")
	zoe.Press("Save")
	zoe.Shows("Your profile is saved.")

	w, f := through(t, s)
	account, phones, found := w.Tab(), w.Tab(), w.Tab()
	account.Open("/user/account")
	account.Shows("No phone is registered")
	phones.Open("/user/account/phones")
	phones.Shows("No phone is registered")
	found.Open("/user/phone-book/find?q=novak")
	found.Status("zoe@"+stand.Domain, "offline", back)
	f.has(t, 1)

	s.Peer(peer.Config{Name: "zoe", Password: stand.Password("zoe")}).Registered()
	found.Status("zoe@"+stand.Domain, "online", back)
	s.Ctl("", "ul", "rm", "zoe")
	found.Status("zoe@"+stand.Domain, "offline", back)

	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	phones.ShowsWithin(back, alice.Address())
	account.ShowsWithin(back, "One phone is registered")
	s.Ctl("", "ul", "rm", "alice")
	phones.ShowsWithin(back, "No phone is registered")
	account.ShowsWithin(back, "No phone is registered")
	comesAndGoes(t, s, w.Browser)
	callsAreLive(t, s, w)
	f.has(t, 1)
}

// callsAreLive: a call that is missed, one that is answered and one that ends show on the
// list at once, as far as its filter lets them through; what is ticked, typed and in focus
// stays so.
func callsAreLive(t *testing.T, s *stand.Stand, w site) {
	t.Helper()
	all, missed := w.Tab(), w.Tab()
	all.Open("/user/calls")
	all.Shows("There are no calls yet")
	missed.Open("/user/calls?kind=missed&q=walter")
	missed.Shows("No call fits")
	const walter = "walter@elsewhere.example"
	calls := func() (row string) {
		call := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"}).Call("sip:alice@" + stand.Domain)
		before := missed.Count("#calls tbody tr")
		call.AckFailure(call.Expects(480))
		wait.For(t, back, "the missed call on the list", func() error {
			if n := missed.Count("#calls tbody tr"); n != before+1 {
				return fmt.Errorf("%d rows", n)
			}
			return nil
		})
		return fmt.Sprintf("#pick-%d", s.QueryInt("SELECT MAX(id) FROM call_log"))
	}
	calls()
	all.ShowsWithin(back, "you were not on line")
	missed.ShowsWithin(back, "you were not on line")

	all.Marks()
	all.Fill("Search names and numbers", "what is typed")
	all.Tick("Select the call with " + walter)
	all.Focuses("Call " + walter)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	dialog, _ := connect(t, alice, bob)
	all.ShowsWithin(back, "its end is not known yet")
	hangup(dialog, bob)
	alice.Expect(peer.Response(200, "BYE"))
	all.ShowsWithin(back, "answered, you hung up")
	all.FocusIsOn("Call " + walter)
	if ticked, typed := all.Count("#calls input:checked"), all.Count("#search:not(:placeholder-shown)"); ticked != 1 || typed != 1 {
		t.Errorf("%d calls are ticked, and %d fields have a text, want one each", ticked, typed)
	}
	all.StillThere()
	if n := missed.Count("#calls tbody tr"); n != 1 {
		t.Errorf("the list of those whom walter's name finds has %d rows, want 1", n)
	}
	s.Ctl("", "ul", "rm", "alice")
	readsOn(t, s, all, calls)
}

// readsOn: a long list stays where it is read when a call comes to its top, and does not
// take away text that is selected; calls makes one and says what its row has then.
func readsOn(t *testing.T, s *stand.Stand, w *browser.Browser, calls func() (row string)) {
	t.Helper()
	for i := range 40 {
		s.Exec(`INSERT INTO call_log (callid, from_tag, caller_username, caller_domain, callee_username, callee_domain, started, sip_code)
			VALUES (?, 'x', 'carol', ?, 'alice', ?, '2026-01-01 12:00:00', '486')`, fmt.Sprint("old-", i), stand.Domain, stand.Domain)
	}
	comes := func(row string) {
		t.Helper()
		wait.For(t, back, "the row of the call", func() error {
			if w.Count(row) != 1 {
				return fmt.Errorf("it is not there")
			}
			return nil
		})
	}
	w.Open("/user/calls")
	const old = "#calls tbody tr:nth-last-child(20) .pick input"
	id := "#" + w.Attributes(old, "id")[0]
	w.Scrolls(1000)
	top := w.TopOf(id)
	comes(calls())
	if now := w.TopOf(id); now < top-1 || now > top+1 {
		t.Errorf("the row that is read has moved from %.0f to %.0f", top, now)
	}
	w.Selects("#calls tbody tr:nth-last-child(20) .person-name")
	selected := w.Selected()
	row := calls()
	calls() // by then the page has heard of the first one
	if still := w.Selected(); selected == "" || still != selected || w.Count(row) != 0 {
		t.Errorf("%q was selected, then %q", selected, still)
	}
	w.Selects("")
	comes(row)
}
