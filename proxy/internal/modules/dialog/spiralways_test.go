package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// TestSpiralAcrossSockets: the ends of such a call, and the router between, may be on different sockets of
// ours, where a pass has two entries that differ in what is not under their MAC; or all behind one address,
// where the passes differ in nothing but their turn.
func TestSpiralAcrossSockets(t *testing.T) {
	const aliceTCP, bobTCP = "tcp:192.0.2.7:5060", "tcp:192.0.2.8:5060"
	for name, at := range map[string]struct {
		caller, home, callee string
		entries              int
	}{
		"both on UDP":    {alice, spiralHome, bob, 2},
		"callee on TCP":  {alice, spiralHome, bobTCP, 3},
		"caller on TCP":  {aliceTCP, spiralHome, bob, 3},
		"both on TCP":    {aliceTCP, spiralHome, bobTCP, 4},
		"one address":    {alice, "udp:192.0.2.7:5080", "udp:192.0.2.7:5090", 2},
		"one, and TCP":   {aliceTCP, "udp:192.0.2.7:5080", "tcp:192.0.2.7:5090", 4},
		"router at hers": {alice, "udp:192.0.2.7:5080", bobTCP, 3},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			x := o.spiralsOver(at.caller, at.home, at.callee)
			if n := strings.Count(x.routes, "srm="); n != at.entries {
				t.Fatalf("%d entries: %s", n, x.routes)
			}
			host := func(flow string) string { return flow[len("udp:"):] }
			x.gets("ACK", o.router.Receive(at.caller, x.text("ACK", x.contact, 1, "at", "bt", x.routes)), "ACK", host(at.callee))
			for i, method := range []string{"INVITE", "INFO", "BYE"} {
				sent := o.router.Receive(at.caller, x.text(method, x.contact, 2+i, "at", "bt", x.routes))
				x.gets(method, sent, method, host(at.callee))
				sent = o.router.Receive(at.callee, x.text(method, "sip:alice@192.0.2.7", 2+i, "bt", "at", x.back))
				x.gets(method+" of bob", sent, method, host(at.caller))
			}
		})
	}
}

// TestSpiralEntryOnce: an entry is one pass's however often it stands in the Route, and whatever is
// changed about it that its MAC does not cover.
func TestSpiralEntryOnce(t *testing.T) {
	o := newOffice(t)
	x := o.spiralsOver("tcp:192.0.2.7:5060", spiralHome, "tcp:192.0.2.8:5060")
	x.the("ACK ", o.router.Receive("tcp:192.0.2.7:5060", x.text("ACK", x.contact, 1, "at", "bt", x.routes)))
	lines := strings.SplitAfter(strings.TrimSuffix(x.routes, "\n"), "\n")
	_, port, _ := strings.Cut(o.router.Address(), ":")
	n := 1
	for what, again := range map[string]string{
		"as it is":          lines[1],
		"another parameter": strings.Replace(lines[1], ";lr", ";lr;x=1", 1),
		"another transport": strings.Replace(lines[1], ";lr", ";transport=tcp;lr", 1),
		"another port":      strings.Replace(lines[1], ":"+port, ":"+x.tcpPort(), 1),
		"of one socket":     strings.Replace(lines[1], ";r2=on", "", 1),
	} {
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			n++
			routes := lines[0] + lines[1] + again + lines[2] + lines[3] + "\n"
			o.refuses(method+", "+what, o.router.Receive("tcp:192.0.2.7:5060", x.text(method, x.contact, n, "at", "bt", routes)))
		}
	}
}

// tcpPort is the one of the router's TCP socket.
func (x *spiral) tcpPort() string {
	address := x.router.Engine.Sockets()[1].Addr.String()
	return address[strings.LastIndex(address, ":")+1:]
}

// renames has each pass of an INVITE put other addresses into the headers that are named for it, "From" or "To".
func (o *office) renames(passes ...string) {
	o.before = func(c *module.Ctx) int {
		if to, err := c.Msg.To(); err != nil || to.Tag != nil || len(passes) == 0 {
			return module.True
		}
		for h, id := range map[relay.Header]sip.HeaderID{relay.From: sip.HdrFrom, relay.To: sip.HdrTo} {
			name := map[relay.Header]string{relay.From: "From", relay.To: "To"}[h]
			if !strings.Contains(passes[0], name) {
				continue
			}
			var a sip.NameAddr
			line := c.Msg.Header(id)
			if err := sip.ParseNameAddr(c.Msg.Value(line), &a); err != nil {
				o.t.Fatal(err)
			}
			now := "<sip:" + name + string(rune('0'+len(passes))) + "@x.invalid>"
			if err := c.Rename(h, relay.AppendNameAddr(nil, &a), []byte(now)); err != nil {
				o.t.Fatal(err)
			}
			if len(a.Params) > 0 {
				now += ";" + string(a.Params)
			}
			c.Msg.ReplaceValue(line, []byte(now))
		}
		passes = passes[1:]
		return module.True
	}
}

