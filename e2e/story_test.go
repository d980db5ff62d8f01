package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// site is a browser in which alice is signed in, her phone book filled.
type site struct {
	*browser.Browser
	t *testing.T
}

// signIn opens the portal and signs a user in.
func signIn(t *testing.T, s *stand.Stand, user string) site {
	t.Helper()
	b := browser.Start(t, s.Portal())
	b.Open("/user")
	b.Fill("User name", user)
	b.Fill("Password", stand.Password(user))
	b.Press("Sign in")
	b.Shows("Click a name")
	return site{b, t}
}

// adds writes somebody into the phone book.
func (w site) adds(first, last, address string) {
	w.t.Helper()
	w.Open("/user/phone-book/new")
	w.Fill("First name", first)
	w.Fill("Last name", last)
	w.Fill("Address", address)
	w.Press("Save")
	w.Shows(first + " " + last)
}

// withPeople signs alice in and gives her bob, carol and a foreigner.
func withPeople(t *testing.T, s *stand.Stand) site {
	t.Helper()
	w := signIn(t, s, "alice")
	w.adds("Bob", "Keller", "bob@"+stand.Domain)
	w.adds("Carol", "Adams", "carol@"+stand.Domain)
	w.adds("Franz", "Fern", "franz@elsewhere.example")
	w.Open("/user/phone-book")
	return w
}

// TestStory is what the program is for: alice signs in, sees bob's phone come and
// go, clicks his name, and two real phones talk.
func TestStory(t *testing.T) {
	for _, engine := range []stand.Engine{stand.SQLite, stand.MariaDB} {
		t.Run(string(engine), func(t *testing.T) {
			s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"alice", "bob", "carol"}})
			w := withPeople(t, s)
			w.seesBobComeAndGo(s)
			w.callsBob(s)
			s.NothingLeft()
		})
	}
}

// soon is how fast a phone's coming and going has to show on an open page.
const soon = time.Second

func (w site) seesBobComeAndGo(s *stand.Stand) {
	w.t.Helper()
	bobAddress := "bob@" + stand.Domain
	w.Status("franz@elsewhere.example", "non-local", soon)
	w.Shows("non-local")
	w.Status(bobAddress, "offline", soon)
	bob := phone(s, w.t, baresip.Account{User: "bob"})
	w.Status(bobAddress, "online", soon)
	w.Shows("on line")
	bob.Quit() // it unregisters
	w.Status(bobAddress, "offline", soon)
	w.Status("carol@"+stand.Domain, "offline", soon)
}

func (w site) callsBob(s *stand.Stand) {
	t := w.t
	t.Helper()
	bob := phone(s, t, baresip.Account{User: "bob", Tone: 600})
	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000})
	w.Status("bob@"+stand.Domain, "online", 5*time.Second)
	w.Press("Call Bob Keller")
	alice.Rings()
	w.Shows("Your phone rings")
	w.Accessible("the phone book with the card open")
	alice.Accept()
	bob.Rings()
	w.Shows("Bob's phone rings")
	bob.Accept()
	bob.Talks()
	w.Shows("You are connected with Bob.")
	bob.Hears(1000)
	alice.Hears(600)
	wantStoryOnTheWire(t, alice)
	alice.Hangup("")
	bob.Closes()
}

// TestStoryWithoutTransfer is the story with a phone of alice's that refuses REFER: the
// router connects both, and they hear each other.
func TestStoryWithoutTransfer(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := withPeople(t, s)
	bob := phone(s, t, baresip.Account{User: "bob", Tone: 600})
	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000, RefuseTransfer: true})
	w.Status("bob@"+stand.Domain, "online", 5*time.Second)
	w.Press("Call Bob Keller")
	alice.Rings()
	alice.Accept()
	bob.Rings()
	w.Shows("Bob's phone rings")
	bob.Accept()
	bob.Talks()
	w.Shows("You are connected with Bob.")
	w.Status("bob@"+stand.Domain, "busy", 5*time.Second)
	bob.Hears(1000)
	alice.Hears(600)
	if n := s.QueryInt("SELECT COUNT(*) FROM acc WHERE method = 'INVITE' AND src_user = 'alice' AND dst_user = 'bob'"); n != 1 {
		t.Errorf("%d rows of the call in acc, want 1", n)
	}
	alice.Hangup("")
	bob.Closes()
	w.Status("bob@"+stand.Domain, "online", 5*time.Second)
	wait.For(t, 10*time.Second, "the call's end is in call_log", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE caller_username = 'alice' AND callee_username = 'bob' AND hung_up_by = 'caller' AND ended IS NOT NULL"); n != 1 {
			return fmt.Errorf("%d rows", n)
		}
		return nil
	})
	s.NothingLeft()
}

