package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestJournalSurvivesKill: with the database dead, a REGISTER gets its 200, because it
// is in the journal. The router is killed; when both are back, the phone can be called,
// and the row is in the database.
func TestJournalSurvivesKill(t *testing.T) {
	s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Users: []string{"alice", "bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	s.MariaDB().Kill()
	moved := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	began := time.Now()
	if ok := moved.Register("<"+moved.ContactURI()+">;expires=600", "<"+bob.ContactURI()+">;expires=0"); ok.Status() != 200 {
		t.Fatalf("with the database dead, the REGISTER is answered %q", ok.Start)
	}
	t.Logf("answered after %v", time.Since(began).Round(time.Millisecond))
	if n := s.Statistics()["usrloc:journaled"]; n != 1 {
		t.Errorf("%d changes are in the journal, want 1", n)
	}
	s.KillProxy()
	// The router waits for its database before it serves.
	back := make(chan struct{})
	time.AfterFunc(time.Second, func() { defer close(back); s.MariaDB().Launch() })
	s.Launch()
	<-back
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	caller, _ := connect(t, alice, moved)
	hangup(caller, moved)
	alice.Expect(peer.Response(200, "BYE"))
	wait.For(t, 20*time.Second, "the row is in the database", func() error {
		here := s.QueryInt("SELECT COUNT(*) FROM location WHERE contact = ?", moved.ContactURI())
		gone := s.QueryInt("SELECT COUNT(*) FROM location WHERE contact = ?", bob.ContactURI())
		if here != 1 || gone != 0 {
			return fmt.Errorf("%d rows of the new contact, %d of the old one", here, gone)
		}
		return nil
	})
	wait.For(t, 20*time.Second, "the journal is empty", func() error {
		if size := s.Statistics()["usrloc:journal_size"]; size != 0 {
			return fmt.Errorf("it has %d bytes", size)
		}
		return nil
	})
	s.NothingLeft()
}

// TestJournalOff: without the journal, a REGISTER that the database does not take gets
// 500 and is undone.
func TestJournalOff(t *testing.T) {
	script := `loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "journal", 0)
route {
	if (method == "REGISTER") {
		save("location");
		break;
	};
	sl_send_reply("404", "Not Here");
}
`
	s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Script: script})
	bob := s.Peer(peer.Config{Name: "bob"}).Registered()
	s.MariaDB().Kill()
	m := bob.NewRegister("<sip:other@" + bob.Address() + ">")
	if final := bob.Do(m); final.Status() != 500 {
		t.Errorf("the REGISTER is answered %q, want 500", final.Start)
	}
	if list := bob.Do(bob.NewRegister()).All("Contact"); len(list) != 1 || peer.URIOf(list[0]) != bob.ContactURI() {
		t.Errorf("registered are %q, want the first contact only", list)
	}
	s.MariaDB().Launch()
}
