package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// listed is a call as "seraphctl dlg list -o json" shows it.
type listed struct {
	Entry   uint32 `json:"h_entry"`
	ID      uint32 `json:"h_id"`
	CallID  string `json:"call-id"`
	FromURI string `json:"from_uri"`
	State   int    `json:"state"`
	Caller  struct {
		AoR string `json:"aor"`
	} `json:"caller"`
	Callee struct {
		AoR string `json:"aor"`
	} `json:"callee"`
}

// dialogs is what seraphctl lists.
func dialogs(t *testing.T, s *stand.Stand) (list []listed) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.Ctl("", "dlg", "list", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// theCall waits until there is one call and it is up.
func theCall(t *testing.T, s *stand.Stand) (call listed) {
	t.Helper()
	wait.For(t, 10*time.Second, "one call is up", func() error {
		list := dialogs(t, s)
		if len(list) != 1 || list[0].State != 4 {
			return fmt.Errorf("listed are %+v", list)
		}
		call = list[0]
		return nil
	})
	return call
}

// TestOnThePhone: two real phones talk; the operator sees the call, an open page and a new
// one show both people on the phone, and on line after the call, whoever ends it.
func TestOnThePhone(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := withPeople(t, s)
	bobAddress, carolAddress := "bob@"+stand.Domain, "carol@"+stand.Domain
	bob := phone(s, t, baresip.Account{User: "bob", AutoAnswer: true, Tone: 600})
	carol := phone(s, t, baresip.Account{User: "carol", Tone: 1000})
	w.Status(bobAddress, "online", 5*time.Second)
	w.Status(carolAddress, "online", 5*time.Second)
	for _, ends := range []string{"the caller", "the operator, by the Call-ID", "the operator, by the number"} {
		carol.Dial("sip:" + bobAddress)
		carol.Talks()
		bob.Talks()
		w.Status(bobAddress, "busy", soon)
		w.Status(carolAddress, "busy", soon)
		w.Shows("on the phone")
		w.Open("/user/phone-book") // and without having heard of the change
		w.Status(bobAddress, "busy", soon)
		call := theCall(t, s)
		if call.Caller.AoR != carolAddress || call.Callee.AoR != bobAddress || call.FromURI != "sip:"+carolAddress {
			t.Errorf("listed is %+v", call)
		}
		if out := s.Ctl("", "dlg", "list"); !strings.Contains(out, "talking") || !strings.Contains(out, call.CallID) {
			t.Errorf("dlg list prints %s", out)
		}
		switch ends {
		case "the caller":
			carol.Hangup("")
		case "the operator, by the Call-ID":
			if out := s.Ctl("", "dlg", "end", call.CallID); !strings.Contains(out, "caller 200 OK, callee 200 OK") {
				t.Errorf("dlg end prints %s", out)
			}
		default:
			s.Ctl("", "dlg", "end", fmt.Sprintf("%d:%d", call.Entry, call.ID))
		}
		bob.Closes()
		carol.Closes()
		w.Status(bobAddress, "online", soon)
		w.Status(carolAddress, "online", soon)
		if out, code := s.TryCtl("", "dlg", "end", call.CallID); code != 1 || !strings.Contains(out, "there is no such call (any more)") {
			t.Errorf("dlg end of a call that is over: exit %d, %s", code, out)
		}
	}
	s.NothingLeft("dialog:records")
	wait.For(t, 10*time.Second, "the calls are in call_log with their ends", func() error {
		for who, want := range map[string]int{"caller": 1, "router": 2} {
			n := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE caller_username = 'carol' AND callee_username = 'bob' AND answered IS NOT NULL AND ended IS NOT NULL AND hung_up_by = ?", who)
			if n != want {
				return fmt.Errorf("%d calls were ended by %s, want %d", n, who, want)
			}
		}
		return nil
	})
}

// TestRouteOfACall: who is or was in a call cannot use its Route for anything else.
func TestRouteOfACall(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	nextSecond(t) // a Route of the second in which the router began is taken for an older one's
	c := cast{t, s, variants[0]}
	bob, alice := c.callee(), c.caller()
	victim := s.Peer(peer.Config{Name: "victim", Domain: "elsewhere.example", Network: "udp"})
	call := alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE"))
	answer := bob.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	theCall(t, s)
	attack := func(when string) {
		t.Helper()
		for _, method := range []string{"INVITE", "MESSAGE", "REFER"} {
			m := d.New(method)
			m.Start = method + " " + victim.ContactURI() + " SIP/2.0"
			alice.Send(m)
			if final := alice.Expect(peer.Final(method).Of(m.CallID())); final.Status() != 481 {
				t.Errorf("%s %s: %d, want 481", when, method, final.Status())
			}
			second := d.New(method)
			second.Add("Route", "<"+victim.ContactURI()+";lr>")
			alice.Send(second)
			if final := alice.Expect(peer.Final(method).Of(m.CallID())); final.Status() != 481 {
				t.Errorf("%s %s by a second Route: %d, want 481", when, method, final.Status())
			}
		}
		if n := victim.Count(peer.Match{Name: "anything", OK: func(*peer.Message) bool { return true }}); n != 0 {
			t.Errorf("%s: the victim got %d messages", when, n)
		}
	}
	attack("during the call")
	info := d.Send("INFO")
	bob.Reply(bob.Expect(peer.Request("INFO")), 200, "OK")
	alice.Expect(peer.Response(200, "INFO").Of(info.CallID()))
	bye := d.Send("BYE")
	bob.Reply(bob.Expect(peer.Request("BYE")), 200, "OK")
	alice.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
	attack("after the call")
	late := bob.DialogAt(invite, answer).New("INFO")
	bob.Send(late)
	bob.Expect(peer.Response(481, "INFO"))
	s.NothingLeft("dialog:records")
}
