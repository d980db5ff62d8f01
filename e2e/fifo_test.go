package e2e_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestKamctl: Kamailio's own tool does with our router what its users do with it.
func TestKamctl(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"alice"}, Script: defaultScript(t, fmt.Sprintf("fifo=%q", fifo))})
			k := s.Kamctl(fifo)
			kamctlUsers(t, s, k)
			kamctlLive(t, s, k)
			kamctlTables(t, s, k)
			kamctlWrong(t, k)
		})
	}
}

// has fails the test unless the output has each of these.
func has(t *testing.T, what, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%s printed no %q:\n%s", what, w, out)
		}
	}
}

// kamctlUsers: who is added registers, with the new password after passwd, and not
// after rm.
func kamctlUsers(t *testing.T, s *stand.Stand, k *stand.Kamctl) {
	k.Run("add", "carol", "first-pw")
	phone := s.Peer(peer.Config{Name: "carol", Password: "first-pw"})
	wantStatus(t, phone.Register(), 200)
	k.Run("passwd", "carol", "second-pw")
	wait.For(t, time.Minute, "the new password works", func() error { return registersWith(phone, "second-pw", 200) })
	k.Run("ul", "rm", "carol")
	k.Run("rm", "carol")
	if n := s.QueryInt("SELECT COUNT(*) FROM subscriber WHERE username = 'carol'"); n != 0 {
		t.Errorf("%d rows of carol are left", n)
	}
}

// kamctlLive: what only the running router can tell.
func kamctlLive(t *testing.T, s *stand.Stand, k *stand.Kamctl) {
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	has(t, "ul show", k.Run("ul", "show"), `"AoR":  "alice@example.org"`, alice.ContactURI())
	has(t, "ul show alice", k.Run("ul", "show", "alice"), alice.ContactURI())
	has(t, "ul show --brief", k.Run("ul", "show", "--brief"), "alice@example.org")
	if got := strings.TrimSpace(k.Run("online")); got != "alice@example.org" {
		t.Errorf("online printed %q", got)
	}
	k.Run("ul", "add", "dave", "sip:dave@127.0.0.1:9")
	has(t, "ul show dave", k.Run("ul", "show", "dave"), "sip:dave@127.0.0.1:9")
	k.Run("ul", "rm", "dave", "sip:dave@127.0.0.1:9")
	k.Run("ul", "add", "dave", "sip:dave@127.0.0.1:9")
	k.Run("ul", "rm", "dave")
	if got := strings.TrimSpace(k.Run("online")); got != "alice@example.org" {
		t.Errorf("online printed %q after ul rm", got)
	}
	go func() {
		options := alice.Expect(peer.Request("OPTIONS"))
		alice.Reply(options, 200, "I am here")
	}()
	has(t, "ping", k.Run("ping", "sip:alice@"+stand.Domain), "200", "I am here")
	has(t, "uptime", k.Run("uptime"), `"up_since"`, `"uptime"`)
	has(t, "ps", k.Run("ps"), "seraph-proxy")
	has(t, "stats", k.Run("stats"), "tm:current = ", "core:rcv_messages = ")
	has(t, "stats usrloc", k.Run("stats", "usrloc"), "usrloc:registered_users = 1")
	has(t, "moni", k.Run("moni", "1"), "[cycle #: 1;", "seraph-proxy", "uptime", "tm:active_transactions = ",
		"sl:sent_replies = ", "usrloc:registered_users = 1", "core:rcv_requests = ", "shmem:used_size = ")
}

// kamctlTables: the tables that it writes by SQL, and the router's answer to them.
func kamctlTables(t *testing.T, s *stand.Stand, k *stand.Kamctl) {
	k.Run("acl", "grant", "alice", "int")
	has(t, "acl show", k.Run("acl", "show", "alice"), "int")
	has(t, "our acl show", s.Ctl("", "acl", "show", "alice"), "int")
	k.Run("acl", "revoke", "alice", "int")
	k.Run("alias_db", "add", "chief@"+stand.Domain, "alice@"+stand.Domain)
	if s.MariaDB() != nil { // its query has a function that this SQLite does not know
		has(t, "alias_db show", k.Run("alias_db", "show", "chief@"+stand.Domain), "alice")
	}
	has(t, "alias_db list", k.Run("alias_db", "list"), "chief")
	has(t, "our alias show", s.Ctl("", "alias", "show", "alice"), "chief@"+stand.Domain)
	k.Run("alias_db", "rm", "chief@"+stand.Domain)
	k.Run("domain", "add", "example.com")
	k.Run("domain", "reload")
	has(t, "domain show", k.Run("domain", "show"), "example.com", stand.Domain)
	has(t, "domain showdb", k.Run("domain", "showdb"), "example.com")
	k.Run("domain", "rm", "example.com")
}

// kamctlWrong: what cannot be done is said.
func kamctlWrong(t *testing.T, k *stand.Kamctl) {
	out, _ := k.Try("ul", "show", "nobody")
	has(t, "ul show nobody", out, "AOR not found")
	out, _ = k.Try("rpc", "no.such.method")
	has(t, "rpc no.such.method", out, "Method Not Found")
	out, _ = k.Try("ul", "rm", "alice", "sip:nobody@127.0.0.1:9")
	has(t, "ul rm of no contact", out, "Contact not found")
	out, _ = k.Try("ul", "add", "alice", `sip:"a"@127.0.0.1:9`) // it makes of this what is no JSON
	has(t, "ul add of a quoted name", out, "request is no JSON")
}

