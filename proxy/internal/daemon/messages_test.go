package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/deploy"
	"seraph/proxy/internal/script"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// leave stores texts for bob, in their order.
func leave(alice *phone, texts ...string) {
	alice.t.Helper()
	for i, text := range texts {
		alice.start("MESSAGE", bobURI(), fmt.Sprintf("leave-%d-%d", alice.n, i), text)
		alice.expect("SIP/2.0 202")
	}
}

func (s *stand) siloOf(user string) []store.SiloMessage {
	s.t.Helper()
	list, _, err := s.db.Silo.List(s.t.Context(), of(user), store.SiloQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *stand) emptySilo(user string) {
	s.t.Helper()
	s.wait("the silo of "+user+" is empty", func() bool { return len(s.siloOf(user)) == 0 })
}

// offline is what stands before a stored text.
var offline = regexp.MustCompile(`^\[Offline message - [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\] `)

// TestStoredMessages: a message to somebody who is away is answered 202 when it is in
// the table; when he registers he gets his 200 and then all of them, one after the
// other and in their order, and the table is empty.
func TestStoredMessages(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	texts := []string{"first <script>alert(1)</script>", "second", "third\r\nof two lines"}
	for i, text := range texts {
		leave(alice, text)
		if n := s.rows("SELECT COUNT(*) FROM silo WHERE username = 'bob' AND src_addr = 'sip:alice@example.org'"); n != i+1 {
			t.Fatalf("after %d answers of 202 there are %d rows", i+1, n)
		}
	}
	bob.register()
	for i, text := range texts {
		m := bob.expect("MESSAGE")
		body := string(m.Body())
		if prefix := offline.FindString(body); prefix == "" || body[len(prefix):] != text {
			t.Errorf("message %d has the body %q", i+1, body)
		}
		if from, to := string(m.HeaderValue(sip.HdrFrom)), string(m.HeaderValue(sip.HdrTo)); !strings.Contains(from, "<sip:alice@example.org>") || to != "<sip:bob@example.org>" {
			t.Errorf("message %d is from %s to %s", i+1, from, to)
		}
		if _, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", string(m.HeaderValue(sip.HdrDate))); err != nil {
			t.Errorf("message %d: Date: %v", i+1, err)
		}
		if m.Header(sip.HdrContact) != nil {
			t.Errorf("message %d has a Contact", i+1)
		}
		if i == 0 {
			if other := bob.within(200*time.Millisecond, "MESSAGE"); other != nil && string(other.CallID()) != string(m.CallID()) {
				t.Error("the second message came before the first was answered")
			}
		}
		bob.answer(m, 200)
	}
	s.emptySilo("bob")
}

// TestNotStored: what is answered 503, with no row.
func TestNotStored(t *testing.T) {
	script := strings.Replace(embeddedText(), "\nroute", `
modparam("msilo", "max_messages", 2)
modparam("msilo", "foreign_quota", 1)
modparam("msilo", "foreign_period", 3600)
route`, 1)
	s := newStand(t, script, "alice", "bob", "full")
	alice := s.phone("alice")
	for _, x := range []struct {
		name, uri, body string
		lines           []string
		want            string
	}{
		{"no body", bobURI(), "", nil, "503"},
		{"no Content-Type", bobURI(), "x", []string{"Content-Type: "}, "503"},
		{"a bad Content-Type", bobURI(), "x", []string{"Content-Type: text"}, "503"},
		{"that expires at once", bobURI(), "x", []string{"Expires: 0"}, "503"},
		{"to nobody", "sip:nobody@" + testDomain, "x", nil, "503"},
		{"one", "sip:full@" + testDomain, "x", nil, "202"},
		{"two", "sip:full@" + testDomain, "x", nil, "202"},
		{"one too many", "sip:full@" + testDomain, "x", nil, "503"},
	} {
		alice.start("MESSAGE", x.uri, "n"+strings.ReplaceAll(x.name, " ", "-"), x.body, x.lines...)
		if m := alice.expect("SIP/2.0 "); m.Status != 407 && fmt.Sprint(m.Status) != x.want {
			t.Errorf("a message %s is answered %d, want %s", x.name, m.Status, x.want)
		}
	}
	for i, want := range []string{"202", "503"} {
		eve := s.phone("eve")
		eve.send(eve.request("MESSAGE", bobURI(), fmt.Sprintf("foreign-%d", i), 1, "x", "From: <sip:eve@elsewhere.example>;tag=1"))
		eve.expect("SIP/2.0 " + want)
	}
	if n := s.rows("SELECT COUNT(*) FROM silo"); n != 3 {
		t.Errorf("%d rows, want the two of full and the one of the stranger", n)
	}
}

