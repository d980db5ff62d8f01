package relay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// naming is a script whose branch route gives each branch its own From: who is reached there. As module uac it
// renames nobody twice, so not within the dialog.
type naming struct{ *hooks }

func (naming) LocalRequest(*Request) bool { return true }

func (naming) Branch(r *Request, _ int) bool {
	return r.Renamed(From) || rename(r, From, "sip:line-"+string(r.Main.URI[len("sip:"):][:3])+"@pstn.example") == nil
}

// rename does what uac_replace_from does.
func rename(r *Request, at Header, uri string) error {
	a, err := r.Msg.From()
	if at == To {
		a, err = r.Msg.To()
	}
	if err != nil {
		return err
	}
	now := []byte("<" + uri + ">")
	if err := r.Rename(at, AppendNameAddr(nil, a), now); err != nil {
		return err
	}
	if !rewrite(r.Msg, headerID[at], now) {
		return errors.New("no such header")
	}
	return nil
}

func uriOf(t testing.TB, m *sip.Message, at Header) string {
	t.Helper()
	a, err := m.From()
	if at == To {
		a, err = m.To()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(a.URI)
}

// TestBranchesAreRenamed: each of two phones that ring sees the caller by the name of its
// own branch, and goes on seeing him so; the caller sees himself.
func TestBranchesAreRenamed(t *testing.T) {
	h := &hooks{}
	b := newBench(t, h, calm)
	alice, bob, bea := b.phone(), b.phone(), b.phone()
	h.request = func(r *Request) {
		if r.LooseRoute() {
			_ = r.Relay()
			return
		}
		r.RecordRoute()
		_ = r.SetURI([]byte(bob.uri()))
		_ = r.AddTarget(Target{URI: []byte(strings.Replace(bea.uri(), "bob", "bea", 1))})
		r.OnBranch = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.engine.SetHooks(naming{h})
	b.start()
	alice.invite("twins")
	first, second := bob.expect("INVITE"), bea.expect("INVITE")
	if got := uriOf(t, first, From); got != "sip:line-bob@pstn.example" {
		t.Errorf("bob sees %s", got)
	}
	if got := uriOf(t, second, From); got != "sip:line-bea@pstn.example" {
		t.Errorf("bea sees %s", got)
	}
	bob.answer(first, 180, "bt")
	if got := uriOf(t, alice.expect("SIP/2.0 180"), From); got != "sip:alice@example.org" {
		t.Errorf("alice sees %s while it rings", got)
	}
	bea.answer(second, 200, "et")
	ok := alice.expect("SIP/2.0 200")
	if got := uriOf(t, ok, From); got != "sip:alice@example.org" {
		t.Errorf("alice sees %s when it is answered", got)
	}
	bob.answer(bob.expect("CANCEL"), 200, "bt")
	alice.request("BYE", bea.uri(), "twins", 2, "bye", "et", "Route: "+value(ok, sip.HdrRecordRoute))
	bye := bea.expect("BYE")
	if got := uriOf(t, bye, From); got != "sip:line-bea@pstn.example" {
		t.Errorf("BYE comes from %s", got)
	}
	bea.answer(bye, 200, "et")
	if got := uriOf(t, alice.expect("SIP/2.0 200"), From); got != "sip:alice@example.org" {
		t.Errorf("the answer to BYE bears %s", got)
	}
}

// TestRenamedElsewhere: the next place of a gateway whose first one is silent gets the same names,
// the branch's own, and the Route keeps them.
func TestRenamedElsewhere(t *testing.T) {
	t.Parallel()
	h := &hooks{}
	b := newBench(t, h, fast)
	alice, dead, gw := b.phone(), b.phone(), b.phone()
	b.named(service(dead.place(), gw.place()), "sip:pst@"+gateway)
	request := h.request
	h.request = func(r *Request) {
		r.OnBranch = 1
		request(r)
	}
	b.engine.SetHooks(naming{h})
	b.start()
	alice.invite("elsewhere")
	dead.expect("INVITE")
	invite := gw.expectWithin(10*time.Second, "INVITE")
	if got := uriOf(t, invite, From); got != "sip:line-pst@pstn.example" {
		t.Errorf("the second place sees %s", got)
	}
	gw.answer(invite, 200, "gt")
	alice.expectWithin(10*time.Second, "SIP/2.0 200")
	alice.request("BYE", gw.uri(), "elsewhere", 2, "bye", "gt", "Route: "+value(invite, sip.HdrRecordRoute))
	if got := uriOf(t, gw.expect("BYE"), From); got != "sip:line-pst@pstn.example" {
		t.Errorf("BYE comes from %s", got)
	}
}

// TestRenamedIsNotInherited: what one request was renamed to, the next one on the same
// worker is not.
func TestRenamedIsNotInherited(t *testing.T) {
	h := &hooks{}
	b := newBench(t, h, calm)
	alice, bob := b.phone(), b.phone()
	h.request = func(r *Request) {
		r.RecordRoute()
		_ = r.SetURI([]byte(bob.uri()))
		if string(r.Msg.CallID()) == "renamed" {
			if err := rename(r, To, "sip:other@example.org"); err != nil || !r.Renamed(To) || r.Renamed(From) {
				t.Errorf("%v", err)
			}
		}
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.start()
	for _, callID := range []string{"renamed", "plain", "renamed", "plain"} {
		alice.request("SUBSCRIBE", "sip:bob@example.org", callID, 1, callID+time.Now().Format("150405.000000000"), "")
		got := bob.expect("SUBSCRIBE")
		want := map[string]string{"renamed": "sip:other@example.org", "plain": "sip:bob@example.org"}[callID]
		if uri := uriOf(t, got, To); uri != want || strings.Contains(value(got, sip.HdrRecordRoute), "vst=") != (callID == "renamed") {
			t.Errorf("%s: To %s along %s", callID, uri, value(got, sip.HdrRecordRoute))
		}
		bob.answer(got, 404, "bt")
		if uri := uriOf(t, alice.expect("SIP/2.0 404"), To); uri != "sip:bob@example.org" {
			t.Errorf("%s: the answer is from %s", callID, uri)
		}
	}
}
