package usrloc

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func addrPortOf(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

const bob = "bob@example.org"

// TestSave is what registrations do to an address, in memory.
func TestSave(t *testing.T) {
	q := func(reg *Registration, qs ...int16) *Registration {
		for i, v := range qs {
			reg.Contacts[i].Q = v
		}
		return reg
	}
	for _, c := range []struct {
		name   string
		steps  []*Registration
		want   string
		change Change
	}{
		{"nothing", []*Registration{registration(bob)}, "", Fetched},
		{"one", []*Registration{registration(bob, "sip:b@1.2.3.4")}, "sip:b@1.2.3.4", Inserted},
		{"refresh", []*Registration{registration(bob, "sip:b@1.2.3.4"), registration(bob, "sip:b@1.2.3.4")}, "sip:b@1.2.3.4", Updated},
		{"host in another case", []*Registration{registration(bob, "sip:b@Host"), registration(bob, "SIP:b@hosT")}, "SIP:b@hosT", Updated},
		{"user in another case", []*Registration{registration(bob, "sip:b@h"), registration(bob, "sip:B@h 0")}, "sip:b@h", Fetched},
		{"twice in one request", []*Registration{registration(bob, "sip:b@h", "sip:b@h")}, "sip:b@h", Inserted},
		{"added and removed in one request", []*Registration{registration(bob, "sip:b@h", "sip:b@h 0")}, "", Fetched},
		{"removed", []*Registration{registration(bob, "sip:b@h", "sip:c@h"), registration(bob, "sip:b@h 0")}, "sip:c@h", Removed},
		{"removed twice", []*Registration{registration(bob, "sip:b@h"), registration(bob, "sip:b@h 0"), registration(bob, "sip:b@h 0")}, "", Fetched},
		{"all removed", []*Registration{registration(bob, "sip:b@h", "sip:c@h"), {AoR: []byte(bob), RemoveAll: true}}, "", Removed},
		{"all of none removed", []*Registration{{AoR: []byte(bob), RemoveAll: true}}, "", Fetched},
		{"highest q first", []*Registration{q(registration(bob, "sip:l@h", "sip:h@h", "sip:m@h"), 200, 900, 500)}, "sip:h@h sip:m@h sip:l@h", Inserted},
		{"no q is 1", []*Registration{q(registration(bob, "sip:l@h", "sip:n@h"), 900, NoQ)}, "sip:n@h sip:l@h", Inserted},
		{"q changed", []*Registration{q(registration(bob, "sip:a@h", "sip:b@h"), 900, 500), q(registration(bob, "sip:b@h"), 1000)}, "sip:b@h sip:a@h", Updated},
		{"only this one", []*Registration{registration(bob, "sip:a@h", "sip:b@h"), only(registration(bob, "sip:c@h"))}, "sip:c@h", Inserted},
		{"only one of them", []*Registration{registration(bob, "sip:a@h", "sip:b@h"), only(registration(bob, "sip:b@h"))}, "sip:b@h", Updated},
		{"another address", []*Registration{registration("eve@example.org", "sip:b@h"), registration(bob)}, "", Fetched},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []*database{nil, {}} {
				m := newModule(t, d)
				var last Result
				for _, reg := range c.steps {
					res, err := m.Table().Save(reg, nil)
					if err != nil {
						t.Fatal(err)
					}
					last = res
				}
				wantPresent(t, m, bob, c.want)
				if d == nil && last.Change != c.change { // with a database, what was removed still waits
					t.Errorf("the last change is %d, want %d", last.Change, c.change)
				}
				var listed []string
				for _, b := range last.Bindings {
					listed = append(listed, string(b.Contact()))
				}
				if got := strings.Join(listed, " "); got != c.want {
					t.Errorf("Save returned %q, want %q", got, c.want)
				}
			}
		})
	}
}

func only(reg *Registration) *Registration {
	reg.Only = true
	return reg
}

