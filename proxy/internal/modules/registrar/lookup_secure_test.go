package registrar

import (
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// TestLookupForSIPS: a sips address leads to the phones on TLS alone. Where none has it,
// what is there is found, so that the relay says why it cannot be called. It is the same if the
// script has made it a sips address (made).
func TestLookupForSIPS(t *testing.T) {
	const plain, sips = "sip:bob@example.org", "sips:bob@example.org"
	for _, c := range []struct {
		uri, made, contact, want string
		tls                      bool // is asked for then
	}{
		{sips, sips, "sips:tls@192.0.2.9", "sips:tls@192.0.2.9", true},
		{sips, sips, "sip:tls@192.0.2.9;transport=TLS", "sip:tls@192.0.2.9;transport=TLS", true},
		{sips, sips, "sip:udp@192.0.2.9;transport=udp", "sip:b@h", true},
		{plain, plain, "sips:tls@192.0.2.9", "sip:b@h", false},
		{plain, sips, "sip:tls@192.0.2.9;transport=TLS", "sip:tls@192.0.2.9;transport=TLS", true},
		{plain, sips, "sip:udp@192.0.2.9;transport=udp", "sip:b@h", true},
		{sips, plain, "sips:tls@192.0.2.9", "sips:tls@192.0.2.9", true},
	} {
		b := newRouter(t, nil)
		p := b.phone()
		p.registered("<sip:b@h>;q=0.9")
		if err := b.usrloc.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: c.contact, Q: 0.1, Expires: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		lookup := call(t, b.registrar, "lookup", "location")
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			if err := x.SetURI([]byte(c.made)); err != nil {
				t.Error(err)
			}
			if lookup(x); x.WantsTLS() != c.tls {
				t.Errorf("%s as %s: TLS is asked for: %v", c.uri, c.made, x.WantsTLS())
			}
			_ = x.Reply(&sip.Reply{Status: 480, Reason: string(x.Main.URI)})
		})
		p.send(p.request("INFO", c.uri, "lookup", 1))
		p.expect("SIP/2.0 480 " + c.want + "\r\n")
	}
}
