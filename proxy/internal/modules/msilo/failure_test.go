package msilo

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestOwnerAfterFailure: in a failure route "0" is who was called, not the contact of his phone;
// what the failure route has made of the Request-URI itself counts.
func TestOwnerAfterFailure(t *testing.T) {
	for _, x := range []struct{ received, looked, contact, change, want string }{
		{"sip:bob@example.org", "", "sip:x7@198.51.100.9", "", "bob@example.org to sip:bob@example.org"},
		{"sip:bob@example.org", "bob@example.org", "sip:x7@198.51.100.9", "", "bob@example.org to sip:bob@example.org"},
		{"sip:11@example.org", "bob@example.org", "sip:x7@198.51.100.9", "", "bob@example.org to sip:bob@example.org"},      // a speed-dial number
		{"sip:tgruu.x@example.org", "bob@example.org", "sip:x7@198.51.100.9", "", "bob@example.org to sip:bob@example.org"}, // a phone's own address
		{"sip:4711@example.org", "bob@example.org", "sip:x7@198.51.100.9", "", "bob@example.org to sip:4711@example.org"},   // an alias
		{"sip:11@example.org", "bob@example.org", "sip:x7@198.51.100.9", "sip:eve@example.org", "eve@example.org to sip:eve@example.org"},
		{"sip:11@example.org", "no address", "sip:x7@198.51.100.9", "", "11@example.org to sip:11@example.org"},
	} {
		m, got := New(Config{Alias: alias4711}), ""
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				if x.looked != "" {
					c.Seek([]byte(x.looked))
					c.SetFound([]byte(x.looked))
				}
				_ = c.SetURI([]byte(x.contact))
				c.OnFailure = 1
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			},
			Failure: func(c *module.Ctx, _ int) {
				if x.change != "" {
					_ = c.SetURI([]byte(x.change))
				}
				a, to, err := m.owner(c, owner{from: ownerRequest})
				if err != nil {
					t.Error(err)
				}
				got = a.String() + " to " + to
			},
		})
		first := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", moduletest.Request("MESSAGE", x.received)), "MESSAGE "+x.contact)
		r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 480))
		if got != x.want {
			t.Errorf("%s, %q: it is kept for %q, want %q", x.received, x.change, got, x.want)
		}
	}
}

// alias4711 says that 4711 is bob.
func alias4711(dst, alias []byte) ([]byte, bool) {
	if string(alias) != "4711@example.org" {
		return dst, false
	}
	return append(dst, "bob@example.org"...), true
}

// TestOwnerOfTheSecondLookup: a script that looks for another name of his in vain first, be it in the same domain or a
// user's of ours, keeps the message for whose phone it was sent to; of one whose lookup found nobody, for what came.
func TestOwnerOfTheSecondLookup(t *testing.T) {
	for _, x := range []struct {
		name    string
		found   string // by the second lookup of the request route
		failure string // what lookup finds in the failure route, which does not go there
		whom    string
		want    string
	}{
		{"found", "bob@example.org", "", "0", "bob@example.org"},
		{"found by 1", "bob@example.org", "", "1", "bob@example.org"},
		{"nobody found", "", "", "0", "11@example.org"},
		{"nobody found by 1", "", "", "1", "11@example.org"},
		{"another one is found after the failure", "bob@example.org", "voicemail@example.org", "0", "bob@example.org"},
	} {
		m, got := New(Config{}), ""
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				c.Seek([]byte("bob-home@example.org")) // in vain
				c.RevertURI()
				if x.found != "" {
					c.Seek([]byte(x.found))
					c.SetFound([]byte(x.found))
				}
				_ = c.SetURI([]byte("sip:x7@198.51.100.9"))
				c.Main.Phone = x.found != ""
				c.OnFailure = 1
				if err := c.Relay(); err != nil {
					t.Error(err)
				}
			},
			Failure: func(c *module.Ctx, _ int) {
				if x.failure != "" {
					c.Seek([]byte(x.failure))
					c.SetFound([]byte(x.failure))
				}
				a, _, err := m.owner(c, owner{from: whomOf[x.whom]})
				if err != nil {
					t.Error(err)
				}
				got = a.String()
			},
		})
		first := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", moduletest.Request("MESSAGE", "sip:11@example.org")), "MESSAGE sip:x7@198.51.100.9")
		r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 480))
		if got != x.want {
			t.Errorf("%s: it is kept for %q, want %q", x.name, got, x.want)
		}
	}
}

// TestOwnerAfterLookup: once lookup has found a phone, "1" is who it looked for, whatever
// name of his came; where it has not, or the script has gone elsewhere since, and by "$ou"
// always, it is what came.
func TestOwnerAfterLookup(t *testing.T) {
	const number, phone = "sip:11@example.org", "sip:bob@192.0.2.7"
	for _, x := range []struct {
		name, whom, looked, uri, want string
		found                         bool
	}{
		{"found", "1", "bob@example.org", phone, "bob@example.org", true},
		{"not found", "1", "bob@example.org", "sip:bob@example.org", "11@example.org", false},
		{"no lookup", "1", "", "sip:eve@example.org", "11@example.org", false},
		{"found, by $ou", "$ou", "bob@example.org", phone, "11@example.org", true},
		{"found, and no address", "1", "no address", phone, "11@example.org", true},
	} {
		m := New(Config{})
		c := moduletest.Message(t, moduletest.Request("MESSAGE", number))
		if x.looked != "" {
			c.Seek([]byte(x.looked))
		}
		if x.found {
			c.SetFound([]byte(x.looked))
		}
		_ = c.SetURI([]byte(x.uri))
		c.Main.Phone = x.found
		a, _, err := m.owner(c, owner{from: whomOf[x.whom]})
		if err != nil || a.String() != x.want {
			t.Errorf("%s: it is kept for %q, %v, want %q", x.name, a, err, x.want)
		}
	}
}
