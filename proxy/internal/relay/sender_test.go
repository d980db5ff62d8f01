package relay

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestWhoKeepsHisConnection: whoever has proven who he is, or has a request under way, keeps a
// connection that others lose by being silent.
func TestWhoKeepsHisConnection(t *testing.T) {
	answer := func(r *Request) { _ = r.ReplyStateless(&sip.Reply{Status: 200}) }
	for _, c := range []struct {
		name, method string
		request      func(r *Request)
		far          int // what the far end answers, 0 for nothing
		stays        bool
	}{
		{"a stranger", "OPTIONS", answer, 0, false},
		{"authenticated", "OPTIONS", func(r *Request) { r.Auth = Identity{User: []byte("a"), Domain: []byte("b")}; answer(r) }, 0, true},
		{"registered", "REGISTER", func(r *Request) { r.Saved = true; answer(r) }, 0, true},
		{"registered behind us", "REGISTER", nil, 200, true},
		{"not registered behind us", "REGISTER", nil, 403, false},
		{"a call that rings", "INVITE", nil, 180, true},
		{"a call that was answered", "INVITE", nil, 200, true}, // until the dialog table tells of it
		{"a call that was refused", "INVITE", nil, 486, false},
		{"refused by the script", "INVITE", func(r *Request) { _ = r.Reply(&sip.Reply{Status: 403}) }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &hooks{request: c.request}
			b := newBench(t, h, fast)
			b.shortStrangers()
			phone := b.phone()
			if h.request == nil {
				h.request = func(r *Request) {
					_ = r.SetURI([]byte(phone.uri()))
					_ = r.Relay()
				}
			}
			b.start()
			s := b.dial()
			s.request(c.method, "one", 1)
			if c.far != 0 {
				phone.answer(phone.expect(c.method), c.far, "bt")
			}
			s.expect("SIP/2.0 ")
			if stays := b.outlives(s); stays != c.stays {
				t.Errorf("the connection stays: %v", stays)
			}
		})
	}
}

// shortStrangers gives the bench a transport that closes strangers' connections at once. What
// a name is found for is not asked.
func (b *bench) shortStrangers() {
	b.t.Helper()
	_ = b.layer.Close(context.Background())
	layer, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: "127.0.0.1:0"}, {Proto: transport.TCP, Addr: "127.0.0.1:0"},
	}, StrangerTimeout: 200 * time.Millisecond}, b.engine, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.layer, b.addr = layer, layer.Sockets()[0].Addr
	b.engine.Attach(layer, transport.NewResolver(transport.ResolverConfig{}))
	b.t.Cleanup(func() { _ = layer.Close(context.Background()) })
}

// outlives reports whether a connection that stays silent is still there when those of some
// strangers that have come after it, one after the other, are not.
func (b *bench) outlives(s *stream) bool {
	b.t.Helper()
	for range 6 {
		stranger := b.dial()
		stranger.write("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKlast\r\nContent-Length: 0\r\n\r\n")
		_ = stranger.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(stranger.in); err != nil {
			b.t.Fatal(err)
		}
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := io.ReadAll(s.in)
	return err != nil
}

// TestSender: whose connection it is that a request came over, as the control socket writes it.
func TestSender(t *testing.T) {
	alice := Identity{User: []byte("alice"), Domain: []byte("example.org")}
	for _, c := range []struct {
		name, to string
		auth     Identity
		want     string
	}{
		{"authenticated", "<sip:bob@example.org>", alice, "alice@example.org"},
		{"registered", "\"B\" <sip:Bob@Example.ORG:5070;transport=tcp>;tag=1", Identity{}, "bob@example.org"},
		{"a number", "<tel:+4930110>", Identity{}, "<tel:+4930110>"},
		{"nobody's domain", "<sip:example.org>", Identity{}, "<sip:example.org>"},
		{"no URI of ours", "<sip:bob@exa%mple>", Identity{}, "<sip:bob@exa%mple>"},
	} {
		var m sip.Message
		if err := m.Parse([]byte("REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: " + c.to +
			"\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if got := string(appendSender(nil, c.auth, &m)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