// TestOrder is RFC 3261 §10.3 step 7 and what counts as a retransmission.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		callID string
		cseq   uint32
		change string // what the second request asks for
		after  time.Duration
		want   error
		there  string
	}{
		{"higher", "one", 11, "sip:b@h", 0, nil, "sip:b@h"},
		{"lower, other Call-ID", "two", 3, "sip:b@h", 0, nil, "sip:b@h"},
		{"equal, other Call-ID", "two", 10, "sip:b@h 0", 0, nil, ""},
		{"lower", "one", 9, "sip:b@h", 0, ErrOutOfOrder, "sip:b@h"},
		{"lower removal", "one", 9, "sip:b@h 0", 0, ErrOutOfOrder, "sip:b@h"},
		{"lower with a new contact", "one", 9, "sip:c@h,sip:b@h", 0, ErrOutOfOrder, "sip:b@h"},
		{"lower *", "one", 9, "*", 0, ErrOutOfOrder, "sip:b@h"},
		{"higher *", "one", 11, "*", 0, nil, ""},
		{"equal at once", "one", 10, "sip:b@h", 0, nil, "sip:b@h"},
		{"equal after 19 s", "one", 10, "sip:b@h", 19 * time.Second, nil, "sip:b@h"},
		{"equal after 20 s", "one", 10, "sip:b@h", 20 * time.Second, ErrOutOfOrder, "sip:b@h"},
		{"equal, but a removal", "one", 10, "sip:b@h 0", 0, ErrOutOfOrder, "sip:b@h"},
		{"lower after the end", "one", 9, "sip:b@h", time.Hour, nil, "sip:b@h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			m := newModule(t, nil, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
			first := registration(bob, "sip:b@h")
			first.CallID, first.CSeq = []byte("one"), 10
			save(t, m, first)
			now = now.Add(c.after)
			second := registration(bob, strings.Split(c.change, ",")...)
			if c.change == "*" {
				second = &Registration{AoR: []byte(bob), RemoveAll: true}
			}
			second.CallID, second.CSeq = []byte(c.callID), c.cseq
			if _, err := m.Table().Save(second, nil); !errors.Is(err, c.want) {
				t.Errorf("Save: %v, want %v", err, c.want)
			}
			wantPresent(t, m, bob, c.there)
		})
	}
}

// TestOutbound: an instance with reg-id is the identity, whatever the contact says.
func TestOutbound(t *testing.T) {
	m := newModule(t, nil)
	flow := func(uri, instance string, id int32) *Registration {
		reg := registration(bob, uri)
		reg.Contacts[0].Instance, reg.Contacts[0].RegID = []byte(instance), id
		return reg
	}
	save(t, m, flow("sip:b@1.1.1.1:1000", "<urn:uuid:1>", 1))
	save(t, m, flow("sip:b@1.1.1.1:2000", "<urn:uuid:1>", 1))
	wantPresent(t, m, bob, "sip:b@1.1.1.1:2000")
	save(t, m, flow("sip:b@1.1.1.1:2000", "<urn:uuid:1>", 2))
	wantPresent(t, m, bob, "sip:b@1.1.1.1:2000 sip:b@1.1.1.1:2000")
	save(t, m, flow("sip:b@3.3.3.3", "<urn:uuid:1>", 0)) // an instance alone is none
	save(t, m, flow("sip:b@4.4.4.4", "<urn:uuid:1>", 0))
	if n := len(m.Table().Lookup([]byte(bob), nil)); n != 4 {
		t.Errorf("%d bindings, want 4: %s", n, present(m, bob))
	}
	save(t, m, registration(bob, "sip:b@1.1.1.1:2000 0"))
	if n := len(m.Table().Lookup([]byte(bob), nil)); n != 3 {
		t.Errorf("a removal by the contact alone left %s", present(m, bob))
	}
	both := registration(bob, "sip:b@1.1.1.1:2000 0", "sip:b@1.1.1.1:2000")
	both.Contacts[1].Instance, both.Contacts[1].RegID = []byte("<urn:uuid:1>"), 2
	save(t, m, both) // two ways to name one binding
}

