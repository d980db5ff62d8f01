package auth_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// FuzzCredentials: nobody gets in without the password, and every answer is a whole
// challenge, whatever stands in the header.
func FuzzCredentials(f *testing.F) {
	b := newBench(f)
	n := b.nonce()
	for _, a := range []answer{{nonce: n}, {nonce: n, noQOP: true}, {nonce: n, user: "alice@example.org"}, {nonce: n, realm: "elsewhere"}} {
		a.password = "wrong"
		_, value, _ := strings.Cut(a.line(), ": ")
		f.Add(value)
	}
	f.Add("Basic YWxpY2U6c2VjcmV0")
	f.Add(`Digest username="\"", realm="example.org",,=, nonce=` + n + `, uri=:, response=x, nc="00000001", cnonce=, qop="auth"`)
	f.Add(`Digest username="@", realm="example.org", nonce="` + n + `", uri="sip:@", response=""`)
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\r\n") {
			return // the message would end there
		}
		b.t = t
		b.For(t)
		out := b.Receive(phone, moduletest.Request("OPTIONS", "sip:bob@example.org", "Proxy-Authorization: "+value))
		if b.result > 0 {
			t.Fatalf("accepted as %q", b.who)
		}
		if o := b.challenge(out); o.realm != "example.org" {
			t.Errorf("challenge for %q", o.realm)
		}
	})
}
