// Package contacts reads and writes the contacts of a phone book as files that other programs
// know: vCard (RFC 6350, and RFC 2426 to read) and CSV (RFC 4180). What it reads comes from
// anywhere; the texts are as they stand in the file, for the caller to check as if somebody
// had typed them.
package contacts

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a file that is read.
const (
	// MaxFile is its length in bytes.
	MaxFile = 4 << 20
	// MaxRows is how many contacts it has; a phone book holds no more.
	MaxRows = 5000
	// maxShown is how much is kept of a contact that is bad, to say which one it is, in
	// characters.
	maxShown = 80
)

// What is wrong with a file as a whole.
var (
	ErrBinary  = errors.New("not a text file")
	ErrCharset = errors.New("text, but not in UTF-8")
	ErrEmpty   = errors.New("nothing in the file")
	ErrHeader  = errors.New("no column of addresses")
	ErrTooMany = errors.New("too many contacts")
	ErrTooLong = errors.New("file too long")
)

// Contact is one contact of a file.
type Contact struct {
	// Line is where it begins in the file, from 1.
	Line int
	// First, Last, Address, Group and Note are what the file says. Address is a URI or what
	// a person would type for one.
	First, Last, Address, Group, Note string
	// Fault is why the contact cannot be taken; FaultNone if nothing speaks against it here.
	Fault Fault
	// Detail belongs to some faults: the version of the card.
	Detail string
}

// Name is what the contact is called in a list, one line at most 80 characters long.
func (c Contact) Name() string {
	name := strings.TrimSpace(c.First + " " + c.Last)
	if name == "" {
		name = c.Address
	}
	return shown(name)
}

// Fault says why a contact cannot be taken.
type Fault string

// The faults of single contacts.
const (
	FaultNone      Fault = ""
	FaultVersion   Fault = "version"    // a vCard of another version than 3.0 and 4.0
	FaultUnended   Fault = "unended"    // a vCard without its end
	FaultCard      Fault = "card"       // a vCard that cannot be read
	FaultGroup     Fault = "group"      // a vCard of a group of people
	FaultNoAddress Fault = "no_address" // a vCard with nothing that can be called
	FaultQuotes    Fault = "quotes"     // a row of CSV with a quote out of place
)

// File is what was read.
type File struct {
	// Kind is "vcard" or "csv".
	Kind string
	// Contacts are all of the file, good and bad, in its order.
	Contacts []Contact
	// Unused are the columns of a CSV file that are not read.
	Unused []string
}

// Read reads a file of either kind, which it finds out by itself. Domain is what a
// telephone number takes to become an address. An error is about the file as a whole.
func Read(file []byte, domain string) (File, error) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	switch {
	case len(file) > MaxFile:
		return File{}, ErrTooLong
	case bytes.HasPrefix(file, []byte("\xff\xfe")), bytes.HasPrefix(file, []byte("\xfe\xff")): // UTF-16
		return File{}, ErrCharset
	case bytes.IndexByte(file, 0) >= 0:
		return File{}, ErrBinary
	case len(bytes.TrimSpace(file)) == 0:
		return File{}, ErrEmpty
	}
	read := readCSV
	if start := bytes.TrimSpace(file); len(start) >= len(beginCard) && strings.EqualFold(string(start[:len(beginCard)]), beginCard) {
		read = readCards
	}
	contacts, err := read(file, domain)
	if err == nil && !utf8.ValidString(unfold.Replace(string(file))) { // it would be the same fault in row after row
		return File{}, ErrCharset
	}
	return contacts, err
}

// unfold joins folded lines (RFC 6350 §3.2), which may be folded within a character.
var unfold = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "")

// number makes an address of a telephone number as people write it: what only makes it
// easier to read is left out. "" if it is none.
func number(text, domain string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()\u00a0\u2010\u2011\u2013", r) {
			return -1
		}
		return r
	}, strings.TrimSpace(text))
	if bare := strings.TrimPrefix(digits, "+"); bare == "" || strings.Trim(bare, "0123456789*#") != "" {
		return ""
	}
	return "sip:" + strings.ReplaceAll(digits, "#", "%23") + "@" + domain
}

// Split makes first and last name of a whole one.
func Split(name string) (first, last string) {
	name = strings.TrimSpace(name)
	i := strings.LastIndexFunc(name, unicode.IsSpace)
	if i < 0 {
		return name, ""
	}
	_, size := utf8.DecodeRuneInString(name[i:])
	return strings.TrimSpace(name[:i]), name[i+size:]
}

// shown is a text of a file in one line that is not too long to be shown.
func shown(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), 8*maxShown)], "\uFFFD"))
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), maxShown)])
}
