package ua

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// bye is a BYE to the phone as from alice.
func bye(change ...func(w *Within)) Within {
	w := Within{
		Method: sip.BYE, CallID: "c1", From: "sip:alice@example.org", FromTag: "at", To: "sip:bob@example.org", ToTag: "bt",
		Target: "sip:bob@10.0.0.8:5060;alias=203.0.113.9~41000~1", Flow: phoneFlow, CSeq: 8, Headers: "Reason: SIP;cause=200\r\n",
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

// sending sends it beside the test.
func (s *stand) sending(ctx context.Context, w Within) chan pinged {
	s.t.Helper()
	done := make(chan pinged, 1)
	go func() {
		answer, err := s.agent.SendWithin(ctx, w)
		done <- pinged{answer, err}
	}()
	synctest.Wait()
	return done
}

// respond answers a message that the agent sent, on the flow it was sent by.
func (s *stand) respond(p packet, status int) {
	s.t.Helper()
	rep := sip.Reply{Status: status}
	m := &sip.Message{}
	if err := m.Parse(p.msg.AppendReply(nil, &rep)); err != nil {
		s.t.Fatal(err)
	}
	if !s.table.Response(m, p.flow, nil) {
		s.t.Fatalf("nobody waits for the %d", status)
	}
	synctest.Wait()
}

// lastSent is the last message that the agent sent.
func (s *stand) lastSent() packet {
	s.t.Helper()
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if len(s.net.sent) == 0 {
		s.t.Fatal("nothing was sent")
	}
	return s.net.sent[len(s.net.sent)-1]
}

// TestSendWithin: the request goes by the flow, and is answered.
func TestSendWithin(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		done := s.sending(s.t.Context(), bye())
		p := s.lastSent()
		want := []string{"BYE sip:bob@10.0.0.8:5060 SIP/2.0\r\n", "\r\nFrom: <sip:alice@example.org>;tag=at\r\n", "\r\nTo: <sip:bob@example.org>;tag=bt\r\n",
			"\r\nCall-ID: c1\r\n", "\r\nCSeq: 8 BYE\r\n", "\r\nReason: SIP;cause=200\r\n", "\r\nMax-Forwards: 70\r\n"}
		for _, text := range want {
			if !strings.Contains(string(p.msg.Buf), text) {
				t.Errorf("no %q in %s", text, p.msg.Buf)
			}
		}
		if p.flow != phoneFlow {
			t.Errorf("it goes to %v", p.flow)
		}
		s.respond(p, 100)
		s.respond(p, 481)
		if got := <-done; got.err != nil || got.Status != 481 {
			t.Errorf("%+v", got)
		}
	})
}

