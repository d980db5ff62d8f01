package ua

import (
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestAnswerToAnotherRequest: what repeats another Call-ID, From tag or CSeq number is no answer to a request of the
// agent's, within a dialog of its own or of two others; the right one counts after it.
func TestAnswerToAnotherRequest(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		wrong := func(p packet) {
			t.Helper()
			cs, _ := p.msg.CSeq()
			from, _ := p.msg.From()
			text := string(p.msg.AppendReply(nil, &sip.Reply{Status: 200}))
			number := string(sip.AppendUint([]byte("CSeq: "), uint64(cs.Number)))
			for _, x := range [][2]string{{"Call-ID: ", "Call-ID: x"}, {";tag=" + string(from.Tag), ";tag=zz"}, {number, number + "0"}} {
				m := &sip.Message{}
				if err := m.Parse([]byte(strings.Replace(text, x[0], x[1], 1))); err != nil {
					t.Fatal(err)
				}
				if s.table.Response(m, p.flow, transport.NewDetached(nil, s.net.Send)) {
					t.Errorf("%s: one with %q is taken", p.msg.MethodText(), x[1])
				}
			}
		}
		c := s.answered()
		c.Hangup()
		p := s.expect("BYE")
		wrong(p)
		s.noEvent()
		s.answer(p, 200)
		s.want(Ended)

		done := s.sending(s.t.Context(), bye())
		p = s.lastSent()
		wrong(p)
		select {
		case got := <-done:
			t.Errorf("it is answered: %+v", got)
		default:
		}
		s.respond(p, 481)
		if got := <-done; got.err != nil || got.Status != 481 {
			t.Errorf("%+v", got)
		}
	})
}

// TestAnswerOfManyLines: a reply route has added lines to an answer that came with as many as may be.
func TestAnswerOfManyLines(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		lines := []string{route, contact}
		for range sip.MaxHeaders {
			lines = append(lines, "X-More: y")
		}
		s.router.reply(phoneFlow, 200, "at", lines...)
		s.expect("ACK")
		s.want(Answered)
		c.Hangup()
		s.bye()
	})
}
