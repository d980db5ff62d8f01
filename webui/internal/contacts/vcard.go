package contacts

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-vcard"
)

// beginCard and endCard are the lines around a card (RFC 6350 §6.1).
const (
	beginCard = "BEGIN:VCARD"
	endCard   = "END:VCARD"
)

// readCards reads a file of vCards. Each card is read for itself, so that a bad one does
// not hide the others.
func readCards(text []byte, domain string) (File, error) {
	file := File{Kind: "vcard"}
	start, line := 0, 0 // of the open card: its line, 0 if there is none
	var card []string
	end := func(ended bool) {
		c := Contact{Line: start, First: nameIn(card), Fault: FaultUnended}
		if ended {
			c = readCard(card, domain)
			c.Line = start
		}
		file.Contacts = append(file.Contacts, c)
		start, card = 0, nil
	}
	for raw := range bytes.Lines(text) {
		line++
		one := string(bytes.TrimRight(raw, "\r\n"))
		word := strings.ToUpper(strings.TrimSpace(one[:min(len(one), 2*len(beginCard))]))
		switch {
		case word == beginCard:
			if start > 0 {
				end(false)
			}
			start = line
		case start == 0: // between two cards there is nothing to read
		case word == endCard:
			end(true)
		case len(card) > 0 && one != "" && (one[0] == ' ' || one[0] == '\t'):
			folded(card, one[1:])
		default:
			card = append(card, one)
		}
		if len(file.Contacts) > MaxRows {
			return file, ErrTooMany
		}
	}
	if start > 0 {
		end(false)
	}
	return file, nil
}

// maxLine bounds a line of a card, unfolded, in bytes: what is longer is a picture or no
// honest card, and is left out.
const maxLine = 4096

// folded puts a continuation behind the last line (RFC 6350 §3.2). What is too long loses
// its end, and so is not read as if it were whole.
func folded(card []string, more string) {
	last := &card[len(card)-1]
	if len(*last) <= maxLine {
		*last += more
	}
}