// TestStoreWithoutDatabase: with the database locked a message is answered 503 within
// its time, and there is no row then or later.
func TestStoreWithoutDatabase(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice := s.phone("alice")
	leave(alice, "while it is there") // so that the credentials are cached
	release := s.lock()
	alice.start("MESSAGE", bobURI(), "away", "while it is away")
	if m := alice.within(8*time.Second, "SIP/2.0 503"); m == nil {
		t.Error("no 503 came")
	}
	release()
	leave(alice, "when it is back")
	for _, m := range s.siloOf("bob") {
		if string(m.Body) == "while it is away" {
			t.Error("the message that was answered 503 is stored")
		}
	}
}

// shortTimer is the embedded script in which a phone has one second to answer.
func shortTimer() string {
	return strings.Replace(embeddedText(), "\nroute", "\nmodparam(\"tm\", \"fr_timer\", 1)\nroute", 1)
}

// TestPhoneVanishes: a phone that does not answer a delivery loses nothing, nothing
// is stored twice, and the next registration brings it.
func TestPhoneVanishes(t *testing.T) {
	s := newStand(t, shortTimer(), "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "one", "two")
	bob.register()
	bob.expect("MESSAGE") // and no answer, nor to the next one
	s.wait("the attempts are noted", func() bool { l := s.siloOf("bob"); return len(l) == 2 && l[1].Attempts == 1 })
	if l := s.siloOf("bob"); l[0].LastCode != 408 || l[0].Refused || l[0].Attempts != 1 || l[1].Refused {
		t.Errorf("the silo has %+v", l)
	}
	again := s.phone("bob")
	bob.register("Contact: *", "Expires: 0")
	again.register()
	for _, want := range []string{"one", "two"} {
		m := again.expect("MESSAGE")
		if !strings.HasSuffix(string(m.Body()), "] "+want) {
			t.Errorf("got %q, want %q", m.Body(), want)
		}
		again.answer(m, 200)
	}
	s.emptySilo("bob")
}

// TestPhoneIsGone: a message to a phone that is registered and does not answer is
// kept as for somebody who is away.
func TestPhoneIsGone(t *testing.T) {
	s := newStand(t, shortTimer(), "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	bob.register()
	alice.start("MESSAGE", bobURI(), "gone", "are you there?")
	bob.expect("MESSAGE")
	alice.expect("SIP/2.0 202")
	if l := s.siloOf("bob"); len(l) != 1 {
		t.Errorf("%d messages are stored, want 1", len(l))
	}
}

// TestRefusedForGood: a phone that cannot take one message gets the next one; the
// refused one stays, and is not sent again.
func TestRefusedForGood(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "bad", "good")
	bob.register()
	bob.answer(bob.expect("MESSAGE"), 415)
	bob.answer(bob.expect("MESSAGE"), 200)
	s.wait("one is left", func() bool { return len(s.siloOf("bob")) == 1 })
	if l := s.siloOf("bob"); !l[0].Refused || l[0].LastCode != 415 || string(l[0].Body) != "bad" {
		t.Errorf("the silo has %+v", l)
	}
	bob.register()
	if m := bob.within(300*time.Millisecond, "MESSAGE"); m != nil {
		t.Errorf("it is sent again: %s", m.Buf)
	}
}

// TestNoDump: registrations after which nothing is delivered.
func TestNoDump(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "x")
	for _, lines := range [][]string{
		{"Allow: INVITE, ACK, BYE"},
		{fmt.Sprintf(`Contact: <sip:bob@127.0.0.1:%d>;methods="INVITE,BYE"`, bob.port())},
		{fmt.Sprintf("Contact: <sip:bob@127.0.0.1:%d>;expires=0", bob.port())},
		{"Contact: *", "Expires: 0"},
	} {
		bob.register(lines...)
		if m := bob.within(200*time.Millisecond, "MESSAGE"); m != nil {
			t.Errorf("after %q something is delivered", lines)
		}
	}
	bob.register("Allow: INVITE, MESSAGE")
	bob.answer(bob.expect("MESSAGE"), 200)
	s.emptySilo("bob")
}

