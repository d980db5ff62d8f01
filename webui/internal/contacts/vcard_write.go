package contacts

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-vcard"
)

// maxOctets is the length of a line of a card without its end (RFC 6350 §3.2).
const maxOctets = 75

// WriteCard writes a contact as a vCard 4.0. Its address must be a URI.
func WriteCard(w io.Writer, c Contact) error {
	name := strings.TrimSpace(c.First + " " + c.Last)
	if name == "" {
		name = bare(c.Address)
	}
	card := vcard.Card{}
	set := func(property, value string, params vcard.Params) {
		card.Set(property, &vcard.Field{Value: value, Params: params})
	}
	set(vcard.FieldVersion, "4.0", nil)
	set(vcard.FieldFormattedName, mark.Replace(name), nil)
	set(vcard.FieldName, mark.Replace(c.Last)+";"+mark.Replace(c.First)+";;;", nil)
	if hasScheme(c.Address, "tel:") {
		set(vcard.FieldTelephone, mark.Replace(c.Address), vcard.Params{vcard.ParamValue: {"uri"}})
	} else {
		set(vcard.FieldIMPP, mark.Replace(c.Address), nil)
	}
	if c.Group != "" {
		set(vcard.FieldCategories, mark.Replace(c.Group), nil)
	}
	if c.Note != "" {
		set(vcard.FieldNote, mark.Replace(c.Note), nil)
	}
	var text bytes.Buffer
	if err := vcard.NewEncoder(&text).Encode(card); err != nil {
		return err
	}
	return fold(w, escape.Replace(text.String()))
}

// fold writes lines of at most 75 bytes and never cuts a character (RFC 6350 §3.2).
func fold(w io.Writer, text string) error {
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		room := maxOctets
		for len(line) > room {
			cut := room
			for cut > 1 && !utf8.RuneStart(line[cut]) {
				cut--
			}
			out.WriteString(line[:cut] + "\r\n ")
			line, room = line[cut:], maxOctets-1
		}
		out.WriteString(line + "\r\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
