package e2e_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestPhonesInPages: two pages in Chromium, their phones the work of JsSIP, register over
// WSS and talk: sound arrives on both sides. A phone on UDP hears from them, too.
func TestPhonesInPages(t *testing.T) {
	s := startSecure(t, "")
	certificate, err := tls.LoadX509KeyPair(s.ca.Dir+"/server.crt", s.ca.Dir+"/server.key")
	if err != nil {
		t.Fatal(err)
	}
	page := func(name string) *browser.Browser {
		b := browser.Phone(t, "wss://"+s.address("wss")+"/sip", name, stand.Password(name), stand.Domain, certificate)
		b.ShowsWithin(20*time.Second, "registered")
		return b
	}
	alice, bob, carol := newUser(s.Stand), newUser(s.Stand), newUser(s.Stand)
	desk := s.phone(t, "udp", peer.Config{Name: carol, Password: stand.Password(carol)}).Registered()
	a := page(alice)
	b := page(bob)

	a.Fill("Address", "sip:"+bob+"@"+stand.Domain)
	a.Press("Call")
	for _, p := range []*browser.Browser{a, b} {
		p.ShowsWithin(30*time.Second, "talking")
		p.ShowsWithin(30*time.Second, "sound arrives")
	}
	b.Press("Hang up")
	for _, p := range []*browser.Browser{a, b} {
		p.ShowsWithin(15*time.Second, "call over: Terminated")
	}

	a.Fill("Address", "sip:"+carol+"@"+stand.Domain)
	a.Press("Call")
	invite := desk.Expect(peer.Request("INVITE"))
	if !strings.Contains(invite.Get("Contact"), ";alias=127.0.0.1~") {
		t.Errorf("the page's Contact leads nowhere: %q", invite.Get("Contact"))
	}
	desk.Reply(invite, 486, "Busy Here")
	a.ShowsWithin(15*time.Second, "call failed: Busy")

	a.Fill("Text", "grüße from a page")
	a.Press("Send")
	message := desk.Expect(peer.Request("MESSAGE"))
	if string(message.Body) != "grüße from a page" {
		t.Errorf("the desk phone got %q", message.Body)
	}
	desk.Reply(message, 200, "OK")
	a.ShowsWithin(15*time.Second, "taken")
	back := desk.NewRequest("MESSAGE", "sip:"+alice+"@"+stand.Domain).Add("Content-Type", "text/plain")
	back.Body = []byte("und zurück")
	challenge := desk.Do(back)
	again := desk.Answer(back, challenge, peer.Credentials{User: carol, Password: stand.Password(carol)})
	if final := desk.Do(again); final.Status() != 200 {
		t.Errorf("a message to the page was answered %q", final.Start)
	}
	a.ShowsWithin(15*time.Second, "got: und zurück")
	s.NothingLeft()
}
