package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestRecordRouteTokenIsNoPass: what a stranger reads in the Record-Route of one call leads
// him to that phone in that dialog, and nowhere outside of it: not with the seal, without
// it, in another dialog of his own, or with its token taken for that of a Path.
func TestRecordRouteTokenIsNoPass(t *testing.T) {
	b, alice, phones := prepare(t, 1, fast)
	bob := phones[0]
	b.hooks.request = func(r *Request) {
		if !r.LooseRoute() {
			if to, _ := r.Msg.To(); to.Tag != nil || r.Msg.Header(sip.HdrContact) == nil {
				_ = r.Reply(&sip.Reply{Status: 403})
				return
			}
			r.RecordRoute()
			_ = r.SetURI([]byte(bob.uri()))
		}
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 478, Reason: err.Error()})
		}
	}
	b.start()
	call := func(callID string) string {
		alice.request("INVITE", bob.uri(), callID, 1, callID, "", fmt.Sprintf("Contact: <sip:alice@127.0.0.1:%d;ob>", alice.port()))
		bob.answer(bob.expect("INVITE"), 200, "bt")
		return value(alice.expect("SIP/2.0 200"), sip.HdrRecordRoute)
	}
	first, second := call("first"), call("second")
	user := func(route string) string {
		name, _, found := strings.Cut(strings.TrimPrefix(route, "<sip:"), "@")
		if !found {
			t.Fatalf("no token in %q", route)
		}
		return name
	}
	bare := "<sip:" + user(first) + "@" + b.addr.String() + ";lr>"
	mixed := strings.Replace(second, user(second), user(first), 1)
	if user(first) == user(second) { // a token may be the same for two calls of one flow
		mixed = strings.Replace(second, user(second)+"@", "", 1)
	}
	stranger := b.phone()
	for i, c := range []struct{ name, route, callID, toTag string }{
		{"the whole entry", first, "first", ""},
		{"in a dialog that is none", first, "none", "bt"},
		{"the token alone", bare, "alone", ""},
		{"the token alone, in the dialog", bare, "first", "bt"},
		{"another dialog's token", mixed, "second", "bt"},
	} {
		stranger.request("MESSAGE", bob.uri(), c.callID, 10+i, fmt.Sprint("pass-", i), c.toTag, "Route: "+c.route)
		if m := stranger.expect("SIP/2.0"); m.Status != 403 && m.Status != 478 {
			t.Errorf("%s: answered %d", c.name, m.Status)
		}
	}
	alice.nothing("MESSAGE", 50*time.Millisecond)
	bob.nothing("MESSAGE", 50*time.Millisecond)
	// The called phone itself follows it.
	bob.request("INFO", "sip:alice@192.0.2.9", "first", 2, "honest", "at", "Route: "+first)
	alice.expect("INFO")
}
