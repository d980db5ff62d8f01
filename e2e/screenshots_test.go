package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestScreenshots pictures each page of the site map, in both themes, at 390 and 1280
// px. "make screenshots" says where: docs/screenshots. That they can be made is seen in one
// look as well; SERAPH_E2E=all makes all four.
func TestScreenshots(t *testing.T) {
	dir, looks := os.Getenv("SERAPH_E2E_SCREENSHOTS"), looks
	if dir == "" {
		dir = t.TempDir()
		if os.Getenv("SERAPH_E2E") != "all" {
			looks = looks[2:3]
		}
	}
	h := moveIn(t, quietLife)
	h.pages(func(r *tour, route, at string) {
		r.Open(at)
		for _, look := range looks {
			r.Shot(filepath.Join(dir, shotName(route, look)), look)
		}
	})
	h.callInProgress(dir, looks)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < len(looks)*len(h.tours[1].sample) {
		t.Errorf("%d pictures (%v)", len(files), err)
	}
}

// shotName is the file of a route's picture.
func shotName(route string, look browser.Look) string {
	name := strings.ReplaceAll(strings.Trim(route, "/"), "/", "-")
	return fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(name, ":", ""), look.Width, look.Theme)
}

// callInProgress pictures the card of a call.
func (h *household) callInProgress(dir string, looks []browser.Look) {
	w := site{h.tours[1].Browser, h.t}
	alice := h.s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	w.Open("/user/phone-book")
	w.Press("Call Bob Keller")
	alice.Expect(peer.Request("INVITE"))
	w.Shows("Your phone rings")
	for _, look := range looks {
		w.Shot(filepath.Join(dir, shotName("/card", look)), look)
	}
	w.Press("Cancel the call")
	w.Shows("The call was cancelled.")
}

// quietLife fills the portal with what friends left in a week.
func quietLife(t *testing.T, s *stand.Stand, w site) {
	t.Helper()
	for _, p := range [][4]string{
		{"Erin", "Rao", "sip:erin@iptel.example", ""}, {"Dan", "Ortiz", "sip:dan@" + stand.Domain, "Work"}, {"Grace", "Okafor", "sip:grace@" + stand.Domain, "Work"},
		{"Mum", "", "tel:+420224811234", "Family"}, {"Henrik", "Lindqvist", "sip:henrik@nordtel.example", "Friends"},
	} {
		s.Exec("INSERT INTO phonebook (username, domain, fname, lname, sip_uri, grp_name) VALUES ('alice', '"+stand.Domain+"', ?, ?, ?, ?)", p[0], p[1], p[2], p[3])
	}
	now := time.Now().UTC()
	calls := []struct {
		ago      time.Duration
		who, by  string // address and name of the other side
		received bool
		seconds  int // 0 was not answered
		code     string
	}{
		{40 * time.Minute, "dan", "Dan Ortiz", true, 0, "486"}, {2 * time.Hour, "grace", "Grace Okafor", true, 312, "200"}, {3 * time.Hour, "bob", "Bob Keller", false, 95, "200"},
		{26 * time.Hour, "walter", "Walter Wolf", true, 0, "480"}, {27 * time.Hour, "walter", "Walter Wolf", true, 0, "480"}, {30 * time.Hour, "carol", "Carol Adams", false, 0, "487"},
		{52 * time.Hour, "carol", "Carol Adams", true, 1840, "200"}, {75 * time.Hour, "erin", "Erin Rao", true, 0, "487"}, {100 * time.Hour, "bob", "Bob Keller", true, 61, "200"},
	}
	hosts := map[string]string{"walter": "elsewhere.example", "erin": "iptel.example"}
	const layout = "2006-01-02 15:04:05"
	for i, c := range calls {
		host := hosts[c.who]
		if host == "" {
			host = stand.Domain
		}
		began := now.Add(-c.ago)
		var answered, ended any
		if c.seconds > 0 {
			answered, ended = began.Add(6*time.Second).Format(layout), began.Add(time.Duration(6+c.seconds)*time.Second).Format(layout)
		}
		from, to := [3]string{"alice", stand.Domain, "Alice Marsh"}, [3]string{c.who, host, c.by}
		if c.received {
			from, to = to, from
		}
		s.Exec(`INSERT INTO call_log (callid, from_tag, caller_username, caller_domain, caller_name, callee_username, callee_domain, callee_name, target_uri, started, answered, ended, sip_code, hung_up_by)
			VALUES (?, 'x', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'caller')`, fmt.Sprint("week-", i), from[0], from[1], from[2], to[0], to[1], to[2],
			"sip:"+to[0]+"@"+to[1], began.Format(layout), answered, ended, c.code)
	}
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	store(t, bob, "sip:alice@"+stand.Domain, "Lunch at noon?\nThe place by the river, the others come as well.")
	store(t, s.Peer(peer.Config{Name: "erin", Domain: "iptel.example"}), "sip:alice@"+stand.Domain, "The parts have arrived. I bring them on Friday.")
	desk := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	m := desk.NewRegister("<"+desk.ContactURI()+">;expires=3600;q=0.8").Add("Allow", "INVITE, ACK, BYE, CANCEL, REFER, NOTIFY").Add("User-Agent", "Desk Phone 3000/12.4")
	desk.Do(desk.Answer(m, desk.Do(m), peer.Credentials{User: "alice", Password: stand.Password("alice")}))
	s.Ctl("", "ul", "add", "alice", "sip:alice@holiday.example", "--expires", "48h")
	s.Ctl("", "rule", "add", "alice", "offline", "tel:+420224811234")
	s.Ctl("", "rule", "add", "alice", "noanswer", "carol@"+stand.Domain, "--seconds", "25")
	s.Ctl("", "rule", "add", "alice", "block", "*@spam.example")
	for _, who := range [][3]string{{"bob", "Bob", "Keller"}, {"carol", "Carol", "Adams"}, {"dora", "Dora", "Keller"}} { // let others find them
		s.Exec("INSERT INTO profile (username, domain, first_name, last_name, findable) VALUES (?, '"+stand.Domain+"', ?, ?, 1)", who[0], who[1], who[2])
		s.Exec("INSERT INTO white_page (username, domain, search) VALUES (?, '"+stand.Domain+"', ?)", who[0], strings.ToLower(strings.Join(who[:], " ")))
	}
	for i, uri := range []string{"sip:bob@" + stand.Domain, "sip:carol@" + stand.Domain} {
		s.Exec("INSERT INTO speed_dial (username, domain, sd_username, sd_domain, new_uri, fname) VALUES ('alice', ?, ?, ?, ?, ?)",
			stand.Domain, fmt.Sprintf("0%d", i+1), stand.Domain, uri, []string{"Bob", "Carol"}[i])
	}
}

// loudLife is quietLife's opposite: what strangers leave who mean no good, and long names.
func loudLife(t *testing.T, s *stand.Stand, w site) {
	t.Helper()
	w.adds("Maximiliane Konstanze", "Freifrau von Hohenstein-Wittgenstein", "maximiliane.konstanze.von.hohenstein@telephony.department.elsewhere.example")
	someoneCalls(t, s)
	someoneWrites(t, s)
	phonesOf(s)
	s.Ctl("", "alias", "add", "the.first.lady.of.the.house.and.garden", "alice")
}