// TestLimits: what Save refuses leaves everything as it was.
func TestLimits(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, c := range []struct {
		name string
		reg  *Registration
		want string
	}{
		{"one too many", limited(registration(bob, "sip:new@h"), 2), "too many contacts"},
		{"a refresh of the last", limited(registration(bob, "sip:b@h"), 2), ""},
		{"one for one", limited(registration(bob, "sip:a@h 0", "sip:new@h"), 2), ""},
		{"contact too long", registration(bob, "sip:new@h", "sip:"+long+"@h"), "Contact is longer than 512 characters"},
		{"contact in umlauts", registration(bob, "sip:"+strings.Repeat("ü", 500)+"@h"), ""},
		{"contact is no text", registration(bob, "sip:\xff\xfe@h"), "Contact is not UTF-8 text"},
		{"contact with C1 controls", registration(bob, "sip:\u0085@h"), "Contact is not UTF-8 text"},
		{"contact is no URI", registration(bob, "nonsense"), "Contact is no URI"},
		{"Call-ID too long", withCallID(registration(bob, "sip:new@h"), long[:256]), "Call-ID is longer than 255 characters"},
		{"Call-ID with a control character", withCallID(registration(bob, "sip:new@h"), "a\nb"), "Call-ID has control characters"},
		{"path too long", withPath(registration(bob, "sip:new@h"), long), "Path is longer than 512 characters"},
		{"instance too long", withInstance(registration(bob, "sip:new@h"), long), "+sip.instance is longer than 255 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, nil)
			save(t, m, registration(bob, "sip:a@h", "sip:b@h"))
			before := present(m, bob)
			_, err := m.Table().Save(c.reg, nil)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			case c.want != "":
				wantPresent(t, m, bob, before)
			}
		})
	}
}

func limited(reg *Registration, most int) *Registration {
	reg.MaxContacts = most
	return reg
}

func withCallID(reg *Registration, id string) *Registration {
	reg.CallID = []byte(id)
	return reg
}

func withPath(reg *Registration, path string) *Registration {
	reg.Path = []byte(path)
	return reg
}

func withInstance(reg *Registration, instance string) *Registration {
	reg.Contacts[0].Instance = []byte(instance)
	return reg
}

// TestExpiry: an expired binding is never found, swept or not.
func TestExpiry(t *testing.T) {
	for _, swept := range []bool{false, true} {
		now := time.Unix(1e9, 0)
		m := newModule(t, nil, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
		save(t, m, registration(bob, "sip:short@h 60", "sip:long@h 3600", "sip:ever@h 4294967295"))
		check := func(after time.Duration, want string, contacts int64) {
			t.Helper()
			now = time.Unix(1e9, 0).Add(after)
			if swept {
				m.Table().sweep()
			}
			wantPresent(t, m, bob, want)
			if got := m.Table().Registered([]byte(bob)); got != (want != "") {
				t.Errorf("Registered is %v with contacts %q", got, want)
			}
			m.Statistics(func(_, name string, value int64) {
				if swept && name == "location-contacts" && value != contacts {
					t.Errorf("after %v %d contacts are counted, want %d", after, value, contacts)
				}
			})
		}
		check(60*time.Second-time.Millisecond, "sip:short@h sip:long@h sip:ever@h", 3)
		check(60*time.Second, "sip:long@h sip:ever@h", 2)
		check(3600*time.Second, "sip:ever@h", 1)
		check(100*365*24*time.Hour, "sip:ever@h", 1)
		save(t, m, &Registration{AoR: []byte(bob), RemoveAll: true})
		check(100*365*24*time.Hour, "", 0)
	}
}

// TestRemaining: what is left is rounded up, so that a fresh contact has what
// was asked for and a living one never 0.
func TestRemaining(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newModule(t, nil, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
	save(t, m, registration(bob, "sip:b@h 60"))
	b := m.Table().Lookup([]byte(bob), nil)[0]
	for after, want := range map[time.Duration]time.Duration{
		0: 60 * time.Second, time.Millisecond: 60 * time.Second, time.Second: 59 * time.Second,
		59*time.Second + 999*time.Millisecond: time.Second, time.Minute: 0, time.Hour: 0,
	} {
		if got := b.Remaining(now.Add(after)); got != want {
			t.Errorf("after %v %v are left, want %v", after, got, want)
		}
	}
}

// TestCopies: what Lookup returns stays as it was, whatever happens to the table.
func TestCopies(t *testing.T) {
	m := newModule(t, nil)
	save(t, m, registration(bob, "sip:old@h"))
	b := m.Table().Lookup([]byte(bob), nil)[0]
	for range 100 {
		save(t, m, only(registration(bob, "sip:new@h")))
		save(t, m, only(registration(bob, "sip:newer@h")))
	}
	if string(b.Contact()) != "sip:old@h" {
		t.Errorf("the copy reads %q, want sip:old@h", b.Contact())
	}
	first := m.Table().Lookup([]byte(bob), nil)
	second := m.Table().Lookup([]byte("nobody@example.org"), first[:0])
	if len(second) != 0 {
		t.Errorf("nobody has %d bindings", len(second))
	}
}
