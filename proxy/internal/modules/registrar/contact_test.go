package registrar

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
)

// TestQ is the qvalue of RFC 3261 §25.1, read and written.
func TestQ(t *testing.T) {
	for _, c := range []struct {
		text string
		want int16
		back string // "": refused
	}{
		{"0", 0, "0"}, {"1", 1000, "1"}, {"0.5", 500, "0.5"}, {"0.05", 50, "0.05"}, {"0.005", 5, "0.005"}, {"0.", 0, "0"},
		{"1.000", 1000, "1"}, {"0.250", 250, "0.25"}, {"1.001", 0, ""}, {"1.5", 0, ""}, {"2", 0, ""}, {"-1", 0, ""}, {"", 0, ""},
		{".5", 500, "0.5"}, {"0.12345", 123, "0.123"}, {"0.x", 0, ""}, {"0.-1", 0, ""}, {"no", 0, ""}, {"0,5", 0, ""},
	} {
		q, ok := sip.ParseQ([]byte(c.text))
		if ok != (c.back != "") || ok && q != c.want {
			t.Errorf("q=%s is %d (%v), want %d", c.text, q, ok, c.want)
		}
		if back := string(appendQ(nil, q)); ok && back != c.back {
			t.Errorf("q=%s is written %s, want %s", c.text, back, c.back)
		}
	}
}

// TestMethods are the bits of the column methods.
func TestMethods(t *testing.T) {
	for text, want := range map[string]uint32{
		"INVITE": 1, "INVITE, ACK,BYE": 13, "": usrloc.AllMethods, " , ": usrloc.AllMethods, "FOO": otherMethods, "invite": otherMethods,
		"REFER,\r\n PUBLISH": 4096 + 8192,
	} {
		if got := parseMethods([]byte(text)); got != want {
			t.Errorf("methods %q are %d, want %d", text, got, want)
		}
	}
}

// TestCompile: the arguments of the functions.
func TestCompile(t *testing.T) {
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{})})
	for _, c := range []struct{ name, args, want string }{
		{"save", "location", ""}, {"save", "location 0x06", ""}, {"save", "location 0", ""},
		{"save", "aliases", `the only one is "location"`}, {"save", "location 1", "0x02"}, {"save", "location x", "0x02"}, {"save", "location -2", "0x02"},
		{"lookup", "location", ""}, {"lookup", "aliases", `there is no table "aliases"`}, {"registered", "aliases", `there is no table "aliases"`}, {"registered", "x", `there is no table "x"`},
	} {
		for _, f := range m.Funcs() {
			if f.Name != c.name {
				continue
			}
			_, err := f.Compile(argsOf(c.args))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s(%s): %v, want %q", c.name, c.args, err, c.want)
			}
		}
	}
}

// TestLookupAliases: SER's table of aliases is what the module is given for it.
func TestLookupAliases(t *testing.T) {
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{}), Aliases: func(*module.Ctx) int { return 7 }})
	if got := call(t, m, "lookup", "aliases")(nil); got != 7 {
		t.Errorf("returned %d", got)
	}
}