// TestDialOnePhone: of two phones of alice's only the one that was chosen rings.
func TestDialOnePhone(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	desk := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	soft := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	dial := map[string]string{"caller": "alice@" + stand.Domain, "callee": "bob@" + stand.Domain, "device": soft.ContactURI()}
	var began, gone struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	s.Call(&began, "ctd.dial", dial)
	invite := soft.Expect(peer.Request("INVITE"))
	soft.Reply(invite, 486, "Busy Here")
	soft.Expect(peer.Request("ACK").Of(invite.CallID()))
	desk.Quiet(time.Second, peer.Request("INVITE"))
	dial["device"] = "sip:alice@127.0.0.1:9"
	s.Call(&began, "ctd.dial", dial)
	wait.For(t, 5*time.Second, "the attempt with a phone that is not there has failed", func() error {
		s.Call(&gone, "ctd.status", map[string]string{"id": began.ID})
		if gone.Message != "caller-offline" {
			return fmt.Errorf("message %q", gone.Message)
		}
		return nil
	})
	var list []struct {
		ID    string `json:"id"`
		Steps []any  `json:"steps"`
	}
	s.Call(&list, "ctd.list", map[string]string{"caller": "alice@" + stand.Domain})
	if len(list) != 2 || list[0].ID != began.ID || len(list[0].Steps) == 0 {
		t.Errorf("ctd.list gave %+v", list)
	}
}

// wantStoryOnTheWire checks what alice's phone saw: the controller's dialog in its
// order, and her own call, which was challenged and says nothing of a referrer.
func wantStoryOnTheWire(t *testing.T, alice *baresip.Phone) {
	t.Helper()
	var controller string // the Call-ID of the first INVITE
	var order []string
	challenged := false
	for _, l := range alice.Trace() {
		id := headerOf(l.Head, "Call-ID")
		switch {
		case controller == "" && l.Method == "INVITE":
			controller = id
			if !strings.Contains(l.Head, "c=IN IP4 0.0.0.0") {
				t.Errorf("the controller's INVITE is not held by 0.0.0.0:\n%s", l.Head)
			}
		case id != controller && l.Method == "INVITE" && strings.HasPrefix(l.Start, "INVITE "):
			if headerOf(l.Head, "Referred-By") != "" {
				t.Errorf("the phone's own INVITE has a Referred-By; the test is for one without:\n%s", l.Head)
			}
		case id != controller && strings.HasPrefix(l.Start, "SIP/2.0 407") && l.Method == "INVITE":
			challenged = true
		}
		if word := word(l); id == controller && !strings.HasPrefix(word, "1") && (len(order) == 0 || order[len(order)-1] != word) {
			order = append(order, word)
		}
	}
	want := []string{"INVITE", "200/INVITE", "ACK", "REFER", "202/REFER", "NOTIFY", "200/NOTIFY", "BYE", "200/BYE"}
	if got := slices.Compact(withoutRepeats(order)); !slices.Equal(got, want) {
		t.Errorf("on the wire of the controller's dialog: %v, want %v", got, want)
	}
	if !challenged {
		t.Error("alice's own INVITE was not challenged with 407")
	}
}

// word names a traced message: "INVITE", "200/INVITE".
func word(l baresip.Line) string {
	if status, isResponse := strings.CutPrefix(l.Start, "SIP/2.0 "); isResponse {
		return status[:3] + "/" + l.Method
	}
	return l.Method
}

// withoutRepeats makes one NOTIFY with its answer of several in a row.
func withoutRepeats(order []string) []string {
	var out []string
	for _, word := range order {
		n := len(out)
		if n >= 2 && out[n-1] == "200/NOTIFY" && word == "NOTIFY" {
			out = out[:n-2]
		}
		out = append(out, word)
	}
	return out
}

// headerOf is the value of the first header line of a name, "" without one.
func headerOf(message, name string) string {
	for line := range strings.Lines(message) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
