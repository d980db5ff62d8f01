package usrloc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSameURI is RFC 3261 §19.1.4 with its examples.
func TestSameURI(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},

		{"sip:a@h", "sips:a@h", false},
		{"sip:a@h", "sip:h", false},
		{"sip:a:x@h", "sip:a:X@h", false},
		{"sip:a:@h", "sip:a@h", false},
		{"sip:a%40b@h", "sip:a%3Bb@h", false},
		{"sip:a%2fb@h", "sip:a%2Fb@h", true},
		{"sip:a%2fb@h", "sip:a/b@h", false},
		{"sip:a%zz@h", "sip:a%ZZ@h", false},
		{"sip:a%4@h", "sip:a@h", false},
		{"sip:a@h;user=phone", "sip:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h", false},
		{"sip:a@h;maddr=x", "sip:a@h", false},
		{"sip:a@h;maddr=x", "sip:a@h;maddr=X", true},
		{"sip:a@h;lr", "sip:a@h;lr=on", false},
		{"sip:a@h;line=1", "sip:a@h;line=2", false},
		{"sip:a@h?x=1", "sip:a@h?x=1&y=2", false},
		{"sip:a@h" + strings.Repeat(";x", 22), "sip:A@h" + strings.Repeat(";x", 22), false},
		{"sip:a@h" + strings.Repeat(";x", 22), "sip:%61@h" + strings.Repeat(";x", 22), false},
		{"mailto:A@h", "mailto:a@h", false},
		{"tel:1", "tel:1", true},
		{"sip:a@[::1]", "sip:A@[::1]", false},
	} {
		if got, back := sameURI([]byte(c.a), []byte(c.b)), sameURI([]byte(c.b), []byte(c.a)); got != c.want || back != c.want {
			t.Errorf("%s and %s are the same: %v, and the other way round %v; want %v", c.a, c.b, got, back, c.want)
		}
	}
}

// FuzzSameURI: a URI is itself, and the order does not matter.
func FuzzSameURI(f *testing.F) {
	f.Add("sip:%61lice@atlanta.com;transport=TCP?a=b", "sip:alice@AtlanTa.CoM;Transport=tcp?a=b")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !sameURI([]byte(a), []byte(a)) {
			t.Errorf("%q is not itself", a)
		}
		if sameURI([]byte(a), []byte(b)) != sameURI([]byte(b), []byte(a)) {
			t.Errorf("%q and %q: the order matters", a, b)
		}
	})
}

// TestRespelled: a contact in another spelling is the same binding and the same row;
// what is not the same never takes the row of another.
func TestRespelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		m := newModule(t, d)
		defer running(t, m)()
		for _, c := range []struct{ contact, want string }{
			{"sip:%62ob@h;line=5", "sip:%62ob@h;line=5"},
			{"sip:bob@H", "sip:bob@H"},
			{"sip:bob@h;line=6", "sip:bob@h;line=6"}, // in the place of the first
			{"sip:%62ob@h;line=5", "sip:%62ob@h;line=5 sip:bob@h;line=6"},
			{"sip:%62ob@h;line=6 0", "sip:%62ob@h;line=5"},
		} {
			wantEnd(t, savedSoon(t, m, registration(bob, c.contact)), "durable")
			wantPresent(t, m, bob, c.want)
			var rows []string
			for _, contact := range strings.Fields(c.want) {
				rows = append(rows, bob+" "+contact)
			}
			wantRows(t, d, rows...)
		}
	})
}

func savedSoon(t *testing.T, m *Module, reg *Registration) *outcome {
	t.Helper()
	time.Sleep(time.Second)
	o := save(t, m, reg)
	synctest.Wait()
	return o
}