// The characters that stand for escaped ones while the library reads or writes a card: it
// splits and joins values without regard to what is escaped in them. They are noncharacters
// (Unicode §23.7), which no text has.
var (
	hide = strings.NewReplacer("\ufdd0", "\ufffd", "\ufdd1", "\ufffd", "\ufdd2", "\ufffd", "\ufdd3", "\ufffd",
		`\\`, "\ufdd0", `\;`, "\ufdd1", `\,`, "\ufdd2", `\n`, "\ufdd3", `\N`, "\ufdd3")
	show = strings.NewReplacer("\ufdd0", `\`, "\ufdd1", ";", "\ufdd2", ",", "\ufdd3", "\n")
	mark = strings.NewReplacer("\ufdd0", "\ufffd", "\ufdd1", "\ufffd", "\ufdd2", "\ufffd", "\ufdd3", "\ufffd",
		`\`, "\ufdd0", ";", "\ufdd1", ",", "\ufdd2", "\r\n", "\ufdd3", "\n", "\ufdd3")
	escape = strings.NewReplacer("\ufdd0", `\\`, "\ufdd1", `\;`, "\ufdd2", `\,`, "\ufdd3", `\n`)
)

// used are the properties that are read.
var used = []string{
	vcard.FieldVersion, vcard.FieldFormattedName, vcard.FieldName, vcard.FieldKind, vcard.FieldIMPP, vcard.FieldTelephone,
	vcard.FieldCategories, vcard.FieldNote, fieldSIP, fieldAppleKind,
}

const (
	fieldSIP       = "X-SIP"
	fieldAppleKind = "X-ADDRESSBOOKSERVER-KIND"
)

// property is the name of a line's property, in capitals and without its group.
func property(line string) string {
	name := line
	if i := strings.IndexAny(line, ";:"); i >= 0 {
		name = line[:i]
	}
	return strings.ToUpper(name[strings.LastIndexByte(name, '.')+1:])
}

// readCard reads the lines of one card. Those that are not used are not even parsed.
func readCard(lines []string, domain string) Contact {
	var text strings.Builder
	text.WriteString(beginCard + "\r\n")
	for _, line := range lines {
		if len(line) <= maxLine && slices.Contains(used, property(line)) {
			text.WriteString(hide.Replace(line) + "\r\n")
		}
	}
	text.WriteString(endCard + "\r\n")
	card, err := vcard.NewDecoder(strings.NewReader(text.String())).Decode()
	c := Contact{First: nameIn(lines)}
	version := strings.TrimSpace(card.Value(vcard.FieldVersion))
	switch {
	case err != nil:
		c.Fault = FaultCard
	case version != "3.0" && version != "4.0":
		c.Fault, c.Detail = FaultVersion, shown(version)
	case strings.EqualFold(card.Value(vcard.FieldKind), "group"), strings.EqualFold(card.Value(fieldAppleKind), "group"):
		c.Fault = FaultGroup
	default:
		return cardContact(card, domain)
	}
	return c
}

// nameIn is what a card that cannot be read seems to be called.
func nameIn(lines []string) string {
	for _, line := range lines {
		if _, value, found := strings.Cut(line, ":"); found && property(line) == vcard.FieldFormattedName {
			return shown(show.Replace(hide.Replace(value)))
		}
	}
	return ""
}

// cardContact takes what a phone book has room for from a card.
func cardContact(card vcard.Card, domain string) Contact {
	var c Contact
	c.Address = cardAddress(card, domain)
	c.First, c.Last = cardName(card, c.Address)
	category, _, _ := strings.Cut(card.Value(vcard.FieldCategories), ",")
	c.Group = oneLine(show.Replace(category))
	c.Note = oneLine(show.Replace(card.Value(vcard.FieldNote)))
	if c.Address == "" {
		c.Fault = FaultNoAddress
	}
	return c
}

// cardName is the given and the family name, or what the card is called as a whole; a card
// that is called like its address has none.
func cardName(card vcard.Card, address string) (first, last string) {
	parts := strings.Split(card.Value(vcard.FieldName), ";")
	part := func(i int) string {
		if i >= len(parts) {
			return ""
		}
		return oneLine(show.Replace(strings.ReplaceAll(parts[i], ",", " ")))
	}
	if first, last = strings.TrimSpace(part(1)+" "+part(2)), part(0); first != "" || last != "" {
		return first, last
	}
	whole := oneLine(show.Replace(card.Value(vcard.FieldFormattedName)))
	switch {
	case whole == address || whole == bare(address):
		return "", ""
	case card.Get(vcard.FieldName) != nil: // an organisation
		return "", whole
	}
	return Split(whole)
}

// bare is an address without its scheme.
func bare(address string) string {
	_, rest, _ := strings.Cut(address, ":")
	return rest
}

// cardAddress is what of a card is called, "" if nothing can be: the first SIP address of
// IMPP (RFC 4770, RFC 6350 §6.4.3), then X-SIP, then the first telephone number that is no
// fax's. Those that the card prefers go before the others of their kind. A number that is
// written as a tel URI stays one; another one is a number of the own domain.
func cardAddress(card vcard.Card, domain string) string {
	for _, f := range byPreference(append(byPreference(card[vcard.FieldIMPP]), card[fieldSIP]...)) {
		value := strings.TrimSpace(show.Replace(f.Value))
		if hasScheme(value, "sip:") || hasScheme(value, "sips:") {
			return value
		}
	}
	for _, f := range card[fieldSIP] {
		if value := strings.TrimSpace(show.Replace(f.Value)); value != "" && !strings.Contains(value, ":") {
			return value
		}
	}
	for _, f := range byPreference(card[vcard.FieldTelephone]) {
		value := strings.TrimSpace(show.Replace(f.Value))
		switch {
		case hasType(f, "fax"), hasType(f, "pager"):
		case hasScheme(value, "tel:"), hasScheme(value, "sip:"), hasScheme(value, "sips:"):
			return value
		default:
			if address := number(value, domain); address != "" {
				return address
			}
		}
	}
	return ""
}

func hasScheme(value, scheme string) bool {
	return len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme)
}

func hasType(f *vcard.Field, kind string) bool {
	return slices.ContainsFunc(f.Params[vcard.ParamType], func(t string) bool { return strings.EqualFold(t, kind) })
}

// byPreference puts those first that a card prefers: PREF=1 before PREF=2 (RFC 6350 §5.3)
// before none; TYPE=pref (RFC 2426) is PREF=1.
func byPreference(fields []*vcard.Field) []*vcard.Field {
	rank := func(f *vcard.Field) int {
		if hasType(f, "pref") {
			return 1
		}
		if n, err := strconv.Atoi(f.Params.Get(vcard.ParamPreferred)); err == nil && n >= 1 && n <= 100 {
			return n
		}
		return 101
	}
	sorted := slices.Clone(fields)
	slices.SortStableFunc(sorted, func(a, b *vcard.Field) int { return cmp.Compare(rank(a), rank(b)) })
	return sorted
}

// oneLine makes a text of several lines one.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' || r == ' ' }), " ")
}
