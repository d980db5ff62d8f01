package user_test

import (
	"bytes"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seraph/sql/store"
)

// upload sends a form with a file.
func (b *browser) upload(path, name, text string) answer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	check(b.t, w.WriteField("csrf", b.csrf))
	part, err := w.CreateFormFile("file", name)
	check(b.t, err)
	_, err = part.Write([]byte(text))
	check(b.t, err)
	check(b.t, w.Close())
	r, err := http.NewRequest(http.MethodPost, b.site.url+path, &body)
	check(b.t, err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return b.do(r)
}

// rowsField is what the preview would import.
func (a answer) rowsField(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`name="rows" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("nothing to import:\n%s", a.body)
	}
	return html.UnescapeString(m[1])
}

const threeCards = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bob Keller\r\nN:Keller;Bob;;;\r\nIMPP:sip:bob@example.org\r\nCATEGORIES:Work\r\nEND:VCARD\r\n" +
	"BEGIN:VCARD\r\nVERSION:2.1\r\nFN:Old Phone\r\nTEL:123\r\nEND:VCARD\r\n" +
	"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Carol Adams\r\nTEL;TYPE=WORK:+420 123\r\nEND:VCARD\r\n"

// TestImport: first a look that changes nothing, then all of it at a press.
func TestImport(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Robert", "", "bob", "")
	s.add(alice, "Dan", "", "dan", "Old")
	b := s.signIn(alice)
	b.get("/user/phone-book/import").shows(t, http.StatusOK, "Import", `enctype="multipart/form-data"`, "at most 4 MB and 5000 contacts", "sip:number@example.org")
	look := b.upload("/user/phone-book/import", "my \"cards\".vcf", threeCards)
	look.shows(t, http.StatusOK, `What was found in my "cards".vcf`, "1 new. 1 changed. 0 there already. 1 cannot be imported.",
		"Old Phone", "This card is of version 2.1.", `>8</td>`, "Carol Adams", "+420123@example.org", "Name: Robert becomes Bob Keller", "Group: Work")
	if got := s.book(alice); len(got) != 2 || got[1].FirstName != "Robert" && got[0].FirstName != "Robert" {
		t.Fatalf("the look changed the book: %+v", got)
	}
	b.post("/user/phone-book/import/save", "rows", look.rowsField(t)).shows(t, http.StatusOK, "Imported: 1 new, 1 changed.", "Bob Keller", "Carol Adams")
	var got []string
	for _, e := range s.book(alice) {
		got = append(got, strings.Join([]string{e.Name(), e.Address, e.Group}, "|"))
	}
	slices.Sort(got)
	if want := []string{"Bob Keller|sip:bob@example.org|Work", "Carol Adams|sip:+420123@example.org|", "Dan|sip:dan@example.org|Old"}; !slices.Equal(got, want) {
		t.Errorf("book %q, want %q", got, want)
	}
	again := b.upload("/user/phone-book/import", "cards.vcf", threeCards)
	again.shows(t, http.StatusOK, "0 new. 0 changed. 2 there already.", "Nothing in this file would change your phone book.")
	again.hides(t, `name="rows"`)
}

// TestExportComesBack: the own files, of the whole list and not the page, into an empty phone
// book make the same entries; a formula in them is none for a spreadsheet.
func TestExportComesBack(t *testing.T) {
	s := newSite(t)
	for i := range 60 {
		s.add(alice, fmt.Sprintf("F%02d", i), "Last; \"x\"", fmt.Sprintf("u%02d", i), "Work")
	}
	s.add(alice, `=HYPERLINK("http://x")`, "+1", "evil", "@g")
	s.add(alice, "Žofie, 'Ž'", `back\slash`, "tel:+420123", "")
	s.add(alice, "", "", "sips:bare@x.org;transport=tcp", "")
	b := s.signIn(alice)
	texts := func(list []store.Entry) (all []string) {
		for _, e := range list {
			all = append(all, fmt.Sprintf("%q", []string{e.FirstName, e.LastName, e.Address, e.Group, e.Note}))
		}
		slices.Sort(all)
		return all
	}
	whole := func() (list []store.Entry) {
		for e, err := range s.db.Phonebook.All(t.Context(), bob, store.EntryQuery{}) {
			check(t, err)
			list = append(list, e)
		}
		return list
	}
	var mine []store.Entry
	for e, err := range s.db.Phonebook.All(t.Context(), alice, store.EntryQuery{}) {
		check(t, err)
		mine = append(mine, e)
	}
	other := s.signIn(bob)
	for _, kind := range []string{"csv", "vcf"} {
		file := b.get("/user/phone-book/export." + kind)
		if got := file.header.Get("Content-Disposition"); got != fmt.Sprintf(`attachment; filename="phone-book.%s"`, kind) || file.status != http.StatusOK {
			t.Errorf("%s: status %d, Content-Disposition %q", kind, file.status, got)
		}
		if kind == "csv" && (!strings.Contains(file.body, `"'=HYPERLINK(""http://x"")",'+1,sip:evil@example.org,'@g,`) || !strings.HasPrefix(file.body, "\ufefffirst_name,last_name,address,group,note\r\n")) {
			t.Errorf("csv: %s", file.body)
		}
		other.get("/user/phone-book/import")
		look := other.upload("/user/phone-book/import", "x", file.body)
		look.shows(t, http.StatusOK, "63 new. 0 changed. 0 there already. 0 cannot be imported.")
		other.post("/user/phone-book/import/save", "rows", look.rowsField(t)).shows(t, http.StatusOK, "Imported: 63 new")
		if got, want := texts(whole()), texts(mine); !slices.Equal(got, want) {
			t.Errorf("%s came back as %q, want %q", kind, got, want)
		}
		for _, e := range whole() {
			check(t, s.db.Phonebook.Delete(t.Context(), bob, e.ID))
		}
	}
	filtered := b.get("/user/phone-book/export.csv?q=F0&group=Work&sort=first_name&dir=desc&page=2")
	if got := strings.Count(filtered.body, "\r\n"); got != 11 || strings.Index(filtered.body, "F09") > strings.Index(filtered.body, "F00") {
		t.Errorf("the filter's file has %d lines:\n%s", got, filtered.body)
	}
	b.get("/user/phone-book?q=F0&page=1").shows(t, http.StatusOK, `href="/user/phone-book/export.csv?q=F0"`, `href="/user/phone-book/export.vcf?q=F0"`)
	other.get("/user/phone-book/export.vcf").hides(t, "VCARD")
}

// TestImportWrongInput: every bad row with its line and why; bad files as a whole; nothing of
// them is written.
func TestImportWrongInput(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/phone-book/import")
	rows := "address,first_name,note\n" + // line 1
		"good,Good,\n" +
		",Nobody,\n" +
		"http://x.org,Web,\n" +
		"b ob,Space,\n" +
		"a," + strings.Repeat("n", 65) + ",\n" +
		"b,Bad\x01,\n" +
		"c,<script>alert(1)</script>\u202e,\n" +
		"d,Long," + strings.Repeat("n", 256) + "\n" +
		"e\"f,Quote,\n"
	look := b.upload("/user/phone-book/import", "<script>.csv", rows)
	look.shows(t, http.StatusOK, "1 new. 0 changed. 0 there already. 8 cannot be imported.", "Address: This is needed.", "Only sip, sips and tel", "First name: At most 64 characters.",
		"There are characters in it that cannot be used here.", "At most 255 characters.", "A quotation mark is out of place")
	look.hides(t, "<script>alert", "<script>.csv", "\u202e")
	for line := 3; line <= 10; line++ {
		look.shows(t, http.StatusOK, fmt.Sprintf(`<td class="line-cell number">%d</td>`, line))
	}
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "There is nothing in this file."},
		{"zip", "PK\x03\x04\x00\x00rubbish", "This is no text file."},
		{"Latin-1", "first_name;address\nJ\xfcrgen;j\nRen\xe9;r\n", "Save the file as UTF-8"},
		{"UTF-16", "\xff\xfea\x00d\x00d\x00", "Save the file as UTF-8"},
		{"picture", "\x89PNG\r\n", "neither a vCard nor a table with a column called address"},
		{"no address", "first_name\nBob\n", "neither a vCard nor a table"},
		{"many", "address\n" + strings.Repeat("x\n", 5001), "There are more than 5000 contacts in this file."},
		{"long", strings.Repeat("x", 4<<20+1), "This file is longer than 4 MB."},
	} {
		b.upload("/user/phone-book/import", c.name, c.file).shows(t, http.StatusUnprocessableEntity, c.want, `aria-invalid="true"`)
	}
	if got := b.upload("/user/phone-book/import", "bomb", strings.Repeat("x", 5<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MB: status %d", got.status)
	}
	b.get("/user/phone-book/import")
	b.post("/user/phone-book/import", "file", "no file").shows(t, http.StatusUnprocessableEntity, "Choose a file first.")
	b.post("/user/phone-book/import/save", "rows", "address\ngood\nb ad\n").shows(t, http.StatusUnprocessableEntity, "1 cannot be imported.")
	b.post("/user/phone-book/import/save", "rows", "").shows(t, http.StatusUnprocessableEntity, "There is nothing in this file.")
	b.post("/user/phone-book/import/save").shows(t, http.StatusUnprocessableEntity, "There is nothing in this file.")
	for i := range store.MaxEntries/1000 - 1 {
		rows := "address\n"
		for j := range 1000 {
			rows += fmt.Sprintf("u%d\n", i*1000+j)
		}
		b.post("/user/phone-book/import/save", "rows", rows).shows(t, http.StatusOK, "Imported: 1000 new")
	}
	rows = "address\n"
	for j := range 1001 {
		rows += fmt.Sprintf("v%d\n", j)
	}
	b.upload("/user/phone-book/import", "full.csv", rows).shows(t, http.StatusUnprocessableEntity, "They do not fit: a phone book has at most 5000 entries.")
	b.post("/user/phone-book/import/save", "rows", rows).shows(t, http.StatusUnprocessableEntity, "They do not fit")
	if _, total, err := s.db.Phonebook.List(t.Context(), alice, store.EntryQuery{}); total != 4000 || err != nil {
		t.Errorf("%d entries, %v: something of a refused file was written", total, err)
	}
}
