package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestRegistrationSurvivesKill: a 200 is a promise. The router is killed at once
// after it, started again, and a call reaches the phone.
func TestRegistrationSurvivesKill(t *testing.T) {
	for _, engine := range []stand.Engine{stand.SQLite, stand.MariaDB} {
		t.Run(string(engine), func(t *testing.T) {
			s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"alice", "bob"}})
			bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
			s.KillProxy()
			s.Launch()
			alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
			caller, _ := connect(t, alice, bob)
			hangup(caller, bob)
			alice.Expect(peer.Response(200, "BYE"))
			s.NothingLeft()
		})
	}
}

// TestPasswordChangedBySQL: an operator's tool writes the subscriber table; within
// a minute the new password works and the old one is refused.
func TestPasswordChangedBySQL(t *testing.T) {
	for _, engine := range stand.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			s := stand.Start(t, stand.Options{Engine: engine, Users: []string{"bob"}})
			phone := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
			const fresh = "a-new-password"
			changed := s.Exec("UPDATE subscriber SET ha1 = ?, ha1b = ? WHERE username = ? AND domain = ?",
				peer.HA1("bob", stand.Domain, fresh), peer.HA1("bob@"+stand.Domain, stand.Domain, fresh), "bob", stand.Domain)
			if changed != 1 {
				t.Fatalf("%d rows changed, want 1", changed)
			}
			old := phone.Password
			wait.For(t, time.Minute, "the new password works and the old one does not", func() error {
				if err := registersWith(phone, fresh, 200); err != nil {
					return err
				}
				return registersWith(phone, old, 401)
			})
		})
	}
}

func registersWith(p *peer.Peer, password string, status int) error {
	m := p.NewRegister("<" + p.ContactURI() + ">;expires=600")
	final := p.Do(p.Answer(m, p.Do(m), peer.Credentials{User: p.Name, Password: password}))
	if final.Status() != status {
		return fmt.Errorf("answered %q, want %d", final.Start, status)
	}
	return nil
}

// TestRefusedRow: of a hundred phones that register at once the database refuses
// one row, planted with a trigger. The 99 others are promised and kept.
func TestRefusedRow(t *testing.T) {
	for _, engine := range []stand.Engine{stand.SQLite, stand.MariaDB} {
		t.Run(string(engine), func(t *testing.T) {
			s := stand.Start(t, stand.Options{Engine: engine})
			plantRefusal(s, engine)
			burst := prepareBurst(s, 100)
			for _, b := range burst {
				b.phone.Send(b.register)
			}
			for i, b := range burst {
				want := 200
				if i == refused {
					want = 500
				}
				n, _ := b.register.CSeq()
				final := b.phone.Expect(peer.Final("REGISTER").Of(b.register.CallID()).With(n))
				if final.Status() != want {
					t.Errorf("phone %d was answered %q, want %d", i, final.Start, want)
				}
			}
			if rows := s.QueryInt("SELECT COUNT(*) FROM location"); rows != len(burst)-1 {
				t.Errorf("%d rows are in the database, want %d", rows, len(burst)-1)
			}
		})
	}
}

// refused is which phone of the burst the database will not take.
const refused = 50

// registration is a REGISTER with credentials, ready to be sent.
type registration struct {
	phone    *peer.Peer
	register *peer.Message
}

// prepareBurst makes n phones, each with the challenge of its own already answered,
// so that all of them can be sent within a few milliseconds: into one batch.
func prepareBurst(s *stand.Stand, n int) []registration {
	var burst []registration
	for i := range n {
		p := newPhone(s)
		contact := "<" + p.ContactURI() + ">;expires=600"
		if i == refused {
			contact = "<sip:refused@" + p.Address() + ">;expires=600"
		}
		m := p.NewRegister(contact)
		burst = append(burst, registration{p, p.Answer(m, p.Do(m), peer.Credentials{User: p.Name, Password: p.Password})})
	}
	return burst
}

// plantRefusal makes the database refuse rows whose contact says so.
func plantRefusal(s *stand.Stand, engine stand.Engine) {
	if engine == stand.SQLite {
		s.Exec("CREATE TRIGGER planted BEFORE INSERT ON location WHEN NEW.contact LIKE '%refused%' " +
			"BEGIN SELECT RAISE(ABORT, 'planted'); END")
		return
	}
	s.Exec("CREATE TRIGGER planted BEFORE INSERT ON location FOR EACH ROW " +
		"BEGIN IF NEW.contact LIKE '%refused%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'planted'; END IF; END")
}
