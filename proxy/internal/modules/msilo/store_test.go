package msilo

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
	"seraph/sql/store"
)

func message(at time.Time, kind string) store.SiloMessage {
	return store.SiloMessage{Owner: bobAOR, From: "sip:alice@example.org", ContentType: kind, Body: []byte("hello"), Received: at}
}

// stores runs m_store on a MESSAGE; lines replace the usual ones.
func (b *bench) stores(body string, lines ...string) int {
	b.t.Helper()
	return b.storesFor("sip:bob@example.org", "0", body, lines...)
}

func (b *bench) storesFor(uri, whom, body string, lines ...string) int {
	b.t.Helper()
	return b.storesAfter(func(*module.Ctx) {}, uri, whom, body, lines...)
}

// storesAfter is storesFor where the script does something before m_store.
func (b *bench) storesAfter(before func(c *module.Ctx), uri, whom, body string, lines ...string) int {
	b.t.Helper()
	text := moduletest.Request("MESSAGE", uri, append([]string{"Content-Type: text/plain"}, lines...)...)
	text = strings.Replace(text, "Content-Length: 0", fmt.Sprintf("Content-Length: %d", len(body)), 1) + "\n" + body
	for _, l := range lines {
		if name, _, _ := strings.Cut(l, ":"); name == "Content-Type" {
			text = strings.Replace(text, "Content-Type: text/plain\n", "", 1)
		} else if name == "From" {
			text = strings.Replace(text, "From: \"Alice\" <sip:alice@example.org>;tag=at\n", "", 1)
		}
	}
	router := moduletest.New(b.t, &moduletest.Script{Request: func(c *module.Ctx) {
		if b.known {
			c.Auth.User, c.Auth.Domain = []byte("alice"), []byte("example.org")
		}
		before(c)
		store := moduletest.Compile(b.t, b.m, "m_store", whom)
		status := 503
		if store(c) == module.True {
			status = 202
		}
		_ = c.Reply(&sip.Reply{Status: status})
	}})
	sent := router.Receive("udp:192.0.2.7:5060", text)
	var status int
	if _, err := fmt.Sscanf(sent[len(sent)-1].Text, "SIP/2.0 %d", &status); err != nil {
		b.t.Fatalf("%v in %q", err, sent[len(sent)-1].Text)
	}
	return status
}

// TestWhatIsStored: the message with everything that its delivery needs.
func TestWhatIsStored(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		status := b.stores("hello", "Expires: 60", "Content-Encoding: identity", "Subject: a\r\n b", "X-Other: y")
		rows := b.rows()
		if status != 202 || len(rows) != 1 {
			t.Fatalf("answered %d, %d rows", status, len(rows))
		}
		m := rows[0]
		if m.Owner != bobAOR || m.From != "sip:alice@example.org" || m.FromName != "Alice" || m.To != "sip:bob@example.org" ||
			m.ContentType != "text/plain" || string(m.Body) != "hello" || m.CallID != "call-1" ||
			m.ExtraHeaders != "Content-Encoding: identity\r\nSubject: a b\r\n" || m.Expires.Sub(m.Received) != time.Minute {
			t.Errorf("stored %+v", m)
		}
		b.stores("hello", "Expires: 99999999")
		b.stores("hello", "Expires: soon")
		for _, m := range b.rows()[1:] {
			if m.Expires.Sub(m.Received) != 72*time.Hour {
				t.Errorf("kept for %v, want three days", m.Expires.Sub(m.Received))
			}
		}
	})
}

