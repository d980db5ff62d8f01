package aor

import (
	"errors"
	"net/mail"
	"strings"
)

// ErrMail says that a text is no mail address that we send to.
var ErrMail = errors.New("not a mail address like alice@example.org")

// maxMail is the longest mail address in bytes (RFC 5321 §4.5.3.1.3, without the
// angle brackets).
const maxMail = 254

// Mail checks a mail address, the one rule for whatever keeps one or sends to one:
// local@host and nothing else, ASCII, no quoted local part, no comment, no name, no
// address of a host by its number. It returns the address with its host in lower
// case, or ErrMail.
func Mail(text string) (string, error) {
	if len(text) > maxMail || strings.ContainsFunc(text, unfitForMail) {
		return "", ErrMail
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || parsed.Address != text {
		return "", ErrMail
	}
	local, host, _ := strings.Cut(text, "@")
	if len(local) > 64 || strings.Contains(host, "@") || !strings.Contains(host, ".") && host != "localhost" {
		return "", ErrMail
	}
	return local + "@" + strings.ToLower(host), nil
}

// unfitForMail are characters that no address has which we send to.
func unfitForMail(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>()[],;:\%!`, r)
}
