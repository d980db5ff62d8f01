package e2e_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// leave sends a text from a subscriber or a stranger and returns the final status.
func leave(p *peer.Peer, uri, text string) int {
	m := p.NewRequest("MESSAGE", uri).Add("Content-Type", "text/plain")
	m.Body = []byte(text)
	final := p.Do(m)
	if final.Status() == 407 {
		final = p.Do(p.Answer(m, final, peer.Credentials{User: p.Name, Password: p.Password}))
	}
	return final.Status()
}

func store(t *testing.T, p *peer.Peer, uri string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if status := leave(p, uri, text); status != 202 {
			t.Fatalf("the message %q is answered %d, want 202", text, status)
		}
	}
}

// silo counts what is stored for a user.
func silo(s *stand.Stand, user string) int {
	return s.QueryInt("SELECT COUNT(*) FROM silo WHERE username = ?", user)
}

func siloEmpties(t *testing.T, s *stand.Stand, user string) {
	t.Helper()
	wait.For(t, 20*time.Second, "everything is delivered", func() error {
		if n := silo(s, user); n > 0 {
			return fmt.Errorf("%d messages are stored", n)
		}
		return nil
	})
}

// reader is a phone that notes the texts of the messages it gets, without what the
// router put before them, and answers as it is told.
type reader struct {
	*peer.Peer
	mu      sync.Mutex
	texts   []string
	answers int // messages that are answered yet
}

// all is more messages than any test sends.
const all = 1 << 30

func newReader(s *stand.Stand, name string, answers int) *reader {
	r := &reader{Peer: s.Peer(peer.Config{Name: name, Password: stand.Password(name)}), answers: answers}
	r.OnMessage = func(m *peer.Message) {
		if !m.IsRequest() || m.Method() != "MESSAGE" {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		_, text, _ := strings.Cut(string(m.Body), "] ")
		r.texts = append(r.texts, text)
		if r.answers > 0 {
			r.answers--
			r.Reply(m, 200, "OK")
		}
	}
	return r
}

func (r *reader) read() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.texts)
}

// TestMessages: what is written to somebody who is away waits, and comes in its order
// when he registers, on each engine.
func TestMessages(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) { messages(t, engine) })
	}
}

func messages(t *testing.T, engine stand.Engine) {
	s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	bob := newReader(s, "bob", all)
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprintf("%d: <script>alert('%d')</script>", i, i))
	}
	store(t, alice, bob.AoR(), texts...)
	if n := silo(s, "bob"); n != len(texts) {
		t.Fatalf("%d messages are stored, want %d", n, len(texts))
	}
	bob.Registered()
	siloEmpties(t, s, "bob")
	if got := bob.read(); !slices.Equal(got, texts) {
		t.Errorf("bob got %q, want %q", got, texts)
	}
	if m := bob.Expect(peer.Request("MESSAGE")); m.Get("Date") == "" || m.Get("Contact") != "" || !strings.Contains(m.Get("From"), alice.AoR()) ||
		!strings.HasPrefix(string(m.Body), "[Offline message - ") || !strings.Contains(m.Get("To"), bob.AoR()) {
		t.Errorf("the first message is\n%s", m)
	}
	s.NothingLeft()
}

// TestPhoneVanishesDuringDelivery: nothing is lost and nothing stored twice.
func TestPhoneVanishesDuringDelivery(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}, Script: defaultScript(t, "modparam(\"tm\", \"fr_timer\", 1)")})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	deaf := newReader(s, "bob", 0)
	store(t, alice, deaf.AoR(), "one", "two", "three")
	deaf.Registered()
	wait.For(t, 20*time.Second, "the attempt is noted", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM silo_state WHERE attempts > 0"); n != 1 {
			return fmt.Errorf("%d messages have attempts", n)
		}
		return nil
	})
	if n := silo(s, "bob"); n != 3 {
		t.Errorf("%d messages are stored, want 3", n)
	}
	deaf.Registered("<" + deaf.ContactURI() + ">;expires=0")
	deaf.Close()
	bob := newReader(s, "bob", all)
	bob.Registered()
	siloEmpties(t, s, "bob")
	if got := bob.read(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("bob got %q", got)
	}
}

// TestKillDuringDelivery: the router is killed between sending and deleting, twenty
// times. Every message is received at least once, and the silo is empty at the end.
func TestKillDuringDelivery(t *testing.T) {
	const kills = 20
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	bob := newReader(s, "bob", all)
	var texts []string
	for i := range 2 * kills {
		texts = append(texts, fmt.Sprint("message ", i))
	}
	store(t, alice, bob.AoR(), texts...)
	for i := range kills {
		bob.mu.Lock()
		had := len(bob.texts)
		bob.answers = i % 2 // killed before the answer, or just after it and perhaps before the deletion
		bob.mu.Unlock()
		bob.Registered()
		wait.For(t, 20*time.Second, "a message is under way", func() error {
			if n := len(bob.read()); n <= had {
				return fmt.Errorf("%d messages", n)
			}
			return nil
		})
		s.KillProxy()
		s.Launch()
	}
	bob.mu.Lock()
	bob.answers = all
	bob.mu.Unlock()
	bob.Registered()
	siloEmpties(t, s, "bob")
	got := bob.read()
	for _, text := range texts {
		if !slices.Contains(got, text) {
			t.Errorf("%q was never received", text)
		}
	}
	t.Logf("%d messages, %d received in %d kills", len(texts), len(got), kills)
}

