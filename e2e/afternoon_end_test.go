package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// Where they move to: neither zone is the server's nor the other one's.
const (
	aliceZone = "Asia/Tokyo"
	bobZone   = "America/New_York"
)

// travel: both change their time zone. The times on their pages and in their files
// follow, and only theirs.
func (a *afternoon) travel() {
	a.alice.movesTo(aliceZone)
	a.bob.movesTo(bobZone)
	a.alice.readsTimesOf(aliceZone)
	a.bob.readsTimesOf(bobZone)
}

func (w site) movesTo(zone string) {
	w.t.Helper()
	w.Open("/user/account")
	w.Fill("Time zone", zone)
	w.Press("Save")
	w.Shows("Your profile is saved.")
}

// readsTimesOf checks the times of the lists, and of the file of calls, which has as many
// rows as the list.
func (w site) readsTimesOf(zone string) {
	w.t.Helper()
	place, err := time.LoadLocation(zone)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Open("/user/missed")
	w.showsTimesOf(place, ".missed tbody time")
	w.Open("/user/calls")
	shown := w.showsTimesOf(place, ".calls tbody .call-what time")
	if len(shown) < 4 {
		w.t.Errorf("the list has the times %q only", shown)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Download("/user/calls/export"), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != len(shown)+1 {
		w.t.Fatalf("the file has %d rows and their names, want %d (%v)", len(rows)-1, len(shown), err)
	}
	for i, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil || row[0] != at.In(place).Format(time.RFC3339) || !strings.Contains(shown[i], row[0][11:16]) {
			w.t.Errorf("the file has a call at %s, which is no time of %s, or not that of the list, %q (%v)", row[0], zone, shown[i], err)
		}
	}
}

// showsTimesOf checks that the times of a page which match a selector are shown as they
// are at a place, and gives them as they are shown.
func (w site) showsTimesOf(place *time.Location, selector string) []string {
	w.t.Helper()
	shown, moments := w.Texts(selector), w.Attributes(selector, "datetime")
	if len(shown) == 0 || len(shown) != len(moments) {
		w.t.Fatalf("%s has the times %q of %q", w.Path(), shown, moments)
	}
	for i, moment := range moments {
		at, err := time.Parse(time.RFC3339, moment)
		if want := at.In(place).Format("15:04"); err != nil || !strings.Contains(shown[i], want) {
			w.t.Errorf("%s: %s is shown as %q, want %s as in %s (%v)", w.Path(), moment, shown[i], want, place, err)
		}
	}
	return shown
}

// translate: bob's pages speak German at one press, and English again at another;
// alice's stay as they are.
func (a *afternoon) translate() {
	a.bob.Open("/user/calls")
	a.bob.Press("Bob Keller BK") // the menu
	a.bob.Press("Deutsch")
	a.bob.Shows("Anrufe, die Sie gemacht und bekommen haben, die neuesten zuerst.")
	a.bob.Shows("Sie haben aufgelegt")
	if a.bob.Has("hung up") || a.bob.Count(`html[lang="de"]`) != 1 {
		a.t.Errorf("the page is not German throughout:\n%s", a.bob.Text())
	}
	a.bob.Open("/user/phone-book")
	a.bob.Status(aliceAddress, "online", back)
	a.bob.Shows("online")
	a.alice.Open("/user/calls")
	a.alice.Shows("Calls that you made and received, newest first.")
	a.bob.Press("Bob Keller BK")
	a.bob.Press("English")
	a.bob.Shows("Click a name")
}

// takeAlong: alice's data has what happened to her, and nothing of bob's.
func (a *afternoon) takeAlong() {
	a.alice.Open("/user/account/data")
	a.alice.Shows("Download my data")
	parts := unpack(a.t, a.alice.Bytes("/user/account/export"))
	for name, words := range map[string][]string{
		"account.json": {"alice"}, "profile.json": {"Marsh", aliceZone}, "phone-book.json": {"Keller", bobAddress},
		"calls-made.json": {"bob", "486", "487"}, "calls-received.json": {"carol", "486"}, "phones.json": {"baresip"},
		"call-rules.json": {"noanswer", "block", "carol"}, "sessions.json": {"127.0.0.1"}, "audit-by-you.json": {"rule.set", carolAddress},
	} {
		for _, word := range words {
			if !strings.Contains(parts[name], word) {
				a.t.Errorf("%s lacks %q: %s", name, word, parts[name])
			}
		}
	}
	for name, text := range parts {
		if strings.HasSuffix(name, ".json") && !json.Valid([]byte(text)) {
			a.t.Errorf("%s is no JSON: %s", name, text)
		}
		for _, secret := range []string{stand.Password("alice"), bobZone, bobWrites} {
			if strings.Contains(text, secret) {
				a.t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}

// unpack gives the texts of the files of an archive.
func unpack(t *testing.T, content []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		parts[f.Name] = string(text)
	}
	return parts
}

// leave: alice deletes her account. Her other window is signed out by itself, bob's open
// page no longer has her on line, her phone is refused, and a click on her says why she
// cannot be called. What bob noted of her stays his.
func (a *afternoon) leave() {
	window := a.alice.Tab()
	window.Open("/user/missed")
	a.bob.Open("/user/phone-book")
	a.bob.Status(aliceAddress, "online", back)
	a.bob.Marks()
	a.alice.Press("Delete my account")
	a.alice.Shows(aliceAddress + " stops working at once")
	a.alice.Fill("Your password", stand.Password("bob"))
	a.alice.Press("Delete my account for good")
	a.alice.Shows("This is not your password.")
	a.alice.Fill("Your password", stand.Password("alice"))
	a.alice.Press("Delete my account for good")
	a.alice.Shows("Your account is deleted")
	window.ShowsWithin(back, "You have been signed out.")
	window.Open("/user/account")
	window.Shows("The same name and password as on your phone.")
	signInTo(a.alice.Browser, "alice", stand.Password("alice"))
	a.alice.Shows("User name or password is wrong.")

	a.bob.Status(aliceAddress, "unknown", back)
	a.bob.StillThere()
	a.alicePhone.IsRefused()
	again := a.s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	if status := again.Register().Status(); status != 401 && status != 403 {
		a.t.Errorf("another phone of hers is answered %d, want 401 or 403", status)
	}
	a.alicePhone.Forget()
	a.bobPhone.Forget()
	a.bob.Press("Call Alice Marsh")
	a.bobPhone.Rings()
	a.bobPhone.Accept()
	a.bob.Shows("Alice's phone is not on line.")
	a.bob.listsCall(aliceAddress, "made", "Alice Marsh was not on line")
	a.alicePhone.Quit() // or it would go on trying
	wait.For(a.t, back, "nothing of hers is left", func() error {
		for _, table := range []string{"subscriber", "profile", "phonebook", "location", "silo", "session", "call_rule", "speed_dial", "dial_history"} {
			if n := a.s.QueryInt("SELECT COUNT(*) FROM " + table + " WHERE username = 'alice'"); n != 0 {
				return fmt.Errorf("%d rows of %s", n, table)
			}
		}
		return nil
	})
}