// TestSendWithinChallenged: the answer tells what a gateway asks for, and where the request went.
func TestSendWithinChallenged(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		done := s.sending(s.t.Context(), bye())
		p := s.lastSent()
		m := &sip.Message{}
		if err := m.Parse(p.msg.AppendReply(nil, &sip.Reply{Status: 407, Extra: []byte("Contact: <sip:x@192.0.2.1>\r\nProxy-Authenticate: Digest realm=\"r\"\r\nWWW-Authenticate: Digest realm=\"s\"\r\n")})); err != nil {
			t.Fatal(err)
		}
		s.table.Response(m, p.flow, nil)
		got := <-done
		want := Challenge{URI: "sip:bob@10.0.0.8:5060", Addr: phoneFlow.Remote, Lines: "WWW-Authenticate: Digest realm=\"s\"\r\nProxy-Authenticate: Digest realm=\"r\"\r\n"}
		if got.err != nil || got.Status != 407 || got.Challenge != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// TestSendWithinByRoutes: the route set is followed, loose or strict, and a flow that is
// gone is replaced by the target.
func TestSendWithinByRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *Within)
		start  string
		routes string
		to     string
	}{
		"loose": {func(w *Within) { w.Routes = []string{"<sip:edge.example.net;lr>", "<sip:192.0.2.99;lr>"} },
			"BYE sip:bob@10.0.0.8:5060;alias=203.0.113.9~41000~1 ", "<sip:edge.example.net;lr> <sip:192.0.2.99;lr>", "198.51.100.7:5060"},
		"strict": {func(w *Within) { w.Routes = []string{"<sip:edge.example.net:5070>"} },
			"BYE sip:edge.example.net:5070 ", "<sip:bob@10.0.0.8:5060;alias=203.0.113.9~41000~1>", "198.51.100.7:5070"},
		"no target":           {func(w *Within) { w.Target, w.To = "", "sip:bob@192.0.2.50" }, "BYE sip:bob@192.0.2.50 ", "", phoneFlow.Remote.String()},
		"no flow":             {func(w *Within) { w.Flow = transport.Flow{} }, "BYE sip:bob@10.0.0.8:5060 ", "", "10.0.0.8:5060"},
		"a flow that is gone": {func(w *Within) { w.Flow.Remote = netip.MustParseAddrPort("203.0.113.66:1") }, "BYE sip:bob@10.0.0.8:5060 ", "", "10.0.0.8:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				gone := phoneFlow
				gone.Remote = netip.MustParseAddrPort("203.0.113.66:1")
				s.net.dead = map[transport.Flow]bool{gone: true}
				done := s.sending(s.t.Context(), bye(c.change))
				p := s.lastSent()
				var routes []string
				values := p.msg.Values(sip.HdrRoute)
				for v := values.Next(); v != nil; v = values.Next() {
					routes = append(routes, string(v))
				}
				if !strings.HasPrefix(string(p.msg.Buf), c.start) || strings.Join(routes, " ") != c.routes || p.flow.Remote.String() != c.to {
					t.Errorf("sent to %v along %q: %s", p.flow.Remote, routes, p.msg.Buf)
				}
				s.respond(p, 200)
				if got := <-done; got.err != nil || got.Status != 200 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// TestSendWithinFails: nobody answers, nobody waits any more, or it cannot be sent.
func TestSendWithinFails(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		began := time.Now()
		if got := <-s.sending(s.t.Context(), bye()); got.err == nil || time.Since(began) < 31*time.Second {
			t.Errorf("%+v after %v", got, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		if got := <-s.sending(ctx, bye()); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("%+v", got)
		}
		for name, change := range map[string]func(w *Within){
			"a line break in a tag":     func(w *Within) { w.ToTag = "x\r\nVia: y" },
			"a line break in the URI":   func(w *Within) { w.Target = "sip:a@b\r\n" },
			"a line break in a route":   func(w *Within) { w.Routes = []string{"<sip:a;lr>\n"} },
			"a route that is none":      func(w *Within) { w.Routes = []string{"nonsense"} },
			"a line break in a Call-ID": func(w *Within) { w.CallID = "a\nb" },
		} {
			if got := <-s.sending(s.t.Context(), bye(change)); !errors.Is(got.err, ErrBadAddress) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if got := <-s.sending(s.t.Context(), bye(func(w *Within) { w.Routes = []string{"<sip:nowhere.invalid;lr>"} })); !errors.Is(got.err, ErrNoWay) {
			t.Errorf("no way: %+v", got)
		}
	})
	if _, err := New(Config{}).SendWithin(t.Context(), bye()); !errors.Is(err, ErrNotAttached) {
		t.Errorf("not attached: %v", err)
	}
}

// TestWithinWithoutATag: an end of RFC 2543 has no tag, and gets a request without one, not
// with an empty one.
func TestWithinWithoutATag(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		done := s.sending(s.t.Context(), bye(func(w *Within) { w.FromTag = "" }))
		p := s.lastSent()
		text := string(p.msg.Buf)
		if !strings.Contains(text, "From: <sip:alice@example.org>\r\n") || !strings.Contains(text, "To: <sip:bob@example.org>;tag=bt\r\n") {
			t.Errorf("sent was\n%s", text)
		}
		s.respond(p, 200)
		<-done
	})
}

// TestTriesHoldNothing: a request that goes by its target because its flow is gone holds no memory when it
// is over, however long its Call-ID.
func TestTriesHoldNothing(t *testing.T) {
	for name, id := range map[string]string{"short": "c1", "long": strings.Repeat("c", 200), "very long": strings.Repeat("c", 5000)} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				gone := phoneFlow
				gone.Remote = netip.MustParseAddrPort("203.0.113.66:1")
				s.net.dead = map[transport.Flow]bool{gone: true}
				before := s.table.Held()
				for range 10 {
					done := s.sending(s.t.Context(), bye(func(w *Within) { w.Flow, w.CallID = gone, id }))
					s.respond(s.lastSent(), 200)
					<-done
				}
				time.Sleep(time.Minute)
				if n := s.table.Held() - before; n != 0 {
					t.Errorf("%d bytes are held after ten BYEs that were answered", n)
				}
			})
		})
	}
}
