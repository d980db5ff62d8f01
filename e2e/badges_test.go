package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestBadgesOnEveryPage: what is read or looked at in one browser is so in every
// other one of the same user, and of nobody else, whoever marked it.
func TestBadgesOnEveryPage(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	for _, user := range []string{"alice", "carol"} {
		store(t, stranger, "sip:"+user+"@"+stand.Domain, "first", "second")
		call := stranger.Call("sip:" + user + "@" + stand.Domain)
		call.AckFailure(call.Expects(480))
	}
	one, other, carol := signIn(t, s, "alice"), signIn(t, s, "alice"), signIn(t, s, "carol")
	for _, w := range []site{one, other, carol} {
		w.badges(1, 2)
	}
	one.Open("/user/messages")
	one.Press("Mark read from walter@elsewhere.example")
	one.badges(1, 1)
	other.badges(1, 1)
	one.Open("/user/missed")
	one.badges(0, 1)
	other.badges(0, 1)
	id := s.QueryInt("SELECT id FROM silo LEFT JOIN silo_state ON silo_id = id WHERE username = 'alice' AND read_time IS NULL")
	s.Ctl("", "rpc", "msilo.read", "alice@"+stand.Domain, fmt.Sprint(id))
	one.badges(0, 0)
	other.badges(0, 0)
	carol.badges(1, 2)
	s.NothingLeft()
}

// badges waits until the tabs count so many missed calls and messages.
func (w site) badges(missed, messages int) {
	w.t.Helper()
	wait.For(w.t, 10*time.Second, "the badges", func() error {
		for name, want := range map[string]int{"missed": missed, "messages": messages} {
			hidden := w.Count(`[data-badge="`+name+`"][hidden]`) == 1
			text := w.Texts(`[data-badge="` + name + `"] .badge-count`)
			if hidden != (want == 0) || !hidden && (len(text) != 1 || text[0] != fmt.Sprint(want)) {
				return fmt.Errorf("%s: %q, hidden %v; want %d", name, text, hidden, want)
			}
		}
		return nil
	})
}