// fifoScript is a script of 2003: it writes a command into the FIFO and reads the
// reply from a pipe of its own.
type fifoScript struct {
	t         *testing.T
	fifo, dir string
	n         int
}

func (f *fifoScript) command(text string) string {
	f.t.Helper()
	f.n++
	name := fmt.Sprintf("reply_%d", f.n)
	path := filepath.Join(f.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		f.t.Fatal(err)
	}
	reply := make(chan string, 1)
	go func() {
		pipe, err := os.Open(path)
		if err != nil {
			reply <- err.Error()
			return
		}
		defer pipe.Close()
		text, err := io.ReadAll(pipe)
		if err != nil {
			text = append(text, err.Error()...)
		}
		reply <- string(text)
	}()
	if err := os.WriteFile(f.fifo, []byte(strings.Replace(text, "REPLY", name, 1)), 0); err != nil {
		f.t.Fatal(err)
	}
	select {
	case text := <-reply:
		return text
	case <-time.After(40 * time.Second):
		f.t.Fatalf("no reply to %q", text)
		return ""
	}
}

// dialogOf is what SER's click-to-dial script keeps of the reply to its INVITE, and begins the
// next requests of the dialog with: the two URIs, the Route line unless it is a dot, and To.
func dialogOf(reply string) string {
	lines := strings.Split(reply, "\n")
	kept := lines[1:min(3, len(lines))]
	for i, line := range lines {
		if i == 3 && line != "." || i > 3 && (strings.HasPrefix(line, "To:") || strings.HasPrefix(line, "t:")) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// TestFIFOClickToDial writes what SER's click-to-dial script of 2003 writes, to the blank behind
// the first method and the Route line that it copies: INVITE on hold, REFER in the dialog, BYE,
// each by t_uac_dlg.
func TestFIFOClickToDial(t *testing.T) {
	dir := t.TempDir()
	f := &fifoScript{t: t, fifo: filepath.Join(dir, "ser_fifo"), dir: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := stand.Start(t, stand.Options{Users: []string{"alice"}, Script: defaultScript(t, fmt.Sprintf("fifo=%q\nfifo_dir=%q", f.fifo, f.dir))})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	uri := "sip:alice@" + stand.Domain

	answered := make(chan *peer.Message, 1)
	go func() {
		invite := alice.Expect(peer.Request("INVITE"))
		alice.Reply(invite, 180, "Ringing")
		alice.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+alice.ContactURI()+">") })
		answered <- invite
	}()
	const fixed = "From: <sip:controller@example.org>;tag=10691\nCall-ID: 10691.fifouacctd\nContact: <sip:caller@!!>\n"
	reply := f.command("\n:t_uac_dlg:REPLY\nINVITE \n" + uri + "\n.\n" + fixed + "To: <" + uri + ">\nCSeq: 1 INVITE\nContent-Type: application/sdp\n.\n" +
		"v=0\no=click-to-dial 0 0 IN IP4 0.0.0.0\ns=session\nc=IN IP4 0.0.0.0\nb=CT:1000\nt=0 0\nm=audio 9 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n.\n\n")
	has(t, "t_uac_dlg INVITE", reply, "200 OK\n", alice.ContactURI(), "\nRoute: <sip:")
	has(t, "the INVITE", string((<-answered).Body), "c=IN IP4 0.0.0.0")
	alice.Expect(peer.Request("ACK"))

	dialog := dialogOf(reply)
	has(t, "what the script keeps", dialog, "\nRoute: <sip:", "\nTo: <"+uri+">;tag=")
	go func() {
		refer := alice.Expect(peer.Request("REFER"))
		if refer.Get("Refer-To") != "sip:bob@example.org" {
			t.Errorf("Refer-To %q", refer.Get("Refer-To"))
		}
		alice.Reply(refer, 202, "Accepted")
	}()
	reply = f.command("\n:t_uac_dlg:REPLY\nREFER\n" + dialog + fixed + "CSeq: 2 REFER\nReferred-By: <sip:controller@example.org>\nRefer-To: sip:bob@example.org\n.\n.\n\n")
	has(t, "t_uac_dlg REFER", reply, "202 Accepted\n")
	go func() { alice.Reply(alice.Expect(peer.Request("BYE")), 200, "OK") }()
	bye := "\n:t_uac_dlg:REPLY\nBYE\n" + dialog + fixed + "CSeq: 3 BYE\n.\n.\n\n"
	has(t, "a BYE by way of somebody else", f.command(strings.Replace(bye, "Route: <sip:", "Route: <sip:127.0.0.9;lr>, <sip:", 1)), "400 ")
	has(t, "t_uac_dlg BYE", f.command(bye), "200 OK\n")

	has(t, "ul_show_contact", f.command(":ul_show_contact:REPLY\nlocation\nalice@example.org\n\n"), "200 OK\n<"+alice.ContactURI()+">;q=")
	has(t, "t_stats", f.command(":t_stats:REPLY\n\n"), "200 ok\nCurrent: ", "Completion status 6xx: ")
	has(t, "an unknown command", f.command(":t_fly:REPLY\n\n"), "500 command 't_fly' not available")
	has(t, "a BYE of no dialog", f.command(bye), "404 ")
}
