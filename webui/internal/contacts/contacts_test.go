package contacts_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seraph/webui/internal/contacts"
	"seraph/webui/internal/portal"
)

type contact = contacts.Contact

const domain = "example.org"

// card makes a vCard of lines.
func card(lines ...string) string {
	return "BEGIN:VCARD\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VCARD\r\n"
}

func TestReadCards(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []contact
	}{
		{"4.0", card("VERSION:4.0", "FN:Bob Keller", "N:Keller;Bob;;;", "IMPP:sip:bob@example.org", "CATEGORIES:Work,Friends", `NOTE:desk 4\, left\nthird floor`),
			[]contact{{Line: 1, First: "Bob", Last: "Keller", Address: "sip:bob@example.org", Group: "Work", Note: "desk 4, left third floor"}}},
		{"3.0 of Apple", card("VERSION:3.0", "N:Keller;Bob;James;Dr.;", "FN:Dr. Bob James Keller", "item1.IMPP;X-SERVICE-TYPE=SIP;type=pref:SIP:bob@iptel.org",
			"TEL;type=CELL;type=VOICE;type=pref:+420 123", "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ", " SkZJRgABAQ"),
			[]contact{{Line: 1, First: "Bob James", Last: "Keller", Address: "SIP:bob@iptel.org"}}},
		{"X-SIP", card("VERSION:3.0", "FN:Carol", "X-SIP:carol@example.org"), []contact{{Line: 1, First: "Carol", Address: "carol@example.org"}}},
		{"IMPP of others, then a number", card("VERSION:3.0", "FN:Carol Ann Adams", "IMPP:xmpp:carol@example.org", "TEL;TYPE=FAX:1", "TEL;TYPE=home:(02) 12-34.5/6"),
			[]contact{{Line: 1, First: "Carol Ann", Last: "Adams", Address: "sip:02123456@example.org"}}},
		{"tel URI", card("VERSION:4.0", "FN:Fax", "TEL;VALUE=uri;TYPE=\"voice,home\":tel:+420-123"), []contact{{Line: 1, First: "Fax", Address: "tel:+420-123"}}},
		{"preference", card("VERSION:4.0", "FN:X", "IMPP;PREF=2:sip:two@x.org", "IMPP:sip:none@x.org", "IMPP;PREF=1:sip:one@x.org"),
			[]contact{{Line: 1, First: "X", Address: "sip:one@x.org"}}},
		{"organisation", card("VERSION:3.0", "N:;;;;", "FN:Acme Inc.", "TEL:100"), []contact{{Line: 1, Last: "Acme Inc.", Address: "sip:100@example.org"}}},
		{"no name", card("VERSION:4.0", "N:;;;;", "FN:bob@example.org", "IMPP:sip:bob@example.org"), []contact{{Line: 1, Address: "sip:bob@example.org"}}},
		{"folded in a character and in an escape", card("VERSION:4.0", "FN:J\xc3", " \xbcrgen\\", " , X", "\t Y", "TEL:1", "\t2"),
			[]contact{{Line: 1, First: "Jürgen, X", Last: "Y", Address: "sip:12@example.org"}}},
		{"escapes", card("VERSION:4.0", `N:Kel\;ler\\;B\,ob;;;`, "FN:x", "TEL:1"), []contact{{Line: 1, First: "B,ob", Last: `Kel;ler\`, Address: "sip:1@example.org"}}},
		{"small letters, bare line ends, BOM, between", "\ufeffbegin:vcard\nversion:4.0\nfn:A\ntel:1\nend:vcard\n\nrubbish\nBegin:VCard\nVersion:3.0\nFn:B\nTel:2\nEnd:VCard",
			[]contact{{Line: 1, First: "A", Address: "sip:1@example.org"}, {Line: 8, First: "B", Address: "sip:2@example.org"}}},
		{"bad ones between good ones", card("VERSION:2.1", "FN:Old", "TEL:1") + "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Open\r\n" + card("VERSION:4.0", "FN:Good", "TEL:1") +
			card("VERSION:4.0", "FN:Mute", "TEL:call me") + card("FN:Unversioned", "TEL:1") + card("VERSION:4.0", "KIND:group", "FN:All", "TEL:1") + "BEGIN:VCARD\r\nFN:Last",
			[]contact{
				{Line: 1, First: "Old", Fault: contacts.FaultVersion, Detail: "2.1"}, {Line: 6, First: "Open", Fault: contacts.FaultUnended},
				{Line: 9, First: "Good", Address: "sip:1@example.org"}, {Line: 14, First: "Mute", Fault: contacts.FaultNoAddress},
				{Line: 19, First: "Unversioned", Fault: contacts.FaultVersion}, {Line: 23, First: "All", Fault: contacts.FaultGroup},
				{Line: 29, First: "Last", Fault: contacts.FaultUnended},
			}},
		{"nested", "BEGIN:VCARD\nVERSION:4.0\nFN:Out\n" + strings.Repeat("BEGIN:VCARD\n", 2) + "VERSION:4.0\nFN:In\nTEL:1\nEND:VCARD\nEND:VCARD\n",
			[]contact{{Line: 1, First: "Out", Fault: contacts.FaultUnended}, {Line: 4, Fault: contacts.FaultUnended}, {Line: 5, First: "In", Address: "sip:1@example.org"}}},
		{"a line of a megabyte", card("VERSION:4.0", "FN:Big", "NOTE:"+strings.Repeat("x", 1<<20), "TEL:1"), []contact{{Line: 1, First: "Big", Address: "sip:1@example.org"}}},
	} {
		got, err := contacts.Read([]byte(c.file), domain)
		if diff := cmp.Diff(c.want, got.Contacts); diff != "" || err != nil || got.Kind != "vcard" {
			t.Errorf("%s: %s, %v (-want +got):\n%s", c.name, got.Kind, err, diff)
		}
	}
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []contact
		unused     []string
	}{
		{"ours", "\ufefffirst_name,last_name,address,group,note\r\nBob,Keller,sip:bob@example.org,Work,\"a, \"\"b\"\"\"\r\n",
			[]contact{{Line: 2, First: "Bob", Last: "Keller", Address: "sip:bob@example.org", Group: "Work", Note: `a, "b"`}}, nil},
		{"any order, semicolons, unknown columns", "Shoe;Address;Name;Address\n42;bob;Bob J. Keller;carol\n\n;;;\n",
			[]contact{{Line: 2, First: "Bob J.", Last: "Keller", Address: "bob"}}, []string{"Shoe", "Address"}},
		{"tabs and numbers", "Name\tPhone\nBob\t+420 (1) 23\nCarol\tcall\n",
			[]contact{{Line: 2, First: "Bob", Address: "sip:+420123@example.org"}, {Line: 3, First: "Carol", Address: "call"}}, nil},
		{"formulas", "first_name,address\n'=1+2,x\n''=y,x\n'z,x\n=w,x\n", []contact{
			{Line: 2, First: "=1+2", Address: "x"}, {Line: 3, First: "'=y", Address: "x"}, {Line: 4, First: "'z", Address: "x"}, {Line: 5, First: "=w", Address: "x"}}, nil},
		{"short and long rows, several lines", "address,note\na\nb,\"two\nlines\",more\nc,\n",
			[]contact{{Line: 2, Address: "a"}, {Line: 3, Address: "b", Note: "two\nlines"}, {Line: 5, Address: "c"}}, nil},
		{"quotes out of place", "address,note\na\"b,c\nd,e\n\"f", []contact{
			{Line: 2, Fault: contacts.FaultQuotes}, {Line: 3, Address: "d", Note: "e"}, {Line: 4, Fault: contacts.FaultQuotes}}, nil},
	} {
		got, err := contacts.Read([]byte(c.file), domain)
		for i := range got.Contacts {
			if got.Contacts[i].Fault == contacts.FaultQuotes {
				got.Contacts[i].First = "" // what the library had read of it
			}
		}
		if diff := cmp.Diff(c.want, got.Contacts); diff != "" || err != nil || got.Kind != "csv" || !cmp.Equal(c.unused, got.Unused) {
			t.Errorf("%s: %s, %q, %v (-want +got):\n%s", c.name, got.Kind, got.Unused, err, diff)
		}
	}
}

func TestReadWrongFiles(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       error
	}{
		{"empty", "", contacts.ErrEmpty}, {"space", " \r\n\ufeff", contacts.ErrHeader}, {"zip", "PK\x03\x04\x00\x00", contacts.ErrBinary},
		{"NUL in a card", card("VERSION:4.0", "FN:a\x00b"), contacts.ErrBinary}, {"UTF-16", "\xff\xfea\x00d\x00", contacts.ErrCharset}, {"UTF-16, the other end first", "\xfe\xff\x00a", contacts.ErrCharset},
		{"Latin-1", "first_name;address\nJ\xfcrgen;j\n", contacts.ErrCharset}, {"a card in Latin-1", card("VERSION:4.0", "FN:J\xfcrgen"), contacts.ErrCharset},
		{"no address", "first_name,last_name\nBob,Keller\n", contacts.ErrHeader}, {"a picture", "\x89PNG\r\n\x1a\n", contacts.ErrHeader},
		{"a quote", "\"", contacts.ErrHeader}, {"too long", strings.Repeat("x", contacts.MaxFile+1), contacts.ErrTooLong},
		{"wide", strings.Repeat(",", contacts.MaxFile-1), contacts.ErrBinary},
		{"many rows", "address\n" + strings.Repeat("a\n", contacts.MaxRows+1), contacts.ErrTooMany},
		{"many cards", strings.Repeat("BEGIN:VCARD\n", contacts.MaxRows+2), contacts.ErrTooMany},
	} {
		if _, err := contacts.Read([]byte(c.file), domain); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// entries draws contacts as a phone book can hold them.
func entries(r *rapid.T) []contact {
	text := rapid.OneOf(rapid.StringMatching(`[a-zA-ZžŽ;,\\:"'=+@ \-]{0,12}`), rapid.StringMatching(`[\p{L}\p{P}\p{S}]{0,64}`))
	tidy := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if r >= 0xfdd0 && r <= 0xfdef {
				return 'x'
			}
			return r
		}, s)
		return strings.Join(strings.Fields(s), " ")
	}
	address := rapid.SampledFrom([]string{"sip:bob@example.org", "sips:bob@example.org;transport=tcp", "tel:+420123", "sip:a%3Bb@example.org", "sip:%22,@x.org"})
	return rapid.SliceOfN(rapid.Custom(func(r *rapid.T) contact {
		return contact{First: tidy(text.Draw(r, "first")), Last: tidy(text.Draw(r, "last")), Address: address.Draw(r, "address"),
			Group: tidy(text.Draw(r, "group")), Note: tidy(text.Draw(r, "note"))}
	}), 1, 5).Draw(r, "entries")
}

// TestRoundTrip: what is written is read as it was, in both forms.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := entries(r)
		var cards, table bytes.Buffer
		rows := csv.NewWriter(&table)
		rows.UseCRLF = true
		_ = rows.Write(contacts.Columns())
		for _, c := range want {
			if err := contacts.WriteCard(&cards, c); err != nil {
				r.Fatal(err)
			}
			cells := c.Cells()
			for i := range cells {
				cells[i] = portal.CSVCell(cells[i])
			}
			_ = rows.Write(cells)
		}
		rows.Flush()
		for line := range strings.SplitSeq(cards.String(), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) {
				r.Fatalf("a line of %d bytes: %q", len(line), line)
			}
		}
		for _, file := range [][]byte{cards.Bytes(), append([]byte("\ufeff"), table.Bytes()...)} {
			got, err := contacts.Read(file, domain)
			if diff := cmp.Diff(want, got.Contacts, cmpopts.IgnoreFields(contact{}, "Line")); diff != "" || err != nil {
				r.Fatalf("%v (-want +got):\n%s\nin %q", err, diff, file)
			}
		}
	})
}

