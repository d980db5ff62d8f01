package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// dialog makes a call through the bench and returns the Route of its caller.
func dialog(alice, bob *phone, callID string) string {
	alice.invite(callID)
	inv := bob.expect("INVITE")
	bob.answer(inv, 200, "bt")
	return value(alice.expect("SIP/2.0 200"), sip.HdrRecordRoute)
}

// TestInDialogWithoutRoute: the script sees that the request is of no dialog that passes
// us; relayed nevertheless, it goes to its Request-URI.
func TestInDialogWithoutRoute(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.request = func(r *Request) {
		if r.LooseRoute() || r.InDialog {
			t.Error("a request without Route is routed by it")
		}
		_ = r.Relay()
	}
	b.start()
	alice.request("BYE", phones[0].uri(), "lost", 2, "bye", "bt")
	phones[0].answer(phones[0].expect("BYE "+phones[0].uri()), 481, "bt")
	alice.expect("SIP/2.0 481")
	b.empty()
}

// TestForeignRouteIsRefusedToScripts: Relay itself refuses a To-tagged request along a
// Route that we never gave, from whoever.
func TestForeignRouteIsRefusedToScripts(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"", "alice"} {
		b, alice, phones := prepare(t, 1, fast)
		told := make(chan error, 1)
		b.hooks.request = func(r *Request) {
			r.LooseRoute()
			r.Auth = Identity{User: []byte(user)}
			told <- r.Relay()
		}
		b.start()
		alice.request("BYE", phones[0].uri(), "foreign", 2, "bye", "bt", "Route: <"+phones[0].uri()+";lr>")
		if err := <-told; !errors.Is(err, ErrForeignRoute) {
			t.Errorf("user %q: %v", user, err)
		}
		phones[0].nothing("", 30*time.Millisecond)
	}
}

// TestStrictRouter: a next hop without lr gets its own URI as Request-URI, and the target
// at the end of the Route (RFC 3261 §16.6 step 6); no empty line stays, however the
// entries stand in lines.
func TestStrictRouter(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	ours := dialog(alice, bob, "strict")
	strict := fmt.Sprintf("sip:127.0.0.1:%d", bob.port())
	beyond := "<sip:192.0.2.9;lr>"
	for i, lines := range []string{
		"Route: " + ours + "\r\nRoute: <" + strict + ">\r\nRoute: " + beyond,
		"Route: " + ours + ", <" + strict + ">\r\nRoute: " + beyond,
		"Route: " + ours + ", <" + strict + ">, " + beyond,
		"Route: " + ours + "\r\nRoute: <" + strict + ">, " + beyond,
	} {
		alice.request("INFO", "sip:bob@192.0.2.7", "strict", 2+i, fmt.Sprint("info", i), "bt", lines)
		info := bob.expect("INFO " + strict + " ")
		var got []string
		for v := info.Values(sip.HdrRoute); ; {
			x := v.Next()
			if x == nil {
				break
			}
			got = append(got, string(x))
		}
		if s := strings.Join(got, " "); s != beyond+" <sip:bob@192.0.2.7>" || strings.Contains(string(info.Buf), "Route: \r\n") {
			t.Errorf("case %d: Route %q in\n%s", i, s, info.Buf)
		}
		bob.answer(info, 200, "bt")
		alice.expect("SIP/2.0 200")
		bob.forget() // an INFO that was repeated meanwhile
	}
	b.empty()
}

