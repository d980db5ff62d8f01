package usrloc

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
)

// listener takes the events of a module, as text.
type listener struct {
	t      *testing.T
	mu     sync.Mutex
	deaf   bool
	events []string
	told   *outcome // of the change under way: no event may come before its end
}

func (l *listener) attach(c *Config) {
	c.Wanted = func(topic string) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !l.deaf && topic == ctlproto.TopicRegistration
	}
	c.Publish = func(_ string, data any) {
		e := data.(ctlproto.RegistrationEvent)
		var contacts []string
		for _, contact := range e.Contacts {
			contacts = append(contacts, contact.Address)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.told != nil && l.told.end() == "" {
			l.t.Error("an event came before the answer")
		}
		l.events = append(l.events, fmt.Sprintf("%s %s [%s]", e.AoR, e.Status, strings.Join(contacts, " ")))
	}
}

// next begins to listen anew.
func (l *listener) next(told *outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events, l.told = nil, told
}

func (l *listener) want(want string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.events, "; "); got != want {
		l.t.Errorf("events %q, want %q", got, want)
	}
}

// TestEvents: those who listen learn of a change when it has been promised, not
// before, and never of one that was undone.
func TestEvents(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %v", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playEvents(t, durable) })
		})
	}
}

func playEvents(t *testing.T, durable bool) {
	var d *database
	if durable {
		d = &database{refuse: "planted", delay: 10 * time.Millisecond}
	}
	l := &listener{t: t}
	m := newModule(t, d, l.attach)
	defer running(t, m)()
	change := func(reg *Registration, want string) {
		t.Helper()
		told := &outcome{}
		l.next(told)
		res, err := m.Table().Save(reg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Ticket != nil {
			res.Ticket.Deliver(told)
		} else {
			told.Settled(nil)
			if res.Change != Fetched {
				m.Table().Announce(string(reg.AoR))
			}
		}
		time.Sleep(100 * time.Millisecond)
		l.want(want)
	}
	change(registration(bob, "sip:b@h 60"), bob+" on line [sip:b@h]")
	change(registration(bob, "sip:c@h"), bob+" on line [sip:c@h sip:b@h]")
	change(registration(bob), "")
	if durable {
		change(registration(bob, "sip:planted@h"), "")
	}
	change(registration(bob, "sip:c@h 0"), bob+" on line [sip:b@h]")
	l.next(nil)
	time.Sleep(time.Minute)
	l.want(bob + " offline []")
	l.mu.Lock()
	l.deaf = true
	l.mu.Unlock()
	change(registration(bob, "sip:b@h"), "")
}

// TestEventOfPending: what still waits for the database is in no event.
func TestEventOfPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last ctlproto.RegistrationEvent
		m := newModule(t, &database{}, func(c *Config) {
			c.Wanted = func(string) bool { return true }
			c.Publish = func(_ string, data any) { last = data.(ctlproto.RegistrationEvent) }
		})
		first, err := m.Table().Save(registration(bob, "sip:first@h"), nil)
		if err != nil {
			t.Fatal(err)
		}
		save(t, m, registration(bob, "sip:second@h"))
		first.Ticket.Deliver(nil)
		first.Ticket.settle(nil)
		if len(last.Contacts) != 1 || last.Contacts[0].Address != "sip:first@h" {
			t.Errorf("the event of the first contact lists %v", last.Contacts)
		}
		if last.Contacts[0].State != ctlproto.StateSync {
			t.Errorf("its state is %s, want %s", last.Contacts[0].State, ctlproto.StateSync)
		}
	})
}
