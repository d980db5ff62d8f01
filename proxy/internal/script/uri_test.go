package script

import (
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
)

// TestRequestURI: each command on the Request-URI, what it makes of it, and whether it is true.
func TestRequestURI(t *testing.T) {
	const phone = "sip:0049123:pw@example.org:5070;user=phone?Subject=x"
	for _, x := range []struct{ uri, command, want string }{
		{phone, `prefix("9")`, "sip:90049123:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `strip(2)`, "sip:49123:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `strip("2")`, "sip:49123:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `strip_tail(3)`, "sip:0049:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `strip(20)`, "sip:example.org:5070;user=phone?Subject=x"},
		{phone, `rewriteuser("bob")`, "sip:bob:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `setuser("bob")`, "sip:bob:pw@example.org:5070;user=phone?Subject=x"},
		{phone, `rewriteuserpass("bob:x")`, "sip:bob:x@example.org:5070;user=phone?Subject=x"},
		{phone, `rewriteuserpass("bob")`, "sip:bob@example.org:5070;user=phone?Subject=x"},
		{phone, `rewritehost("h.example")`, "sip:0049123:pw@h.example:5070;user=phone?Subject=x"},
		{phone, `rewritehost("[::1]")`, "sip:0049123:pw@[::1]:5070;user=phone?Subject=x"},
		{phone, `sethostport("h.example")`, "sip:0049123:pw@h.example;user=phone?Subject=x"},
		{phone, `rewritehostport("h.example:1")`, "sip:0049123:pw@h.example:1;user=phone?Subject=x"},
		{phone, `rewriteport("5099")`, "sip:0049123:pw@example.org:5099;user=phone?Subject=x"},
		{phone, `setport(5099)`, "sip:0049123:pw@example.org:5099;user=phone?Subject=x"},
		{phone, `rewriteuri("sip:a@b")`, "sip:a@b"},
		{phone, `seturi("tel:+49123")`, "tel:+49123"},
		{"sips:example.org", `prefix("bob")`, "sips:bob@example.org"},
		{"sip:bob@[2001:db8::1]:5070", `rewriteuser("eve")`, "sip:eve@[2001:db8::1]:5070"},
		{phone, `strip(1) && prefix("+") && rewritehost("x") && revert_uri()`, phone},
	} {
		t.Run(x.command, func(t *testing.T) {
			p := compile(t, "route { if ("+x.command+") m_dump(); }", nil)
			r := p.message(strings.Replace(invite, "sip:Bob@example.org;user=phone", x.uri, 1), stranger)
			p.prog.Request(r)
			if got := string(r.Main.URI); got != x.want || len(p.calls) != 1 {
				t.Errorf("%s makes %s of %s, want %s (true: %v)", x.command, got, x.uri, x.want, p.calls)
			}
		})
	}
}

// TestRequestURIOfOtherScheme: what is no SIP URI has no such parts.
func TestRequestURIOfOtherScheme(t *testing.T) {
	p := compile(t, `route { if (prefix("9") || strip(1) || rewritehost("h")) m_dump(); }`, nil)
	r := p.message(strings.Replace(invite, "sip:Bob@example.org;user=phone", "tel:+49123", 1), stranger)
	p.prog.Request(r)
	if got := string(r.Main.URI); got != "tel:+49123" || len(p.calls) != 0 {
		t.Errorf("the URI is %s, called %v; want it unchanged and every command false", got, p.calls)
	}
}

// TestNextHopIsSet: isdsturiset is true where $du is, and resetdsturi takes it back.
func TestNextHopIsSet(t *testing.T) {
	for body, want := range map[string]int{
		`if (isdsturiset()) m_dump();`: 0, `if (!isdsturiset()) m_dump();`: 1, `if (rewritehost("h.example") && isdsturiset()) m_dump();`: 0,
		`$du = "sip:x@192.0.2.1"; if (isdsturiset()) m_dump();`:                                       1,
		`$du = "sip:x@192.0.2.1"; if (resetdsturi()) m_dump(); if (isdsturiset()) m_dump();`:          1,
		`$du = "sip:x@192.0.2.1"; resetdsturi; $du = "sip:y@192.0.2.1"; if (isdsturiset()) m_dump();`: 1,
	} {
		p := compile(t, "route { "+body+" }", nil)
		p.prog.Request(p.message(invite, stranger))
		if len(p.calls) != want {
			t.Errorf("%s: called %v", body, p.calls)
		}
	}
}

// TestNextHopOfAPhone: of a phone behind a NAT $du is where it has registered from, in each kind of route
// that sends, until the script has its request go elsewhere; of one that is where its Contact says, and of
// what is no phone, there is none.
func TestNextHopOfAPhone(t *testing.T) {
	flow := func(proto transport.Proto, remote string) transport.Flow {
		return transport.Flow{Proto: proto, Remote: netip.MustParseAddrPort(remote)}
	}
	const note = `if (isdsturiset()) { note("set $du"); } else { note("none $du"); }`
	for _, x := range []struct {
		name, uri string
		target    relay.Target
		before    string
		want      string
	}{
		{"behind a NAT", "sip:bob@10.0.0.5:5060", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000"},
		{"another port", "sip:bob@192.0.2.7", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000"},
		{"WSS", "sip:bob@x.invalid;transport=ws", relay.Target{Phone: true, Flow: flow(transport.WSS, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000;transport=ws"},
		{"TLS", "sip:bob@10.0.0.5;transport=tls", relay.Target{Phone: true, Flow: flow(transport.TLS, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000;transport=tls"},
		{"a name", "sip:bob@x.invalid;transport=ws", relay.Target{Phone: true, Flow: flow(transport.WS, "[2001:db8::7]:40000")}, "", "set sip:[2001:db8::7]:40000;transport=ws"},
		{"TCP behind a NAT", "sip:bob@10.0.0.5;transport=tcp", relay.Target{Phone: true, Flow: flow(transport.TCP, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000;transport=tcp"},
		{"as Contact says", "sip:bob@192.0.2.7", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:5060")}, "", "none <null>"},
		{"as Contact says, IPv6", "sip:bob@[2001:DB8:0::7]:5070", relay.Target{Phone: true, Flow: flow(transport.UDP, "[2001:db8::7]:5070")}, "", "none <null>"},
		{"TCP from the host in Contact", "sip:bob@192.0.2.7;transport=tcp", relay.Target{Phone: true, Flow: flow(transport.TCP, "192.0.2.7:40000")}, "", "none <null>"},
		{"no flow", "sip:bob@10.0.0.5", relay.Target{Phone: true}, "", "none <null>"},
		{"no phone", "sip:bob@10.0.0.5", relay.Target{Flow: flow(transport.UDP, "192.0.2.7:40000")}, "", "none <null>"},
		{"no SIP URI", "tel:110", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, "", "set sip:192.0.2.7:40000"},
		{"behind a proxy", "sip:bob@10.0.0.5", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000"), Next: []byte("sip:p;lr")}, "", "set sip:p;lr"},
		{"the script's own", "sip:bob@10.0.0.5", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, `$du = "sip:gw";`, "set sip:gw"},
		{"taken back", "sip:bob@10.0.0.5", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, "resetdsturi();", "none <null>"},
		{"another host", "sip:bob@10.0.0.5", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, `rewritehost("h");`, "none <null>"},
		{"another user", "sip:bob@10.0.0.5", relay.Target{Phone: true, Flow: flow(transport.UDP, "192.0.2.7:40000")}, `rewriteuser("u");`, "set sip:192.0.2.7:40000"},
	} {
		p, notes := told(t, "route { "+x.before+note+" }\nbranch_route[1] { "+x.before+note+" }\nfailure_route[1] { "+x.before+note+" }")
		for i, run := range []func(*relay.Request){p.prog.Request, func(r *relay.Request) { p.prog.Branch(r, 1) }, func(r *relay.Request) { p.prog.Failure(r, 1) }} {
			*notes = nil
			r := p.message(invite, stranger)
			r.Main = x.target
			r.Main.URI = []byte(x.uri)
			before := r.Main
			run(r)
			if got := strings.Join(*notes, " "); got != x.want {
				t.Errorf("%s, route %d: %s, want %s", x.name, i, got, x.want)
			}
			if x.before == "" && (r.Main.Flow != before.Flow || string(r.Main.Next) != string(before.Next)) {
				t.Errorf("%s: reading has changed the target to %+v", x.name, r.Main)
			}
		}
	}
}

// TestRewriteForgetsFlow: a flow that was found for the old target is not used
// for a new one, which is no phone either: a server that refuses is out of service, not away.
func TestRewriteForgetsFlow(t *testing.T) {
	for command, kept := range map[string]bool{
		`rewriteuser("x")`: true, `prefix("x")`: true,
		`$rU = "x"`: true, `$rp = 5080`: false, `$rd = "x"`: false, `$ru = "sip:x"`: false, `$du = "sip:x"`: false,
		`rewritehost("x")`: false, `rewritehostport("x")`: false, `rewriteport("1")`: false, `rewriteuri("sip:x")`: false,
	} {
		p := compile(t, "route { "+command+"; }", nil)
		r := p.message(invite, stranger)
		found := []byte("sip:192.0.2.1")
		r.Main.Flow, r.Main.Next, r.Main.Phone = stranger, found, true
		p.prog.Request(r)
		if got := !r.Main.Flow.IsZero() && string(r.Main.Next) == string(found); got != kept || r.Main.Phone != kept {
			t.Errorf("%s: flow kept is %v, phone %v, want %v", command, got, r.Main.Phone, kept)
		}
	}
}

// TestFoundPhoneTakenBack: a script that takes the place of a found phone back leaves the host that its owner
// has written, which is a user's word: behind it may be a gateway. A next hop of the script's own, and a
// host that it names, are its word again.
func TestFoundPhoneTakenBack(t *testing.T) {
	phone := relay.Target{URI: []byte("sip:+1900@127.0.0.20"), Phone: true, Flow: transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.7:40000")}}
	behind := relay.Target{URI: phone.URI, Phone: true, Next: []byte("sip:edge;lr"), Route: []byte("<sip:edge;lr>")}
	for statements, users := range map[string]bool{
		`if (isdsturiset()) resetdsturi();`: true, `$du = $null;`: true, `$du = "";`: true, `$rp = 5060;`: true, `rewriteport("5060");`: true, `$rp = $null;`: true,
		`$du = "sip:gw"; resetdsturi();`: true, `$du = "sip:gw"; $rp = 5060; $du = $null;`: true,
		`$du = "sip:gw";`: false, `resetdsturi(); $du = "sip:gw";`: false, `resetdsturi(); $rd = "gw";`: false, `$rp = 5060; $ru = "sip:x@gw";`: false,
		`rewriteuser("x");`: false, `$var(x) = "x"; $du = $var(x);`: false,
	} {
		for _, found := range []relay.Target{phone, behind} {
			p := compile(t, "route { "+statements+" }", nil)
			r := p.message(invite, stranger)
			r.Main = found
			p.prog.Request(r)
			if got := r.Main.UsersWord(); got != users {
				t.Errorf("after %s a user's word: %v, want %v", statements, got, users)
			}
		}
	}
	p := compile(t, "route { resetdsturi(); $rp = 5060; $du = $null; }", nil)
	r := p.message(invite, stranger)
	p.prog.Request(r)
	if r.Main.UsersWord() {
		t.Error("the sender's own Request-URI has become a user's word")
	}
}

// TestFoundPhonePutBack: a script that keeps $du or $ru of a phone and puts it back has named no place
// of its own: the phone stays one, on its flow, and is sent to again. A text that says something else, or that
// stands in the script itself, is the script's word.
func TestFoundPhonePutBack(t *testing.T) {
	const back = `$avp(d) = $du; $avp(u) = $ru; `
	for _, proto := range []transport.Proto{transport.UDP, transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		flow := transport.Flow{Proto: proto, Remote: netip.MustParseAddrPort("192.0.2.7:40000")}
		phone := relay.Target{URI: []byte("sip:bob@10.0.0.5"), Phone: true, Group: 7, Flow: flow}
		behind := relay.Target{URI: []byte("sip:bob@10.0.0.5"), Phone: true, Next: []byte("sip:edge;lr"), Route: []byte("<sip:edge;lr>")}
		for statements, kept := range map[string]bool{
			`$du = $avp(d);`: true, `$ru = $avp(u);`: true, `$ru = $avp(u); $du = $avp(d);`: true, `rewriteuri("$avp(u)");`: true, `$ru = $ru; $du = $du;`: true,
			`$du = $avp(d) + ";x=y";`: false, `$du = "sip:192.0.2.8:40000";`: false, `$ru = $avp(u) + ";x=y";`: false,
			`$ru = "sip:bob@10.0.0.5";`: false, `rewriteuri("sip:bob@10.0.0.5");`: false, `$rd = "x"; $ru = $avp(u);`: false, `resetdsturi(); $du = $avp(d);`: false,
		} {
			for _, found := range []relay.Target{phone, behind} {
				p := compile(t, "route { "+back+statements+" }", nil)
				r := p.message(invite, stranger)
				r.Main = found
				p.prog.Request(r)
				m := r.Main
				same := m.Phone && m.Group == found.Group && m.Flow == found.Flow && string(m.Next) == string(found.Next) && string(m.Route) == string(found.Route) && m.NextOf == relay.NextFound && !m.Hosted
				if same != kept || kept && &m.URI[0] == &found.URI[0] {
					t.Errorf("%s, %s: kept is %v, want %v, and the URI written anew: %+v", proto, statements, same, kept, m)
				}
			}
		}
	}
	p := compile(t, `route { $du = "sip:192.0.2.7:40000"; }`, nil)
	r := p.message(invite, stranger)
	r.Main = relay.Target{URI: []byte("sip:bob@10.0.0.5"), Phone: true, Flow: transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.7:40000")}}
	if p.prog.Request(r); r.Main.NextOf != relay.NextScript {
		t.Errorf("what the script itself says where the phone is: %+v", r.Main)
	}
}

// TestForwardToTheFoundPhone: forward(uri:host) of a found phone leads to no gateway that its owner has registered
// as his contact, and is false; a host that stands in the script is the script's word.
func TestForwardToTheFoundPhone(t *testing.T) {
	for command, want := range map[string]int{
		`forward()`: 0, `forward(uri:host)`: 0, `forward(uri:host, uri:port)`: 0, `forward(uri:host, 5999)`: 0, `forward(127.0.0.20, uri:port)`: 1, `rewritehost("127.0.0.20"); forward()`: 1,
	} {
		for _, params := range []string{"", ";maddr=198.51.100.77"} {
			last := strings.LastIndex(command, "forward")
			p := compile(t, "route { "+command[:last]+" if ("+command[last:]+") m_dump(); }", nil)
			r := p.message(invite, stranger)
			r.Main = relay.Target{URI: []byte("sip:+1900@" + gatewayHost + ":5099" + params), Phone: true, Flow: stranger}
			p.prog.Request(r)
			if len(p.calls) != want {
				t.Errorf("%s with %q is true %d times, want %d", command, params, len(p.calls), want)
			}
		}
	}
}

// TestBranchOfTheFoundPhone: the present Request-URI as an argument of append_branch is no word of the
// script's either.
func TestBranchOfTheFoundPhone(t *testing.T) {
	found := relay.Target{URI: []byte("sip:+1900@127.0.0.20"), Phone: true, Flow: stranger}
	for command, users := range map[string]bool{`append_branch("$ru")`: true, `append_branch("$ru", "0.5")`: true, `append_branch("sip:+1900@127.0.0.20")`: false} {
		p := compile(t, "route { "+command+"; }", nil)
		r := p.message(invite, stranger)
		r.Main = found
		p.prog.Request(r)
		if len(r.More) != 1 || r.More[0].Hosted == users || r.More[0].Phone != users || (r.More[0].Flow == found.Flow) != users {
			t.Errorf("%s has added %+v", command, r.More)
		}
	}
}

func TestAppendBranch(t *testing.T) {
	p := compile(t, `route {
		append_branch("sip:carol@192.0.2.9", "0.5");
		append_branch("sip:dave@192.0.2.9");
		rewriteuser("eve");
		append_branch();
	}`, nil)
	r := p.message(invite, stranger)
	p.prog.Request(r)
	var got []string
	for _, x := range r.More {
		got = append(got, string(x.URI))
	}
	want := "sip:carol@192.0.2.9 sip:dave@192.0.2.9 sip:eve@example.org;user=phone"
	if strings.Join(got, " ") != want {
		t.Errorf("branches %q, want %q", got, want)
	}
	if r.More[0].Q != 500 || r.More[1].Q != 1000 {
		t.Errorf("q is %d and %d, want 500 and 1000", r.More[0].Q, r.More[1].Q)
	}
}

// TestAppendBranchTooMany: the command is false once the branches are used up.
func TestAppendBranchTooMany(t *testing.T) {
	p := compile(t, `route { if (append_branch("sip:a@b")) { m_dump(); } }`, nil)
	r := p.message(invite, stranger)
	for range relay.MaxBranches + 4 {
		p.prog.Request(r)
	}
	if len(p.calls) != relay.MaxBranches-1 {
		t.Errorf("append_branch was true %d times, want %d", len(p.calls), relay.MaxBranches-1)
	}
}

// TestForward: the message goes on as it is, with a Via of ours, where it is said to.
func TestForward(t *testing.T) {
	for command, want := range map[string]string{
		`forward(192.0.2.9)`:                    "192.0.2.9:5060",
		`forward("192.0.2.9", 5080)`:            "192.0.2.9:5080",
		`forward_udp(192.0.2.9, "5080")`:        "192.0.2.9:5080",
		`forward()`:                             "192.0.2.33:5099",
		`forward(uri:host, uri:port)`:           "192.0.2.33:5099",
		`forward(uri:host)`:                     "192.0.2.33:5060",
		`forward(uri:host, 5100)`:               "192.0.2.33:5100",
		`forward(192.0.2.9, uri:port)`:          "192.0.2.9:5099",
		`rewriteuri("sip:192.0.2.4"); forward;`: "192.0.2.4:5060",
	} {
		t.Run(command, func(t *testing.T) {
			p := compile(t, "route { force_rport(); "+command+"; }", nil)
			text := strings.Replace(invite, "sip:Bob@example.org;user=phone", "sip:bob@192.0.2.33:5099", 1)
			var to, sent string
			w := transport.NewDetached(p.engine.NewScratch(), func(f transport.Flow, msg []byte) error {
				to, sent = f.Remote.String(), string(msg)
				return nil
			})
			p.engine.Receive(w, []byte(text), stranger)
			if to != want || !strings.HasPrefix(sent, "INVITE sip:") || strings.Count(sent, "\r\nVia: ") != 2 {
				t.Errorf("sent to %q, want %q: %q", to, want, sent)
			}
			if !strings.Contains(sent, ";rport=5070") {
				t.Errorf("force_rport left no rport in the Via: %q", sent)
			}
		})
	}
}
