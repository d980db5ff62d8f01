package sanity_test

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sanity"
)

// FuzzCheck: whatever reaches the script is answered or passes, and never panics.
func FuzzCheck(f *testing.F) {
	f.Add([]byte("Expires: 1"), []byte("sip:a@b"))
	f.Add([]byte("Authorization: Digest username=\"x\\\""), []byte("http:x"))
	f.Add([]byte("Contact: <sip:a>, *"), []byte("sip:"))
	call := moduletest.Compile(f, sanity.New(sanity.Config{}), "sanity_check", "32767", "15")
	returned := 0
	r := moduletest.New(f, &moduletest.Script{Request: func(c *module.Ctx) { returned = call(c) }})
	f.Fuzz(func(t *testing.T, line, uri []byte) {
		r.For(t)
		returned = module.True
		out := r.Receive(phone, moduletest.Request("OPTIONS", string(uri), string(line)))
		if returned == module.Stop && len(out) != 1 {
			t.Errorf("refused with %d messages", len(out))
		}
	})
}
