package e2e_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestPersonAndGoodbye: alice shows herself to everyone; somebody without an
// account sees her come on line, on the page and in the badge, and asks to be
// called: two real phones talk. Then she takes her data along and deletes her
// account: her page is gone, and her phone is refused.
func TestPersonAndGoodbye(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	w := signIn(t, s, "alice")
	w.adds("Bob", "Keller", "bob@"+stand.Domain)
	visitor := site{browser.Start(t, s.Portal()), t}
	visitor.Open("/u/alice")
	visitor.Shows("There is no such page")

	w.Open("/user/account")
	w.Fill("First name", "Alice")
	w.Fill("Show my presence to", "everyone")
	w.Press("Save")
	w.Shows("Your profile is saved.")
	visitor.Open("/u/alice")
	visitor.Shows("offline")
	w.Open("/user/account/public")
	w.Tick("Let visitors ask me")
	w.Press("Save")
	w.Shows("Your public page is saved.")
	publicLooks(w, "public")

	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000})
	bob := phone(s, t, baresip.Account{User: "bob", Tone: 600})
	wait.For(t, back, "alice on line on her page", func() error {
		if visitor.Open("/u/alice"); !strings.Contains(visitor.Text(), "on line") {
			return fmt.Errorf("the page says %s", visitor.Text())
		}
		return nil
	})
	publicLooks(visitor, "person")
	if badge := fetch(t, http.DefaultClient, s.Portal()+"/u/alice.svg"); !strings.Contains(badge, "on line") || !strings.Contains(badge, "Alice") {
		t.Errorf("the badge is %s", badge)
	}
	visitor.Fill("Your SIP address", "+491234")
	visitor.Press("Ask Alice to call")
	visitor.Shows("Telephone numbers cannot be called")
	visitor.Fill("Your SIP address", "bob@"+stand.Domain)
	visitor.Press("Ask Alice to call")
	visitor.Shows("Alice's phone rings now")
	publicLooks(visitor, "callme")
	alice.Rings()
	w.Shows("A visitor of your public page asked for this call.")
	alice.Accept()
	bob.Rings()
	bob.Accept()
	bob.Talks()
	bob.Hears(1000)
	alice.Hears(600)
	alice.Hangup("")
	bob.Closes()
	w.Open("/user/account/public")
	w.Shows("Bob Keller")
	publicLooks(w, "public-asked")

	w.exports(s)
	w.Open("/user/account/data")
	publicLooks(w, "data")
	w.Press("Delete my account")
	w.Shows("alice@" + stand.Domain + " stops working at once")
	publicLooks(w, "delete")
	w.Fill("Your password", "wrong")
	w.Press("Delete my account for good")
	w.Shows("This is not your password.")
	w.Fill("Your password", stand.Password("alice"))
	w.Press("Delete my account for good")
	w.Shows("Your account is deleted")
	publicLooks(w, "goodbye")
	visitor.Open("/u/alice")
	visitor.Shows("There is no such page")
	if n := s.QueryInt("SELECT (SELECT COUNT(*) FROM subscriber WHERE username = 'alice') + (SELECT COUNT(*) FROM location WHERE username = 'alice')" +
		" + (SELECT COUNT(*) FROM phonebook WHERE username = 'alice')"); n != 0 {
		t.Errorf("%d rows of hers are left", n)
	}
	again := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	if r := again.Register(); r.Status() == 200 {
		t.Errorf("her phone is registered: %s", r.Start)
	}
	caller := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	call := caller.Call("sip:alice@" + stand.Domain)
	call.AckFailure(call.Expects(480)) // nobody rings any more
	bob.Quit()
}

// exports downloads all of alice's data in another browser.
func (w site) exports(s *stand.Stand) {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	page := fetch(w.t, client, s.Portal()+"/user/sign-in")
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil {
		w.t.Fatalf("no form:\n%s", page)
	}
	r, err := client.PostForm(s.Portal()+"/user/sign-in", url.Values{"csrf": {token[1]}, "user": {"alice"}, "password": {stand.Password("alice")}})
	if err != nil {
		w.t.Fatal(err)
	}
	r.Body.Close()
	content := fetch(w.t, client, s.Portal()+"/user/account/export")
	archive, err := zip.NewReader(bytes.NewReader([]byte(content)), int64(len(content)))
	if err != nil {
		w.t.Fatal(err)
	}
	want := map[string]string{"phone-book.json": "Keller", "profile.json": `"presence":"everyone"`, "phones.json": "baresip", "call-me-requests.json": "sip:bob@", "audit-by-you.json": "public.call_me"}
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			w.t.Fatal(err)
		}
		if part := want[f.Name]; part != "" && strings.Contains(string(text), part) {
			delete(want, f.Name)
		}
		if strings.Contains(string(text), stand.Password("alice")) {
			w.t.Errorf("%s holds the password", f.Name)
		}
	}
	if len(want) > 0 {
		w.t.Errorf("the export lacks %v", want)
	}
}

// fetch is the body of an answer 200.
func fetch(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	r, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, r.Status, err)
	}
	return string(body)
}

// publicLooks checks and pictures a page in all looks.
func publicLooks(w site, name string) {
	w.t.Helper()
	for _, look := range looks {
		w.Wear(look)
		what := fmt.Sprintf("%s-%d-%s", name, look.Width, look.Theme)
		w.FitsWidth(what)
		w.Accessible(what)
		w.Picture(what)
	}
	w.Wear(looks[0])
}
