package user

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"seraph/ctlproto"
)

// TestLiveCalls: when a call begins and when it ends, the status of both people is asked
// for again, and pages that show one of them learn it, as far as they may.
func TestLiveCalls(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		for _, name := range []string{"bob", "carol"} {
			p.add(alice, name)
			p.router.set(alice, name+"@example.org", ctlproto.StatusOnLine)
		}
		p.add(carol, "bob")
		p.router.set(carol, "bob@example.org", ctlproto.StatusUnknown)
		p.event(ctlproto.Event{Topic: ctlproto.TopicLost})
		s, other := p.join(alice), p.join(carol)
		p.hears(s, newsState)
		p.hears(other, newsState)
		call := func(state ctlproto.DialogState, status ctlproto.PresenceStatus, want string) {
			p.Helper()
			for _, name := range []string{"bob@example.org", "carol@example.org"} {
				p.router.set(alice, name, status)
			}
			p.publish(ctlproto.TopicDialog, ctlproto.DialogEvent{State: state, Caller: "carol@example.org", Callee: "bob@example.org"})
			news := map[string]string{"bob@example.org": want, "carol@example.org": want}
			if got := p.hears(s, newsPresence).presence; !maps.Equal(got, news) {
				p.Errorf("%s: presence %v, want %v", state, got, news)
			}
			p.quiet(other, time.Second) // bob hides from her
		}
		call(ctlproto.DialogAnswered, ctlproto.StatusOnThePhone, "busy")
		call(ctlproto.DialogEnded, ctlproto.StatusOnLine, "online")
		p.router.questions()
		p.publish(ctlproto.TopicDialog, ctlproto.DialogEvent{State: ctlproto.DialogAnswered, Caller: "", Callee: "dan@example.org"})
		p.event(ctlproto.Event{Topic: ctlproto.TopicDialog, Data: json.RawMessage(`{"caller":7}`)})
		p.event(ctlproto.Event{Topic: ctlproto.TopicDialog, Data: json.RawMessage(`{"caller":"@","callee":"sip:x"}`)})
		p.quiet(s, time.Second)
		if asked := p.router.questions(); len(asked) != 0 {
			p.Errorf("asked for people on no page: %q", asked)
		}
		p.leave(s)
		p.leave(other)
	})
}
