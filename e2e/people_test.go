package e2e_test

import (
	"strings"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/stand"
)

// addressBook is what a phone exports: two people who can be called and one who cannot.
const addressBook = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Carol Adams\r\nN:Adams;Carol;;;\r\nIMPP;X-SERVICE-TYPE=SIP:sip:carol@" + stand.Domain + "\r\nCATEGORIES:Work\r\nEND:VCARD\r\n" +
	"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Franz Mute\r\nEMAIL:franz@mail.test\r\nEND:VCARD\r\n" +
	"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:=Dora\\, Žižka\r\nTEL:+420 123 456\r\nEND:VCARD\r\n"

// TestPeople: alice brings her address book along, finds bob, who allows it, adds him, sees
// him come, searches for him, calls him from there, and takes it all away again as files that
// come back the same.
func TestPeople(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	w := signIn(t, s, "alice")

	w.Open("/user/phone-book/import")
	w.Choose("File", "phone.vcf", addressBook)
	w.Press("Look at the file")
	w.Shows("2 new. 0 changed. 0 there already. 1 cannot be imported.")
	w.Shows("There is no SIP address and no telephone number in it.")
	if lines := w.Texts(".import-rows .line-cell.number"); strings.Join(lines, " ") != "8 1 13" {
		t.Errorf("lines %q, want the bad one's first", lines)
	}
	pictures(w, "import-preview")
	w.Press("Import")
	w.Shows("Imported: 2 new, 0 changed.")
	w.Shows("Carol Adams")

	w.Open("/user/phone-book/find")
	w.Fill("Name, user name or address", "bob")
	w.Press("Find")
	w.Shows("Nobody was found")
	bobs := signIn(t, s, "bob")
	bobs.Open("/user/account")
	bobs.Fill("First name", "Bob")
	bobs.Fill("Last name", "Keller")
	bobs.Tick("Let others find me")
	bobs.Press("Save")
	bobs.Shows("Your profile is saved.")
	w.Press("Find")
	w.Shows("Bob Keller")
	address := "bob@" + stand.Domain
	w.Status(address, "offline", 10*time.Second)
	bob := phone(s, t, baresip.Account{User: "bob"})
	w.Status(address, "online", 20*time.Second) // though he is in no list of hers
	pictures(w, "find")
	w.Press("Add Bob Keller to the phone book")
	w.Shows("New entry")
	w.Press("Save")
	w.Shows("Bob Keller is in your phone book.")

	w.Status(address, "online", 10*time.Second)
	bob.Quit() // it unregisters
	w.Status(address, "offline", 20*time.Second)
	bob = phone(s, t, baresip.Account{User: "bob", Tone: 600})
	alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000})
	w.Status(address, "online", 20*time.Second)
	pictures(w, "phone-book-people")
	w.Fill("Search everything", "KELL")
	w.Press("Search everything")
	w.Shows("Show it in Phone book")
	w.Status(address, "online", 10*time.Second)
	w.Press("Call Bob Keller")
	alice.Rings()
	alice.Accept()
	bob.Rings()
	bob.Accept()
	bob.Talks()
	w.Shows("You are connected with Bob.")
	alice.Hangup("")
	bob.Closes()

	for _, kind := range []string{"vcf", "csv"} {
		w.Open("/user/phone-book")
		file := w.Download("/user/phone-book/export." + kind)
		if !strings.Contains(file, "Adams") || kind == "csv" && !strings.Contains(file, "'=Dora") {
			t.Errorf("%s is %q", kind, file)
		}
		w.Open("/user/phone-book/import")
		w.Choose("File", "phone-book."+kind, file)
		w.Press("Look at the file")
		w.Shows("0 new. 0 changed. 3 there already. 0 cannot be imported.")

		w.Open("/user/phone-book")
		for _, name := range []string{"Bob Keller", "Carol Adams", "=Dora, Žižka"} {
			w.Tick("Select " + name)
		}
		w.Press("Delete selected")
		w.Shows("Delete 3 entries?")
		w.Press("Delete 3 entries")
		w.Shows("Your phone book is empty")
		w.Open("/user/phone-book/import")
		w.Choose("File", "phone-book."+kind, file)
		w.Press("Look at the file")
		w.Press("Import")
		w.Shows("Imported: 3 new, 0 changed.")
	}
	if again := w.Download("/user/phone-book/export.vcf"); again == "" || strings.Count(again, "BEGIN:VCARD") != 3 {
		t.Errorf("at the end: %q", again)
	}
	for name, path := range map[string]string{"import": "/user/phone-book/import", "find-start": "/user/phone-book/find", "groups": "/user/phone-book/groups"} {
		w.Open(path)
		pictures(w, name)
	}
	s.NothingLeft()
}

// pictures looks at the page in all looks.
func pictures(w site, name string) {
	w.t.Helper()
	looked{w.Browser, w.t, map[string]string{}}.here(name)
}
