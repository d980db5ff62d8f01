package user_test

import (
	"net/http"
	"testing"

	"seraph/ctlproto"
)

// TestPhoneBookStatuses: every row has its status in the first HTML, all asked for in one call.
func TestPhoneBookStatuses(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	want := map[string]string{}
	for _, c := range []struct {
		first, address, key string
		status              ctlproto.PresenceStatus
		shown               string
	}{
		{"Bob", "bob", "bob@example.org", ctlproto.StatusOnLine, "online"},
		{"Carol", "carol@example.org", "carol@example.org", ctlproto.StatusOnThePhone, "busy"},
		{"Dan", "sip:dan@example.org;transport=tcp", "dan@example.org", ctlproto.StatusOffline, "offline"},
		{"Erin", "erin@iptel.org", "erin@iptel.org", ctlproto.StatusNonLocal, "non-local"},
		{"Fax", "tel:+420-123", "tel:+420123", ctlproto.StatusNonLocal, "non-local"},
		{"Greta", "greta@example.org", "greta@example.org", ctlproto.StatusUnknown, "unknown"},
		{"Hana", "hana@example.org", "hana@example.org", "in the bath", "unknown"},
	} {
		s.add(alice, c.first, "", c.address, "")
		s.router.see(alice, c.key, c.status)
		want[c.key] = c.shown
	}
	before := len(called[ctlproto.PresenceParams](t, s.router, ctlproto.MethodPresenceGet))
	page := b.get("/user/phone-book")
	page.shows(t, http.StatusOK, "Phone book", "Bob", "bob@example.org", "on line", "on the phone", `aria-label="Call Bob"`)
	for address, status := range want {
		if got := page.rowStatus(t, address); got != status {
			t.Errorf("%s is %s, want %s", address, got, status)
		}
	}
	asked := called[ctlproto.PresenceParams](t, s.router, ctlproto.MethodPresenceGet)[before:]
	if len(asked) != 1 || asked[0].Viewer != alice.String() || len(asked[0].Addresses) != len(want) {
		t.Errorf("presence was asked for so: %+v", asked)
	}
}
