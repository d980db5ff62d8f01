package relay

import (
	"errors"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// branching is a script whose branch route is a Go function.
type branching struct {
	*hooks
	branch func(r *Request) bool
}

func (branching) LocalRequest(*Request) bool { return true }

func (b branching) Branch(r *Request, _ int) bool { return b.branch(r) }

// TestSecureBindsItsBranch: what a branch route makes a request for a sips address does not leave
// TLS, by other contacts that it adds neither; the branches beside it and the failure route are
// not bound.
func TestSecureBindsItsBranch(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 4, calm)
	b.hooks.request = func(r *Request) {
		r.OnFailure, r.OnBranch = 1, 1
		for _, p := range phones[1:3] {
			if err := r.AddTarget(Target{URI: []byte(p.uri())}); err != nil {
				t.Error(err)
			}
		}
		if r.WantsTLS() || r.SetURI([]byte("sip:alias@example.org")) != nil {
			t.Error("TLS is asked for at the beginning")
		}
		if err := r.Relay(); err != nil || r.WantsTLS() {
			t.Errorf("%v, and TLS is asked for: %v", err, r.WantsTLS())
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if err := next(r, phones[3]); err != nil || r.WantsTLS() {
			t.Errorf("in the failure route: %v, and TLS is asked for: %v", err, r.WantsTLS())
		}
	}
	b.engine.SetHooks(branching{b.hooks, func(r *Request) bool {
		if string(r.Main.URI) == "sip:alias@example.org" {
			_ = r.SetURI([]byte("sips:bob@example.org"))
			r.Secure()
			_ = r.SetURI([]byte(phones[0].uri()))
			if err := r.AddTarget(Target{URI: []byte(phones[0].uri())}); err != nil || !r.WantsTLS() {
				t.Errorf("%v, or TLS is not asked for", err)
			}
		} else if secure := string(r.Main.URI) == phones[0].uri(); r.WantsTLS() != secure {
			t.Errorf("%s: TLS is asked for: %v", r.Main.URI, !secure)
		}
		return true
	}})
	b.start()
	alice.invite("beside")
	for i, p := range phones[1:3] {
		p.answer(p.expect("INVITE"), 486, "t"+string(rune('0'+i)))
	}
	phones[3].answer(phones[3].expect("INVITE"), 200, "t3")
	alice.expect("SIP/2.0 200")
	phones[0].nothing("INVITE", 50*time.Millisecond)
}

// TestRedirectOfASecuredBranch: where a branch that must not leave TLS is redirected to a sip URI,
// that is not followed; the answer of the branch beside it is, and where it leads is not bound.
func TestRedirectOfASecuredBranch(t *testing.T) {
	moved := func(contact string) *txn.Buffer {
		return &txn.Buffer{B: []byte("SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n" +
			"Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: " + contact + "\r\n\r\n")}
	}
	secured := &Branch{redirect: moved("<sip:a@192.0.2.1>, <sips:b@192.0.2.2>, <sips:c@192.0.2.3>")}
	secured.secured = true
	r := &Request{Msg: &sip.Message{}}
	r.route, r.Call = inFailure, &Call{branches: []*Branch{secured, {redirect: moved("<sip:d@192.0.2.4>")}}}
	if n, err := r.Redirects(0, 0, nil); n != 3 || err != nil {
		t.Fatalf("%d are followed: %v", n, err)
	}
	for i, want := range []struct {
		uri     string
		secured bool
	}{{"sips:b@192.0.2.2", true}, {"sips:c@192.0.2.3", true}, {"sip:d@192.0.2.4", false}} {
		if got := r.More[i]; string(got.URI) != want.uri || r.wantsTLS(&got) != want.secured {
			t.Errorf("target %d is %s, for TLS alone: %v", i, got.URI, r.wantsTLS(&got))
		}
	}
	r.More = r.More[:0]
	r.Call = &Call{branches: []*Branch{{redirect: moved("<sip:d@192.0.2.4>")}}}
	r.secured = true
	if n, err := r.Redirects(0, 0, nil); n != 0 || !errors.Is(err, ErrNoReply) {
		t.Errorf("of a request that must not leave TLS %d are followed: %v", n, err)
	}
}
