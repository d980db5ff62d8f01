package msilo

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestOwnerAfterFailure: in a failure route "0" is who was called, not the contact of his phone;
// what the failure route has made of the Request-URI itself counts.
func TestOwnerAfterFailure(t *testing.T) {
	for _, x := range []struct{ contact, change, want string }{
		{"sip:x7@198.51.100.9", "", "bob@example.org"},
		{"sip:x7@198.51.100.9", "sip:eve@example.org", "eve@example.org"},
	} {
		m, got := New(Config{}), ""
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				_ = c.SetURI([]byte(x.contact))
				c.OnFailure = 1
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			},
			Failure: func(c *module.Ctx, _ int) {
				if x.change != "" {
					_ = c.SetURI([]byte(x.change))
				}
				a, _, err := m.owner(c, owner{from: ownerRequest})
				if err != nil {
					t.Error(err)
				}
				got = a.String()
			},
		})
		first := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", moduletest.Request("MESSAGE", "sip:bob@example.org")), "MESSAGE "+x.contact)
		r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 480))
		if got != x.want {
			t.Errorf("%s, %q: it is kept for %q, want %q", x.contact, x.change, got, x.want)
		}
	}
}