// TestStoreWithDatabaseStopped: 503 to the sender and no row, then or later.
func TestStoreWithDatabaseStopped(t *testing.T) {
	s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Users: []string{"bob"}})
	walter := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	if err := s.MariaDB().Stop(); err != nil {
		t.Fatal(err)
	}
	if status := leave(walter, "sip:bob@"+stand.Domain, "lost"); status != 503 {
		t.Errorf("answered %d, want 503", status)
	}
	s.MariaDB().Launch()
	wait.For(t, 20*time.Second, "messages are stored again", func() error {
		if status := leave(walter, "sip:bob@"+stand.Domain, "kept"); status != 202 {
			return fmt.Errorf("answered %d", status)
		}
		return nil
	})
	if n := s.QueryInt("SELECT COUNT(*) FROM silo WHERE body = 'lost'"); n != 0 {
		t.Errorf("%d rows of the message that was answered 503", n)
	}
}

// TestRealPhoneGetsMessages: a phone that is not ours comes on line and gets what
// waited for it.
func TestRealPhoneGetsMessages(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	store(t, alice, "sip:bob@"+stand.Domain, "first", "second")
	bob := phone(s, t, baresip.Account{User: "bob"})
	siloEmpties(t, s, "bob")
	wait.For(t, 10*time.Second, "the phone's trace has both", func() error { // it writes it by and by
		var got []string
		for _, l := range bob.Trace() {
			if strings.HasPrefix(l.Start, "MESSAGE ") {
				_, body, _ := strings.Cut(l.Head, "GMT] ")
				body, _, _ = strings.Cut(body, "\x1b") // the trace is coloured
				got = append(got, strings.TrimSpace(body))
			}
		}
		if got = slices.Compact(got); !slices.Equal(got, []string{"first", "second"}) {
			return fmt.Errorf("the phone got %q", got)
		}
		return nil
	})
}

// The three snippets of the handbook, letter by letter.
const (
	handbookLoad = `    loadmodule "/usr/local/lib/ser/modules/msilo.so"
    modparam("msilo", "registrar", "sip:registrar@example.org")
    modparam("msilo", "db_url", "sql://ser:passwd@dbhost/ser")
`
	handbookStore = `    if (!lookup("location")) {
      if (method == "MESSAGE") {
        if (!t_newtran()) { sl_reply_error(); break; };
        if (m_store("0")) { t_reply("202", "Accepted for Later Delivery"); break; };
        t_reply("503", "Service Unavailable");
        break;
      };
    };
`
	handbookDump = `    if (!save("location")) { sl_reply_error(); };
    m_dump();
`
)

// handbookScript is a script of SER's kind around the snippets, in which only the
// host of the database is replaced.
func handbookScript(host string) string {
	return `
loadmodule "/usr/local/lib/ser/modules/sl.so"
loadmodule "/usr/local/lib/ser/modules/tm.so"
loadmodule "/usr/local/lib/ser/modules/usrloc.so"
loadmodule "/usr/local/lib/ser/modules/registrar.so"
` + strings.Replace(handbookLoad, "dbhost", host, 1) + `
route{
	if (method=="REGISTER") {
` + handbookDump + `
		break;
	};
` + handbookStore + `
	if (!t_relay()) { sl_reply_error(); };
}
`
}

// TestHandbookOnMariaDB: the router takes its database from the handbook's own line,
// with no --db, and stores and delivers by the handbook's own snippets.
func TestHandbookOnMariaDB(t *testing.T) {
	m := stand.StartMariaDB(t)
	admin, err := sql.Open("mysql", "root@unix("+m.Socket()+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for _, statement := range []string{"CREATE DATABASE ser CHARACTER SET utf8mb4", "CREATE USER 'ser'@'localhost' IDENTIFIED BY 'passwd'", "GRANT ALL ON ser.* TO 'ser'@'localhost'"} {
		if _, err := admin.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	host := "unix(" + m.Socket() + ")"
	s := stand.Start(t, stand.Options{Engine: stand.Memory})
	ctl := func(stdin string, args ...string) {
		s.Ctl(stdin, append(args, "--db", "sql://ser:passwd@"+host+"/ser")...)
	}
	ctl("", "db", "migrate")
	ctl("", "domain", "add", stand.Domain)
	ctl(stand.Password("bob")+"\n", "add", "bob@"+stand.Domain, "--password-file", "-")
	router := stand.Start(t, stand.Options{Engine: stand.Memory, Script: handbookScript(host), Args: []string{"--db", ""}})
	alice := router.Peer(peer.Config{Name: "alice"})
	bob := newReader(router, "bob", all)
	store(t, alice, bob.AoR(), "one", "two")
	stored := func() (n int) {
		if err := admin.QueryRow("SELECT COUNT(*) FROM ser.silo").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := stored(); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	if status := leave(alice, "sip:nobody@"+stand.Domain, "x"); status != 503 {
		t.Errorf("a message to nobody is answered %d, want 503", status)
	}
	bob.Registered()
	wait.For(t, 20*time.Second, "everything is delivered", func() error {
		if n := stored(); n > 0 {
			return fmt.Errorf("%d messages are stored", n)
		}
		return nil
	})
	if got := bob.read(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("bob got %q", got)
	}
}
