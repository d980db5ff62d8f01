package relay

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// marking is a script whose branch route marks each branch's Record-Route with who is called.
type marking struct{ *hooks }

func (marking) LocalRequest(*Request) bool { return true }

func (marking) Branch(r *Request, _ int) bool {
	return r.AddParams([]byte(";line="+string(r.Main.URI[len("sip:"):][:3]))) == nil
}

// TestParamsOfBranches: each branch's Record-Route bears its own parameter and that of the request
// route; what is asked of them later is that of the phone which has answered, whichever end asks.
func TestParamsOfBranches(t *testing.T) {
	h := &hooks{}
	b := newBench(t, h, calm)
	alice, bob, bea := b.phone(), b.phone(), b.phone()
	seen := make(chan string, 4)
	h.request = func(r *Request) {
		if r.LooseRoute() {
			found := r.Msg.Method.String()
			for _, expr := range []string{"^;nat=yes;line=bea$", "line=bob", "nat=no"} {
				if r.ParamsMatch(regexp.MustCompile(expr)) {
					found += " " + expr
				}
			}
			seen <- found
			r.RecordRoute()
			_ = r.Relay()
			return
		}
		if r.Msg.Method != sip.INVITE {
			_ = r.ReplyStateless(&sip.Reply{Status: 404})
			return
		}
		if err := r.AddParams([]byte(";nat=yes")); err != nil || r.ParamsMatch(regexp.MustCompile("")) {
			t.Errorf("%v, or what is only added was found", err)
		}
		r.RecordRoute()
		_ = r.SetURI([]byte(bob.uri()))
		_ = r.AddTarget(Target{URI: []byte(strings.Replace(bea.uri(), "bob", "bea", 1))})
		r.OnBranch = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
		if got := string(r.params.added); got != ";nat=yes" {
			t.Errorf("after the branches the request has %q", got)
		}
	}
	b.engine.SetHooks(marking{h})
	b.start()
	alice.invite("twins")
	first, second := bob.expect("INVITE"), bea.expect("INVITE")
	for m, want := range map[*sip.Message]string{first: ";lr;nat=yes;line=bob;srx=17;srm=", second: ";lr;nat=yes;line=bea;srx=17;srm="} {
		if got := value(m, sip.HdrRecordRoute); !strings.Contains(got, want) {
			t.Errorf("Record-Route %s, want %s", got, want)
		}
	}
	bob.answer(first, 180, "bt")
	alice.expect("SIP/2.0 180")
	bea.answer(second, 200, "et")
	ok := alice.expect("SIP/2.0 200")
	bob.answer(bob.expect("CANCEL"), 200, "bt")
	route := "Route: " + value(ok, sip.HdrRecordRoute)
	alice.request("INVITE", bea.uri(), "twins", 2, "again", "et", route)
	again := bea.expect("INVITE")
	if got := value(again, sip.HdrRecordRoute); !strings.Contains(got, ";lr;nat=yes;line=bea;srx=17;srm=") {
		t.Errorf("a request within the dialog bears %s", got)
	}
	bea.answer(again, 200, "et")
	alice.expect("SIP/2.0 200")
	if got, want := <-seen, "INVITE ^;nat=yes;line=bea$"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	for what, forged := range map[string]string{
		"changed":         strings.Replace(route, "nat=yes", "nat=not", 1),
		"cut off":         strings.Replace(route, ";nat=yes;line=bea;srx=17", "", 1),
		"partly cut off":  strings.Replace(route, ";nat=yes;line=bea;srx=17", ";nat=yes;srx=8", 1),
		"longer":          strings.Replace(route, ";nat=yes", ";x=1;nat=yes", 1),
		"wrongly counted": strings.Replace(route, "srx=17", "srx=9", 1),
		"too long":        strings.Replace(route, "srx=17", "srx=256", 1),
		"uncounted":       strings.Replace(route, "srx=17", "srx=", 1),
	} {
		if what == "longer" { // what stands before the counted bytes is nobody's, as ever
			forged = strings.Replace(forged, "srx=17", "srx=21", 1)
		}
		alice.request("BYE", bea.uri(), "twins", 3, "bye"+strings.ReplaceAll(what, " ", ""), "et", forged)
		if got := alice.expect("SIP/2.0 "); got.Status != 404 {
			t.Errorf("%s: %d", what, got.Status)
		}
	}
}

// TestParamsElsewhere: the next place of a gateway whose first one is silent gets the same.
func TestParamsElsewhere(t *testing.T) {
	t.Parallel()
	h := &hooks{}
	b := newBench(t, h, fast)
	alice, dead, gw := b.phone(), b.phone(), b.phone()
	b.named(service(dead.place(), gw.place()), "sip:pst@"+gateway)
	request := h.request
	h.request = func(r *Request) {
		r.OnBranch = 1
		_ = r.AddParams([]byte(";x"))
		request(r)
	}
	b.engine.SetHooks(marking{h})
	b.start()
	alice.invite("elsewhere")
	dead.expect("INVITE")
	invite := gw.expectWithin(10*time.Second, "INVITE")
	if got := value(invite, sip.HdrRecordRoute); !strings.Contains(got, ";lr;x;line=pst;srx=11;srm=") {
		t.Errorf("the second place sees %s", got)
	}
}

// TestBadParams: what cannot stand in our Record-Route, or has a meaning there.
func TestBadParams(t *testing.T) {
	for _, text := range []string{
		"", ";", "x=y", ";=y", ";x=", ";x=y;", ";;x=y", ";x=a b", ";x=a>b", ";x=\"a\"", ";x=a,b", ";x=a\r\nb", ";x=a@b", ";x=a=b", ";ä=1",
		";lr", ";LR=on", ";x=y;srm=1", ";srx=3", ";srg=1", ";r2=on", ";ob", ";transport=tcp", ";maddr=h", ";vsf=x", ";" + strings.Repeat("x", 256),
	} {
		if CheckParams([]byte(text)) == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for _, text := range []string{";nat=yes", ";a;b=1;c=%20", ";" + strings.Repeat("x", 255)} {
		if err := CheckParams([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestParamsAreBounded: they are added once, and do not grow beyond what a Route may have.
func TestParamsAreBounded(t *testing.T) {
	h := &hooks{}
	b := newBench(t, h, calm)
	r := &Request{Engine: b.engine}
	for range 3 {
		if err := r.AddParams([]byte(";ab=1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.AddParams([]byte(";ab=11")); err != nil || string(r.params.added) != ";ab=1;ab=11" {
		t.Errorf("%v, %q", err, r.params.added)
	}
	if err := r.AddParams([]byte(";ab=1")); err != nil || string(r.params.added) != ";ab=1;ab=11" {
		t.Errorf("%v, %q", err, r.params.added)
	}
	if r.AddParams([]byte(";"+strings.Repeat("y", 250))) == nil || string(r.params.added) != ";ab=1;ab=11" {
		t.Errorf("it has grown to %q", r.params.added)
	}
}
