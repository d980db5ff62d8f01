package usrloc

import (
	"fmt"
	"unicode/utf8"

	"seraph/proxy/internal/sip"
)

// FieldError says which part of a Registration the table cannot hold.
type FieldError struct {
	Field   string // as a header or parameter is called: "Contact", "Call-ID", "Path", "+sip.instance"
	TooLong bool   // longer than its column
	Problem string // the rest of a sentence
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// check holds a registration against the columns of table location, so that
// the database has no reason to refuse it.
func (reg *Registration) check() error {
	if err := checkText("Call-ID", reg.CallID, MaxCallID); err != nil {
		return err
	}
	if err := checkText("Path", reg.Path, MaxPath); err != nil {
		return err
	}
	for i := range reg.Contacts {
		c := &reg.Contacts[i]
		var uri sip.URI
		if sip.ParseURI(c.URI, &uri) != nil {
			return &FieldError{Field: "Contact", Problem: "is no URI"}
		}
		for _, text := range [...]struct {
			field string
			value []byte
			most  int
		}{{"Contact", c.URI, MaxContact}, {"received", c.Received, MaxReceived}, {"+sip.instance", c.Instance, MaxInstance}} {
			if err := checkText(text.field, text.value, text.most); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkText(field string, text []byte, most int) error {
	plain := true
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return &FieldError{Field: field, Problem: "has control characters"}
		}
		plain = plain && c < utf8.RuneSelf
	}
	n := len(text)
	if !plain {
		if !isText(text) {
			return &FieldError{Field: field, Problem: "is not UTF-8 text"}
		}
		n = utf8.RuneCount(text)
	}
	if n > most {
		return &FieldError{Field: field, TooLong: true, Problem: fmt.Sprintf("is longer than %d characters", most)}
	}
	return nil
}

// isText reports whether text is UTF-8 without the control characters that lie
// outside ASCII (U+0080 to U+009F).
func isText(text []byte) bool {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r >= 0x80 && r < 0xa0 {
			return false
		}
		i += size
	}
	return true
}