// FuzzRead: no file makes the readers crash, lose count of lines or return more than fits.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		card("VERSION:4.0", "FN:Bob", "N:a;b;c", "IMPP;PREF=1:sip:b@x.org", `NOTE:a\nb`, " c"), "address,name\na,b\n", "first_name;phone\n\"a\nb\";1",
		card("VERSION:3.0", "TEL;TYPE=\"a\\", "a.b.c;;;=:=", "TEL;x"), "BEGIN:VCARD\nBEGIN:VCARD\n\tEND:VCARD", "a\"b,\"address\"\r\r\n'=", "BEGIN:VCARD\n \n;\n:\n.\nEND:VCARD",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := contacts.Read(text, domain)
		if len(file.Contacts) > contacts.MaxRows+1 || err == nil && len(file.Contacts) > contacts.MaxRows {
			t.Fatalf("%d contacts", len(file.Contacts))
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		before := 0
		for _, c := range file.Contacts {
			if c.Line < before || c.Line < 1 || c.Line > lines {
				t.Fatalf("line %d after %d of %d", c.Line, before, lines)
			}
			before = c.Line
			if n := utf8.RuneCountInString(c.Name()); n > 80 || !utf8.ValidString(c.Name()) || strings.ContainsAny(c.Name(), "\r\n\x00") {
				t.Fatalf("name %q", c.Name())
			}
		}
	})
}

