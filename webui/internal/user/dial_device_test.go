package user_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"seraph/ctlproto"
)

// The phones of these tests.
var (
	desk   = ctlproto.Contact{Address: "sip:alice@192.0.2.7:5062", UserAgent: "Desk Phone 3000", Socket: "udp:192.0.2.1:5060"}
	mobile = ctlproto.Contact{Address: "sip:alice@198.51.100.9;transport=tcp", Permanent: true}
	bobs   = ctlproto.Contact{Address: "sip:bob@203.0.113.5"}
)

// TestDialDevice: who has several phones chooses which one rings first, on the page of
// two addresses and in the phone book.
func TestDialDevice(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.registers(alice, desk)
	b := s.signIn(alice)
	for _, path := range []string{"/user/dial", "/user/phone-book"} {
		b.get(path).hides(t, "all my phones") // there is nothing to choose
	}
	s.router.registers(alice, desk, mobile)
	page := b.get("/user/dial")
	page.shows(t, http.StatusOK, `<option value="" selected>all my phones</option>`, `<option value="`+desk.Address+`">Desk Phone 3000 · alice@192.0.2.7:5062</option>`,
		`<option value="`+mobile.Address+`">alice@198.51.100.9;transport=tcp</option>`)
	b.post("/user/dial", "to", "bob", "device", desk.Address).shows(t, http.StatusOK, "Your phone rings")
	again := `<input type="hidden" name="device" value="` + desk.Address + `">`
	s.router.step("call-1", ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486, "Busy Here")
	b.get("/user/dial/call-1").shows(t, http.StatusOK, "Try again", again)
	b.post("/user/dial", "to", "bob", "device", "").shows(t, http.StatusOK, "Your phone rings")

	s.router.step("call-2", ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486, "Busy Here")
	b.get("/user/dial/call-2").hides(t, again) // all of them rang
	b.get("/user/dial/call-1").hides(t, again) // of an older attempt that is not known any more

	b.get("/user/phone-book").hides(t, `name="device"`)
	page = b.get("/user/phone-book?ring=" + url.QueryEscape(mobile.Address))
	page.shows(t, http.StatusOK, `<option value="`+mobile.Address+`" selected>`, `<input type="hidden" name="device" value="`+mobile.Address+`">`)
	b.get("/user/phone-book?ring="+url.QueryEscape(bobs.Address)).hides(t, `name="device"`, bobs.Address)

	var got []string
	for _, p := range called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial) {
		got = append(got, p.Device)
	}
	if want := []string{desk.Address, ""}; !slices.Equal(got, want) {
		t.Errorf("rang %q, want %q", got, want)
	}
}

// TestDialDeviceOfTwins: two phones with one private contact in two networks are told apart by where they are.
func TestDialDeviceOfTwins(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	home, office := desk, desk
	home.RUID, home.Received = "11111111111111111111111111111111", "sip:198.51.100.9:1024"
	office.RUID, office.Received = "22222222222222222222222222222222", "sip:203.0.113.7:1025"
	s.router.registers(alice, home, office)
	b := s.signIn(alice)
	const name = "Desk Phone 3000 · alice@192.0.2.7:5062"
	for _, path := range []string{"/user/dial", "/user/phone-book?ring=" + office.RUID} {
		b.get(path).shows(t, http.StatusOK, `<option value="`+home.RUID+`">`+name+" · 198.51.100.9:1024</option>")
	}
	b.get("/user/phone-book?ring="+office.RUID).shows(t, http.StatusOK, `<option value="`+office.RUID+`" selected>`+name+" · 203.0.113.7:1025</option>")
	b.post("/user/dial", "to", "bob", "device", office.RUID).shows(t, http.StatusOK, "Your phone rings")
	s.router.step("call-1", ctlproto.CtdFailed, ctlproto.OutcomeCallerBusy, 486, "Busy Here")
	s.router.registers(alice, office, mobile)
	b.get("/user/phone-book?ring="+office.RUID).shows(t, http.StatusOK, `<option value="`+desk.Address+`" selected>`+name+"</option>")
	b.post("/user/dial", "to", "bob", "device", home.RUID).shows(t, http.StatusUnprocessableEntity, "None of your phones is registered there now.")
	got := called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial)
	if len(got) != 1 || got[0].Device != office.RUID {
		t.Errorf("rang %+v, want %q alone", got, office.RUID)
	}
}

