package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// mannersScript is the router's own script with notices, reminders and a small quota; a
// message with a header Send-Time is kept until then, and one for another's inbox, by
// the header Inbox, goes there.
func mannersScript(t *testing.T) string {
	t.Helper()
	text := defaultScript(t, `
modparam("msilo", "from_address", "sip:registrar@`+stand.Domain+`")
modparam("msilo", "offline_message", "*** User $rU is offline!")
modparam("msilo", "extra_hdrs", "X-Wrote-To: $tu\r\n")
modparam("msilo", "max_messages", 3)
modparam("msilo", "reminder", "sip:reminder@`+stand.Domain+`")
modparam("msilo", "send_time", 1)
modparam("msilo", "snd_time_avp", "$avp(snd_time)")`)
	const where = "\t# Where are his phones?"
	if strings.Count(text, where) != 1 {
		t.Fatalf("the script has not %q once", where)
	}
	return strings.Replace(text, where, `	if (method == "MESSAGE" && is_present_hf("Send-Time")) {
		$avp(snd_time) = $hdr(Send-Time);
		if (!t_newtran()) { sl_reply_error(); break; };
		if (m_store("$ou")) { t_reply("202", "Kept"); } else { t_reply("503", "Not Kept"); };
		break;
	};
	if (method == "MESSAGE" && is_present_hf("Inbox")) {
		if (!t_newtran()) { sl_reply_error(); break; };
		if (m_store("sip:$hdr(Inbox)@$rd")) { t_reply("202", "Kept"); } else { t_reply("503", "Not Kept"); };
		break;
	};
`+where, 1)
}

// sends sends a MESSAGE of any kind from a subscriber or a stranger and returns the
// final status; each header is "Name: value".
func sends(p *peer.Peer, uri, kind string, body []byte, headers ...string) int {
	m := p.NewRequest("MESSAGE", uri).Add("Content-Type", kind)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Set(name, value)
	}
	m.Body = body
	final := p.Do(m)
	if final.Status() == 407 {
		final = p.Do(p.Answer(m, final, peer.Credentials{User: p.Name, Password: p.Password}))
	}
	return final.Status()
}

// cpimOf wraps a content as RFC 3862 has it.
func cpimOf(kind, content string) []byte {
	return []byte("From: <im:alice@" + stand.Domain + ">\r\nTo: <im:bob@" + stand.Domain + ">\r\n\r\nContent-Type: " + kind + "\r\n\r\n" + content)
}

// TestMessageManners: what the message store does besides keeping texts.
func TestMessageManners(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: mannersScript(t)})
	for _, c := range []struct {
		name string
		play func(t *testing.T, s *stand.Stand)
	}{
		{"whole", keptWhole}, {"receipts", receipts}, {"notices", notices}, {"inbox", givenInbox}, {"reminder", reminder}, {"quota", fullStore},
	} {
		t.Run(c.name, func(t *testing.T) { c.play(t, s.For(t)) })
	}
	s.NothingLeft()
}

// keptWhole: a message/cpim comes out as it went in, byte for byte.
func keptWhole(t *testing.T, s *stand.Stand) {
	alice, bob := newPhone(s), newPhone(s)
	body := cpimOf("text/plain; charset=utf-8", "žluť\x00\x01\xff [x] \r\n\r\n ")
	kind := `message/cpim; charset="utf-8"; a-parameter=that-is-longer-than-the-column`
	if status := sends(alice, bob.AoR(), kind, body, "Content-Disposition: render", "Subject: tea"); status != 202 {
		t.Fatalf("answered %d", status)
	}
	bob.Registered()
	m := bob.Expect(peer.Request("MESSAGE"))
	bob.Reply(m, 200, "OK")
	if string(m.Body) != string(body) || m.Get("Content-Type") != kind || m.Get("Content-Disposition") != "render" || m.Get("Subject") != "tea" ||
		m.Get("X-Wrote-To") != bob.AoR() {
		t.Errorf("it came out as\n%s", m)
	}
	siloEmpties(t, s, bob.Name)
}

// receipts: they reach a phone that is there, and are not kept for one that is not.
func receipts(t *testing.T, s *stand.Stand) {
	alice, bob := newPhone(s).Registered(), newPhone(s)
	for kind, body := range map[string][]byte{
		"message/imdn+xml": []byte("<imdn/>"), "message/cpim": cpimOf("message/imdn+xml", "<imdn/>"),
	} {
		if status := sends(alice, bob.AoR(), kind, body); status != 503 || silo(s, bob.Name) != 0 {
			t.Errorf("%s for an absent phone is answered %d, %d are stored", kind, status, silo(s, bob.Name))
		}
	}
	bob.OnMessage = func(m *peer.Message) {
		if m.IsRequest() && m.Method() == "MESSAGE" {
			bob.Reply(m, 200, "OK")
		}
	}
	bob.Registered()
	if status := sends(alice, bob.AoR(), "message/imdn+xml", []byte("<imdn/>")); status != 200 {
		t.Errorf("a receipt for a phone that is there is answered %d", status)
	}
	alice.Quiet(500*time.Millisecond, peer.Request("MESSAGE"))
}