// TestWhomItIsFor: which address of the request counts.
func TestWhomItIsFor(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		for _, x := range []struct {
			uri, whom string
			want      int
		}{
			{"sip:bob@example.org", "0", 202}, {"sip:BOB@Example.org;transport=tcp", "1", 202}, {"sip:other@example.org", "2", 202},
			{"sip:other@example.org", "$tu", 202}, {"sip:bob@example.org", "$ou", 202}, {"sip:other@example.org", "sip:bob@example.org", 202},
			{"sip:bob@192.0.2.1", "sip:$rU@example.org", 202}, {"sip:other@example.org", "sip:$tU@$td", 202},
			{"sip:bob@example.org", "$fu", 503}, {"sip:bob@example.org", "$hdr(X-None)", 503}, {"sip:bob@example.org", "sip:$rd", 503},
			{"sip:other@example.org", "0", 503}, {"sip:example.org", "0", 503}, {"tel:+49123", "0", 503},
		} {
			if got := b.storesFor(x.uri, x.whom, "hello"); got != x.want {
				t.Errorf("m_store(%s) for %s: %d, want %d", x.whom, x.uri, got, x.want)
			}
		}
	})
}

// TestRefusedToStore: wrong input, each kind.
func TestRefusedToStore(t *testing.T) {
	bubble(t, func(b *bench) {
		for name, x := range map[string]struct {
			body  string
			lines []string
		}{
			"no body":              {"", nil},
			"a body too large":     {strings.Repeat("x", maxBody+1), nil},
			"no type":              {"x", []string{"Content-Type: "}},
			"a bad type":           {"x", []string{"Content-Type: plain"}},
			"a type of half":       {"x", []string{"Content-Type: text/"}},
			"expired":              {"x", []string{"Expires: 0"}},
			"is composing":         {"<isComposing/>", []string{"Content-Type: application/im-iscomposing+xml"}},
			"is composing, folded": {"<isComposing/>", []string{"Content-Type: Application/IM-isComposing+xml\r\n ;charset=utf-8"}},
			"kept headers too big": {"x", []string{"Subject: " + strings.Repeat("s", 5000)}},
		} {
			if status := b.stores(x.body, x.lines...); status != 503 {
				t.Errorf("%s: %d, want 503", name, status)
			}
		}
		b.m.own.add("call-1")
		if status := b.stores("x"); status != 503 {
			t.Errorf("one of our own: %d, want 503", status)
		}
		b.m.own.remove("call-1")
		b.silo.away = true
		if status := b.stores("x"); status != 503 {
			t.Errorf("with the database away: %d, want 503", status)
		}
		if n := len(b.rows()); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestForeign: strangers' messages are counted by source, or not taken at all.
func TestForeign(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		got := []int{b.stores("1"), b.stores("2"), b.stores("3")}
		time.Sleep(11 * time.Second)
		if got = append(got, b.stores("4")); fmt.Sprint(got) != "[202 202 503 202]" {
			t.Errorf("answered %v", got)
		}
	}, [2]string{"foreign_quota", "2"}, [2]string{"foreign_period", "10"})
	bubble(t, func(b *bench) {
		if status := b.stores("x"); status != 503 {
			t.Errorf("answered %d although store_foreign is off", status)
		}
	}, [2]string{"store_foreign", "0"})
}

// TestForeignPart: strangers fill their part of a store; people who are known fill the
// rest.
func TestForeignPart(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		var got []int
		for range 4 {
			got = append(got, b.stores("from a stranger"))
		}
		b.known = true
		for range 3 {
			got = append(got, b.stores("from alice"))
		}
		if fmt.Sprint(got) != "[202 202 503 503 202 202 503]" {
			t.Errorf("answered %v", got)
		}
	}, [2]string{"max_foreign", "2"}, [2]string{"max_messages", "4"})
}

// TestGuessing: asking for people who do not exist uses a stranger's quota up, after
// which everybody is answered alike; with store_foreign off they are from the start.
func TestGuessing(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		var got []int
		for i := range 3 {
			got = append(got, b.storesFor(fmt.Sprintf("sip:guess%d@example.org", i), "0", "x"))
		}
		if got = append(got, b.stores("x")); fmt.Sprint(got) != "[503 503 503 503]" {
			t.Errorf("answered %v, want 503 for bob too after three guesses", got)
		}
	}, [2]string{"foreign_quota", "3"})
	bubble(t, func(b *bench) {
		if bob, nobody := b.stores("x"), b.storesFor("sip:nobody@example.org", "0", "x"); bob != 503 || nobody != 503 {
			t.Errorf("bob is answered %d and nobody %d, want 503 for both", bob, nobody)
		}
	}, [2]string{"store_foreign", "0"})
}