// TestDialDeviceOfFlows: the flows of one phone (RFC 5626) are one choice, by their Contact; beside a twin of that
// Contact the phone is named by the ruid of a flow. Who has one phone only has nothing to choose.
func TestDialDeviceOfFlows(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	one, two, twin := desk, desk, desk
	one.RUID, one.Received, one.Instance, one.RegID = "11111111111111111111111111111111", "sip:198.51.100.9:1024;transport=tcp", "<urn:uuid:1>", 1
	two.RUID, two.Received, two.Instance, two.RegID = "22222222222222222222222222222222", "sip:198.51.100.9:1025;transport=tcp", "<urn:uuid:1>", 2
	twin.RUID, twin.Received = "33333333333333333333333333333333", "sip:203.0.113.7:1026"
	s.router.registers(alice, one, two)
	b := s.signIn(alice)
	b.get("/user/dial").hides(t, "all my phones")
	b.get("/user/phone-book").hides(t, "all my phones")
	const name = "Desk Phone 3000 · alice@192.0.2.7:5062"
	s.router.registers(alice, one, two, mobile)
	page := b.get("/user/dial")
	page.shows(t, http.StatusOK, `<option value="`+desk.Address+`">`+name+"</option>", mobile.Address)
	page.hides(t, one.RUID, two.RUID)
	for _, chosen := range []string{desk.Address, one.RUID, two.RUID} {
		b.get("/user/phone-book?ring="+url.QueryEscape(chosen)).shows(t, http.StatusOK, `<option value="`+desk.Address+`" selected>`+name+"</option>")
	}
	s.router.registers(alice, one, twin, two)
	page = b.get("/user/phone-book?ring=" + two.RUID)
	page.shows(t, http.StatusOK, `<option value="`+one.RUID+`" selected>`+name+" · 198.51.100.9:1024</option>",
		`<option value="`+twin.RUID+`">`+name+" · 203.0.113.7:1026</option>")
	page.hides(t, `<option value="`+two.RUID)
	page = b.get("/user/phone-book?ring=" + url.QueryEscape(desk.Address)) // which of the two it is nobody knows
	page.hides(t, `<option value="`+one.RUID+`" selected`, `<option value="`+twin.RUID+`" selected`)
	b.post("/user/dial", "to", "bob", "device", one.RUID).shows(t, http.StatusOK, "Your phone rings")
}

// TestDialDeviceOfAnother: a contact that is none of the caller's never rings.
func TestDialDeviceOfAnother(t *testing.T) {
	s := newSite(t)
	s.router.registers(bob, bobs)
	b := s.signIn(alice)
	b.get("/user/dial")
	const refusal = "None of your phones is registered there now."
	for _, own := range [][]ctlproto.Contact{nil, {desk}, {desk, mobile}} {
		s.router.registers(alice, own...)
		for _, device := range []string{bobs.Address, "sip:alice@192.0.2.7", "x", "sip:alice@192.0.2.7:5062>\r\nVia: x", "<script>"} {
			b.post("/user/dial", "to", "bob", "device", device).shows(t, http.StatusUnprocessableEntity, refusal, `value="bob"`)
		}
	}
	s.router.refuses(ctlproto.MethodUlLookup, ctlproto.Errorf(ctlproto.CodeUnavailable, "inner words"))
	b.post("/user/dial", "to", "bob", "device", desk.Address).shows(t, http.StatusServiceUnavailable, "so no call was started")
	if calls := called[ctlproto.CtdDialParams](t, s.router, ctlproto.MethodCtdDial); len(calls) != 0 {
		t.Errorf("the router was asked to dial: %+v", calls)
	}
}