// TestRouteOfOurs: which Route entries prove that a dialog passes us.
func TestRouteOfOurs(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	good := dialog(alice, bob, "proof")
	at := strings.Index(good, "srm=") + 4
	now := good[at+routeLetter : at+routeLetter+routeWord]
	edit := func(i int, c byte) string { x := []byte(good); x[at+i] = c; return string(x) }
	for name, route := range map[string]string{
		"another time":     edit(routeLetter, '1'),
		"another kind":     edit(0, 't'),
		"no kind":          edit(0, 'x'),
		"another host":     edit(routeLetter+routeWord, map[bool]byte{true: '1', false: '0'}[good[at+routeLetter+routeWord] == '0']),
		"another MAC":      edit(routePlain, map[bool]byte{true: '1', false: '0'}[good[at+routePlain] == '0']),
		"upper case":       strings.Replace(good, now, strings.ToUpper(now[:7])+"G", 1),
		"short":            strings.Replace(good, good[at:at+routeToken], good[at:at+routeToken-1], 1),
		"no MAC":           strings.Replace(good, ";srm="+good[at:at+routeToken], "", 1),
		"a user part":      strings.Replace(good, "<sip:", "<sip:x@", 1),
		"another port":     strings.Replace(good, fmt.Sprint(":", b.addr.Port()), ":1", 1),
		"no angle bracket": strings.Trim(good, "<>"), // its parameters are the header's
	} {
		alice.request("BYE", bob.uri(), "proof", 2, "bye-"+strings.ReplaceAll(name, " ", "-"), "bt", "Route: "+route)
		if m := alice.expect("SIP/2.0"); m.Status != 404 {
			t.Errorf("%s: %q was taken for ours: %d", name, route, m.Status)
		}
	}
	alice.request("BYE", bob.uri(), "proof", 2, "bye", "bt", "Route: "+good)
	bob.answer(bob.expect("BYE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestRecordRouteOfDialogs: what makes no dialog gets no Record-Route, though the script asks
// for one: a phone copies it into any 200, and whoever asked would have a way to the phone.
// The later requests of a subscription go on.
func TestRecordRouteOfDialogs(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	for method, want := range map[string]SealKind{
		"INVITE": SealUntracked, "SUBSCRIBE": SealOther, "REFER": SealOther,
		"OPTIONS": 0, "MESSAGE": 0, "NOTIFY": 0, "PUBLISH": 0, "INFO": 0, "UPDATE": 0, "PRACK": 0, "BYE": 0, "REGISTER": 0, "FOO": 0,
	} {
		alice.request(method, "sip:bob@example.org", "of-"+method, 1, "of-"+method, "")
		got := bob.expect(method)
		bob.answer(got, 200, "bt")
		alice.expect("SIP/2.0 200")
		route := value(got, sip.HdrRecordRoute)
		var kind SealKind
		if _, after, ok := strings.Cut(route, "srm="); ok {
			kind = SealKind(after[0])
		}
		if kind != want || (route != "") != (want != 0) {
			t.Errorf("%s gets Record-Route %q, want kind %q", method, route, want)
		}
		if want == SealOther {
			bob.request("NOTIFY", alice.uri(), "of-"+method, 1, "notify-"+method, "at", "Route: "+route)
			alice.answer(alice.expect("NOTIFY"), 200, "at")
			bob.expect("SIP/2.0 200")
		}
	}
	b.empty()
}

// TestRouteGrowsOld: an entry of a dialog that began longer than RouteLife ago is ours no
// more, nor is one from the future.
func TestRouteGrowsOld(t *testing.T) {
	e := New(Config{RouteLife: time.Hour})
	e.sockets = []transport.Socket{{Proto: transport.UDP, AdvertisedHost: "192.0.2.1", AdvertisedPort: 5060}}
	m := &sip.Message{}
	if err := m.Parse([]byte("BYE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=at\r\nTo: <sip:b@c>;tag=bt\r\nCall-ID: i\r\nCSeq: 2 BYE\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	r := &Request{Engine: e, Msg: m}
	for age, want := range map[time.Duration]bool{0: true, 59 * time.Minute: true, 61 * time.Minute: false, -30 * time.Second: true, -2 * time.Minute: false} {
		var token [routeToken]byte
		e.makeToken(&token, &routeSeal{kind: SealUntracked, callID: m.CallID(), tag: []byte("at"), at: time.Now().Add(-age)}, nil)
		var u sip.URI
		if err := sip.ParseURI([]byte("sip:192.0.2.1;lr;srm="+string(token[:])), &u); err != nil {
			t.Fatal(err)
		}
		if got := r.genuine(&u); got != want {
			t.Errorf("an entry %v old is ours: %v, want %v", age, got, want)
		}
	}
}

// TestLooseRest: a strict router anywhere in the rest of the Route is seen, in whichever line it
// stands, and what cannot be read counts as one.
func TestLooseRest(t *testing.T) {
	for rest, want := range map[string]bool{
		"": true, "Route: <sip:a@x;lr>\r\n": true, "Route: <sip:a@x;lr>, <sip:b@y;lr=on>\r\nRoute: <sip:z;lr>\r\n": true,
		"Route: <sip:a@x>\r\n": false, "Route: <sip:a@x;lr>, <sip:b@y>\r\n": false, "Route: <sip:a@x;lr>\r\nRoute: <sip:b@y;LRx>\r\n": false,
		"Route: <sip:a@x;lr>, <sip:b@y:99999;lr>\r\n": false, "Route: <sip:a@x>;lr\r\n": false, "Route: <sip:a@x;lr>\r\nRoute: <>\r\n": false,
	} {
		m := &sip.Message{}
		if err := m.Parse([]byte("INFO sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=at\r\nTo: <sip:b@c>;tag=bt\r\nCall-ID: i\r\nCSeq: 2 INFO\r\nRoute: <sip:ours;x>\r\n" + rest + "\r\n")); err != nil {
			t.Fatal(err)
		}
		r := &Request{Msg: m}
		values := m.Values(sip.HdrRoute)
		values.Next() // ours
		var a sip.NameAddr
		if v := values.Next(); v != nil && sip.ParseNameAddr(v, &a) == nil {
			r.nextRoute = a.URI
		}
		if got := r.Loose(); got != want {
			t.Errorf("%q: %v", rest, got)
		}
	}
}
