package user

import (
	"testing"

	"seraph/ctlproto"
)

// TestDeleted: of a user whom an administrator has deleted nobody sees any more whether they
// are there, and who gets the address next has no attempt of theirs.
func TestDeleted(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		s := p.join(alice)
		p.hears(s, newsAway)
		p.began(s)
		p.add(alice, "bob")
		p.BookChanged(alice)
		p.hears(s, newsState)
		p.calls.put(bob, attemptAt("1", bob, ctlproto.CtdRingingYou))
		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		(&Portal{live: p.Live}).Deleted(bob)
		p.hears(s, newsPresence)
		if _, _, ok := p.calls.last(bob); ok {
			t.Error("the attempt is kept")
		}
		p.leave(s)
	})
}