// TestStoredByAlias: a message to another name of his is his, also where the script
// leaves it to m_store.
func TestStoredByAlias(t *testing.T) {
	s := newStand(t, handbook(testDomain, "DBURL"), "alice", "bob")
	if err := s.db.Aliases.Add(t.Context(), of("4711"), of("bob")); err != nil {
		t.Fatal(err)
	}
	s.d.Reload(t.Context())
	alice := s.phone("alice")
	alice.send(alice.request("MESSAGE", "sip:4711@"+testDomain, "alias", 1, "x"))
	alice.expect("SIP/2.0 202")
	if l := s.siloOf("bob"); len(l) != 1 || l[0].To != "sip:4711@"+testDomain {
		t.Errorf("the silo of bob has %+v", l)
	}
}

// TestStoreModes: whose message it is, by SER's modes and by Kamailio's owner, where the
// script has changed the Request-URI.
func TestStoreModes(t *testing.T) {
	var cases strings.Builder
	for name, whom := range map[string]string{"None": "", "Zero": `"0"`, "One": `"1"`, "Two": `"2"`, "Ru": `"$ru"`, "Ou": `"$ou"`, "Tu": `"$tu"`, "Text": `"sip:$hdr(X-Whom)@$rd"`} {
		fmt.Fprintf(&cases, "\tif (is_present_hf(\"X-%s\")) { if (m_store(%s)) { t_reply(\"202\", \"Accepted\"); break; }; t_reply(\"503\", \"Not Kept\"); break; };\n", name, whom)
	}
	s := newStand(t, `
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "textops.so"
loadmodule "msilo.so"
modparam("msilo", "db_url", "DBURL")
route {
	if (!t_newtran()) { sl_reply_error(); break; };
	rewriteuser("changed");
`+cases.String()+`}
`, "received", "changed", "to", "whom")
	alice := s.phone("alice")
	const received = "sip:received@" + testDomain
	for i, x := range []struct{ name, uri, to, header, want string }{
		{"None", received, "to", "x", "changed"}, {"Zero", received, "to", "x", "changed"}, {"One", received, "to", "x", "received"}, {"Two", received, "to", "x", "to"},
		{"Ru", received, "to", "x", "changed"}, {"Ou", received, "to", "x", "received"}, {"Tu", received, "to", "x", "to"}, {"Text", received, "to", "WHOM", "whom"},
		{"One", "sip:nobody@" + testDomain, "to", "x", ""}, {"One", "sip:" + testDomain, "to", "x", ""}, {"Two", received, "nobody", "x", ""}, {"Two", received, "", "x", ""},
		{"Text", received, "to", "nobody", ""}, {"Text", received, "to", "a b", ""}, {"Text", received, "to", "", ""},
	} {
		before := map[string]int{}
		for _, user := range []string{"received", "changed", "to", "whom"} {
			before[user] = len(s.siloOf(user))
		}
		to := "To: <sip:" + x.to + "@" + testDomain + ">"
		if x.to == "" {
			to = "To: <sip:" + testDomain + ">"
		}
		alice.send(alice.request("MESSAGE", x.uri, fmt.Sprintf("mode-%d", i), 1, "x", to, "X-"+x.name+": 1", "X-Whom: "+x.header))
		want := 503
		if x.want != "" {
			want = 202
		}
		if m := alice.expect("SIP/2.0 "); m.Status != want {
			t.Errorf("%+v is answered %d", x, m.Status)
		}
		for user, n := range before {
			if got := len(s.siloOf(user)) - n; got != 0 && user != x.want || got != 1 && user == x.want {
				t.Errorf("%+v: %s has %d more", x, user, got)
			}
		}
	}
}

