package relay

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// answered is the final answer to a MESSAGE of the router's own user agent.
type answered struct {
	status int
	said   []int
}

// own sends a MESSAGE of the router's own user agent and returns its answer to be.
func (b *bench) own(name string) <-chan answered {
	b.t.Helper()
	final := make(chan answered, 1)
	l := &Local{User: []byte("alice"), Domain: []byte("example.org")}
	l.Replied = func(status int, _ []byte) {
		if status >= 200 {
			final <- answered{status, slices.Collect(l.Said.All)}
		}
	}
	msg := fmt.Sprintf("MESSAGE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.org>;tag=at\r\nTo: <sip:bob@example.org>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", name, name)
	if err := b.engine.Inject([]byte(msg), l); err != nil {
		b.t.Fatal(err)
	}
	return final
}

// comesTo checks an answer.
func (b *bench) comesTo(final <-chan answered, status int, said ...int) {
	b.t.Helper()
	select {
	case got := <-final:
		if got.status != status || !slices.Equal(got.said, said) {
			b.t.Errorf("answered %+v, want %d of %v", got, status, said)
		}
	case <-time.After(10 * time.Second):
		b.t.Error("there was no answer")
	}
}

// TestSaid: the router's own user agent hears what each phone has come to beside the best reply: silence and want of a
// connection, too.
func TestSaid(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name   string
		says   []int // of the phones; 0: nothing
		status int
		said   []int
	}{
		{"the only one", []int{501}, 501, []int{501}},
		{"both the same", []int{405, 405}, 405, []int{405}},
		{"one is silent", []int{405, 0}, 405, []int{405, 408}},
		{"one declines", []int{603, 415}, 603, []int{415, 603}},
		{"out of service", []int{503, 486}, 486, []int{486, 503}},
		{"one takes it", []int{200}, 200, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			b, _, phones := prepare(t, len(x.says), calm)
			b.start()
			final := b.own("said")
			for i, status := range x.says {
				if m := phones[i].expect("MESSAGE"); status > 0 {
					phones[i].answer(m, status, "t")
				}
			}
			b.comesTo(final, x.status, x.said...)
		})
	}
}

// TestSaidByAPhoneThatIsGone: a phone without a connection counts as 480, beside what another one says.
func TestSaidByAPhoneThatIsGone(t *testing.T) {
	t.Parallel()
	b, _, phones := prepare(t, 1, calm)
	b.hooks.request = func(r *Request) {
		_ = r.SetURI([]byte(phones[0].uri()))
		err := r.AddTarget(Target{URI: []byte("sip:bob@192.0.2.9:5060;transport=tcp"), Phone: true,
			Flow: transport.Flow{Proto: transport.TCP, Conn: 1 << 40, Socket: 1, Remote: netip.MustParseAddrPort("192.0.2.9:5060")}})
		if err == nil {
			err = r.Relay()
		}
		if err != nil {
			t.Error(err)
		}
	}
	b.start()
	final := b.own("gone")
	phones[0].answer(phones[0].expect("MESSAGE"), 405, "t")
	b.comesTo(final, 405, 405, 480)
}

// TestSaidOverRounds: what phones of before a failure route have said counts as well, but for what another branch has
// taken the place of: a redirection that was followed, a challenge that was answered. What the script answers is none's word.
func TestSaidOverRounds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		first   int
		failure func(r *Request, second *phone) error
		status  int
		said    []int
	}{
		{"the next phone", 486, next, 415, []int{415, 486}},
		{"a redirection", 302, func(r *Request, _ *phone) error {
			if _, err := r.Redirects(0, 0, nil); err != nil {
				return err
			}
			return r.Relay()
		}, 415, []int{415}},
		{"a challenge", 407, func(r *Request, _ *phone) error {
			if err := r.Authorize([]byte("Proxy-Authorization: Digest x\r\n")); err != nil {
				return err
			}
			return r.Relay()
		}, 415, []int{415}},
		{"the script's word", 486, func(r *Request, _ *phone) error { return r.Reply(&sip.Reply{Status: 403}) }, 403, []int{486}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			b, _, phones := prepare(t, 2, calm)
			b.hooks.request = func(r *Request) {
				r.OnFailure = 1
				_ = r.SetURI([]byte(phones[0].uri()))
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) {
				if err := x.failure(r, phones[1]); err != nil {
					t.Error(err)
				}
			}
			b.start()
			final := b.own("rounds")
			first := phones[0].expect("MESSAGE")
			phones[0].answer(first, x.first, "t", "Contact: <"+phones[1].uri()+">", `Proxy-Authenticate: Digest realm="x",nonce="y"`)
			if x.status == 415 {
				second := phones[1]
				if x.first == 407 {
					second = phones[0]
				}
				second.answer(second.expect("MESSAGE"), 415, "t")
			}
			b.comesTo(final, x.status, x.said...)
		})
	}
}

// TestFoundCalleeOfTheRecord: a record that is used again keeps nothing of whom it was for.
func TestFoundCalleeOfTheRecord(t *testing.T) {
	b := newBench(t, &hooks{})
	c, r := &Call{engine: b.engine}, &Request{Engine: b.engine, Main: Target{URI: []byte("sip:x")}}
	r.OnFailure = 1
	for _, found := range []string{"bob@example.org", "", "carol@example.org"} {
		r.FoundCallee = []byte(found)
		if c.keepStart(r); string(c.start.found) != found {
			t.Errorf("of %q it keeps %q", found, c.start.found)
		}
	}
}