// TestSpiralRenamed: each pass of such a call may rename what it wants; the requests of the dialog pass, and
// show each end the names that its INVITE, or the answer to it, has had.
func TestSpiralRenamed(t *testing.T) {
	for name, passes := range map[string][]string{
		"none": {"", ""}, "first From": {"From", ""}, "second From": {"", "From"}, "both From": {"From", "From"}, "both To": {"To", "To"},
		"From, then To": {"From", "To"}, "To, then From": {"To", "From"}, "From, then both": {"From", "From To"}, "both, then To": {"From To", "To"},
		"both, both": {"From To", "From To"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.renames(passes...)
			x := o.spiralsOver(alice, spiralHome, bob)
			uris := func(m *sip.Message) [2]string {
				from, err := m.From()
				to, err2 := m.To()
				if err != nil || err2 != nil {
					t.Fatal(err, err2)
				}
				return [2]string{string(from.URI), string(to.URI)}
			}
			bobs, alices := uris(x.invite), uris(x.answer)
			shows := func(what string, sent []byte, want [2]string) {
				t.Helper()
				var m sip.Message
				if err := m.Parse(sent); err != nil {
					t.Fatal(err)
				}
				if got := uris(&m); got != want {
					t.Errorf("%s shows %q, want %q", what, got, want)
				}
			}
			ack := x.request("ACK", bobContact, 1, "bt")
			x.gets("ACK", ack, "ACK", "192.0.2.8:5060")
			shows("ACK", x.the("ACK ", ack).Buf, bobs)
			for i, method := range []string{"INVITE", "INFO", "BYE"} {
				sent := x.request(method, bobContact, 2+i, "bt")
				x.gets(method, sent, method, "192.0.2.8:5060")
				shows(method, x.the(method+" ", sent).Buf, bobs)
				sent = o.router.Receive(bob, x.text(method, "sip:alice@192.0.2.7", 2+i, "bt", "at", x.back))
				x.gets(method+" of bob", sent, method, "192.0.2.7:5060")
				shows(method+" of bob", x.the(method+" ", sent).Buf, [2]string{alices[1], alices[0]})
			}
		})
	}
}

// TestSpiralOfAnotherName: nor does such a call show a name from the Route of another one with its Call-ID
// and From tag, whichever header that has renamed, and whichever entry's place it is put in.
func TestSpiralOfAnotherName(t *testing.T) {
	for _, renamed := range []string{"From", "To", "From To"} {
		o := newOffice(t)
		o.renames("From", "To", renamed)
		x := o.spiralsOver(alice, spiralHome, bob)
		x.the("ACK ", x.request("ACK", bobContact, 1, "bt"))
		other := x.twin(alice, 2, carol)
		if text := string(other.invite.Buf); !strings.Contains(text, "1@x.invalid") {
			t.Fatalf("the other call is not renamed: %s", text)
		}
		other.answers(carol, 200, "ct")
		stranger := strings.TrimSuffix(strings.TrimPrefix(other.routes, "Route: "), "\n")
		n := 2
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			for what, route := range map[string]string{"alone": stranger, "last": x.first + ", " + stranger, "behind both": x.first + ", " + x.second + ", " + stranger} {
				n++
				o.refuses(renamed+", "+method+", "+what, o.router.Receive(alice, x.text(method, bobContact, n, "at", "bt", "Route: "+route+"\n")))
			}
			for what, route := range map[string]string{"first": stranger + ", " + x.second, "before both": stranger + ", " + x.first + ", " + x.second} {
				n++
				for _, p := range o.router.Receive(alice, x.text(method, bobContact, n, "at", "bt", "Route: "+route+"\n")) {
					if strings.Contains(p.Text, "1@x.invalid") {
						t.Errorf("%s, %s, %s: %s", renamed, method, what, p.Text)
					}
				}
			}
		}
	}
}
