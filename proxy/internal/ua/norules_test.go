package ua

import (
	"errors"
	"testing"
	"testing/synctest"
)

// TestNoRules: the call rules of who is called hold for what people write and call, by an operator's words too.
// They do not for what is sent for him, for a question of the router's own, and for what an operator says.
func TestNoRules(t *testing.T) {
	const heads = "From: <sip:eve@example.org>\r\nTo: <sip:bob@example.org>\r\n"
	message := Message{To: "sip:bob@example.org", From: "sip:eve@example.org", User: "eve", Domain: "example.org", ContentType: "text/plain", Body: []byte("x")}
	stored := message
	stored.NoRules = true
	for name, c := range map[string]struct {
		send func(s *stand) error
		want bool
	}{
		"a message":        {func(s *stand) error { _, err := s.agent.Message(t.Context(), message); return err }, false},
		"a stored message": {func(s *stand) error { _, err := s.agent.Message(t.Context(), stored); return err }, true},
		"a question":       {func(s *stand) error { _, err := s.agent.Options(t.Context(), "sip:bob@example.org"); return err }, true},
		"an operator's message": {func(s *stand) error {
			_, err := s.agent.Request(Worded{Method: "MESSAGE", URI: message.To, Headers: heads})
			return err
		}, false},
		"so, in small letters": {func(s *stand) error {
			_, err := s.agent.Request(Worded{Method: " message", URI: message.To, Headers: heads})
			return err
		}, false},
		"an operator's word to a phone": {func(s *stand) error {
			_, err := s.agent.Request(Worded{Method: "NOTIFY", URI: message.To, Headers: heads})
			return err
		}, true},
		"an operator's call": {func(s *stand) error {
			_, err := s.agent.Request(Worded{Method: "INVITE", URI: message.To, Headers: heads})
			return err
		}, true},
		"a call":                   {func(s *stand) error { s.call(); return nil }, false},
		"a call for who is called": {func(s *stand) error { s.call(func(p *Invite) { p.NoRules = true }); return nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				s.router.drop, s.router.noRules = true, !c.want
				if err := c.send(s); err != nil && !errors.Is(err, ErrDropped) {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := s.router.noRules; got != c.want {
					t.Errorf("without rules: %v, want %v", got, c.want)
				}
			})
		})
	}
}
