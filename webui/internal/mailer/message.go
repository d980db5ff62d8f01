// Package mailer sends the portal's mails: plain text, to one person each, over
// SMTP (RFC 5321), after the answer to the browser, by a bounded queue that
// tries again. What a mail says is made elsewhere, from the catalogue.
package mailer

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"seraph/sql/aor"
)

// Bounds of a message, in bytes; what is longer is cut.
const (
	maxSubject = 200
	maxName    = 120
	maxText    = 64 << 10
)

// Message is one mail to one person.
type Message struct {
	// To is the recipient's address, as aor.Mail gives it; Name may be empty.
	To, Name string
	// Subject is one line; Text is the body, with "\n" between its lines. Both
	// may hold what strangers wrote: no character of them leaves its place.
	Subject, Text string
	// Unsubscribe is a URL that a POST turns this kind of mail off at, without
	// asking (RFC 8058); empty for mails that somebody asked for.
	Unsubscribe string
	// Kind says which part of a Queue the mail may take.
	Kind Kind
}

// Line makes one line of a text: control characters, line breaks of every kind
// and those that turn the direction of text become spaces, and it has at most
// most bytes.
func Line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return cut(strings.TrimSpace(text), most)
}

// body makes the text of a mail: lines end in "\n", and there is no other
// control character but the tab.
func body(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	return cut(text, maxText)
}

// cut shortens text to at most most bytes, between two characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// letter is the message as the SMTP library takes it.
func (m Message) letter(from *mail.Address) (*gomail.Msg, error) {
	to, err := aor.Mail(m.To)
	if err != nil {
		return nil, err
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(from)
	out.ToMailAddress(&mail.Address{Name: Line(m.Name, maxName), Address: to})
	out.Subject(Line(m.Subject, maxSubject))
	out.SetDate()
	_, host, _ := strings.Cut(from.Address, "@")
	out.SetMessageIDWithValue(messageID() + "@" + host)
	// RFC 3834 §5: no machine is to answer it.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Unsubscribe != "" {
		if strings.ContainsFunc(m.Unsubscribe, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
			return nil, errors.New("the address to turn the mails off at is no URL")
		}
		// Preformatted: a folded or encoded URL is none.
		out.SetGenHeaderPreformatted("List-Unsubscribe", "<"+m.Unsubscribe+">")
		out.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	out.SetBodyString(gomail.TypeTextPlain, body(m.Text))
	return out, nil
}