// TestRemindersAreWhole: half of what reminders need ends the start with its name.
func TestRemindersAreWhole(t *testing.T) {
	for params, want := range map[string]string{
		`modparam("msilo", "snd_time_avp", "$avp(x)")`:                                                           "needs reminder",
		`modparam("msilo", "snd_time_avp", "$avp(x)") modparam("msilo", "reminder", "sip:r@` + testDomain + `")`: "needs send_time",
	} {
		file := filepath.Join(t.TempDir(), "seraph.cfg")
		if err := os.WriteFile(file, []byte("loadmodule \"msilo.so\"\n"+params+"\nroute { m_store(); }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Config{Version: "test", DB: NoDatabase, Script: file, State: t.TempDir(), Control: filepath.Join(t.TempDir(), "c"),
			Listen: []string{"udp:127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "module msilo") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", params, err)
		}
	}
}

// The three snippets of the handbook, letter by letter.
const (
	snippetLoad = `    loadmodule "/usr/local/lib/ser/modules/msilo.so"
    modparam("msilo", "registrar", "sip:registrar@example.org")
    modparam("msilo", "db_url", "sql://ser:passwd@dbhost/ser")
`
	snippetStore = `    if (!lookup("location")) {
      if (method == "MESSAGE") {
        if (!t_newtran()) { sl_reply_error(); break; };
        if (m_store("0")) { t_reply("202", "Accepted for Later Delivery"); break; };
        t_reply("503", "Service Unavailable");
        break;
      };
    };
`
	snippetDump = `    if (!save("location")) { sl_reply_error(); };
    m_dump();
`
)

// handbook is a script of SER's kind around the snippets. Of these only the domain
// and the database's URL are replaced.
func handbook(domain, url string) string {
	load := strings.Replace(strings.Replace(snippetLoad, "example.org", domain, 1), "sql://ser:passwd@dbhost/ser", url, 1)
	return `
loadmodule "/usr/local/lib/ser/modules/sl.so"
loadmodule "/usr/local/lib/ser/modules/tm.so"
loadmodule "/usr/local/lib/ser/modules/rr.so"
loadmodule "/usr/local/lib/ser/modules/maxfwd.so"
loadmodule "/usr/local/lib/ser/modules/usrloc.so"
loadmodule "/usr/local/lib/ser/modules/registrar.so"
` + load + `
route{
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483","Too Many Hops"); break; };
	if (loose_route()) { t_relay(); break; };
	if (method=="REGISTER") {
` + snippetDump + `
		break;
	};
` + snippetStore + `
	if (!t_relay()) { sl_reply_error(); };
}
`
}

// TestHandbookSnippets: they are taken as they stand, and do what the handbook says.
func TestHandbookSnippets(t *testing.T) {
	if _, problems := compileOnly("handbook.cfg", []byte(handbook("example.org", "sql://ser:passwd@dbhost/ser")), script.Options{}); len(problems) > 0 {
		t.Fatal(ScriptError(problems))
	}
	s := newStand(t, handbook(testDomain, "DBURL"), "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	for i, text := range []string{"one", "two"} {
		alice.send(alice.request("MESSAGE", bobURI(), fmt.Sprintf("snippet-%d", i), 1, text))
		if m := alice.expect("SIP/2.0 202"); string(m.Reason()) != "Accepted for Later Delivery" || len(m.Body()) > 0 || m.Header(sip.HdrContact) != nil {
			t.Errorf("answered %q", m.Buf)
		}
	}
	alice.send(alice.request("MESSAGE", "sip:nobody@"+testDomain, "snippet-3", 1, "x"))
	alice.expect("SIP/2.0 503")
	bob.send(bob.request("REGISTER", "sip:"+testDomain, "reg", 1, ""))
	bob.expect("SIP/2.0 200")
	for _, want := range []string{"one", "two"} {
		m := bob.expect("MESSAGE")
		if !strings.HasSuffix(string(m.Body()), "] "+want) {
			t.Errorf("got %q, want %q", m.Body(), want)
		}
		bob.answer(m, 200)
	}
	s.emptySilo("bob")
}

// TestImSend: what becomes of a message of the portal's.
func TestImSend(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	bob := s.phone("bob")
	bob.register()
	for _, x := range []struct {
		to     string
		answer int
		want   ctlproto.ImSendResult
	}{
		{"bob", 200, ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}},
		{"bob", 603, ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 603, Reason: "Decline"}},
		{"carol", 0, ctlproto.ImSendResult{Result: ctlproto.ImStored, Code: 202, Reason: "Accepted for Later Delivery"}},
		{"nobody", 0, ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 503, Reason: "Service Unavailable"}},
	} {
		done := make(chan ctlproto.ImSendResult, 1)
		go func() {
			r, err := client.ImSend(t.Context(), ctlproto.ImSendParams{From: "alice@" + testDomain, To: x.to, Text: "Grüße\nan " + x.to, Actor: "test"})
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		if x.answer != 0 {
			m := bob.expect("MESSAGE")
			if string(m.Body()) != "Grüße\nan bob" || string(m.HeaderValue(sip.HdrContentType)) != "text/plain;charset=UTF-8" {
				t.Errorf("the phone gets %q", m.Buf)
			}
			bob.answer(m, x.answer)
		}
		if got := <-done; got != x.want {
			t.Errorf("to %s: %+v, want %+v", x.to, got, x.want)
		}
	}
	_, err = client.ImSend(t.Context(), ctlproto.ImSendParams{From: "alice@" + testDomain, To: "bob", Text: strings.Repeat("x", 1200)})
	if err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a text that does not fit: %v", err)
	}
	if l := s.siloOf("carol"); len(l) != 1 || l[0].From != "sip:alice@"+testDomain {
		t.Errorf("the silo of carol has %+v", l)
	}
}