// TestFoldedType: a Content-Type over several lines is stored as one.
func TestFoldedType(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		for folded, want := range map[string]string{
			"text/plain;\r\n charset=utf-8":           "text/plain; charset=utf-8",
			"text/plain ; \r\n\t charset=\"a  b\"":    "text/plain ; charset=\"a  b\"",
			"\r\n text/html":                          "text/html",
			"text/plain;\tcharset=utf-8;\r\n  x=y":    "text/plain; charset=utf-8; x=y",
			"multipart/mixed;\r\n boundary=\"--1--\"": "multipart/mixed; boundary=\"--1--\"",
		} {
			if status := b.stores("x", "Content-Type: "+folded); status != 202 {
				t.Errorf("%q is answered %d", folded, status)
				continue
			}
			rows := b.rows()
			if got := rows[len(rows)-1].ContentType; got != want {
				t.Errorf("%q is stored as %q, want %q", folded, got, want)
			}
		}
	})
}

// TestForgedSources: ten thousand sources that a stranger has made up leave all others
// what is theirs.
func TestForgedSources(t *testing.T) {
	bubble(t, func(b *bench) {
		for i := range 20000 {
			key := module.QuotaKey(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
			b.m.quota.Take(key[:], b.m.cfg.Now())
		}
		b.phones.set(0, false)
		if status := b.stores("x"); status != 202 {
			t.Errorf("answered %d", status)
		}
	})
}

// TestRefusalsInTheLog: a stranger fills no log with what is not stored for him; what is
// refused to who is known is logged each time.
func TestRefusalsInTheLog(t *testing.T) {
	const line, away = "level=INFO msg=\"msilo: message not stored\"", "level=WARN msg=\"msilo: message not stored\""
	bubble(t, func(b *bench) {
		for range 50 {
			b.stores("")
		}
		b.logged(line, 1)
		b.logged("call_id=call-1", 1)
		time.Sleep(time.Hour)
		b.stores("")
		b.logged(line, 2)
		b.logged("refused_to_strangers=51", 1)
		b.silo.mu.Lock()
		b.silo.away = true
		b.silo.mu.Unlock()
		for range 50 {
			b.stores("x")
		}
		b.logged(away, 1) // not silenced by the other kind
		time.Sleep(awayPeriod)
		b.stores("x")
		b.logged(away, 2)
		b.known = true
		for range 3 {
			b.stores("")
		}
		b.logged(line, 2+3)
	})
}

// TestFoldedName: a display name over several lines is stored as one.
func TestFoldedName(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		if status := b.stores("x", "From: \"Anna\r\n Novak\" <sip:alice@example.org>;tag=at"); status != 202 {
			t.Fatalf("answered %d", status)
		}
		if rows := b.rows(); rows[0].FromName != "Anna Novak" {
			t.Errorf("the name is %q", rows[0].FromName)
		}
	})
}

// TestStoredAndBack: a phone that came back while the message was stored gets it at once.
func TestStoredAndBack(t *testing.T) {
	bubble(t, func(b *bench) {
		b.stores("hello")
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 1 || len(b.rows()) != 0 {
			t.Errorf("sent %q, left %+v", got, b.rows())
		}
	})
}

// TestWithoutDatabase: nothing is stored, and the script hears it.
func TestWithoutDatabase(t *testing.T) {
	m := New(Config{Sender: &wire{answers: []ua.Answer{taken()}}})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, m: m}
	if status := b.stores("x"); status != 503 {
		t.Errorf("answered %d", status)
	}
}
