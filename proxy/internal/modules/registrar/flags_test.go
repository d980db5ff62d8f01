package registrar

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// TestBranchFlagsStay: what the script has noted of a phone when it registered, it finds when the
// phone is called, in the branch of that phone alone; a refresh without it takes it back.
func TestBranchFlagsStay(t *testing.T) {
	b := newRouter(t, nil)
	save, lookup := call(t, b.registrar, "save", "location"), call(t, b.registrar, "lookup", "location")
	flags := make(chan []uint32, 1)
	b.hooks.on(module.RequestRoute, func(c *module.Ctx) {
		if c.Msg.Method == sip.REGISTER {
			if c.Msg.Named("X-NAT") != nil {
				c.Main.Flags = 1 << 6
			}
			b.codes <- save(c)
			return
		}
		lookup(c)
		list := []uint32{c.Main.Flags}
		for _, t := range c.More {
			list = append(list, t.Flags)
		}
		flags <- list
		_ = c.Reply(&sip.Reply{Status: 480})
	})
	p := b.phone()
	for _, x := range []struct {
		lines []string
		want  []uint32
	}{
		{[]string{"Contact: <sip:bob@192.0.2.1>;q=0.9", "X-NAT: 1"}, []uint32{1 << 6}},
		{[]string{"Contact: <sip:bob@192.0.2.2>;q=0.5"}, []uint32{1 << 6, 0}},
		{[]string{"Contact: <sip:bob@192.0.2.1>;q=0.9"}, []uint32{0, 0}},
	} {
		p.send(p.register(x.lines...))
		p.expect("SIP/2.0 200")
		<-b.codes
		p.send(p.request("OPTIONS", "sip:bob@example.org", "flags", p.calls))
		got := <-flags
		p.expect("SIP/2.0 480")
		if len(got) != len(x.want) {
			t.Fatalf("%q: %v", x.lines, got)
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%q: branch %d has the flags %#x, want %#x", x.lines, i, got[i], x.want[i])
			}
		}
	}
}