// TestParams: each parameter takes what its line says and names what is wrong.
func TestParams(t *testing.T) {
	for _, c := range []struct {
		name string
		str  string
		num  int
		want string
	}{
		{"default_expires", "", 600, ""}, {"default_expires", "", 0, "from 1 to"}, {"min_expires", "", 0, "from 1 to"}, {"max_expires", "", -1, "from 0 to"},
		{"received_avp", "$avp(i:42)", 0, ""}, {"received_avp", "i:42", 0, ""}, {"received_avp", "$ru", 0, "names no AVP"},
		{"default_q", "", 500, ""}, {"default_q", "", 1001, "from -1 to 1000"}, {"max_contacts", "", 0, ""}, {"max_contacts", "", 1001, "from 0 to 1000"},
		{"retry_after", "", 60, ""}, {"retry_after", "", -1, "from 0 to"}, {"append_branches", "", 2, "0 or 1"}, {"method_filtering", "", 1, ""},
		{"use_path", "", 7, "0 or 1"}, {"received_param", "rcv", 0, ""}, {"received_param", "", 0, ""}, {"received_param", `x="`, 0, "parameter's name"},
		{"case_sensitive", "", 0, ""}, {"case_sensitive", "", 1, "without regard to case"},
	} {
		found := false
		for _, p := range New(Config{Usrloc: usrloc.New(usrloc.Config{})}).Params() {
			if p.Name != c.name {
				continue
			}
			found = true
			err := p.Set(c.str, c.num)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s = %q %d: %v, want %q", c.name, c.str, c.num, err, c.want)
			}
		}
		if !found {
			t.Errorf("there is no parameter %s", c.name)
		}
	}
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{})})
	m.minExpires, m.maxExpires = 600, 300
	if err := m.Check(); err == nil || !strings.Contains(err.Error(), "max_expires (300) is below min_expires (600)") {
		t.Errorf("contradictory bounds: %v", err)
	}
}

// FuzzContact: whatever stands in Contact, Expires and Path, nothing panics, and
// what is taken fits the table and comes back in a 200 that can be read.
func FuzzContact(f *testing.F) {
	for _, seed := range [][3]string{
		{"<sip:bob@192.0.2.1:5060;transport=udp>;expires=600;q=0.5", "3600", ""},
		{`"B, ob" <sip:bob@[2001:db8::1]>;+sip.instance="<urn:uuid:1>";reg-id=1, sip:c@h;expires=0`, "60", "<sip:p;lr>"},
		{"*", "0", ""}, {"<tel:+1234>;methods=\"INVITE\"", "x", "<sip:p;lr>,<sips:q>"}, {"<sip:\xff@h>", "-1", ","}, {"<sip:b@h>;q=;expires", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{})})
	f.Fuzz(func(t *testing.T, contact, expires, path string) {
		text := "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:b@example.org>;tag=f\r\nTo: <sip:b@example.org>\r\n" +
			"Call-ID: c\r\nCSeq: 1 REGISTER\r\nSupported: path\r\nContact: " + contact + "\r\nExpires: " + expires + "\r\nPath: " + path + "\r\n\r\n"
		var msg sip.Message
		if msg.Parse([]byte(text)) != nil {
			return
		}
		r := fuzzRequest(&msg)
		var s scratch
		if m.read(r, &s) != nil {
			return
		}
		s.reg.MaxContacts = 0
		res, err := m.table.Save(&s.reg, nil)
		if err != nil {
			return
		}
		s.bindings = res.Bindings
		for i := range s.bindings {
			if b := &s.bindings[i]; !utf8.Valid(b.Contact()) || len(b.Contact()) == 0 || len(b.Contact()) > 4*usrloc.MaxContact {
				t.Fatalf("contact %q was taken", b.Contact())
			}
		}
		m.appendAccepted(&s)
		var back sip.Message
		if err := back.Parse(msg.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("t"), Extra: s.extra})); err != nil {
			t.Fatalf("%v in the 200:\n%s", err, s.extra)
		}
		if n := len(contacts(&back)); n != len(s.bindings) {
			t.Fatalf("the 200 lists %d contacts, want %d:\n%s", n, len(s.bindings), s.extra)
		}
		for i, v := range contacts(&back) {
			var a sip.NameAddr
			if sip.ParseNameAddr([]byte(v), &a) != nil || string(a.URI) != string(s.bindings[i].Contact()) {
				t.Fatalf("contact %d reads %q, want %q", i, v, s.bindings[i].Contact())
			}
		}
		// The next input finds an empty table.
		s.reg.RemoveAll, s.reg.Unordered = true, true
		if _, err := m.table.Save(&s.reg, nil); err != nil {
			t.Fatal(fmt.Errorf("removing all: %w", err))
		}
	})
}