// FuzzCard: what is read from a card and written again is read the same.
func FuzzCard(f *testing.F) {
	f.Add("FN:Bob", "TEL:1")
	f.Add(`N:a\;b;c\,d`, `NOTE:\\n`)
	f.Add("N:;;;;", "FN:1@example.org")
	f.Fuzz(func(t *testing.T, a, b string) {
		file, err := contacts.Read([]byte(card("VERSION:4.0", a, b, "IMPP:sip:bob@example.org")), domain)
		if err != nil || len(file.Contacts) != 1 || file.Contacts[0].Fault != "" {
			return
		}
		want := file.Contacts[0]
		for _, text := range []string{want.First, want.Last, want.Address, want.Group, want.Note} {
			if !utf8.ValidString(text) || len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0xfdd0 && r <= 0xfdef }) {
				return // the phone book takes none of these
			}
		}
		if want.First+want.Last == "" && want.Address != "sip:bob@example.org" || !strings.HasPrefix(want.Address, "sip:") {
			return
		}
		var out bytes.Buffer
		if err := contacts.WriteCard(&out, want); err != nil {
			t.Fatal(err)
		}
		again, err := contacts.Read(out.Bytes(), domain)
		if diff := cmp.Diff([]contact{want}, again.Contacts); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s\nin %q", err, diff, out.Bytes())
		}
	})
}
