package user

import (
	"bytes"
	"testing"

	"seraph/sql/store"
)

// FuzzUnwrapped: whatever a stranger calls a message/cpim, what is shown of it is its
// own end, and nothing breaks.
func FuzzUnwrapped(f *testing.F) {
	f.Add("message/cpim", []byte("From: x\r\n\r\nContent-Type: text/plain\r\n\r\nhello"))
	f.Add("message/cpim", []byte("\n\n\n:\n"))
	f.Add("text/plain", []byte("Content-Type: a\n\n\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		m := unwrapped(store.SiloMessage{ContentType: kind, Body: body})
		if !bytes.HasSuffix(body, m.Body) {
			t.Errorf("%q of %q", m.Body, body)
		}
		if bytes.ContainsAny([]byte(m.ContentType), "\n") && !bytes.ContainsAny([]byte(kind), "\n") {
			t.Errorf("the type %q", m.ContentType)
		}
		textOf(m)
	})
}
