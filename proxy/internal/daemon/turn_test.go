package daemon

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

// foreign sends a stranger's MESSAGE and returns the final reply.
func (s *stand) foreign(uri, callID string) *sip.Message {
	s.t.Helper()
	eve := s.phone("eve")
	eve.send(eve.request("MESSAGE", uri, callID, 1, "hello", "From: <sip:eve@elsewhere.example>;tag=1"))
	return eve.expect("SIP/2.0 ")
}

// TestWhoExists: a stranger who writes to somebody who is away and to somebody who does
// not exist sees a difference; with store_foreign off he sees none.
func TestWhoExists(t *testing.T) {
	s := newStand(t, "", "bob")
	if away, nobody := s.foreign(bobURI(), "away"), s.foreign("sip:nobody@"+testDomain, "nobody"); away.Status != 202 || nobody.Status != 503 {
		t.Errorf("as docs/decisions has it: away %d, nobody %d, want 202 and 503", away.Status, nobody.Status)
	}
	closed := newStand(t, strings.Replace(embeddedText(), "\nroute", "\nmodparam(\"msilo\", \"store_foreign\", 0)\nroute", 1), "bob")
	// What differs between any two requests, and a tag of ours.
	own := regexp.MustCompile(`call-[ab]|branch=[^;\r]*|rport=\d+|tag=srph-[^;\r]*|:\d+;|bob@|nobody@`)
	away := own.ReplaceAllString(string(closed.foreign(bobURI(), "call-a").Buf), "")
	nobody := own.ReplaceAllString(string(closed.foreign("sip:nobody@"+testDomain, "call-b").Buf), "")
	if away != nobody || !strings.HasPrefix(away, "SIP/2.0 503 ") {
		t.Errorf("to bob, who is away:\n%s\nto nobody:\n%s", away, nobody)
	}
	if n := closed.rows("SELECT COUNT(*) FROM silo"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestDisabledGetsNothing: for a closed account nothing is stored, and nobody sends
// messages in its name.
func TestDisabledGetsNothing(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	if err := s.db.Profiles.SetDisabled(t.Context(), of("bob"), true); err != nil {
		t.Fatal(err)
	}
	alice := s.phone("alice")
	alice.start("MESSAGE", bobURI(), "closed", "x")
	alice.expect("SIP/2.0 503")
	if n := s.rows("SELECT COUNT(*) FROM silo"); n != 0 {
		t.Errorf("%d rows", n)
	}
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, from := range []string{"bob@" + testDomain, "nobody@" + testDomain} {
		_, err := client.ImSend(t.Context(), ctlproto.ImSendParams{From: from, To: "alice", Text: "x"})
		var refused *ctlproto.Error
		if !errors.As(err, &refused) || refused.Code != ctlproto.CodeInvalidParams || !strings.Contains(err.Error(), "from: there is no such user") {
			t.Errorf("im.send from %s: %v", from, err)
		}
	}
	if n := s.rows("SELECT COUNT(*) FROM silo"); n != 0 {
		t.Errorf("%d rows after im.send", n)
	}
}

// TestComposing: that somebody is writing is told to a phone, and not stored.
func TestComposing(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	const composing = "Content-Type: application/im-iscomposing+xml;charset=utf-8"
	for i, uri := range []string{bobURI(), "sip:nobody@" + testDomain} {
		alice.start("MESSAGE", uri, fmt.Sprintf("writing-%d", i), "<isComposing/>", composing)
		alice.expect("SIP/2.0 480")
	}
	if n := s.rows("SELECT COUNT(*) FROM silo"); n != 0 {
		t.Errorf("%d rows", n)
	}
	bob.register()
	alice.start("MESSAGE", bobURI(), "writing-now", "<isComposing/>", composing)
	bob.answer(bob.expect("MESSAGE"), 200)
	alice.expect("SIP/2.0 200")
}

// TestFoldedContentType: one in two lines is stored, and delivered in one.
func TestFoldedContentType(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	alice.start("MESSAGE", bobURI(), "folded", "x", "Content-Type: text/plain;\r\n\tcharset=utf-8")
	alice.expect("SIP/2.0 202")
	bob.register()
	m := bob.expect("MESSAGE")
	if got := string(m.HeaderValue(sip.HdrContentType)); got != "text/plain; charset=utf-8" || !strings.HasSuffix(string(m.Body()), "] x") {
		t.Errorf("delivered as %q: %q", got, m.Body())
	}
	bob.answer(m, 200)
	s.emptySilo("bob")
}

// TestTakesItsTurn: a message that comes while the stored ones are being delivered
// comes behind them; one that comes afterwards goes straight to the phone.
func TestTakesItsTurn(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "one", "two")
	bob.register()
	first := bob.expect("MESSAGE")
	alice.start("MESSAGE", bobURI(), "new", "three")
	alice.expect("SIP/2.0 202")
	bob.answer(first, 200)
	for _, want := range []string{"two", "three"} {
		m := bob.expect("MESSAGE")
		if !strings.HasSuffix(string(m.Body()), "] "+want) {
			t.Errorf("got %q, want %q", m.Body(), want)
		}
		bob.answer(m, 200)
	}
	s.emptySilo("bob")
	s.wait("a message goes straight to the phone", func() bool {
		alice.n++
		alice.start("MESSAGE", bobURI(), fmt.Sprintf("straight-%d", alice.n), "four")
		m := bob.within(2*time.Second, "MESSAGE")
		if m == nil {
			t.Fatal("it does not reach the phone")
		}
		bob.answer(m, 200)
		final := alice.expect("SIP/2.0 2")
		return final.Status == 200 && string(m.Body()) == "four"
	})
}