// TestFoundCallee: whose phone lookup has found goes along into failure routes, where another one that is found counts only
// if the call was forwarded there.
func TestFoundCallee(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, calm)
	type lookups struct {
		found   string // in the request route
		forward bool   // the call is forwarded to whom is found in the failure route
	}
	var now atomic.Pointer[lookups]
	seen := make(chan string, 4)
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		r.Seek([]byte("bob-home@example.org")) // in vain
		if found := now.Load().found; found != "" {
			r.Seek([]byte(found))
			r.SetFound([]byte(found))
		}
		_ = r.SetURI([]byte(phones[0].uri()))
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, route int) {
		seen <- string(r.FoundCallee)
		if route == 2 {
			_ = r.Reply(&sip.Reply{Status: 404})
			return
		}
		r.OnFailure = 2
		if now.Load().forward {
			r.Forwarded()
		}
		r.Seek([]byte("carol@example.org"))
		r.SetFound([]byte("carol@example.org"))
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
	}
	b.start()
	for i, x := range []struct {
		lookups
		first, last string
	}{
		{lookups{"bob@example.org", false}, "bob@example.org", "bob@example.org"},
		{lookups{"bob@example.org", true}, "bob@example.org", "carol@example.org"},
		{lookups{"", false}, "", "carol@example.org"},
		{lookups{"bob-home@example.org", false}, "bob-home@example.org", "bob-home@example.org"},
	} {
		now.Store(&x.lookups)
		alice.request("MESSAGE", "sip:bob@example.org", fmt.Sprint("found-", i), 1, fmt.Sprint("found-", i), "")
		for _, p := range phones {
			p.answer(p.expect("MESSAGE"), 480, "t")
		}
		alice.expect("SIP/2.0 404")
		if first, last := <-seen, <-seen; first != x.first || last != x.last {
			t.Errorf("%+v: the failure routes have %q and %q", x, first, last)
		}
	}
}

// TestBoundInFailureRoute: what a failure route sends on to phones that lookup has found before is still the found user's; what
// it sends elsewhere is not.
func TestBoundInFailureRoute(t *testing.T) {
	t.Parallel()
	for _, phone := range []bool{true, false} {
		b, _, phones := prepare(t, 2, calm)
		b.hooks.request = func(r *Request) {
			r.OnFailure = 1
			r.Seek([]byte("bob@example.org"))
			r.SetTarget(Target{URI: []byte(phones[0].uri()), Phone: true})
			r.SetFound([]byte("bob@example.org"))
			if err := r.Relay(); err != nil {
				t.Error(err)
			}
		}
		b.hooks.failure = func(r *Request, _ int) {
			r.SetTarget(Target{URI: []byte(phones[1].uri()), Phone: phone})
			if err := r.Relay(); err != nil {
				t.Error(err)
			}
		}
		b.start()
		bound := make(chan bool, 3)
		l := &Local{User: []byte("alice"), Domain: []byte("example.org")}
		l.Replied = func(status int, _ []byte) {
			if status >= 200 {
				bound <- l.Bound
			}
		}
		if err := b.engine.Inject([]byte("MESSAGE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.org>;tag=at\r\nTo: <sip:bob@example.org>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"), l); err != nil {
			t.Fatal(err)
		}
		phones[0].answer(phones[0].expect("MESSAGE"), 405, "t")
		phones[1].answer(phones[1].expect("MESSAGE"), 200, "t")
		if got := <-bound; got != phone {
			t.Errorf("sent on to a phone: %v; bound: %v", phone, got)
		}
	}
}

// TestSaidByTwoWhoAsk: of two phones that ask for credentials one gets them; the other one's answer still counts.
func TestSaidByTwoWhoAsk(t *testing.T) {
	t.Parallel()
	b, _, phones := prepare(t, 2, calm)
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		_ = r.SetURI([]byte(phones[0].uri()))
		_ = r.AddTarget(Target{URI: []byte(phones[1].uri()), Q: 1000})
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if err := r.Authorize([]byte("Proxy-Authorization: Digest x\r\n")); err != nil {
			t.Error(err)
		}
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.start()
	final := b.own("both")
	for _, p := range phones {
		p.answer(p.expect("MESSAGE"), 407, "t", `Proxy-Authenticate: Digest realm="x",nonce="y"`)
	}
	phones[0].answer(phones[0].expect("MESSAGE"), 415, "t")
	b.comesTo(final, 415, 407, 415)
}

// TestSaidByAPhoneWithoutAWay: a phone that nothing can be sent to counts as away.
func TestSaidByAPhoneWithoutAWay(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"sips:bob@127.0.0.1:9", "sip:bob@127.0.0.1:9;transport=sctp"} {
		b, _, phones := prepare(t, 1, calm)
		b.hooks.request = func(r *Request) {
			_ = r.SetURI([]byte(phones[0].uri()))
			_ = r.AddTarget(Target{URI: []byte(uri), Phone: true, Q: 1000})
			if err := r.Relay(); err != nil {
				t.Error(err)
			}
		}
		b.start()
		final := b.own("gone")
		phones[0].answer(phones[0].expect("MESSAGE"), 415, "t")
		b.comesTo(final, 415, 415, 480)
	}
}
