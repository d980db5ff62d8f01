package registrar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

const sip200 = "SIP/2.0 200 OK"

// TestSaveAnswers is what a phone gets for a REGISTER, and what is registered
// afterwards. Everybody has sip:old@192.0.2.1 before.
func TestSaveAnswers(t *testing.T) {
	const old = "sip:old@192.0.2.1"
	long := strings.Repeat("x", 600)
	for _, c := range []struct {
		name    string
		lines   []string
		status  string
		extra   string // a header line that the answer must have, or "-Name" of one it must not have
		listed  string
		setting []setting
	}{
		{"query", nil, "200 OK", "Contact: <sip:old@192.0.2.1>;expires=", old, nil},
		{"one contact", []string{"Contact: <sip:b@1.2.3.4>"}, "200 OK", "Contact: <sip:b@1.2.3.4>;expires=3600;", "sip:b@1.2.3.4 " + old, nil},
		{"a date", []string{"Contact: <sip:b@1.2.3.4>"}, "200 OK", "Date: ", "sip:b@1.2.3.4 " + old, nil},
		{"without brackets", []string{"Contact: sip:b@1.2.3.4;expires=70"}, "200 OK", "Contact: <sip:b@1.2.3.4>;expires=70;", "sip:b@1.2.3.4 " + old, nil},
		{"its own expires", []string{"Contact: <sip:b@h>;expires=100", "Expires: 200"}, "200 OK", "Contact: <sip:b@h>;expires=100;", "sip:b@h " + old, nil},
		{"the request's expires", []string{"Contact: <sip:b@h>", "Expires: 200"}, "200 OK", "Contact: <sip:b@h>;expires=200;", "sip:b@h " + old, nil},
		{"malformed expires is the default", []string{"Contact: <sip:b@h>;expires=soon", "Expires: 200"}, "200 OK", "Contact: <sip:b@h>;expires=3600;", "sip:b@h " + old, nil},
		{"empty expires is the default", []string{"Contact: <sip:b@h>;expires", "Expires: 200"}, "200 OK", "Contact: <sip:b@h>;expires=3600;", "sip:b@h " + old, nil},
		{"expires beyond all bounds", []string{"Contact: <sip:b@h>;expires=99999999999999999999"}, "200 OK", "Contact: <sip:b@h>;expires=3600;", "sip:b@h " + old, nil},
		{"no upper bound", []string{"Contact: <sip:b@h>;expires=99999999999999999999"}, "200 OK", "Contact: <sip:b@h>;expires=315360000;", "sip:b@h " + old, []setting{{"max_expires", 0}}},
		{"too brief", []string{"Contact: <sip:b@h>;expires=59"}, "423 Interval Too Brief", "Min-Expires: 60", old, nil},
		{"too brief beside a good one", []string{"Contact: <sip:a@h>", "Contact: <sip:b@h>;expires=59"}, "423 Interval Too Brief", "Min-Expires: 60", old, nil},
		{"an hour is never too brief", []string{"Contact: <sip:b@h>;expires=3600"}, "200 OK", "Contact: <sip:b@h>;expires=7200;", "sip:b@h " + old, []setting{{"min_expires", 7200}, {"max_expires", 9000}}},
		{"q", []string{"Contact: <sip:b@h>;q=0.25, <sip:c@h>;q=1.000"}, "200 OK", "Contact: <sip:b@h>;q=0.25;expires=", old + " sip:c@h sip:b@h", nil},
		{"default_q", []string{"Contact: <sip:b@h>"}, "200 OK", "Contact: <sip:b@h>;q=0.5;expires=", old + " sip:b@h", []setting{{"default_q", 500}}},
		{"q out of range", []string{"Contact: <sip:b@h>;q=1.1"}, "400 Bad q in Contact", "-Contact", old, nil},
		{"q is no number", []string{"Contact: <sip:b@h>;q=no"}, "400 Bad q in Contact", "-Contact", old, nil},
		{"q without value", []string{"Contact: <sip:b@h>;q"}, "400 Bad q in Contact", "-Contact", old, nil},
		{"one bad of three", []string{"Contact: <sip:b@h>, <sip:c@h>;q=7, <sip:d@h>"}, "400 Bad q in Contact", "-Contact", old, nil},
		{"no URI", []string{"Contact: <nonsense>"}, "400 Bad Contact", "-Contact", old, nil},
		{"no host", []string{"Contact: <sip:bob@>"}, "400 Bad Contact", "-Contact", old, nil},
		{"no bracket", []string{"Contact: <sip:bob@h"}, "400 Bad Contact", "-Contact", old, nil},
		{"reg-id 0", []string{`Contact: <sip:b@h>;reg-id=0;+sip.instance="<urn:uuid:1>"`}, "400 Bad Contact", "-Contact", old, nil},
		{"instance and reg-id", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Supported: outbound"}, "200 OK", `;+sip.instance="<urn:uuid:1>";reg-id=3`, "sip:b@h " + old, nil},
		{"outbound is told", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Supported: path, outbound"}, "200 OK", "Require: outbound\r\nFlow-Timer: 90\r\n", "sip:b@h " + old, []setting{{"flow_timer", 90}}},
		{"reg-id without outbound", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`}, "200 OK", "-Require", "sip:b@h " + old, nil},
		{"reg-id without instance", []string{`Contact: <sip:b@h>;reg-id=3`, "Supported: outbound"}, "200 OK", "-Require", "sip:b@h " + old, nil},
		{"outbound without reg-id", []string{`Contact: <sip:b@h>`, "Supported: outbound"}, "200 OK", "-Require", "sip:b@h " + old, nil},
		{"outbound_mode 0", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Supported: outbound"}, "200 OK", "-Require", "sip:b@h " + old, []setting{{"outbound_mode", 0}}},
		{"outbound_mode 0, required", []string{`Contact: <sip:b@h>`, "Require: outbound"}, "420 Bad Extension", "Unsupported: outbound", old, []setting{{"outbound_mode", 0}}},
		{"two contacts with reg-id", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>", <sip:c@h>`, "Supported: outbound"}, "400 A Contact With reg-id", "-Contact", old, nil},
		{"a first hop without outbound", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Via: SIP/2.0/UDP h;branch=z9hG4bKx", "Supported: outbound"}, "439 First Hop", "-Contact", old, nil},
		{"a first hop in Path without outbound", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Via: SIP/2.0/UDP h;branch=z9hG4bKx", "Path: <sip:127.0.0.1;lr;ob>, <sip:p1;lr>", "Supported: path, outbound"}, "439 First Hop", "-Contact", old, nil},
		{"a first hop in Path with outbound", []string{`Contact: <sip:b@h>;reg-id=3;+sip.instance="<urn:uuid:1>"`, "Via: SIP/2.0/UDP h;branch=z9hG4bKx", "Path: <sip:127.0.0.1;lr>, <sip:p1;lr;ob>", "Supported: path, outbound"}, "200 OK", "Require: outbound", "sip:b@h " + old, nil},
		{"a hop between, and no reg-id", []string{`Contact: <sip:b@h>`, "Via: SIP/2.0/UDP h;branch=z9hG4bKx", "Supported: outbound"}, "200 OK", "-Require", "sip:b@h " + old, nil},
		{"public GRUU", []string{`Contact: <sip:b@h>;+sip.instance="<urn:uuid:1>"`, "Supported: gruu"}, "200 OK", `;pub-gruu="sip:bob@example.org;gr=urn:uuid:1";temp-gruu="sip:tgruu.`, "sip:b@h " + old, nil},
		{"an odd instance", []string{`Contact: <sip:b@h>;+sip.instance="a;b%c@d"`, "Supported: gruu"}, "200 OK", `;pub-gruu="sip:bob@example.org;gr=a%3Bb%25c%40d"`, "sip:b@h " + old, nil},
		{"gruu_enabled 0, required", []string{`Contact: <sip:b@h>;+sip.instance="<urn:uuid:1>"`, "Require: gruu"}, "420 Bad Extension", "Unsupported: gruu", old, []setting{{"gruu_enabled", 0}}},
		{"path_mode 0", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:127.0.0.1;lr>"}, "200 OK", "-Path", "sip:b@h " + old, []setting{{"path_mode", 0}}},
		{"path_mode 1", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:127.0.0.1;lr>"}, "200 OK", "Path: <sip:127.0.0.1;lr>", "sip:b@h " + old, []setting{{"path_mode", 1}}},
		{"path_mode 1 and a phone that does not know it", []string{"Contact: <sip:b@h>", "Path: <sip:127.0.0.1;lr>"}, "200 OK", "-Path", "sip:b@h " + old, []setting{{"path_mode", 1}}},
		{"path_use_received", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:127.0.0.1;lr;received=sip:192.0.2.9:1234%3btransport=tcp>"}, "200 OK", `received="sip:192.0.2.9:1234;transport=tcp"`, "sip:b@h " + old, []setting{{"path_use_received", 1}}},
		{"received that is none", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:127.0.0.1;lr;received=%22>"}, "200 OK", "Contact: <sip:b@h>;expires=3600\r\n", "sip:b@h " + old, []setting{{"path_use_received", 1}}},
		{"instance with a quote", []string{`Contact: <sip:b@h>;+sip.instance=a"b`}, "400 Bad Contact", "-Contact", old, nil},
		{"another scheme", []string{"Contact: <mailto:bob@example.org>"}, "200 OK", "Contact: <mailto:bob@example.org>;expires=3600\r\n", "mailto:bob@example.org " + old, nil},
		{"removal", []string{"Contact: <" + old + ">;expires=0"}, "200 OK", "-Contact", "", nil},
		{"removal of what is not there", []string{"Contact: <sip:b@h>;expires=0"}, "200 OK", "", old, nil},
		{"*", []string{"Contact: *", "Expires: 0"}, "200 OK", "-Contact", "", nil},
		{"* without Expires", []string{"Contact: *"}, "400 Contact * needs", "-Contact", old, nil},
		{"* with Expires 60", []string{"Contact: *", "Expires: 60"}, "400 Contact * needs", "-Contact", old, nil},
		{"* with Expires that is no number", []string{"Contact: *", "Expires: x"}, "400 Contact * needs", "-Contact", old, nil},
		{"* and another", []string{"Contact: *, <sip:b@h>", "Expires: 0"}, "400 Contact * needs", "-Contact", old, nil},
		{"another and *", []string{"Contact: <sip:b@h>, *", "Expires: 0"}, "400 Contact * needs", "-Contact", old, nil},
		{"max_contacts", []string{"Contact: <sip:b@h>, <sip:c@h>"}, "503 Too Many Contacts", "Retry-After: 30", old, []setting{{"max_contacts", 2}}},
		{"one for another", []string{"Contact: <" + old + ">;expires=0, <sip:c@h>"}, "200 OK", "", "sip:c@h", []setting{{"max_contacts", 1}}},
		{"65 contacts", []string{"Contact: " + strings.TrimSuffix(strings.Repeat("<sip:b@h>,", 65), ",")}, "400 Too Many Contacts In One Request", "-Contact", old, nil},
		{"long contact", []string{"Contact: <sip:" + long + "@h>"}, "400 Contact Too Long", "-Contact", old, nil},
		{"contact that is no text", []string{"Contact: <sip:\xff@h>"}, "400 Text That Is Not UTF-8", "-Contact", old, nil},
		{"long Call-ID", []string{"Contact: <sip:b@h>", "Call-ID: " + long}, "400 Call-ID Too Long", "-Contact", old, nil},
		{"long Path", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:" + long + "@127.0.0.1;lr>"}, "400 Path Too Long", "-Path", old, nil},
		{"very long Path", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:" + strings.Repeat(long, 4) + "@127.0.0.1;lr>"}, "400 Path Too Long", "-Path", old, nil},
		{"Path", []string{"Contact: <sip:b@h>", "Supported: gruu, path", "Path: <sip:127.0.0.1;lr>,", " <sip:p2;lr>"}, "200 OK", "Path: <sip:127.0.0.1;lr>, <sip:p2;lr>\r\n", "sip:b@h " + old, nil},
		{"Path of a phone that does not know it", []string{"Contact: <sip:b@h>", "Path: <sip:127.0.0.1;lr>"}, "420 Bad Extension", "Unsupported: path\r\nPath: <sip:127.0.0.1;lr>\r\n", old, nil},
		{"Path is no address", []string{"Contact: <sip:b@h>", "Supported: path", "Path: nonsense"}, "400 Bad Path", "-Path", old, nil},
		{"Path of another than it came from", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:192.0.2.66;lr>, <sip:127.0.0.1;lr>"}, "403 Path Is Not", "-Path", old, nil},
		{"Path of a name", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:gw.example.com;lr>"}, "403 Path Is Not", "-Path", old, nil},
		{"Path that says another address by maddr", []string{"Contact: <sip:b@h>", "Supported: path", "Path: <sip:127.0.0.1;maddr=192.0.2.66;lr>"}, "403 Path Is Not", "-Path", old, nil},
		{"Path ignored", []string{"Contact: <sip:b@h>", "Path: <sip:p1;lr>"}, "200 OK", "-Path", "sip:b@h " + old, []setting{{"use_path", 0}}},
		{"Require", []string{"Contact: <sip:b@h>", "Require: path, foo,bar"}, "420 Bad Extension", "Unsupported: foo\r\nUnsupported: bar\r\n", old, nil},
		{"another domain of ours", []string{"To: <sip:bob@example.net>"}, "200 OK", "-Contact", old, nil},
		{"a foreign domain", []string{"To: <sip:bob@elsewhere.example>", "Contact: <sip:b@h>"}, "404 Not Found", "-Contact", old, nil},
		{"no user", []string{"To: <sip:example.org>", "Contact: <sip:b@h>"}, "400 Bad To", "-Contact", old, nil},
		{"long user", []string{"To: <sip:" + long + "@example.org>", "Contact: <sip:b@h>"}, "400 Bad To", "-Contact", old, nil},
		{"a telephone", []string{"To: <tel:123>", "Contact: <sip:b@h>"}, "400 Bad To", "-Contact", old, nil},
		{"another spelling", []string{"To: <sip:%42oB:pw@EXAMPLE.org.:5060;x=y>"}, "200 OK", "Contact: <sip:old@192.0.2.1>", old, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if slices.ContainsFunc(c.lines, func(l string) bool { return strings.HasPrefix(l, "Path: ") }) {
				// It comes by a proxy.
				c.lines = append(c.lines, "Via: SIP/2.0/UDP phone.example.org;branch=z9hG4bKphone")
				c.setting = append([]setting{{"use_path", 1}}, c.setting...)
			}
			b := newRouter(t, nil, c.setting...)
			p := b.phone()
			p.registered("<sip:old@192.0.2.1>;expires=3600")
			p.send(p.register(c.lines...))
			m := p.expect("SIP/2.0 " + c.status)
			switch name, no := strings.CutPrefix(c.extra, "-"); {
			case no && header(m, name) != "":
				t.Errorf("the answer has %s: %s", name, header(m, name))
			case !no && !strings.Contains(string(m.Buf), c.extra):
				t.Errorf("the answer has no %q:\n%s", c.extra, m.Buf)
			}
			if to, err := m.To(); err != nil || to.Tag == nil {
				t.Error("the answer has no To tag")
			}
			// Newer ones stand first, but old ones may be as young.
			if got := sorted(p.listed()); got != sorted(c.listed) {
				t.Errorf("registered are %q, want %q", got, c.listed)
			}
			p.nothing(20 * time.Millisecond) // and no second answer
		})
	}
}

func sorted(list string) string {
	words := strings.Fields(list)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// TestSaveOrder: contacts are listed highest q first, with what they have left.
func TestSaveOrder(t *testing.T) {
	b := newRouter(t, nil)
	p := b.phone()
	m := p.registered("<sip:low@h>;q=0.2;expires=600", "<sip:high@h>;q=0.9;expires=700", "<sip:mid@h>;q=0.5;expires=800")
	want := []string{"<sip:high@h>;q=0.9;expires=700", "<sip:mid@h>;q=0.5;expires=800", "<sip:low@h>;q=0.2;expires=600"}
	for i, c := range contacts(m) {
		if !strings.HasPrefix(c, want[i]) {
			t.Errorf("contact %d is %q, want %q", i, c, want[i])
		}
	}
}

// TestSaveCodes are Kamailio's return codes.
func TestSaveCodes(t *testing.T) {
	b := newRouter(t, nil, setting{"max_contacts", 1})
	p := b.phone()
	for _, c := range []struct {
		contact string
		answer  string
		want    int
	}{
		{"<sip:b@h>", sip200, 1}, {"<sip:b@h>", sip200, 2}, {"<sip:c@h>", "SIP/2.0 503", -2}, {"<sip:b@h>;expires=0", sip200, 3},
		{"<sip:b@h>;q=2", "SIP/2.0 400", -1}, {"", sip200, 4},
	} {
		var lines []string
		if c.contact != "" {
			lines = []string{"Contact: " + c.contact}
		}
		p.send(p.register(lines...))
		p.expect(c.answer)
		if got := <-b.codes; got != c.want {
			t.Errorf("save of %s returned %d, want %d", c.contact, got, c.want)
		}
	}
	counted := map[string]int64{}
	b.registrar.Statistics(func(group, name string, value int64) { counted[group+":"+name] = value })
	if counted["registrar:accepted_regs"] != 4 || counted["registrar:rejected_regs"] != 2 {
		t.Errorf("counted are %v, want 4 accepted and 2 rejected", counted)
	}
}

// TestSaveFlags: 0x02 leaves the answer to the script, 0x04 keeps one contact.
func TestSaveFlags(t *testing.T) {
	b := newRouter(t, nil)
	p := b.phone()
	p.registered("<sip:a@h>")
	<-b.codes
	b.script("0x02")
	p.send(p.register("Contact: <sip:b@h>"))
	if code := <-b.codes; code != 1 {
		t.Errorf("save returned %d", code)
	}
	p.nothing(50 * time.Millisecond)
	p.send(p.register("Contact: <sip:b@h>;q=9"))
	p.expect("SIP/2.0 500 Second Answer")
	b.script("4")
	p.registered("<sip:c@h>")
	if got := p.listed(); got != "sip:c@h" {
		t.Errorf("registered are %q, want only the last", got)
	}
}

// TestSaveOther: save is for REGISTER.
func TestSaveOther(t *testing.T) {
	b := newRouter(t, nil)
	save := call(t, b.registrar, "save", "location")
	b.hooks.on(module.RequestRoute, func(c *module.Ctx) { _ = c.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(save(c))}) })
	p := b.phone()
	p.send(p.request("OPTIONS", "sip:example.org", "options", 1, "Contact: <sip:b@h>"))
	p.expect("SIP/2.0 480 -1")
}

// TestSaveSequence: with one Call-ID the CSeq must rise, but what the network
// repeats is answered as before.
func TestSaveSequence(t *testing.T) {
	b := newRouter(t, nil)
	p := b.phone()
	with := func(cseq int, contact string) string {
		return p.request("REGISTER", "sip:example.org", "one-call-id", cseq, "Contact: "+contact)
	}
	first := with(10, "<sip:b@h>")
	for range 2 {
		p.send(first)
		if got := contacts(p.expect(sip200)); len(got) != 1 {
			t.Errorf("the 200 lists %q", got)
		}
	}
	p.send(with(9, "<sip:b@h>;expires=0"))
	p.expect("SIP/2.0 400 CSeq Not Above The Last One")
	p.send(with(10, "<sip:b@h>;expires=0"))
	p.expect("SIP/2.0 400 CSeq Not Above The Last One")
	p.send(with(11, "<sip:b@h>;expires=0"))
	p.expect(sip200)
	if got := p.listed(); got != "" {
		t.Errorf("registered are %q", got)
	}
}

// TestParkedAnswer: the 200 goes out when the database has the row, once,
// however often the phone repeats its request.
func TestParkedAnswer(t *testing.T) {
	db := newDatabase()
	b := newRouter(t, db)
	p := b.phone()
	msg := p.register("Contact: <sip:b@h>;expires=600")
	for range 4 {
		p.send(msg)
	}
	for range 4 {
		if code := <-b.codes; code < 0 {
			t.Errorf("save returned %d", code)
		}
	}
	p.nothing(50 * time.Millisecond)
	db.gate <- nil
	m := p.expect(sip200)
	if got := contacts(m); len(got) != 1 || !strings.HasPrefix(got[0], "<sip:b@h>;expires=600") {
		t.Errorf("the 200 lists %q", got)
	}
	p.nothing(50 * time.Millisecond)
	if n := db.count(); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	p.send(msg) // from memory now
	p.expect(sip200)
	if n := b.engine.Counters().Stateless[2].Load(); n != 2 {
		t.Errorf("%d replies are counted, want 2", n)
	}
	if n := b.engine.Transactions(); n != 0 {
		t.Errorf("%d transactions are left", n)
	}
}

// TestUndoneAnswer: a plain 500 when the database does not take the row in time
// or refuses it, and nothing is registered.
func TestUndoneAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error // what the database says; nil: nothing
	}{
		{"silent", nil},
		{"refusing", &store.FieldError{Field: "contact", Msg: "is planted"}},
		{"away", errors.New("connection refused by secret-host")},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := newDatabase()
			b := newRouter(t, db, setting{"write_timeout", 100})
			p := b.phone()
			p.send(p.register("Contact: <sip:b@h>"))
			if c.err != nil {
				db.gate <- c.err
			}
			m := p.expect("SIP/2.0 500 Server Internal Error\r\n")
			for _, name := range []string{"Contact", "Date", "Path"} {
				if header(m, name) != "" {
					t.Errorf("the 500 has %s: %s", name, header(m, name))
				}
			}
			for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Content-Length"} {
				if header(m, name) == "" {
					t.Errorf("the 500 has no %s:\n%s", name, m.Buf)
				}
			}
			if strings.Contains(string(m.Buf), "secret") || strings.Contains(string(m.Buf), "planted") {
				t.Errorf("the 500 tells too much:\n%s", m.Buf)
			}
			if got := p.listed(); got != "" {
				t.Errorf("registered are %q", got)
			}
		})
	}
}

// TestBusyAnswer: when too many wait for the database, others are told to come again.
func TestBusyAnswer(t *testing.T) {
	b := newRouter(t, newDatabase(), setting{"max_pending", 1}, setting{"retry_after", 7})
	busy := 0
	p := b.phone()
	for i := range 3 { // one in flight, one waiting, one too many
		p.send(p.register(fmt.Sprintf("Contact: <sip:%d@h>", i)))
		if <-b.codes < 0 {
			busy++
			m := p.expect("SIP/2.0 503 Service Unavailable")
			if header(m, "Retry-After") != "7" {
				t.Errorf("Retry-After is %q, want 7", header(m, "Retry-After"))
			}
		}
	}
	if busy == 0 {
		t.Error("nobody was told to come again")
	}
}
