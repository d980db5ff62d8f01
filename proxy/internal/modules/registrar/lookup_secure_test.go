package registrar

import (
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// TestLookupForSIPS: a sips address leads to the phones on TLS alone. Where none has it,
// what is there is found, so that the relay says why it cannot be called.
func TestLookupForSIPS(t *testing.T) {
	for _, c := range []struct{ uri, contact, want string }{
		{"sips:bob@example.org", "sips:tls@192.0.2.9", "sips:tls@192.0.2.9"},
		{"sips:bob@example.org", "sip:tls@192.0.2.9;transport=TLS", "sip:tls@192.0.2.9;transport=TLS"},
		{"sips:bob@example.org", "sip:udp@192.0.2.9;transport=udp", "sip:b@h"},
		{"sip:bob@example.org", "sips:tls@192.0.2.9", "sip:b@h"},
	} {
		b := newRouter(t, nil)
		p := b.phone()
		p.registered("<sip:b@h>;q=0.9")
		if err := b.usrloc.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: c.contact, Q: 0.1, Expires: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		lookup := call(t, b.registrar, "lookup", "location")
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			lookup(x)
			_ = x.Reply(&sip.Reply{Status: 480, Reason: string(x.Main.URI)})
		})
		p.send(p.request("INFO", c.uri, "lookup", 1))
		p.expect("SIP/2.0 480 " + c.want + "\r\n")
	}
}