// TestLargestImSend: the longest text that the portal may send goes to the phone in a
// datagram of at most 1300 bytes (RFC 3428 §8), and not much less; nothing in it leads the
// way of a dialog, for a MESSAGE begins none.
func TestLargestImSend(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	bob := s.phone("bob")
	bob.register()
	done := make(chan int, 1)
	go func() {
		for n := 1200; ; n-- {
			_, err := client.ImSend(t.Context(), ctlproto.ImSendParams{From: "alice@" + testDomain, To: "bob", Text: strings.Repeat("x", n), Actor: "test"})
			if err == nil || n == 0 || !strings.Contains(err.Error(), "does not fit") {
				done <- n
				return
			}
		}
	}()
	m := bob.expect("MESSAGE")
	bob.answer(m, 200)
	if n := <-done; len(m.Body()) != n || len(m.Buf) > 1300 || len(m.Buf) < 1200 {
		t.Errorf("of %d bytes of text the phone gets %d in a datagram of %d", n, len(m.Body()), len(m.Buf))
	}
	if m.Header(sip.HdrRecordRoute) != nil {
		t.Errorf("there is a Record-Route:\n%s", m.Buf)
	}
}

// TestOneBlockerAtThePhone: a message that a phone ignores holds up neither those behind
// it nor what is written to it meanwhile.
func TestOneBlockerAtThePhone(t *testing.T) {
	s := newStand(t, shortTimer(), "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "ignored", "one", "two")
	bob.register()
	var got []string
	for len(got) < 2 {
		m := bob.expect("MESSAGE")
		if text := string(m.Body()); !strings.HasSuffix(text, "ignored") {
			got = append(got, text[strings.LastIndexByte(text, ' ')+1:])
			bob.answer(m, 200)
		}
	}
	if got[0] != "one" || got[1] != "two" {
		t.Errorf("delivered %q", got)
	}
	s.wait("one is left", func() bool { l := s.siloOf("bob"); return len(l) == 1 && l[0].Attempts == 1 && l[0].LastCode == 408 })
	bob.register()
	if text := string(bob.expect("MESSAGE").Body()); !strings.HasSuffix(text, "ignored") {
		t.Errorf("got %q, want the message once more", text)
	}
	alice.start("MESSAGE", bobURI(), "live", "are you there?")
	for {
		m := bob.expect("MESSAGE")
		if strings.HasSuffix(string(m.Body()), "ignored") {
			continue // the same again
		}
		if string(m.Body()) != "are you there?" {
			t.Errorf("got %q, want the live message", m.Body())
		}
		bob.answer(m, 200)
		break
	}
	alice.expect("SIP/2.0 200")
}

// TestMsiloMethods: the store on the control socket, and its events.
func TestMsiloMethods(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	feed, err := client.Subscribe(t.Context(), ctlproto.TopicMessage)
	if err != nil {
		t.Fatal(err)
	}
	hears := func(total, unread int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for {
			e, err := feed.Next(ctx)
			if err != nil {
				t.Fatalf("no event with %d messages, %d unread: %v", total, unread, err)
			}
			if m, err := e.Message(); err == nil && m.Owner == "bob@"+testDomain && m.Total == total && m.Unread == unread {
				return
			}
		}
	}
	caller, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	alice, bob := s.phone("alice"), s.phone("bob")
	leave(alice, "one", "two", "three")
	hears(3, 3)
	list, err := caller.MsiloList(t.Context(), ctlproto.MsiloListParams{Owner: "bob@" + testDomain, Limit: 2})
	if err != nil || list.Total != 3 || list.Unread != 3 || len(list.Messages) != 2 || string(list.Messages[0].Body) != "one" {
		t.Fatalf("msilo.list: %+v, %v", list, err)
	}
	if n, err := caller.MsiloRead(t.Context(), "alice@"+testDomain, list.Messages[0].ID); n != 0 || err != nil {
		t.Errorf("alice reads bob's message: %d, %v", n, err)
	}
	if n, err := caller.MsiloRead(t.Context(), "bob@"+testDomain, list.Messages[1].ID, 999999); n != 1 || err != nil {
		t.Errorf("msilo.read: %d, %v", n, err)
	}
	hears(3, 2)
	if n, err := caller.MsiloRead(t.Context(), "bob@"+testDomain, list.Messages[1].ID); n != 0 || err != nil {
		t.Errorf("msilo.read again: %d, %v", n, err)
	}
	if _, err := caller.MsiloRm(t.Context(), "alice@"+testDomain, list.Messages[0].ID); err == nil {
		t.Error("alice removes bob's message")
	}
	if n, err := caller.MsiloRm(t.Context(), "bob@"+testDomain, list.Messages[0].ID); n != 1 || err != nil {
		t.Errorf("msilo.rm: %d, %v", n, err)
	}
	hears(2, 1)
	if _, err := caller.MsiloDump(t.Context(), "bob@"+testDomain); err == nil || !strings.Contains(err.Error(), "no phone") {
		t.Errorf("msilo.dump without a phone: %v", err)
	}
	bob.register("Allow: INVITE")
	if _, err := caller.MsiloDump(t.Context(), "bob@"+testDomain); err == nil {
		t.Error("msilo.dump with a phone that takes no messages")
	}
	bob.register("Contact: *", "Expires: 0")
	second := s.phone("bob")
	second.register("Allow: INVITE, MESSAGE")
	second.answer(second.expect("MESSAGE"), 480)
	s.wait("the attempt is noted", func() bool { l := s.siloOf("bob"); return len(l) == 2 && l[0].Attempts == 1 })
	if n, err := caller.MsiloDump(t.Context(), "bob@"+testDomain); n != 2 || err != nil {
		t.Errorf("msilo.dump: %d, %v", n, err)
	}
	second.answer(second.expect("MESSAGE"), 200)
	second.answer(second.expect("MESSAGE"), 200)
	hears(0, 0)
}

// lock keeps the proxy from writing to the database until the function it returns is
// called.
func (s *stand) lock() func() {
	s.t.Helper()
	db := s.open()
	conn, err := db.Conn(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.ExecContext(s.t.Context(), "BEGIN IMMEDIATE"); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		_, err := conn.ExecContext(context.WithoutCancel(s.t.Context()), "ROLLBACK")
		if err != nil {
			s.t.Error(err)
		}
		conn.Close()
		db.Close()
	}
}

// TestMessageBesideAStalePhone: a message that one phone refuses and another says nothing to waits,
// as that one's user may not have seen it; one that all phones refuse does not.
func TestMessageBesideAStalePhone(t *testing.T) {
	impatient := strings.Replace(deploy.Script(), `t_on_failure("1");`, `t_on_failure("1"); t_set_fr("2000", "1000");`, 1)
	s := newStand(t, impatient, "alice", "bob", "carol")
	alice := s.phone("alice")
	refuses := func(user string) {
		p := s.phone(user)
		p.register()
		go func() {
			for buf := make([]byte, 65536); ; {
				n, err := p.conn.Read(buf)
				if err != nil {
					return
				}
				m := &sip.Message{}
				if m.Parse(bytes.Clone(buf[:n])) == nil && m.IsRequest {
					p.answer(m, 404)
				}
			}
		}()
	}
	refuses("bob")
	s.phone("bob").register() // it says nothing
	refuses("carol")
	for user, want := range map[string]string{"bob": "SIP/2.0 202", "carol": "SIP/2.0 404"} {
		alice.start("MESSAGE", "sip:"+user+"@"+testDomain, "stale-"+user, "are you there?")
		alice.expect(want)
		if n := s.rows("SELECT COUNT(*) FROM silo WHERE username = ?", user); (n == 1) != (user == "bob") {
			t.Errorf("%d messages wait for %s", n, user)
		}
	}
}
