package user

import (
	"testing"
	"time"

	"seraph/ctlproto"
)

// TestLiveHangs: pages learn within ten seconds that the router hangs, though no
// connection broke, and get the state again once it answers; one that refuses the question
// does not hang.
func TestLiveHangs(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		p.add(alice, "bob")
		s := p.join(alice)
		p.hears(s, newsAway)
		p.began(s)
		p.quiet(s, time.Minute/2) // it answers
		p.router.hanging(true)
		begin := time.Now()
		p.hears(s, newsAway)
		if took := time.Since(begin); took > 10*time.Second {
			p.Errorf("the pages learn after %v that the router hangs", took)
		}
		late := p.join(alice)
		p.hears(late, newsAway)
		p.quiet(s, time.Minute) // it is told once
		p.router.set(alice, "bob@example.org", ctlproto.StatusOnLine)
		p.router.hanging(false)
		begin = time.Now()
		p.hears(s, newsState)
		if took := time.Since(begin); took > 10*time.Second || p.Away() {
			p.Errorf("the pages recover after %v", took)
		}
		if statuses, _ := p.presence(s.viewer); statuses["bob@example.org"] != "online" {
			p.Errorf("state after the return: %v", statuses)
		}
		p.leave(s)
		p.leave(late)
	})
}

// TestLiveHangsAndBreaks: a feed that broke meanwhile decides by itself when the router is back.
func TestLiveHangsAndBreaks(t *testing.T) {
	playLive(t, LiveOptions{}, func(p *play) {
		s := p.join(alice)
		p.hears(s, newsAway)
		p.began(s)
		p.router.hanging(true)
		p.hears(s, newsAway)
		p.event(ctlproto.Event{Topic: ctlproto.TopicAway})
		p.hears(s, newsAway)
		p.router.hanging(false)
		p.quiet(s, time.Minute/2) // there is no feed: nothing would stay true
		p.began(s)
		p.leave(s)
	})
}