// notices: the sender is told, in the words of the parameter, once; a stranger is not,
// and a phone that answers every message does not make the router answer for ever.
func notices(t *testing.T, s *stand.Stand) {
	alice, bob := newPhone(s).Registered(), newPhone(s)
	store(t, alice, bob.AoR(), "are you there?")
	m := alice.Expect(peer.Request("MESSAGE"))
	alice.Reply(m, 200, "OK")
	if string(m.Body) != "*** User "+bob.Name+" is offline!" || !strings.Contains(m.Get("From"), "sip:registrar@") || m.Get("Contact") != "" {
		t.Errorf("the notice is\n%s", m)
	}
	if status := leave(alice, peer.URIOf(m.Get("From")), "I do not care"); status != 503 {
		t.Errorf("an answer to the notice is answered %d", status)
	}
	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	store(t, stranger, bob.AoR(), "from a stranger")
	stranger.Quiet(500*time.Millisecond, peer.Request("MESSAGE"))
	alice.Quiet(100*time.Millisecond, peer.Request("MESSAGE"))
}

// givenInbox: m_store for an address that the script makes.
func givenInbox(t *testing.T, s *stand.Stand) {
	alice, bob, carol := newPhone(s), newPhone(s), newPhone(s)
	if status := sends(alice, bob.AoR(), "text/plain", []byte("for carol"), "Inbox: "+carol.Name); status != 202 || silo(s, carol.Name) != 1 || silo(s, bob.Name) != 0 {
		t.Errorf("answered %d; carol has %d, bob %d", status, silo(s, carol.Name), silo(s, bob.Name))
	}
	for _, bad := range []string{"nobody-of-that-name", "a b", "@"} {
		if status := sends(alice, bob.AoR(), "text/plain", []byte("x"), "Inbox: "+bad); status != 503 {
			t.Errorf("the inbox %q is answered %d", bad, status)
		}
	}
}

// reminder: it is kept although the phone is there, and comes at its time and not
// before.
func reminder(t *testing.T, s *stand.Stand) {
	alice, bob := newPhone(s), newPhone(s).Registered()
	at := time.Now().Add(4 * time.Second).Truncate(time.Second)
	if status := sends(alice, bob.AoR(), "text/plain", []byte("drink tea"), "Send-Time: "+at.Format("20060102150405")); status != 202 {
		t.Fatalf("answered %d", status)
	}
	m := bob.ExpectWithin(20*time.Second, peer.Request("MESSAGE"))
	bob.Reply(m, 200, "OK")
	if m.At.Before(at) {
		t.Errorf("it came %v before its time", at.Sub(m.At))
	}
	if !strings.Contains(m.Get("From"), "<sip:reminder@"+stand.Domain+">") || !strings.HasPrefix(string(m.Body), "[Reminder message from "+alice.AoR()+" - ") ||
		!strings.HasSuffix(string(m.Body), "] drink tea") {
		t.Errorf("the reminder is\n%s", m)
	}
	siloEmpties(t, s, bob.Name)
	for _, bad := range []string{"tomorrow", "20261340000000", "29991231000000"} {
		if status := sends(alice, bob.AoR(), "text/plain", []byte("x"), "Send-Time: "+bad); status != 503 {
			t.Errorf("the time %q is answered %d", bad, status)
		}
	}
}

// fullStore: the quota, which is the owner's.
func fullStore(t *testing.T, s *stand.Stand) {
	alice, bob := newPhone(s), newPhone(s)
	store(t, alice, bob.AoR(), "one", "two", "three")
	if status := leave(alice, bob.AoR(), "four"); status != 503 {
		t.Errorf("one too many is answered %d", status)
	}
	reader := newReader(s, bob.Name, all)
	reader.Registered()
	siloEmpties(t, s, bob.Name)
	if got := reader.read(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("bob got %q", got)
	}
}

// TestRefusedIsSeen: what a phone refuses for good stands on its owner's page, which
// says so, and a reminder with its time.
func TestRefusedIsSeen(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: mannersScript(t), Users: []string{"alice", "bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	store(t, bob, alice.AoR(), "a picture that is none")
	alice.Registered()
	alice.Reply(alice.Expect(peer.Request("MESSAGE")), 415, "Unsupported Media Type")
	wait.For(t, 20*time.Second, "the refusal is noted", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM silo_state WHERE refused = 1"); n != 1 {
			return fmt.Errorf("%d are refused", n)
		}
		return nil
	})
	if status := sends(bob, alice.AoR(), "text/plain", []byte("drink tea"), "Send-Time: "+time.Now().Add(48*time.Hour).Format("20060102150405")); status != 202 {
		t.Fatalf("the reminder is answered %d", status)
	}
	w := signIn(t, s, "alice")
	w.Open("/user/messages")
	w.Shows("Your phone refused this message (415")
	w.Shows("a picture that is none")
	w.Shows("This is a reminder. It is sent to your phone:")
	w.Shows("drink tea")
}
